//! `headstart lr-find`.

mod show;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use headstart::data::Source;
use headstart::data::sources::is_source;
use headstart::files::check_writable;
use headstart::model::Trainable;
use headstart::train::{AdamConfig, ClassWeight, FineTuneConfig, RangeTestConfig};
use headstart::{Classifier, FineTuning, PictureSource, TrainingSet, find_head_learning_rate};

use super::report;
use super::tuning::{Own, StepArgs, parse_layer};
use crate::given::Given;
use crate::options::{BaseArgs, Common, named};
use crate::output::{Output, count, quoted};
use crate::progress::Progress;
use crate::sources::{DEFAULT_SHARE, DuplicateArgs, SourceArgs};
use crate::usage;
use show::Found;

#[derive(Debug, Args)]
#[command(after_help = "Of a folder: the rate for `headstart train DIR --head adam`.\n\
    Of a model: the rate for `headstart fine-tune MODEL DIR`.\n\
    The rate grows from step to step; where the loss falls fastest is a rate to train with.\n\
    No model is changed.")]
pub(crate) struct LrFindArgs {
    #[command(flatten)]
    given: Given,
    /// Pictures to train a head on, or a model to fine-tune
    #[arg(value_name = "MODEL|DIR")]
    what: PathBuf,
    /// Pictures to fine-tune on [default: those that the model was trained on]
    dir: Option<PathBuf>,
    /// First learning rate [default: 1e-7]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    first: Option<f64>,
    /// Last learning rate; the test ends earlier if the loss grows [default: 1]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    last: Option<f64>,
    /// Number of steps [default: 100]
    #[arg(long, value_name = "N")]
    steps: Option<usize>,
    /// Write the plot as SVG
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    duplicates: DuplicateArgs,
    #[command(flatten)]
    both: BothArgs,
    #[command(flatten)]
    base: BaseArgs,
    #[command(flatten)]
    layers: LayerArgs,
    #[command(flatten)]
    step: StepArgs,
}

/// What head and base have in common.
#[derive(Debug, Args)]
struct BothArgs {
    /// Batch size [default: 32]
    #[arg(long, value_name = "N")]
    batch_size: Option<usize>,
    /// Weight the classes equally, however many pictures each has
    #[arg(long)]
    balance: bool,
    /// Random seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
}

/// Which layers are fine-tuned.
#[derive(Debug, Args)]
#[command(next_help_heading = "Augmentation and fine-tuning")]
struct LayerArgs {
    /// First layer to fine-tune: an index or name; 0 for all layers
    #[arg(long, visible_alias = "fine-tune-at", value_name = "LAYER", value_parser = parse_layer, default_value = "100")]
    at: Trainable,
}

pub(crate) fn run(args: &LrFindArgs, common: &Common, output: &Output) -> anyhow::Result<ExitCode> {
    let default = RangeTestConfig::default();
    let range = RangeTestConfig {
        first: args.first.unwrap_or(default.first),
        last: args.last.unwrap_or(default.last),
        steps: args.steps.unwrap_or(default.steps),
    };
    range.check().map_err(usage)?;
    if !args.what.exists() {
        anyhow::bail!("{}: no such model, and no such folder of pictures", args.what.display());
    }
    if let Some(plot) = &args.plot {
        check_writable(plot)?;
    }
    let of_head = is_source(&args.what);
    let given = &args.given;
    let (other, of) = match of_head {
        true => {
            let both = [given.options::<LayerArgs>(), given.options::<StepArgs>()].concat();
            (both, "fine-tuning: give a model in place of the folder")
        }
        false => (given.options::<BaseArgs>(), "training a head: a model has its base"),
    };
    if let Some(option) = other.first() {
        return Err(usage(format_args!("{} is for {of}", option.split(' ').next().unwrap_or(""))));
    }
    let start = Instant::now();
    let mut found = if of_head {
        head(args, &range, common, output)?
    } else {
        model(args, &range, common, output)?
    };
    found.seconds = start.elapsed().as_secs_f64();
    found.report(args.plot.as_deref(), output)
}

impl LrFindArgs {
    /// The pictures of a source, with the default share held back.
    fn pictures(&self, source: Source) -> PictureSource {
        PictureSource::new(source)
            .with_validation(DEFAULT_SHARE, self.both.seed)
            .with_duplicates(self.duplicates.get())
    }
}

/// Runs the range test of training a head.
fn head(
    args: &LrFindArgs,
    range: &RangeTestConfig,
    common: &Common,
    output: &Output,
) -> anyhow::Result<Found> {
    if args.dir.is_some() {
        let message = format!("{}: is a folder, where a model is needed", args.what.display());
        return Err(usage(format_args!("{message} if another folder follows")));
    }
    let extract = common.extract()?;
    let default = AdamConfig::default();
    let BothArgs { batch_size, balance, seed } = args.both;
    let class_weight = if balance { ClassWeight::Balanced } else { ClassWeight::Uniform };
    let batch_size = batch_size.unwrap_or(default.batch_size);
    let config = AdamConfig { batch_size, seed, class_weight, ..default };
    config.check().map_err(usage)?;
    let pictures = args.pictures(args.source.source(&args.what)).open()?;
    let base = args.base.load(output)?;
    super::train::describe(&base, &pictures, output)?;
    let context = &mut common.context(Progress::new("Features"))?;
    let found = find_head_learning_rate(&base, &pictures, &config, &extract, range, context)?;
    let given = [
        vec!["--head adam".to_owned()],
        args.given.options::<SourceArgs>(),
        args.given.options::<DuplicateArgs>(),
        args.given.options::<BaseArgs>(),
        args.given.options::<BothArgs>(),
        args.given.options::<Common>(),
    ];
    Ok(Found {
        of: "head",
        test: found.test,
        range: *range,
        dir: None,
        train: found.train,
        validation: found.validation,
        batch_size: batch_size.min(found.train),
        command: command(&["train", &word(&args.what)], &given.concat()),
        skipped: found.skipped,
        warnings: found.warnings,
        seconds: 0.0,
    })
}

/// Runs the range test of fine-tuning a model.
fn model(
    args: &LrFindArgs,
    range: &RangeTestConfig,
    common: &Common,
    output: &Output,
) -> anyhow::Result<Found> {
    let BothArgs { batch_size, balance, seed } = args.both;
    let own = Own { batch_size, balance, seed, ..Own::default() };
    let extract = common.extract()?;
    let phase = args.step.phase(args.layers.at.clone(), own)?;
    let inputs = args.step.inputs(seed, &extract);
    let config =
        FineTuning::default().with_at(phase.at).with_training(phase.training).with_inputs(inputs);
    let classifier = Classifier::load(&args.what)?;
    // Report a layer that does not exist before the pictures are read.
    classifier.base().clone().apply(&config.at)?;
    let dir = match &args.dir {
        Some(dir) => dir.clone(),
        None => recorded(&args.what, &classifier)?,
    };
    let asked = args.source.source(&dir);
    let source = classifier.labelled(asked.clone())?;
    report::labelled(output, &asked, &source)?;
    let pictures = args.pictures(source).open()?.continuing(classifier.training());
    let (base, classes) = (named(classifier.base()), count(classifier.classes().len(), "class"));
    output.field("Model", format!("{}, {base}, {classes}", args.what.display()))?;
    config.disk_need(classifier.base(), &pictures)?.check()?;
    let mut context = common.context(Progress::new("Pictures"))?;
    let mut set = TrainingSet::new(classifier.base(), &pictures, &extract, &mut context)?;
    drop(context);
    let context = &mut common.context(Progress::new("Views"))?;
    let test = classifier.find_learning_rate(&mut set, &config, range, context)?;
    let given = [
        args.given.options::<SourceArgs>(),
        args.given.options::<DuplicateArgs>(),
        args.given.options::<LayerArgs>(),
        args.given.options::<StepArgs>(),
        args.given.options::<BothArgs>(),
        args.given.options::<Common>(),
    ];
    let FineTuneConfig { batch_size, .. } = config.training;
    Ok(Found {
        of: "fine-tune",
        test,
        range: *range,
        train: set.train(),
        validation: set.validation(),
        batch_size: batch_size.min(set.train()),
        command: command(&["fine-tune", &word(&args.what), &word(&dir)], &given.concat()),
        skipped: set.skipped().to_vec(),
        warnings: set.warnings(),
        seconds: 0.0,
        dir: Some(dir),
    })
}

/// The folder that a model was trained on.
fn recorded(model: &Path, classifier: &Classifier) -> anyhow::Result<PathBuf> {
    let file = model.display();
    let folder = classifier.training().map(|record| from_here(&record.origin.pictures));
    let again = format!("give a folder: headstart lr-find {} DIR", word(model));
    let folder = folder.with_context(|| {
        format!("{file}: does not say which pictures it was trained on; {again}")
    })?;
    if !folder.exists() {
        let gone = folder.display();
        anyhow::bail!("{file}: was trained on {gone}, where there is no folder now; {again}");
    }
    Ok(folder)
}

/// A path as a user would type it: relative if it is below the current folder.
fn from_here(path: &str) -> PathBuf {
    let here = std::env::current_dir().unwrap_or_default();
    let path = Path::new(path);
    path.strip_prefix(here).unwrap_or(path).to_owned()
}

fn word(path: &Path) -> String {
    quoted(&path.display().to_string())
}

/// A command with all options except its learning rate.
fn command(words: &[&str], options: &[String]) -> String {
    let options = options.iter().map(String::as_str).filter(|&option| option != "--json");
    let words = ["headstart"].into_iter().chain(words.iter().copied());
    words.chain(options).collect::<Vec<_>>().join(" ")
}
