//! `headstart explain`.

mod names;

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use headstart::data::sources::{Listed, list_pictures_as};
use headstart::data::{DecodeError, Rgb};
use headstart::files::AtomicFile;
use headstart::predict::ActivationMap;
use headstart::{Classifier, Error, Explained, Precision};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};
use serde::Serialize;

use super::features::npy_header;
use super::predict::{show_failure, show_left_out};
use crate::FAILURE;
use crate::hints;
use crate::options::Common;
use crate::output::{Output, one_line, path_text};
use crate::paths::{PathArgs, no_pictures};
use crate::progress::Progress;
use crate::sources::PathColumnArgs;
use names::Names;

#[derive(Debug, Args)]
#[command(after_help = "\
Writes each picture with a map on it: from dark to bright what speaks for the class, on a scale that ends \
at the picture's own largest value; what speaks against it is as dark as what says nothing. A line goes \
around what has half of the largest value or more. Faded is what the model does not see.")]
pub(crate) struct ExplainArgs {
    /// Model file, or a bundled base with a classifier (efficientnet-lite0)
    model: String,
    #[command(flatten)]
    paths: PathArgs,
    #[command(flatten)]
    column: PathColumnArgs,
    /// Folder to write PICTURE.CLASS.png to; created if missing
    #[arg(long, short, value_name = "DIR")]
    output: PathBuf,
    /// Class to explain; can be repeated [default: the model's answer]
    #[arg(long = "class", value_name = "NAME")]
    classes: Vec<String>,
    /// Also write the maps as numbers: PICTURE.CLASS.npy, f32 [height][width]
    ///
    /// The mean of a map plus the bias (in --json) is the logit.
    #[arg(long)]
    raw: bool,
}

pub(crate) fn run(
    args: &ExplainArgs,
    common: &Common,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let classifier = Classifier::open(&args.model)?;
    let asked: Vec<usize> =
        args.classes.iter().map(|name| classifier.class(name)).collect::<Result<_, _>>()?;
    let paths = args.paths.stream()?.collect::<io::Result<Vec<_>>>().context("standard input")?;
    let listing = list_pictures_as(paths, &args.column.columns());
    let left_out = show_left_out(output, &listing.skipped)?;
    if listing.pictures.is_empty() && left_out == 0 {
        return Err(no_pictures(args.paths.first()).into());
    }
    let folder = &args.output;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;

    let mut names = Names::new(classifier.classes());
    keep_pictures(&mut names, &listing.pictures, folder);
    let mut failed = left_out;
    let mut each = |path: &str, result: Result<Explained, DecodeError>| -> anyhow::Result<()> {
        let Explained { explanation, picture } = match result {
            Ok(explained) => explained,
            Err(error) => {
                failed += 1;
                return Ok(show_failure(output, path, &hints::decode_error(&error))?);
            }
        };
        let classes = if asked.is_empty() { explanation.predicted() } else { asked.clone() };
        for (class, name) in classes.iter().zip(names.of(Path::new(path), &classes)) {
            let map = explanation.map(*class);
            let file = folder.join(format!("{name}.png"));
            write_png(&file, &explanation.overlay(&map, &picture))?;
            let raw = args.raw.then(|| folder.join(format!("{name}.npy")));
            if let Some(raw) = &raw {
                write_npy(raw, &map)?;
            }
            let (class, score) =
                (&classifier.classes()[*class], explanation.prediction.scores[*class]);
            let shown = path_text(&file);
            output.text(one_line(&format!("{path}: {class} {score:.3}, {shown}")))?;
            output.event(&Answer {
                path,
                class,
                score,
                logit: map.logit,
                bias: map.bias,
                file: &shown,
                raw: raw.as_deref().map(|raw| path_text(raw).into_owned()),
            })?;
        }
        Ok(())
    };

    // On a terminal, the answers themselves show the progress.
    let progress = match io::stdout().is_terminal() {
        true => Progress::hidden(),
        false => Progress::new("Pictures"),
    };
    let (extract, mut context) = (common.extract()?, common.context(progress)?);
    let mut broken = None;
    let pictures = listing.pictures.iter();
    let all = classifier.explain_each(pictures, &extract, &mut context, &mut |picture, result| {
        each(&picture.at.to_string(), result).map_err(|error| {
            broken = Some(error);
            Error::Interrupted
        })
    });
    match broken {
        Some(error) => return Err(error),
        None => all?,
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(FAILURE) })
}

/// Reserves the names of pictures that are in the output folder, so that they are not overwritten.
fn keep_pictures(names: &mut Names, pictures: &[Listed], folder: &Path) {
    let Ok(folder) = fs::canonicalize(folder) else { return };
    // Pictures of one folder follow each other, so the last result is usually the one needed.
    let mut last: Option<(PathBuf, bool)> = None;
    for path in pictures.iter().map(|picture| picture.at.path()) {
        let parent = match path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
            None => continue,
        };
        let lies_there = match &last {
            Some((known, lies_there)) if known == parent => *lies_there,
            _ => fs::canonicalize(parent).is_ok_and(|parent| parent == folder),
        };
        last = Some((parent.to_owned(), lies_there));
        if let Some(stem) = path.file_stem().filter(|_| lies_there) {
            names.keep(&stem.to_string_lossy());
        }
    }
}

/// The files written for one class of a picture, as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    path: &'a str,
    class: &'a str,
    score: f32,
    logit: f32,
    bias: f32,
    file: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    raw: Option<String>,
}

fn write_png(path: &Path, picture: &Rgb) -> anyhow::Result<()> {
    let mut bytes = Vec::new();
    let (width, height) = (picture.width() as u32, picture.height() as u32);
    PngEncoder::new(&mut bytes).write_image(
        picture.pixels(),
        width,
        height,
        ExtendedColorType::Rgb8,
    )?;
    write(path, &bytes)
}

fn write_npy(path: &Path, map: &ActivationMap) -> anyhow::Result<()> {
    let mut bytes = npy_header(&[map.height, map.width], Precision::F32);
    bytes.extend(map.values.iter().flat_map(|value| value.to_le_bytes()));
    write(path, &bytes)
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write_all(bytes).map_err(|cause| file.error(cause))?;
    Ok(file.commit()?)
}
