//! `headstart predict`.

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::mpsc;

use clap::Args;
use headstart::data::sources::{ColumnNames, Labels, Listed, list_pictures_as};
use headstart::data::{DecodeError, Location, Skipped};
use headstart::train::Task;
use headstart::{Classifier, Context, ExtractConfig, Prediction};
use serde::{Serialize, Serializer};
use serde_json::json;

use crate::FAILURE;
use crate::hints;
use crate::options::Common;
use crate::output::{Output, one_line};
use crate::paths::PathArgs;
use crate::progress::{Progress, interrupt};
use crate::sources::PathColumnArgs;

#[derive(Debug, Args)]
pub(crate) struct PredictArgs {
    /// Model file, or the name of a bundled base with a classifier (efficientnet-lite0)
    model: String,
    #[command(flatten)]
    paths: PathArgs,
    #[command(flatten)]
    column: PathColumnArgs,
    /// How many classes to show [default: 3, or all labels of a model that gives several; all classes with
    /// --json]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    top_k: Option<u32>,
    /// Also answer with the smallest set of labels that contains the right one in this share of cases
    #[arg(long, value_name = "SHARE", value_parser = parse_coverage)]
    coverage: Option<f64>,
    /// Never answer that a picture is unknown, of none of the classes
    #[arg(long)]
    no_unknown: bool,
}

fn parse_coverage(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| *share > 0.0 && *share < 1.0);
    share.ok_or_else(|| "give a share between 0 and 1, such as 0.9".to_owned())
}

pub(crate) fn run(
    args: &PredictArgs,
    common: &Common,
    output: &Output,
) -> anyhow::Result<ExitCode> {
    let classifier = Classifier::open(&args.model)?;
    if let Some(coverage) = args.coverage {
        // What cannot be promised is better said once than for each picture.
        let even = vec![1.0 / classifier.classes().len() as f32; classifier.classes().len()];
        classifier.label_set(&even, coverage)?;
    }
    // A picture here and there is not worth a file in the cache.
    let extract = common.extract()?.with_cache_read_only(true);
    let columns = args.column.columns();
    let answers = Answers {
        output,
        common,
        classifier,
        extract,
        columns,
        top_k: args.top_k,
        coverage: args.coverage,
        no_unknown: args.no_unknown,
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
    no_unknown: bool,
}

impl Answers<'_> {
    /// Answers for pictures that are known beforehand; returns how many there could be none for.
    fn all(&self, paths: &PathArgs) -> anyhow::Result<usize> {
        let paths_given = paths.stream()?.collect::<Result<Vec<_>, _>>()?;
        let listing = list_pictures_as(paths_given, &self.columns);
        let failed = show_left_out(self.output, &listing.skipped)?;
        if listing.pictures.is_empty() && failed == 0 {
            anyhow::bail!("{}: holds no pictures", paths.first());
        }
        // On a terminal the answers themselves show how it goes.
        let progress = match io::stdout().is_terminal() {
            true => Progress::hidden(),
            false => Progress::new("Pictures"),
        };
        let context = self.common.context(progress)?;
        Ok(failed + self.answer(listing.pictures.iter(), context, &mut || Ok(0))?)
    }

    /// Answers as soon as there is a path.
    fn as_they_come(&self, paths: &PathArgs) -> anyhow::Result<usize> {
        let (left_out, skipped) = mpsc::channel();
        let pictures = paths.stream()?.flat_map(|path| {
            let path = match path {
                Ok(path) => path,
                Err(error) => {
                    // The other end is there until all is answered.
                    let _ = left_out
                        .send(Skipped::new("standard input", DecodeError::unreadable(&error)));
                    return Vec::new();
                }
            };
            // What is wrong with a path that was given is its answer, in its turn.
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

    /// Answers for each picture; `tell` is called before each answer and after the last, and returns
    /// how many failures it has told of.
    fn answer(
        &self,
        pictures: impl Iterator<Item = impl AsRef<Location> + Send> + Send,
        mut context: Context<'_>,
        tell: &mut dyn FnMut() -> io::Result<usize>,
    ) -> Result<usize, headstart::Error> {
        let Self { output, classifier, extract, top_k, coverage, no_unknown, .. } = self;
        let mut failed = 0;
        let mut each = |path: &str, result: Result<Prediction, DecodeError>| {
            failed += tell()?;
            match result {
                Ok(mut prediction) => {
                    prediction.unknown.take_if(|_| *no_unknown);
                    show(output, classifier, path, &prediction, (*top_k, *coverage))
                }
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

/// Tells what was left out, and how much of it is a failure: what else lies beside pictures is
/// none, nor is a missing label.
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
    let ranked = prediction.ranked();
    let classes = classifier.classes();
    let names = |set: Vec<usize>| set.into_iter().map(|class| &*classes[class]).collect::<Vec<_>>();
    let set = coverage.and_then(|share| classifier.label_set(&prediction.scores, share).ok());
    let set = set.map(names);
    if output.is_json() {
        let shown = top_k.map_or(ranked.len(), |k| k as usize);
        let scores = Scores { ranked: &ranked[..shown.min(ranked.len())], classes };
        if classifier.task() == Task::MultiLabel {
            let labels = prediction.labels.iter().map(|&class| &classes[class]).collect();
            return output.event(&LabelsAnswer { path, labels, scores });
        }
        let (best, score) = ranked[0];
        let is_known = prediction.unknown.is_none_or(|unknown| !unknown.is_unknown);
        return output.event(&Answer {
            path,
            label: is_known.then_some(&classes[best]),
            score: is_known.then_some(score),
            unknown: prediction.unknown.map(|unknown| unknown.is_unknown),
            unknown_score: prediction.unknown.map(|unknown| unknown.score),
            scores,
            set,
        });
    }
    let ranked = match (classifier.task(), top_k) {
        // Every label above its threshold, and no other, unless so many are asked for.
        (Task::MultiLabel, None) if prediction.labels.is_empty() => {
            return output.text(one_line(&format!("{path}: no label")));
        }
        (Task::MultiLabel, None) => {
            prediction.labels.iter().map(|&class| (class, prediction.scores[class])).collect()
        }
        _ => ranked,
    };
    let shown = match classifier.task() {
        Task::MultiLabel => top_k.map_or(ranked.len(), |k| k as usize),
        Task::SingleLabel => top_k.unwrap_or(3) as usize,
    };
    let scores: Vec<String> =
        ranked.iter().take(shown).map(|&(c, p)| format!("{} {p:.3}", classes[c])).collect();
    let set = set.zip(coverage).map_or(String::new(), |(set, coverage)| {
        format!("; in {} of cases: {}", percent(coverage), set.join(" or "))
    });
    let answer = match prediction.unknown {
        Some(unknown) if unknown.is_unknown => format!("unknown (nearest: {})", scores.join(", ")),
        _ => scores.join(", "),
    };
    output.text(one_line(&format!("{path}: {answer}{set}")))
}

fn percent(share: f64) -> String {
    // Without what a share as 0.29 has too much in binary.
    format!("{} %", (share * 1e6).round() / 1e4)
}

/// The answer for a picture, as JSON.
#[derive(Serialize)]
struct Answer<'a> {
    path: &'a str,
    /// Nothing of an unknown picture.
    label: Option<&'a str>,
    score: Option<f32>,
    /// Whether the picture is of none of the classes, where the model can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unknown_score: Option<f32>,
    scores: Scores<'a>,
    /// Labels of which the right one is one, as often as was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<Vec<&'a str>>,
}

/// The answer for a picture that may have any number of labels, as JSON.
#[derive(Serialize)]
struct LabelsAnswer<'a> {
    path: &'a str,
    /// Those above their thresholds, the likeliest first.
    labels: Vec<&'a String>,
    scores: Scores<'a>,
}

/// An object from class to probability, the likeliest first.
struct Scores<'a> {
    ranked: &'a [(usize, f32)],
    classes: &'a [String],
}

impl Serialize for Scores<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.ranked.iter().map(|&(class, p)| (&self.classes[class], p)))
    }
}

pub(super) fn show_failure(output: &Output, path: &str, reason: &str) -> io::Result<()> {
    if output.is_json() {
        return output.event(&json!({"path": path, "error": reason}));
    }
    output.error(&format!("{path}: {reason}"));
    Ok(())
}
