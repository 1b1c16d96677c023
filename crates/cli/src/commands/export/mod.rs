//! `headstart export`.

mod verify;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;

use anyhow::bail;
use clap::Args;
use headstart::data::Location;
use headstart::data::sources::list_pictures;
use headstart::files::{AtomicFile, check_writable};
use headstart::{Classifier, ExtractConfig};
use headstart_export::{
    Artifact, ExportConfig, ExportError, FORMATS, Format, Language, Names, Output as Ending,
    Weights,
};
use serde_json::json;

use crate::options::Common;
use crate::output::{Output, bytes, count, path_text, quoted};
use crate::paths::no_pictures;
use crate::progress::Progress;
use crate::written::check_is_not_model;
use crate::{FAILURE, hints, usage};
use verify::Verification;

#[derive(Debug, Args)]
#[command(after_help = after_help())]
pub(crate) struct ExportArgs {
    /// Model file, or a bundled base with a classifier (efficientnet-lite0)
    model: String,
    /// Format; see below
    #[arg(long, value_name = "FORMAT", value_parser = parse_format)]
    format: &'static Format,
    /// File (for wasm: folder) to write [default: the model's name with the format's extension]
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Stop at the features, without the head
    #[arg(long, conflicts_with = "logits")]
    features: bool,
    /// Stop at the logits, before temperature and softmax
    #[arg(long)]
    logits: bool,
    /// Naming of PyTorch weights: torchvision or timm [default: torchvision if it has the network]
    #[arg(long, value_name = "LIBRARY", value_parser = parse_names)]
    names: Option<Names>,
    /// Weights of web and wasm: int16, or int8 at half the size [default: int16]
    ///
    /// int8 is refused if the answer to a picture of the proof changes; use your own pictures with --proof.
    #[arg(long, value_name = "KIND", value_parser = parse_weights)]
    weights: Option<Weights>,
    /// Title of the web page [default: a question with the names of the classes]
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    /// Text below the title of the web page
    #[arg(long, value_name = "TEXT")]
    about: Option<String>,
    /// Pictures or folders for the proof in the file; can be repeated [default: 4 drawn pictures]
    ///
    /// Up to 8 pictures are stored in the file with the model's answers.
    #[arg(long, value_name = "PATH")]
    proof: Vec<PathBuf>,
    /// Quantise to 8 bits with these pictures or folders; can be repeated
    ///
    /// The file is a quarter of the size. The export is refused if fewer than 99 % of the answers stay the
    /// same.
    #[arg(long, value_name = "PATH")]
    int8: Vec<PathBuf>,
    /// Also write a program that runs the file: Python, or JavaScript for web and wasm
    #[arg(long, value_name = "FILE")]
    script: Option<PathBuf>,
    /// Run the file with Python or node, and compare its answers with headstart's
    #[arg(long)]
    verify: bool,
    /// More pictures or folders to compare; can be repeated
    #[arg(long, value_name = "PATH", requires = "verify")]
    pictures: Vec<PathBuf>,
    /// Python for --verify
    #[arg(long, value_name = "PROGRAM", default_value = "python3", requires = "verify")]
    python: PathBuf,
    /// Node.js for --verify of web and wasm
    #[arg(long, value_name = "PROGRAM", default_value = "node", requires = "verify")]
    node: PathBuf,
}

/// Maximum number of the given pictures that become part of the proof.
const MOST_IN_PROOF: usize = 8;
/// Maximum number of pictures for choosing and checking the 8-bit quantisation.
const MOST_FOR_INT8: usize = 400;

fn after_help() -> String {
    let width = FORMATS.iter().map(|format| format.name.len()).max().unwrap_or(0);
    let line = |format: &Format| format!("  {:<width$}  {}", format.name, format.about);
    let formats: Vec<String> = FORMATS.iter().map(line).collect();
    format!(
        "Formats:\n{}\n\nA file takes u8 RGB [batch, height, width, 3], scales pixels itself, gives calibrated \
         probabilities and has the classes' names in it. How pictures become that is in its metadata, in words.",
        formats.join("\n")
    )
}

fn parse_format(name: &str) -> Result<&'static Format, String> {
    Format::find(name).map_err(|error| error.to_string())
}

fn parse_weights(name: &str) -> Result<Weights, String> {
    name.parse().map_err(|error: <Weights as FromStr>::Err| error.to_string())
}

fn parse_names(name: &str) -> Result<Names, String> {
    name.parse().map_err(|error: ExportError| error.to_string())
}

pub(crate) fn run(args: &ExportArgs, common: &Common, output: &Output) -> anyhow::Result<ExitCode> {
    let format = args.format;
    let path = args.output.clone().unwrap_or_else(|| beside(&args.model, format.ending));
    let file = Some(&path).filter(|_| !format.is_folder());
    for file in [file, args.script.as_ref()].into_iter().flatten() {
        check_is_not_model(file, Path::new(&args.model))?;
        check_writable(file)?;
    }
    if format.is_folder() {
        check_folder(&path)?;
    }
    if format.language == Language::JavaScript && !args.pictures.is_empty() {
        return Err(usage(format_args!(
            "{} is verified by node, which cannot read pictures; remove --pictures, the proof is compared",
            format.name
        )));
    }
    if let Some(script) = args.script.as_deref().filter(|script| is_module(script, format)) {
        return Err(usage(format_args!(
            "{} would hide a module that it imports; choose another name, such as classify.py",
            path_text(script)
        )));
    }
    let classifier = Classifier::open(&args.model)?;
    let extract = common.extract()?;
    let pictures = some_pixels(&classifier, (&args.proof, MOST_IN_PROOF), &extract, common)?;
    let int8 = some_pixels(&classifier, (&args.int8, MOST_FOR_INT8), &extract, common)?;
    let ending = match (args.features, args.logits) {
        (true, _) => Ending::Features,
        (_, true) => Ending::Logits,
        _ => Ending::Probabilities,
    };
    let fine_tuned = classifier.training().and_then(|record| record.fine_tune.as_ref());
    let config = ExportConfig::default()
        .with_output(ending)
        .with_pictures(pictures)
        .with_int8(int8)
        .with_names(args.names)
        .with_weights(args.weights)
        .with_title(args.title.clone())
        .with_about(args.about.clone())
        .with_trainable_from(fine_tuned.map(|record| record.first_layer.clone()));
    let context = common.context(Progress::new("Pictures"))?;
    let exported = context.pool()?.install(|| format.export(&classifier.to_model(), &config));
    drop(context);
    let artifact = exported.map_err(|error| match error {
        // These errors mean that the format does not support an option.
        ExportError::NoSuchOutput { .. }
        | ExportError::NamesOfOne { .. }
        | ExportError::TitleOfPage { .. }
        | ExportError::WeightsOfCompiled { .. }
        | ExportError::Int8Of { .. } => usage(error),
        error => error.into(),
    })?;
    let proof_file = artifact.write(&path)?;
    if let Some(script) = &args.script {
        let mut file = AtomicFile::create(script)?;
        let written = file.write_all(format.script().as_bytes());
        written.map_err(|cause| file.error(cause))?;
        file.commit()?;
    }
    let verification = match args.verify {
        true => Some(Verification::of(args, (format, &path), &classifier, &extract, common)?),
        false => None,
    };
    show(args, output, (&path, proof_file.as_deref()), &artifact, verification.as_ref())?;
    let agrees = verification.is_none_or(|verification| verification.agrees());
    Ok(if agrees { ExitCode::SUCCESS } else { ExitCode::from(FAILURE) })
}

fn show(
    args: &ExportArgs,
    output: &Output,
    (path, proof_file): (&Path, Option<&Path>),
    artifact: &Artifact,
    verification: Option<&Verification>,
) -> anyhow::Result<()> {
    let proof = artifact.proof.count();
    let mut event = json!({
        "event": "done",
        "format": args.format.name,
        "file": path_text(path),
        "bytes": artifact.content.bytes(),
        "proof": {"pictures": proof, "file": proof_file.map(path_text)},
        "int8": artifact.int8_agreement.map(|(pictures, same)| json!({"pictures": pictures, "same_answers": same})),
        "script": args.script.as_deref().map(path_text),
    });
    if let Some(verification) = verification {
        event["verified"] = verification.event();
    }
    output.event(&event)?;
    let size = bytes(artifact.content.bytes() as u64);
    output.field("Saved", format!("{} ({size})", path_text(path)))?;
    if let Some((pictures, same)) = artifact.int8_agreement {
        let share = 100.0 * same as f64 / pictures.max(1) as f64;
        output.field(
            "Int8",
            format!("{same} of {pictures} pictures ({share:.1} %) have the same answer as in f32"),
        )?;
    }
    let of = if args.proof.is_empty() { ", drawn" } else { "" };
    let place = match proof_file {
        Some(file) => path_text(file).into_owned(),
        None if args.format.is_folder() => "in the folder".to_owned(),
        None => "in the file".to_owned(),
    };
    output.field("Proof", format!("{} with answers{of}, {place}", count(proof, "picture")))?;
    if let Some(script) = &args.script {
        let [script, file] = [script, path].map(|file| quoted(&path_text(file)));
        let command = match args.format.language {
            Language::Python => format!("python3 {script} {file} PICTURE..."),
            Language::JavaScript => format!("node {script} {file}"),
        };
        output.field("Script", format!("run it with:  {command}"))?;
    }
    if let Some(verification) = verification {
        verification.show(output)?;
    }
    Ok(())
}

/// The model's path with another extension.
fn beside(model: &str, ending: &str) -> PathBuf {
    let stem = model.strip_suffix(".safetensors").unwrap_or(model);
    PathBuf::from(format!("{stem}{ending}"))
}

/// Whether a script of this name would hide a module that it imports. Python searches the script's
/// folder first.
fn is_module(script: &Path, format: &Format) -> bool {
    let imported = format.script();
    let mut imported = imported.lines().filter_map(|line| {
        let rest = line.strip_prefix("import ").or_else(|| line.strip_prefix("from "))?;
        rest.split([' ', '.']).next().map(str::to_owned)
    });
    script.file_stem().is_some_and(|stem| imported.any(|module| module.as_str() == stem))
}

/// Checks that files can be written to a folder. The folder need not exist yet.
fn check_folder(path: &Path) -> anyhow::Result<()> {
    if path.is_dir() {
        return Ok(check_writable(path.join("package.json"))?);
    }
    if path.exists() {
        bail!("{}: it is a file; name a folder", path_text(path));
    }
    Ok(())
}

/// The pictures below these paths.
///
/// # Errors
/// If a path does not exist or contains no pictures.
fn pictures_below(paths: &[PathBuf]) -> anyhow::Result<Vec<Location>> {
    let mut pictures = Vec::new();
    for path in paths {
        if !path.exists() {
            bail!("{}: no such file or folder", path_text(path));
        }
        let listing = list_pictures([path]);
        if listing.pictures.is_empty() {
            return Err(no_pictures(path).into());
        }
        pictures.extend(listing.pictures.into_iter().map(|picture| picture.at));
    }
    Ok(pictures)
}

/// The pixels of at most `most` pictures below these paths, taken at even distances.
fn some_pixels(
    classifier: &Classifier,
    (paths, most): (&[PathBuf], usize),
    extract: &ExtractConfig,
    common: &Common,
) -> anyhow::Result<Vec<u8>> {
    let all = pictures_below(paths)?;
    let taken = all.len().min(most);
    let chosen: Vec<&Location> = (0..taken).map(|i| &all[i * all.len() / taken]).collect();
    pixels(classifier, &chosen, extract, common)
}

/// The pixels of these pictures.
///
/// # Errors
/// If a picture cannot be read.
fn pixels(
    classifier: &Classifier,
    pictures: &[&Location],
    extract: &ExtractConfig,
    common: &Common,
) -> anyhow::Result<Vec<u8>> {
    let mut pixels = Vec::new();
    let mut unreadable = None;
    let mut context = common.context(Progress::new("Pictures"))?;
    classifier.pixels_each(pictures, extract, &mut context, &mut |index, result| {
        match result {
            Ok(own) => pixels.extend(own),
            Err(error) => {
                let path = pictures[index].to_string();
                unreadable.get_or_insert(format!("{path}: {}", hints::decode_error(&error)));
            }
        }
        Ok(())
    })?;
    match unreadable {
        Some(why) => bail!(why),
        None => Ok(pixels),
    }
}
