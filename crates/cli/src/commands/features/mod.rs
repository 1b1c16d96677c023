//! `headstart features`.

mod npy;
mod parquet;
mod safetensors;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use headstart::data::cache::CacheWarning;
use headstart::data::sources::{
    Labels, Listed, Listing, is_source, list_pictures, list_pictures_as,
};
use headstart::data::{PathPattern, Skipped};
use headstart::files::{AtomicFile, check_writable};
use headstart::{Base, Error, Extractor};
use serde_json::json;

use super::report;
use crate::hints;
use crate::options::{BaseArgs, Common, resizing};
use crate::output::{Output, bytes, count};
use crate::paths::PathArgs;
use crate::progress::Progress;
use crate::sources::LabelArgs;
use crate::usage;
pub(super) use npy::header as npy_header;

#[derive(Debug, Args)]
pub(crate) struct FeaturesArgs {
    #[command(flatten)]
    paths: PathArgs,
    #[command(flatten)]
    label: LabelArgs,
    /// File to write: .npy (paths and labels go to FILE.npy.csv), .parquet or .safetensors
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    base: BaseArgs,
}

/// A file that features are written to one picture at a time, so that memory does not grow with
/// their number.
trait Writer {
    fn push(&mut self, path: &str, label: Option<&str>, features: &[f32]) -> anyhow::Result<()>;

    /// Completes the file.
    fn finish(self: Box<Self>) -> anyhow::Result<()>;
}

/// Opens a writer on a file, for the pictures listed (of which some may turn out unreadable) and
/// features of a length.
type Open = fn(File, &Path, &[Listed], usize) -> anyhow::Result<Box<dyn Writer>>;

/// By the file's ending.
const FORMATS: [(&str, Open); 3] =
    [("npy", npy::open), ("parquet", parquet::open), ("safetensors", safetensors::open)];

pub(crate) fn run(
    args: &FeaturesArgs,
    common: &Common,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let ending = args.output.extension().and_then(|e| e.to_str()).unwrap_or("");
    let Some((_, open)) = FORMATS.iter().find(|(format, _)| *format == ending) else {
        let file = args.output.display();
        return Err(usage(format!(
            "{file}: features are written to .npy, .parquet or .safetensors"
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
        let reason = listing
            .skipped
            .first()
            .map_or(String::new(), |s| format!(" ({})", hints::reason(&s.reason)));
        anyhow::bail!("{}: holds no pictures{reason}", args.paths.first());
    }
    let base = args.base.load(output)?;
    let written = write(args, common, &base, &listing.pictures, *open)?;

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
    output.field("Base", format!("{}{}", base.network().name(), resizing(base.network())))?;
    let pictures = count(written.count, "picture");
    output.field("Features", format!("{pictures} x {}", base.features()))?;
    report::skipped(output, &skipped)?;
    if let Some(warning) = written.warning {
        output.warning(&hints::cache_warning(&warning));
    }
    output.field("Saved", format!("{} ({})", args.output.display(), bytes(size)))?;
    Ok(ExitCode::SUCCESS)
}

/// What a column of labels is called, by whether a picture may have several; a table of these is read so.
fn label_column(pictures: &[Listed]) -> &'static str {
    match pictures.iter().any(|picture| matches!(picture.label, Labels::Set(_))) {
        true => "labels",
        false => "label",
    }
}

/// The pictures of all paths, each labelled by what stands in its path: below a folder that was given,
/// or in the path of a picture that was.
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
    pictures: &[Listed],
    open: Open,
) -> anyhow::Result<Written> {
    let extractor = Extractor::new(base, &common.extract()?);
    let file = AtomicFile::create(&args.output)?;
    let mut writer = open(file.reopen()?, &args.output, pictures, base.features())?;

    let (mut count, mut cached, mut skipped) = (0, 0, Vec::new());
    let mut context = common.context(Progress::new("Features"))?;
    extractor.for_each(pictures, &mut context, &mut |index, result| {
        let Listed { at, label, .. } = &pictures[index];
        match result {
            Ok(picture) => {
                count += 1;
                cached += usize::from(picture.cached);
                let path = at.to_string();
                let label = label.is_some().then(|| label.to_cell());
                let pushed = writer.push(&path, label.as_deref(), &picture.features);
                pushed.map_err(|error| file.error(io::Error::other(error)))?;
            }
            Err(error) => skipped.push(Skipped::new(at.path(), error)),
        }
        Ok(())
    })?;
    if count == 0 {
        return Err(Error::none_readable(skipped).into());
    }
    writer.finish().map_err(|error| file.error(io::Error::other(error)))?;
    file.commit()?;
    Ok(Written { count, cached, skipped, warning: extractor.cache_warning() })
}
