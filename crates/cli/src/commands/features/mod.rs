//! `headstart features`.

mod npy;
mod parquet;
mod safetensors;
mod table;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::{Context, anyhow};
use clap::Args;
use headstart::data::cache::CacheWarning;
use headstart::data::sources::{
    Labels, Listed, Listing, is_source, list_pictures, list_pictures_as,
};
use headstart::data::{PathPattern, Skipped};
use headstart::files::{AtomicFile, check_writable};
use headstart::{Base, Error, Extractor, FeatureOrigin, Precision, Shard};
use serde_json::json;

use super::report;
use crate::hints;
use crate::options::{BaseArgs, Common, named};
use crate::output::{Output, bytes, count};
use crate::paths::{PathArgs, no_pictures};
use crate::progress::Progress;
use crate::sources::LabelArgs;
use crate::usage;
pub(super) use npy::header as npy_header;
use table::{Row, Table};

#[derive(Debug, Args)]
pub(crate) struct FeaturesArgs {
    #[command(flatten)]
    paths: PathArgs,
    #[command(flatten)]
    label: LabelArgs,
    /// File to write: .npy (with paths and labels in FILE.npy.csv), .parquet or .safetensors
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    /// How features are kept: f32, or f16, which takes half the room
    #[arg(long, value_name = "TYPE", default_value_t, value_parser = Precision::from_str)]
    dtype: Precision,
    /// Take one of N parts of the pictures, such as 3/16; all parts in order are all pictures
    #[arg(long, value_name = "I/N", value_parser = Shard::from_str)]
    shard: Option<Shard>,
    #[command(flatten)]
    base: BaseArgs,
}

/// A file that features are written to one picture at a time, so that memory does not grow with the
/// number of pictures.
trait Writer {
    fn push(&mut self, row: &Row<'_>) -> anyhow::Result<()>;

    /// Completes the file.
    fn finish(self: Box<Self>) -> anyhow::Result<()>;
}

/// The file format, chosen by the file's extension.
#[derive(Clone, Copy)]
enum Format {
    Npy,
    Parquet,
    Safetensors,
}

impl Format {
    fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "npy" => Some(Self::Npy),
            "parquet" => Some(Self::Parquet),
            "safetensors" => Some(Self::Safetensors),
            _ => None,
        }
    }

    /// Opens a writer for the pictures listed, some of which may turn out to be unreadable.
    fn open(
        self,
        (file, path): (File, &Path),
        pictures: &[Listed],
        table: Table,
        origin: &FeatureOrigin,
    ) -> anyhow::Result<Box<dyn Writer>> {
        match self {
            Self::Npy => npy::open(file, path, table),
            Self::Parquet => parquet::open(file, table, origin),
            Self::Safetensors => safetensors::open(file, pictures, table, origin),
        }
    }
}

pub(crate) fn run(
    args: &FeaturesArgs,
    common: &Common,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let Some(format) = Format::of(&args.output) else {
        let file = args.output.display();
        return Err(usage(format!(
            "{file}: unknown file type; use .npy, .parquet or .safetensors"
        )));
    };
    check_writable(&args.output)?;
    let paths = args.paths.stream()?.collect::<io::Result<Vec<_>>>().context("standard input")?;
    let listing = match &args.label.label_from {
        Some(pattern) => labelled(&args.label, pattern, &paths)?,
        None if args.label.multi_label => {
            return Err(usage(
                "--multi-label is for one folder or file that is learned from; features are of each file",
            ));
        }
        None => list_pictures_as(paths, &args.label.columns()),
    };
    if listing.pictures.is_empty() {
        return Err(match listing.skipped.first() {
            Some(Skipped { path, reason }) => {
                anyhow!("{}: {}", path.display(), hints::reason(reason))
            }
            None => no_pictures(args.paths.first()).into(),
        });
    }
    let base = args.base.load(output)?;
    let written = write(args, common, &base, &listing.pictures, format)?;

    let mut skipped = listing.skipped;
    skipped.extend(written.skipped);
    let size = std::fs::metadata(&args.output).map_or(0, |metadata| metadata.len());
    output.event(&json!({
        "event": "done",
        "output": args.output.display().to_string(),
        "pictures": written.count,
        "features": base.features(),
        "from_cache": written.cached,
        "skipped": report::skipped_events(&skipped),
    }))?;
    output.field("Base", named(&base))?;
    let pictures = count(written.count, "picture");
    output.field("Features", format!("{pictures} x {}", base.features()))?;
    report::skipped(output, &skipped)?;
    if let Some(warning) = written.warning {
        output.warning(&hints::cache_warning(&warning));
    }
    output.field("Saved", format!("{} ({})", args.output.display(), bytes(size)))?;
    Ok(ExitCode::SUCCESS)
}

/// Lists the pictures of all paths, each with a label from its path. Below a folder, the path is
/// relative to the folder.
fn labelled(
    label: &LabelArgs,
    pattern: &PathPattern,
    paths: &[PathBuf],
) -> anyhow::Result<Listing> {
    let mut all = Listing::default();
    for path in paths {
        let mut listing = match is_source(path) {
            true => label.source(path).list()?,
            false => labelled_file(pattern, path),
        };
        all.pictures.append(&mut listing.pictures);
        all.skipped.append(&mut listing.skipped);
    }
    Ok(all)
}

fn labelled_file(pattern: &PathPattern, path: &Path) -> Listing {
    let mut listing = list_pictures([path]);
    if listing.pictures.is_empty() {
        return listing;
    }
    match pattern.class_of(path) {
        Ok(label) => {
            let labelled = |picture: &mut Listed| picture.label = Labels::One(label.clone());
            listing.pictures.iter_mut().for_each(labelled);
            listing
        }
        Err(reason) => Listing { skipped: vec![Skipped::new(path, reason)], ..Listing::default() },
    }
}

/// Message of an interruption if features are cached.
pub(super) const FEATURES_ARE_KEPT: &str =
    "interrupted; the features computed so far are kept: run the same command to go on";

struct Written {
    count: usize,
    cached: usize,
    skipped: Vec<Skipped>,
    warning: Option<CacheWarning>,
}

fn write(
    args: &FeaturesArgs,
    common: &Common,
    base: &Base,
    all: &[Listed],
    format: Format,
) -> anyhow::Result<Written> {
    let extractor = Extractor::new(base, &common.extract()?);
    let file = AtomicFile::create(&args.output)?;
    let origin = FeatureOrigin::of(base);
    let (pictures, origin) = match args.shard {
        Some(shard) => (&all[shard.range(all.len())], origin.with_part(shard, all)),
        None => (all, origin),
    };
    let table = Table::of(all, base.features(), args.dtype);
    let mut writer = format.open((file.reopen()?, &args.output), pictures, table, &origin)?;

    let (mut count, mut cached, mut skipped) = (0, 0, Vec::new());
    let mut context = common.context(Progress::new("Features"))?;
    let extracted = extractor.for_each(pictures, &mut context, &mut |index, result| {
        let listed = &pictures[index];
        match result {
            Ok(picture) => {
                count += 1;
                cached += usize::from(picture.cached);
                let (features, content) = (&picture.features, picture.content);
                let pushed = writer.push(&Row { listed, features, content });
                pushed.map_err(|error| file.error(io::Error::other(error)))?;
            }
            Err(error) => skipped.push(Skipped::new(listed.at.path(), error)),
        }
        Ok(())
    });
    extracted.map_err(|error| match error {
        Error::Interrupted if !common.no_cache => {
            anyhow::Error::new(error).context(FEATURES_ARE_KEPT)
        }
        error => error.into(),
    })?;
    drop(context);
    // A shard of few pictures may be empty.
    if count == 0 && !pictures.is_empty() {
        return Err(Error::none_readable(skipped).into());
    }
    writer.finish().map_err(|error| file.error(io::Error::other(error)))?;
    file.commit()?;
    Ok(Written { count, cached, skipped, warning: extractor.cache_warning() })
}
