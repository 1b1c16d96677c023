//! Runs an exported file with Python or node, and compares its answers with headstart's.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::{fs, io};

use anyhow::{Context as _, bail};
use headstart::data::Location;
use headstart::{Classifier, ExtractConfig};
use headstart_export::{Format, Language};
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};

use super::{ExportArgs, pictures_below};
use crate::options::Common;
use crate::output::{Output, path_text};
use crate::progress::Progress;

/// How well the answers of an exported file agree with headstart's.
pub(super) struct Verification {
    proof: Checked,
    /// The agreement on pictures given with `--pictures`, which Pillow reads.
    pictures: Option<Agreement>,
}

/// What the script reports about the proof.
#[derive(Deserialize)]
struct Checked {
    runtime: String,
    pictures: usize,
    same_first: usize,
    largest_difference: f64,
    /// The largest of the expected values.
    largest: f64,
}

#[derive(Default)]
struct Agreement {
    pictures: usize,
    same_first: usize,
    largest_difference: f64,
    unreadable: usize,
}

/// A line of the script's output.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Proof {
        proof: Checked,
    },
    Answer {
        scores: Vec<f64>,
    },
    /// The answer for a picture that the script cannot read.
    Failed {
        error: IgnoredAny,
    },
}

impl Verification {
    pub(super) fn of(
        args: &ExportArgs,
        (format, file): (&Format, &Path),
        classifier: &Classifier,
        extract: &ExtractConfig,
        common: &Common,
    ) -> anyhow::Result<Self> {
        let is_file = |picture: &Location| matches!(picture, Location::File(_));
        let pictures = pictures_below(&args.pictures)?;
        if let Some(picture) = pictures.iter().find(|picture| !is_file(picture)) {
            bail!(
                "{picture}: Pillow reads files alone; take it out of its archive to verify with it"
            );
        }
        let lines = run(args, (format, file), &pictures)?;
        let mut proof = None;
        let mut theirs: Vec<Option<Vec<f64>>> = Vec::new();
        for line in lines {
            match line {
                Line::Proof { proof: checked } => proof = Some(checked),
                Line::Answer { scores } => theirs.push(Some(scores)),
                Line::Failed { error: IgnoredAny } => theirs.push(None),
            }
        }
        let proof = proof.context("the program that verifies said nothing of the proof")?;
        let pictures = match pictures.is_empty() {
            true => None,
            false => Some(compare(&pictures, &theirs, classifier, extract, common)?),
        };
        Ok(Self { proof, pictures })
    }

    /// Whether every picture of the proof has the same first class.
    pub(super) fn agrees(&self) -> bool {
        self.proof.same_first == self.proof.pictures
    }

    pub(super) fn event(&self) -> Value {
        let Checked { runtime, pictures, same_first, largest_difference, .. } = &self.proof;
        let agreement = |agreement: &Agreement| {
            json!({
                "pictures": agreement.pictures,
                "same_first": agreement.same_first,
                "largest_difference": agreement.largest_difference,
                "unreadable": agreement.unreadable,
            })
        };
        json!({
            "runtime": runtime,
            "proof": {
                "pictures": pictures,
                "same_first": same_first,
                "largest_difference": largest_difference,
            },
            "pictures": self.pictures.as_ref().map(agreement),
        })
    }

    pub(super) fn show(&self, output: &Output) -> io::Result<()> {
        let Checked { runtime, pictures, same_first, largest_difference, largest } = &self.proof;
        // For probabilities this is the absolute difference; for logits and features, it is relative to
        // the largest value.
        let difference = largest_difference / largest.max(1.0);
        output.field(
            "Verified",
            format!(
                "{runtime}: {same_first} of {pictures} pictures of the proof have the same first answer, \
                 within {difference:.1e}"
            ),
        )?;
        if let Some(given) = &self.pictures {
            let Agreement { pictures, same_first, largest_difference, unreadable } = given;
            let share = 100.0 * *same_first as f64 / (*pictures).max(1) as f64;
            let left = match unreadable {
                0 => String::new(),
                n => format!("; {n} cannot be read by one of both"),
            };
            output.field(
                "",
                format!(
                    "{same_first} of {pictures} files ({share:.1} %) have the same first class, within \
                     {largest_difference:.1e}{left}"
                ),
            )?;
        }
        if !self.agrees() {
            output.warning(
                "the file does not answer as headstart does: do not use it with this runtime",
            );
        }
        Ok(())
    }
}

/// Runs the script, and returns the lines that it prints.
fn run(
    args: &ExportArgs,
    (format, file): (&Format, &Path),
    pictures: &[Location],
) -> anyhow::Result<Vec<Line>> {
    let folder = tempfile::tempdir()?;
    let (program, name, options): (_, _, &[&str]) = match format.language {
        Language::Python => (&args.python, "verify.py", &["--json", "-"]),
        Language::JavaScript => (&args.node, "verify.mjs", &["--json"]),
    };
    let script = folder.path().join(name);
    fs::write(&script, format.script())?;
    let mut child = Command::new(program)
        .arg(&script)
        .arg(file)
        .args(options)
        .env("TF_CPP_MIN_LOG_LEVEL", "3")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot run {}", path_text(program)))?;
    let mut names = Vec::new();
    for picture in pictures {
        names.extend(picture.path().as_os_str().as_encoded_bytes());
        names.push(0);
    }
    let mut input = child.stdin.take().expect("it is piped");
    // The script reads all input before it answers, so neither process blocks the other. If it has
    // failed already, its exit status reports that.
    let _ = input.write_all(&names);
    drop(input);
    let done = child.wait_with_output()?;
    let lines: Vec<Line> = String::from_utf8_lossy(&done.stdout)
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    if lines.is_empty() {
        let said = String::from_utf8_lossy(&done.stderr);
        let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let install = match last.contains("ModuleNotFoundError") {
            true => format!(
                "; `{} -m pip install {} numpy pillow` installs what it takes, and --python names another",
                path_text(program),
                format.runtime
            ),
            false => String::new(),
        };
        bail!("{} is written, but cannot be verified: {last}{install}", path_text(file));
    }
    Ok(lines)
}

/// Compares the script's answers for these files with headstart's own.
fn compare(
    pictures: &[Location],
    theirs: &[Option<Vec<f64>>],
    classifier: &Classifier,
    extract: &ExtractConfig,
    common: &Common,
) -> anyhow::Result<Agreement> {
    if theirs.len() != pictures.len() {
        bail!(
            "the program that verifies answered to {} of {} pictures",
            theirs.len(),
            pictures.len()
        );
    }
    let mut agreement = Agreement::default();
    let mut theirs = theirs.iter();
    let mut context = common.context(Progress::new("Pictures"))?;
    classifier.predict_each(pictures.iter(), extract, &mut context, &mut |_, ours| {
        let (Ok(ours), Some(Some(theirs))) = (ours, theirs.next()) else {
            agreement.unreadable += 1;
            return Ok(());
        };
        let first = |scores: &mut dyn Iterator<Item = f64>| {
            scores.enumerate().reduce(|best, next| if next.1 > best.1 { next } else { best })
        };
        let [mine, other] = [
            first(&mut ours.scores.iter().map(|&score| score.into())),
            first(&mut theirs.iter().copied()),
        ];
        agreement.pictures += 1;
        agreement.same_first += usize::from(mine.map(|best| best.0) == other.map(|best| best.0));
        for (&ours, theirs) in ours.scores.iter().zip(theirs) {
            let difference = (f64::from(ours) - theirs).abs();
            agreement.largest_difference = agreement.largest_difference.max(difference);
        }
        Ok(())
    })?;
    Ok(agreement)
}
