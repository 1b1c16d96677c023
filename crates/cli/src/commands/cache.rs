//! `headstart cache`.

use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use anyhow::Context;
use clap::{Args, Subcommand};
use headstart::Error;
use headstart::data::cache::{self, About, Limit};
use serde_json::{Value, json};

use crate::FAILURE;
use crate::options::Common;
use crate::output::{Output, bytes, count};
use crate::progress::{Progress, interrupt};

#[derive(Debug, Args)]
pub(crate) struct CacheArgs {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Show where the cache is and what it contains for each base
    Info,
    /// Check every record; exit status 1 if damage remains
    Verify {
        /// Remove damaged records
        #[arg(long)]
        repair: bool,
    },
    /// Delete cached features
    Clear {
        /// Delete only features that were not used for this long: 30d, 12h, 8w
        #[arg(long, value_name = "AGE", value_parser = parse_age)]
        older_than: Option<Duration>,
    },
}

pub(crate) fn run(args: &CacheArgs, common: &Common, output: &Output) -> anyhow::Result<ExitCode> {
    let root =
        common.cache_root().context("there is no cache folder; name one with --cache-dir")?;
    let path = root.display().to_string();
    let failed = || format!("{path}: the cache cannot be used");
    match args.action {
        Action::Info => {
            let info = cache::info(&root).with_context(failed)?;
            show(&path, &info, common.cache_limit, output)?;
        }
        Action::Verify { repair } => {
            let mut progress = Progress::new("Verifying");
            let found = cache::verify(&root, repair, &mut |done, total| {
                progress.pictures(done as usize, total as usize);
                !interrupt().is_cancelled()
            });
            drop(progress);
            let found = found.with_context(failed)?.ok_or(Error::Interrupted)?;
            return verified(&path, &found, repair, output);
        }
        Action::Clear { older_than } => {
            let freed = match older_than.map(|age| SystemTime::now().checked_sub(age)) {
                None => cache::clear(&root),
                Some(Some(time)) => cache::clear_unused_since(&root, time),
                // The limit lies before the earliest time that can be represented, so no feature is older.
                Some(None) => Ok(0),
            };
            let freed = freed.with_context(failed)?;
            output.event(&json!({"path": path, "freed_bytes": freed}))?;
            output.field("Cleared", format!("{path}, {} freed", bytes(freed)))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn show(path: &str, info: &cache::CacheInfo, limit: Limit, output: &Output) -> anyhow::Result<()> {
    let base = |base: &cache::BaseInfo| {
        let mut event = about_event(&base.fingerprint, base.about.as_ref());
        event["entries"] = base.entries.into();
        event["bytes"] = base.bytes.into();
        let unix = base.used.duration_since(SystemTime::UNIX_EPOCH);
        event["last_used"] = unix.map_or(0, |time| time.as_secs()).into();
        event
    };
    output.event(&json!({
        "path": path,
        "limit_bytes": limit.0,
        "entries": info.entries,
        "bytes": info.bytes,
        "bases": info.bases.iter().map(base).collect::<Vec<_>>(),
    }))?;
    output.field("Cache", path)?;
    let at_most =
        limit.0.map_or("no limit".to_owned(), |limit| format!("at most {}", bytes(limit)));
    let held = format!(
        "the features of {} with {}, {} ({at_most})",
        count(info.entries as usize, "picture"),
        count(info.bases.len(), "base"),
        bytes(info.bytes)
    );
    output.field("Holds", held)?;
    for base in &info.bases {
        let line = format!(
            "{}, {}, used {}",
            count(base.entries as usize, "picture"),
            bytes(base.bytes),
            ago(base.used.elapsed().unwrap_or_default())
        );
        output.text(format!("  {}: {line}", name(&base.fingerprint, base.about.as_ref())))?;
    }
    Ok(())
}

/// Prints the result of a check. The exit status is a failure if damage remains.
fn verified(
    path: &str,
    found: &[cache::BaseHealth],
    repair: bool,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let base = |base: &cache::BaseHealth| {
        let mut event = about_event(&base.fingerprint, base.about.as_ref());
        event["sound"] = base.sound.into();
        event["damaged"] = base.damaged.into();
        event["repaired"] = base.repaired.into();
        event["other_version"] = base.foreign.into();
        event
    };
    let sum = |of: fn(&cache::BaseHealth) -> u64| found.iter().map(of).sum::<u64>();
    let (sound, damaged, repaired) =
        (sum(|base| base.sound), sum(|base| base.damaged), sum(|base| base.repaired));
    output.event(&json!({
        "path": path,
        "sound": sound,
        "damaged": damaged,
        "repaired": repaired,
        "bases": found.iter().map(base).collect::<Vec<_>>(),
    }))?;
    output.field("Cache", path)?;
    let entries = |n: u64| count(n as usize, "entry");
    output.field("Sound", entries(sound))?;
    output.field("Damaged", entries(damaged))?;
    for base in found {
        let mut line = format!("{} sound, {} damaged", entries(base.sound), base.damaged);
        if base.foreign > 0 {
            let files = count(base.foreign, "file");
            line += &format!(", {files} of another version of headstart left alone");
        }
        output.text(format!("  {}: {line}", name(&base.fingerprint, base.about.as_ref())))?;
    }
    if repaired > 0 {
        let dropped = entries(repaired);
        output.field("Repaired", format!("{dropped} dropped, to be computed again"))?;
    }
    match (damaged - repaired, repair) {
        (0, _) => {}
        (_, false) => output.warning("damaged entries are computed again when they are needed; --repair drops them"),
        (_, true) => output.warning("not everything was repaired: another process is using the cache; try again when it is done"),
    }
    Ok(if damaged == repaired { ExitCode::SUCCESS } else { ExitCode::from(FAILURE) })
}

/// The description of a base, as JSON.
fn about_event(fingerprint: &cache::Fingerprint, about: Option<&About>) -> Value {
    json!({
        "fingerprint": fingerprint.to_string(),
        "base": about.map(|about| &about.base),
        "input": about.map(|about| [about.height, about.width]),
        "resizing": about.map(|about| &about.resizing),
        "compute": about.map(|about| &about.compute),
    })
}

/// The name of a base, or the beginning of its fingerprint if nothing else is known.
fn name(fingerprint: &cache::Fingerprint, about: Option<&About>) -> String {
    match about {
        Some(About { base, height, width, resizing, compute }) => {
            let resizing = if resizing.is_empty() { "" } else { &format!(", {resizing}") };
            format!("{base} at {height} x {width}{resizing}, {compute}")
        }
        None => format!("unknown base {:.8}", fingerprint.to_string()),
    }
}

/// Formats an age for people.
fn ago(age: Duration) -> String {
    match age.as_secs() {
        0..120 => "just now".to_owned(),
        s @ 120..7200 => format!("{} minutes ago", s / 60),
        s @ 7200..172_800 => format!("{} hours ago", s / 3600),
        s => format!("{} days ago", s / 86_400),
    }
}

/// Parses an age such as `30d`: a number of hours, days or weeks.
fn parse_age(text: &str) -> Result<Duration, String> {
    let hours = |unit| match unit {
        "h" => Some(1),
        "d" => Some(24),
        "w" => Some(7 * 24),
        _ => None,
    };
    let age = text.char_indices().next_back().and_then(|(last, _)| {
        let (number, unit) = text.split_at(last);
        number.parse::<u64>().ok()?.checked_mul(hours(unit)?)?.checked_mul(3600)
    });
    age.map(Duration::from_secs).ok_or_else(|| "give an age such as 12h, 30d or 8w".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_read_and_told() {
        assert_eq!(parse_age("12h"), Ok(Duration::from_secs(12 * 3600)));
        assert_eq!(parse_age("2w"), Ok(Duration::from_secs(14 * 86_400)));
        for wrong in ["", "d", "30", "30 d", "-1d", "3ü", "99999999999999999999d"] {
            assert!(parse_age(wrong).is_err(), "{wrong}");
        }
        for (seconds, text) in [
            (5, "just now"),
            (150, "2 minutes ago"),
            (7300, "2 hours ago"),
            (864_000, "10 days ago"),
        ] {
            assert_eq!(ago(Duration::from_secs(seconds)), text);
        }
    }
}
