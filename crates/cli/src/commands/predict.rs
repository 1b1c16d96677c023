//! `headstart predict`.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::mpsc;

use clap::Args;
use headstart::data::sources::{ColumnNames, Labels, Listed, list_pictures_as};
use headstart::data::{DecodeError, Location, Skipped};
use headstart::engine::prepare_heap;
use headstart::predict::Answer;
use headstart::train::Task;
use headstart::{AnswerConfig, Classifier, Context, ExtractConfig, Prediction};
use serde::Serialize;
use serde_json::json;

use crate::FAILURE;
use crate::hints;
use crate::options::Common;
use crate::output::{Output, one_line};
use crate::paths::{PathArgs, no_pictures};
use crate::progress::{Progress, interrupt};
use crate::sources::PathColumnArgs;

#[derive(Debug, Args)]
pub(crate) struct PredictArgs {
    /// Model file, or a bundled base with a classifier (efficientnet-lite0)
    model: String,
    #[command(flatten)]
    paths: PathArgs,
    #[command(flatten)]
    column: PathColumnArgs,
    /// Number of classes to show [default: 3; all labels of a model with several; all classes with --json]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    top_k: Option<u32>,
    /// Also print the smallest set of labels that contains the right one in this share of cases
    ///
    /// A model with several labels per picture prints every label that cannot be excluded: each label is in the
    /// set for this share of the pictures that have it.
    #[arg(long, value_name = "SHARE", value_parser = parse_coverage)]
    coverage: Option<f64>,
    /// Never answer `unknown`
    #[arg(long)]
    no_unknown: bool,
}

fn parse_coverage(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| *share > 0.0 && *share < 1.0);
    share.ok_or_else(|| "give a share between 0 and 1, such as 0.9".to_owned())
}

/// With fewer pictures, computing their features takes less time than hashing all weights to find cached ones.
const WORTH_THE_CACHE: usize = 8;

pub(crate) fn run(
    args: &PredictArgs,
    common: &Common,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    // For a single picture, most of the time is spent on filling memory with weights. Other commands take longer, and
    // return memory to the system in between.
    prepare_heap();
    let mut classifier = Classifier::open(&args.model)?;
    let answer = AnswerConfig::default();
    classifier.set_answer(answer.with_coverage(args.coverage).with_unknown(!args.no_unknown))?;
    // Occasional predictions are not worth a file in the cache.
    let extract = common.extract()?.with_cache_read_only(true);
    let columns = args.column.columns();
    let mut answers = Answers {
        output,
        common,
        classifier,
        extract,
        columns,
        top_k: args.top_k,
        coverage: args.coverage,
    };
    let failed = match args.paths.are_streamed() {
        true => answers.as_they_come(&args.paths)?,
        false => answers.all(&args.paths)?,
    };
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::from(FAILURE) })
}

struct Answers<'a> {
    output: &'a Output,
    common: &'a Common,
    classifier: Classifier,
    extract: ExtractConfig,
    columns: ColumnNames,
    top_k: Option<u32>,
    coverage: Option<f64>,
}

impl Answers<'_> {
    /// Predicts pictures that are all known beforehand, and returns the number of failures.
    fn all(&mut self, paths: &PathArgs) -> anyhow::Result<usize> {
        let paths_given = paths.stream()?.collect::<Result<Vec<_>, _>>()?;
        let listing = list_pictures_as(paths_given, &self.columns);
        let failed = show_left_out(self.output, &listing.skipped)?;
        if listing.pictures.is_empty() && failed == 0 {
            return Err(no_pictures(paths.first()).into());
        }
        if listing.pictures.len() < WORTH_THE_CACHE {
            self.extract.cache = None;
        }
        // On a terminal, the answers themselves show the progress.
        let progress = match io::stdout().is_terminal() {
            true => Progress::hidden(),
            false => Progress::new("Pictures"),
        };
        let context = self.common.context(progress)?;
        Ok(failed + self.answer(listing.pictures.iter(), context, &mut || Ok(0))?)
    }

    /// Predicts each picture as soon as its path arrives, and returns the number of failures.
    fn as_they_come(&self, paths: &PathArgs) -> anyhow::Result<usize> {
        let (left_out, skipped) = mpsc::channel();
        let pictures = paths.stream()?.flat_map(|path| {
            let path = match path {
                Ok(path) => path,
                Err(error) => {
                    // The receiver lives until all pictures are answered.
                    let _ = left_out
                        .send(Skipped::new("standard input", DecodeError::unreadable(&error)));
                    return Vec::new();
                }
            };
            // A path that does not exist is passed on, so that its error is reported in its turn.
            if !path.exists() {
                return vec![Listed::new(path, Labels::None, None)];
            }
            let listing = list_pictures_as([path], &self.columns);
            for skip in listing.skipped {
                let _ = left_out.send(skip);
            }
            listing.pictures
        });
        let mut tell = || show_left_out(self.output, &skipped.try_iter().collect::<Vec<_>>());
        let context = self.common.context(Progress::hidden())?;
        let failed = self.answer(pictures, context, &mut tell)?;
        if interrupt().is_cancelled() {
            return Err(headstart::Error::Interrupted.into());
        }
        Ok(failed)
    }

    /// Predicts each picture, and returns the number of failures.
    ///
    /// `tell` is called before each answer and after the last. It reports files that were skipped, and
    /// returns how many of these are failures.
    fn answer(
        &self,
        pictures: impl Iterator<Item = impl AsRef<Location> + Send> + Send,
        mut context: Context<'_>,
        tell: &mut dyn FnMut() -> io::Result<usize>,
    ) -> Result<usize, headstart::Error> {
        let Self { output, classifier, extract, top_k, coverage, .. } = self;
        let mut failed = 0;
        let mut each = |path: &str, result: Result<Prediction, DecodeError>| {
            failed += tell()?;
            match result {
                Ok(prediction) => show(output, classifier, path, &prediction, (*top_k, *coverage)),
                Err(error) => {
                    failed += 1;
                    show_failure(output, path, &hints::decode_error(&error))
                }
            }
        };
        classifier.predict_each(pictures, extract, &mut context, &mut |picture, result| {
            let path = picture.as_ref().to_string();
            each(&path, result).map_err(headstart::Error::Output)
        })?;
        Ok(failed + tell().map_err(headstart::Error::Output)?)
    }
}

/// Reports what was skipped, and returns how many of these are failures. Files that are not pictures and
/// missing labels do not count as failures.
pub(super) fn show_left_out(output: &Output, skipped: &[Skipped]) -> io::Result<usize> {
    let is_failure = |skipped: &&Skipped| !skipped.is_no_picture() && !skipped.is_of_a_label();
    let failures = || skipped.iter().filter(is_failure);
    for Skipped { path, reason } in failures() {
        show_failure(output, &path.display().to_string(), &hints::reason(reason))?;
    }
    Ok(failures().count())
}

fn show(
    output: &Output,
    classifier: &Classifier,
    path: &str,
    prediction: &Prediction,
    (top_k, coverage): (Option<u32>, Option<f64>),
) -> io::Result<()> {
    if output.is_json() {
        let answer = classifier.answer(prediction, top_k.map(|k| k as usize));
        return output.event(&Line { path, answer });
    }
    let ranked = prediction.ranked();
    let classes = classifier.classes();
    let names = |set: &Vec<usize>| set.iter().map(|&class| &*classes[class]).collect::<Vec<_>>();
    let set = prediction.set.as_ref().map(names);
    // By default, a multi-label model shows exactly the labels above their thresholds.
    let is_multi_label = classifier.task() == Task::MultiLabel;
    let shown: Vec<(usize, f32)> = match (is_multi_label, top_k) {
        (true, None) if !prediction.is_unknown() => {
            prediction.labels.iter().map(|&class| (class, prediction.scores[class])).collect()
        }
        (_, k) => ranked.into_iter().take(k.unwrap_or(3) as usize).collect(),
    };
    let scores: Vec<String> =
        shown.iter().map(|&(class, p)| format!("{} {p:.3}", classes[class])).collect();
    let answer = match scores.is_empty() {
        true => "no label".to_owned(),
        false => scores.join(", "),
    };
    let answer = match prediction.is_unknown() {
        true => format!("unknown (nearest: {answer})"),
        false => answer,
    };
    let set = set.zip(coverage).map_or(String::new(), |(set, coverage)| {
        let share = percent(coverage);
        match is_multi_label {
            false => format!("; in {share} of cases: {}", set.join(" or ")),
            true if set.is_empty() => format!("; not to be excluded at {share}: none"),
            true => format!("; not to be excluded at {share}: {}", set.join(", ")),
        }
    });
    output.text(one_line(&format!("{path}: {answer}{set}")))
}

fn percent(share: f64) -> String {
    // Rounded, so that a share such as 0.29 does not show the error of its binary representation.
    format!("{} %", (share * 1e6).round() / 1e4)
}

/// The answer for a picture, as JSON.
#[derive(Serialize)]
struct Line<'a> {
    path: &'a str,
    #[serde(flatten)]
    answer: Answer<'a>,
}

pub(super) fn show_failure(output: &Output, path: &str, reason: &str) -> io::Result<()> {
    if output.is_json() {
        return output.event(&json!({"path": path, "error": reason}));
    }
    output.error(&format!("{path}: {reason}"));
    Ok(())
}
