//! `headstart bases`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand};
use headstart::model::architectures::{ARCHITECTURES, Architecture, NetworkConfig};
use headstart::model::thousands;
use headstart::{BUNDLED, BaseError, BaseStore, Bundled, Error, Health, Published, StoredBase};
use serde::Serialize;
use serde_json::json;

use crate::FAILURE;
use crate::options::StoreArgs;
use crate::output::{Output, bytes, quoted};
use crate::progress::{Transfer, interrupt};

#[derive(Debug, Args)]
pub(crate) struct BasesArgs {
    #[command(subcommand)]
    action: Option<Action>,
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the bases, and which weights are at hand
    List,
    /// Fetch the weights of bases from their publishers
    Get {
        /// Bases, or names of their publishers' files
        #[arg(required = true, value_name = "NAME")]
        names: Vec<String>,
        /// Address below which files of the same names lie
        #[arg(long, value_name = "URL", env = "HEADSTART_BASES_MIRROR")]
        mirror: Option<String>,
    },
    /// Add weights that were fetched elsewhere
    Add {
        /// File of weights: .h5, .keras, .pth or .safetensors
        file: PathBuf,
        /// Base that they are of [default: the one that they fit]
        #[arg(long, value_name = "BASE")]
        base: Option<String>,
    },
    /// Read the weights that were fetched or added and say what is damaged; exit status 1 if something is
    Verify {
        /// Bases [default: all]
        #[arg(value_name = "BASE")]
        names: Vec<String>,
    },
    /// Remove weights that were fetched or added
    Remove {
        /// Bases
        #[arg(required = true, value_name = "BASE")]
        names: Vec<String>,
    },
}

pub(crate) fn run(args: &BasesArgs, output: &Output) -> anyhow::Result<ExitCode> {
    let folder = args.store.folder();
    let store = folder.map(BaseStore::new);
    let action = args.action.as_ref().unwrap_or(&Action::List);
    if let Action::List = action {
        return list(store.as_ref(), output);
    }
    let store = store.context("there is no folder for bases; name one with --bases-dir")?;
    match action {
        Action::List => {}
        Action::Get { names, mirror } => {
            // An empty environment variable counts as unset.
            let mirror = mirror.as_deref().filter(|mirror| !mirror.is_empty());
            let published = names.iter().map(|name| Published::find(name));
            for row in published.collect::<Result<Vec<_>, _>>()? {
                get(&store, row, mirror, output)?;
            }
        }
        Action::Add { file, base } => {
            let stored = store.add(file, base.as_deref())?;
            tell(&stored, "Added", output)?;
        }
        Action::Verify { names } => return verify(&store, names, output),
        Action::Remove { names } => {
            for name in names {
                let freed = store.remove(name)?;
                output.event(&json!({"base": name, "freed_bytes": freed}))?;
                output.field("Removed", format!("{name}, {} freed", bytes(freed)))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn get(
    store: &BaseStore,
    row: &'static Published,
    mirror: Option<&str>,
    output: &Output,
) -> anyhow::Result<()> {
    output.field("Fetching", row.url_at(mirror))?;
    let mut bar = Transfer::new(row.size.map(|size| size.bytes()));
    let cancel = interrupt();
    let got = store.get(row, mirror, &mut |step| {
        bar.tell(step);
        !cancel.is_cancelled()
    });
    drop(bar);
    let (stored, was_there) = got?;
    tell(&stored, if was_there { "There already" } else { "Fetched" }, output)
}

/// Prints the result of fetching or adding weights.
fn tell(stored: &StoredBase, what: &'static str, output: &Output) -> anyhow::Result<()> {
    output.event(stored)?;
    let licence = stored.licence.as_ref().map_or_else(String::new, |name| format!(", {name}"));
    let StoredBase { base, path, .. } = stored;
    output.field("Base", format!("{base}: {}{licence}", stored.origin()))?;
    output.field("File", format!("{} ({})", path.display(), bytes(stored.bytes)))?;
    let checked = match (stored.is_checked, &stored.publisher) {
        (true, _) => ", as its publisher says",
        (false, Some(_)) => "; its publisher gives none to compare with",
        (false, None) => "",
    };
    output.field("SHA-256", format!("{}{checked}", stored.sha256))?;
    output.text(format!("{what}. Train with:  headstart train PICTURES --base {base}"))?;
    Ok(())
}

fn verify(store: &BaseStore, names: &[String], output: &Output) -> anyhow::Result<ExitCode> {
    let names = match names {
        [] => store.names().into_iter().map(str::to_owned).collect(),
        names => names.to_vec(),
    };
    if names.is_empty() {
        output.text(format!("There are no bases in {}.", store.folder().display()))?;
    }
    let mut is_sound = true;
    for name in &names {
        let Health { file, damage } = store.verify(name)?;
        is_sound &= damage.is_none();
        output.event(&json!({"base": name, "file": file, "damage": damage}))?;
        let found = match damage {
            None => "sound".to_owned(),
            Some(damage) => {
                format!("damaged: {damage}; `headstart bases remove {}` removes it", quoted(name))
            }
        };
        output.text(format!("{name:<26}{found}"))?;
    }
    Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::from(FAILURE) })
}

fn list(store: Option<&BaseStore>, output: &Output) -> anyhow::Result<ExitCode> {
    output.text(format!(
        "{:<26}{:>7}{:>10}{:>13}  {}",
        "base", "input", "features", "parameters", "weights"
    ))?;
    for architecture in ARCHITECTURES {
        let (stored, is_damaged) = match store.map(|store| store.find(architecture.id)) {
            // A damaged record does not hide the other bases.
            Some(Err(Error::Base(BaseError::Damaged { .. }))) => (None, true),
            found => (found.transpose()?.flatten(), false),
        };
        show(architecture, (stored.as_ref(), is_damaged), output)?;
    }
    output.text("\nBundled weights:")?;
    for bundled in BUNDLED {
        output.text(format!("  {}: {}", bundled.name, bundled.origin))?;
    }
    if let Some(store) = store {
        let folder = store.folder().display();
        output.text(format!(
            "Weights that `headstart bases get BASE` fetches are kept in {folder}."
        ))?;
    }
    output.text(
        "Other weights are given with --weights FILE, or kept by `headstart bases add FILE`.",
    )?;
    Ok(ExitCode::SUCCESS)
}

/// A base, as JSON.
#[derive(Serialize)]
struct Row<'a> {
    base: &'static str,
    about: &'static str,
    input_size: usize,
    widths: &'static [f32],
    features: usize,
    params: usize,
    bundled: bool,
    origin: Option<&'static str>,
    classifier: bool,
    stored: Option<&'a StoredBase>,
    published: Option<PublishedRow>,
}

/// Where the weights of a base are published, as JSON.
#[derive(Serialize)]
struct PublishedRow {
    publisher: &'static str,
    url: &'static str,
    licence: &'static str,
}

fn show(
    architecture: &Architecture,
    (stored, is_damaged): (Option<&StoredBase>, bool),
    output: &Output,
) -> anyhow::Result<()> {
    let network = architecture.build(&NetworkConfig::default())?;
    let bundled = Bundled::find(architecture.id);
    let published = Published::find(architecture.id).ok();
    output.event(&Row {
        base: architecture.id,
        about: architecture.about,
        input_size: architecture.input_size,
        widths: architecture.widths,
        features: architecture.feature_width,
        params: network.total_params(),
        bundled: bundled.is_some(),
        origin: bundled.map(|b| b.origin),
        classifier: bundled.is_some_and(Bundled::has_classifier),
        stored,
        published: published.map(|row| {
            let &Published { publisher, url, licence, .. } = row;
            PublishedRow { publisher, url, licence }
        }),
    })?;
    let weights = match (stored, bundled, published) {
        _ if is_damaged => "damaged (see `headstart bases verify`)".to_owned(),
        (Some(stored), _, _) if stored.publisher.is_some() => {
            format!("fetched from {}", stored.origin())
        }
        (Some(_), _, _) => "added".to_owned(),
        (None, Some(bundled), _) if bundled.has_classifier() => {
            "bundled, with classifier".to_owned()
        }
        (None, Some(_), _) => "bundled".to_owned(),
        (None, None, Some(row)) => format!("to be fetched from {}", row.publisher),
        (None, None, None) => String::new(),
    };
    let line = format!(
        "{:<26}{:>7}{:>10}{:>13}  {weights}",
        architecture.id,
        architecture.input_size,
        architecture.feature_width,
        thousands(network.total_params()),
    );
    output.text(line.trim_end())?;
    Ok(())
}
