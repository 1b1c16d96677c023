//! `headstart train`.

mod auto;
mod from_features;
mod head;
pub(super) mod show;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, ValueEnum};
use headstart::model::thousands;
use headstart::{
    Base, Effort, Error, Event, FeatureFiles, FitConfig, Pictures, RunConfig, TrainJob, Trained,
};
use headstart_report::Report;

use super::features::FEATURES_ARE_KEPT;
use super::page::{PageArgs, title};
use super::report::{self, keep};
use super::tuning::{TrainTuningArgs, checked, checkpoint_of, interrupted, of_checkpoint};
use crate::calibration::{CalibrationArgs, UnknownArgs};
use crate::hints;
use crate::options::{BaseArgs, Common, load, resizing};
use crate::output::{Output, count, duration, quoted};
use crate::progress::Progress;
use crate::sources::{DuplicateArgs, SourceArgs, SplitArgs, open};
use crate::usage;
pub(super) use head::HeadArgs;

#[derive(Debug, Args)]
pub(crate) struct TrainArgs {
    /// Folder with one folder of pictures per class, a table, or an archive
    ///
    /// A folder may also contain `train` and `validation` folders. A table is .csv, .jsonl or .parquet with the
    /// columns path and label, and optionally split, group and weight. An archive is a .tar or .zip of class
    /// folders, or a folder of such archives. A Parquet file may also contain the pictures themselves.
    #[arg(required_unless_present = "features")]
    dir: Option<PathBuf>,
    /// Learn from features that were computed before, as `headstart features` writes them: .parquet, .npy or
    /// .safetensors files, or patterns such as 'part-*.parquet'
    #[arg(long, value_name = "FILES", num_args = 1.., requires = "output", conflicts_with_all = [
        "dir", "label_from", "multi_label", "group_from", "val_dir", "export_split", "duplicates",
        "fine_tune_at",
    ])]
    features: Vec<PathBuf>,
    /// File to write the model to [default: the folder's name with .safetensors]
    #[arg(long, short, value_name = "MODEL")]
    output: Option<PathBuf>,
    /// Random seed
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    source: SourceArgs,
    #[command(flatten)]
    split: SplitArgs,
    #[command(flatten)]
    duplicates: DuplicateArgs,
    #[command(flatten)]
    base: BaseArgs,
    /// How much work to put into the model
    ///
    /// good averages the features of each picture with those of its mirror image, and lets several bases count the
    /// same. best also tries fine-tuning with augmentation, and keeps the model that does better on the pictures
    /// held back. A model predicts as it was trained, and with mirror images takes twice the time.
    #[arg(long, value_enum, default_value_t = EffortArg::Fast, conflicts_with_all = ["fine_tune_at", "features"])]
    effort: EffortArg,
    /// Seconds that --base auto may take, about [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
    budget: Option<u32>,
    #[command(flatten)]
    head: HeadArgs,
    #[command(flatten)]
    calibration: CalibrationArgs,
    #[command(flatten)]
    unknown: UnknownArgs,
    #[command(flatten)]
    tuning: TrainTuningArgs,
    #[command(flatten)]
    page: PageArgs,
}

/// How much work goes into a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum EffortArg {
    /// A head on the features of pictures as they are
    Fast,
    /// A head on features that are averaged with those of mirror images
    Good,
    /// The better of that and of a fine-tuned base
    Best,
}

impl From<EffortArg> for Effort {
    fn from(effort: EffortArg) -> Self {
        match effort {
            EffortArg::Fast => Self::Fast,
            EffortArg::Good => Self::Good,
            EffortArg::Best => Self::Best,
        }
    }
}

pub(crate) fn run(args: &TrainArgs, common: &Common, output: &Output) -> anyhow::Result<ExitCode> {
    if !args.features.is_empty() {
        return from_features::run(args, common, output);
    }
    let (mut job, option) = (args.job(common)?, args.split.option());
    let chooses = auto::is_asked_for(&job.base);
    if args.budget.is_some() && !chooses {
        return Err(usage("--budget requires --base auto"));
    }
    let pictures = open(&job.source, option)?;
    job.check_files(&pictures)?;
    args.page.check(job.run.model.as_deref())?;
    if chooses {
        let budget = Duration::from_secs(args.budget.unwrap_or(auto::BUDGET).into());
        let chosen = auto::choose(&job, &pictures, (budget, args.seed), common, output)?;
        job.base.config.architecture = Some(chosen);
    }
    let mut base = load(&job.base, output)?;
    if let Some(tuning) = &job.fine_tune {
        checked(job.check(&base))?;
        of_checkpoint(job.run.checkpoint.as_deref(), job.run.resume, output);
        base.apply(&tuning.at)?;
    }
    let compared = (!chooses && job.fine_tune.is_none()).then(|| base.clone());
    let trained =
        train(&job, base, Learned::Pictures(&pictures), args.page.file(), (common, output))?;
    if let (Some(file), Some(first)) = (&job.run.export_split, trained.not_exported.first()) {
        let (file, left_out) = (file.display(), trained.not_exported.len());
        let what = count(left_out, "picture");
        output.warning(&format!(
            "{file}: {what} left out, whose names are not UTF-8, such as {}",
            first.path.display()
        ));
    }
    if let (Some(file), true) = (&job.run.export_split, pictures.source().multi_label) {
        output.field("Split file", format!("{}, to be read with --multi-label", file.display()))?;
    }
    if let Some(own) = compared {
        let seconds = trained.fit.seconds.total;
        auto::recommend(&job, own, &pictures, (seconds, args.seed), common, output)?;
    }
    args.show_how_to_try(output)?;
    Ok(ExitCode::SUCCESS)
}

/// What the head learns from.
#[derive(Clone, Copy)]
pub(super) enum Learned<'a> {
    Pictures(&'a Pictures),
    Features(&'a FeatureFiles),
}

impl TrainArgs {
    fn dir(&self) -> &Path {
        self.dir.as_deref().unwrap_or(Path::new(""))
    }

    fn show_how_to_try(&self, output: &Output) -> std::io::Result<()> {
        let model = quoted(&self.model().display().to_string());
        output.text("")?;
        output.text(format!("Try it with:  headstart predict {model} PICTURE..."))
    }

    fn model(&self) -> PathBuf {
        self.output.clone().unwrap_or_else(|| default_model(self.dir()))
    }

    /// The job that these options describe.
    ///
    /// # Errors
    /// If the options make no sense.
    fn job(&self, common: &Common) -> anyhow::Result<TrainJob> {
        let tuning = self.tuning.phase(&self.head, self.seed)?;
        let options = &self.tuning.options;
        let head = self.head.config(self.seed, tuning.is_some(), options.label_smoothing())?;
        let folds = self.split.folds();
        if folds.is_some() && tuning.is_some() {
            return Err(usage("--folds cannot be combined with --fine-tune-at; use --val-split"));
        }
        let inputs = options.inputs(self.seed, &common.extract()?);
        let fit = FitConfig::default().with_head(head.clone()).with_inputs(inputs.clone());
        fit.with_folds(folds).check().map_err(|error| usage(hints::error(&error)))?;
        let model = self.model();
        let run = RunConfig::default()
            .with_inputs(inputs)
            .with_folds(folds)
            .with_calibration(self.calibration.get())
            .with_unknown_rate(self.unknown.rate())
            .with_checkpoint(tuning.is_some().then(|| checkpoint_of(&model)))
            .with_resume(options.resume)
            .with_model(model)
            .with_export_split(self.split.export_split.clone());
        let source = self.split.source(self.source.source(self.dir()), self.seed);
        Ok(TrainJob::new(source.with_duplicates(self.duplicates.get()))
            .with_base(self.base.source())
            .with_head(head)
            .with_fine_tune(tuning)
            .with_effort(self.effort.into())
            .with_run(run))
    }
}

/// Runs a job that saves a model, and prints a report. If `page` is given, writes an HTML report to it.
pub(super) fn train(
    job: &TrainJob,
    base: Base,
    learned: Learned<'_>,
    page: Option<&Path>,
    (common, output): (&Common, &Output),
) -> anyhow::Result<Trained> {
    match learned {
        Learned::Pictures(pictures) => describe(&base, pictures, output)?,
        Learned::Features(files) => from_features::describe(&base, files, output)?,
    }
    let (mut broken, mut fine_tunes, mut done) = (None, false, None);
    let mut events = show::Events::new(job);
    let mut on_event = |event: &Event| {
        fine_tunes |= matches!(event, Event::Fitted(_) | Event::Resumed { .. });
        if let Event::Done(summary) = event {
            done = Some(summary.clone());
        }
        keep(&mut broken, events.show(event, output));
    };
    let mut context = common.context(Progress::new("Features").on_event(&mut on_event))?;
    let trained = match learned {
        Learned::Pictures(pictures) => job.run_on(base, pictures, &mut context),
        Learned::Features(files) => job.run_on_features(base, files, &mut context),
    };
    drop(context);
    let cached = job.run.inputs.extract.cache.is_some() && matches!(learned, Learned::Pictures(_));
    let trained = trained.map_err(|error| match (&job.fine_tune, fine_tunes) {
        (None, true) if matches!(error, Error::Interrupted) => {
            anyhow::Error::new(error).context("interrupted; the model on the frozen base is saved")
        }
        (Some(_), true) => interrupted(error, job.run.checkpoint.as_deref(), job.run.resume),
        (None, _) if cached && matches!(error, Error::Interrupted) => {
            anyhow::Error::new(error).context(FEATURES_ARE_KEPT)
        }
        _ => error.into(),
    })?;
    broken.map_or(Ok(()), Err)?;
    let Trained { fit, fine_tune, .. } = &trained;
    let record = trained.classifier.training().and_then(|record| record.fine_tune.as_ref());
    if let Some(tuned) = fine_tune {
        // If fine-tuning did not improve the model, there is no record of it.
        let planned = job.fine_tune.as_ref().map(|phase| &phase.training);
        let options = planned.or(record.map(|record| &record.options));
        let rate = options.map_or(0.0, |options| options.learning_rate);
        super::tuning::report(tuned, rate, output)?;
    }
    show::rough_figure(&trained, job, output)?;
    let model = job.run.model.as_ref().context("a model that was trained is saved")?;
    let skipped = fine_tune.as_ref().map_or(&fit.skipped, |tuned| &tuned.skipped);
    show::end(skipped, &fit.warnings, model, output)?;
    let page = page.map_or(Ok(()), |file| {
        let classifier = &trained.classifier;
        let made = match fine_tune {
            Some(tuned) => Report::of_fine_tune(classifier, tuned),
            None => Report::of_fit(classifier, fit),
        };
        let seconds = fit.seconds.total + fine_tune.as_ref().map_or(0.0, |t| t.seconds.total);
        let made = made
            .with_title(title(model))
            .with_fact("Time", duration(seconds))
            .with_fact("Model", model.display().to_string())
            .with_warnings(hints::warnings(&fit.warnings))
            .with_skipped(skipped.iter().map(hints::skipped));
        super::page::write(file, made, (common, output))
    });
    let mut summary = done.context("a job that is done says so")?;
    if let Learned::Pictures(pictures) = learned {
        summary.notes = pictures.notes().iter().map(hints::note).collect();
    }
    summary.warnings = hints::warnings(&fit.warnings);
    summary.skipped = report::skipped_events(&fit.skipped);
    output.event(&Event::Done(summary))?;
    // A page that could not be written is an error only now: the model exists, and has been reported.
    page?;
    Ok(trained)
}

pub(super) fn describe(base: &Base, pictures: &Pictures, output: &Output) -> std::io::Result<()> {
    describe_base(base, output)?;
    output.field(
        "Pictures",
        format!(
            "{} in {} ({}){}",
            thousands(pictures.len()),
            count(pictures.classes().len(), "class"),
            pictures.root().display(),
            match pictures.tests() {
                0 => String::new(),
                n => format!(", {} more kept for testing", thousands(n)),
            },
        ),
    )?;
    let groups = pictures.named_groups();
    if groups > 0 && !pictures.is_split() {
        output.field("Groups", format!("{}, none of them divided", thousands(groups)))?;
    }
    report::notes(output, pictures)?;
    report::several_labels(output, pictures)
}

fn describe_base(base: &Base, output: &Output) -> std::io::Result<()> {
    for part in base.parts() {
        let network = part.network();
        let size = network.preprocessing();
        output.field(
            "Base",
            format!(
                "{} at {} x {}{}, {} parameters, {}",
                network.architecture(),
                size.height,
                size.width,
                resizing(network),
                thousands(network.total_params()),
                match network.trainable_params() {
                    0 => "all frozen".to_owned(),
                    n => format!("{} trainable", thousands(n)),
                },
            ),
        )?;
        if let Some(record) = part.weights_record() {
            let file = record.file.as_ref().map_or_else(String::new, |file| format!(": {file}"));
            output.field("Weights", format!("{}{file}", record.origin))?;
        }
    }
    Ok(())
}

/// The default path of the model: `.safetensors` with the name of the folder, or of the file without its
/// extension, in the current folder.
fn default_model(dir: &Path) -> PathBuf {
    let full = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
    let name = if full.is_file() { full.file_stem() } else { full.file_name() };
    let name = name.map_or("model".into(), |name| name.to_string_lossy().into_owned());
    PathBuf::from(format!("{name}.safetensors"))
}
