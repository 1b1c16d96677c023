//! Parts of a report that several commands print.

use std::io;

use headstart::data::sources::is_table;
use headstart::data::{Skipped, Source};
use headstart::train::Task;
use headstart::{
    DiskNeed, Evaluation, Event, MultiLabelFigures, Pictures, SkippedSummary, UnknownEvaluation,
};

use crate::hints;
use crate::output::{Output, bytes, count, one_line};

/// Maximum number of classes in a table. A table of a thousand classes would not be a report.
const SHOWN: usize = 40;

/// Keeps the first error of printing.
pub(super) fn keep(broken: &mut Option<io::Error>, result: io::Result<()>) {
    if let Err(error) = result {
        broken.get_or_insert(error);
    }
}

/// Skipped files, as JSON.
pub(super) fn skipped_events(skipped: &[Skipped]) -> Vec<SkippedSummary> {
    let reworded = |s: &Skipped| SkippedSummary { reason: hints::reason(&s.reason), ..s.into() };
    skipped.iter().map(reworded).collect()
}

/// Prints the skipped files.
pub(super) fn skipped(output: &Output, skipped: &[Skipped]) -> io::Result<()> {
    /// Maximum number of files listed. More would bury the rest of the report; `--json` has all.
    const SHOWN: usize = 20;
    if skipped.is_empty() {
        return Ok(());
    }
    output.field("Skipped", count(skipped.len(), "file"))?;
    for skipped in skipped.iter().take(SHOWN) {
        output.text(format!("  {}", one_line(&hints::skipped(skipped))))?;
    }
    if skipped.len() > SHOWN {
        output.text(format!("  and {} more (--json lists all)", skipped.len() - SHOWN))?;
    }
    Ok(())
}

/// Reports that labels were found in paths as for the model's training, if that was not asked for.
pub(super) fn labelled(output: &Output, asked: &Source, source: &Source) -> io::Result<()> {
    match &source.label_from {
        Some(pattern) if asked.label_from.is_none() => {
            output.field("Labels", format!("from paths by {pattern}, as the model's were"))
        }
        _ => Ok(()),
    }
}

/// Reports how much disk space training uses while it runs.
pub(super) fn disk(output: &Output, need: &DiskNeed) -> io::Result<()> {
    let folder = need.folder.display().to_string();
    output.event(&Event::Disk(need.clone()))?;
    let about = bytes(need.bytes);
    output.field("Disk", format!("about {about} in {folder} while it runs, beside the cache"))
}

/// Reports how a table, folders or an archive were interpreted, where that is not obvious.
pub(super) fn notes(output: &Output, pictures: &Pictures) -> io::Result<()> {
    let what = if is_table(pictures.root()) { "Table" } else { "Layout" };
    pictures.notes().iter().try_for_each(|note| output.field(what, one_line(&hints::note(note))))
}

/// Reports that pictures have several labels, and how many.
pub(super) fn several_labels(output: &Output, pictures: &Pictures) -> io::Result<()> {
    if pictures.task() == Task::SingleLabel {
        return Ok(());
    }
    let (mut all, mut several, mut none) = (0, 0, 0);
    for count in pictures.label_counts() {
        all += count;
        several += usize::from(count > 1);
        none += usize::from(count == 0);
    }
    let mean = all as f64 / pictures.len() as f64;
    let none = match none {
        0 => String::new(),
        n => format!(", {n} none"),
    };
    output.field(
        "Labels",
        format!("any number a picture, {mean:.2} on average: {several} have several{none}"),
    )
}

/// Which pictures were measured.
pub(super) enum Measured {
    /// Any pictures. The number is how many of them the model has learned from, if known.
    On(Option<usize>),
    /// Pictures that the model has not learned from.
    HeldOut,
    /// Pictures that the model has learned from, but not the heads that were measured.
    OutOfFold,
}

/// Where the thresholds of a multi-label model come from.
#[derive(Clone, Copy)]
pub(super) enum Thresholds {
    /// They were chosen on the pictures that are measured.
    ChosenHere,
    /// They are the model's own.
    Own,
}

impl Measured {
    /// Pictures that were held back. `learned_from` is how many of them earlier training has learned from.
    pub(super) fn held_back(learned_from: Option<usize>) -> Self {
        if learned_from == Some(0) { Self::HeldOut } else { Self::On(learned_from) }
    }
}

/// Prints the accuracy: `Accuracy    0.912 (93 of 102 held-out pictures)`.
pub(super) fn accuracy(
    output: &Output,
    evaluation: &Evaluation,
    measured: &Measured,
    thresholds: Thresholds,
    note: &str,
) -> io::Result<()> {
    let (right, all) = (evaluation.correct(), evaluation.pictures);
    let which = match *measured {
        Measured::HeldOut => "held-out pictures".to_owned(),
        Measured::OutOfFold => {
            "pictures learned from, each by a head that had not seen it".to_owned()
        }
        Measured::On(None | Some(0)) => "pictures".to_owned(),
        Measured::On(Some(n)) if n == all => "pictures, all of which were learned from".to_owned(),
        Measured::On(Some(n)) => format!("pictures, {n} of which were learned from"),
    };
    let accuracy = evaluation.accuracy;
    let Some(figures) = &evaluation.multi_label else {
        let line = format!("{accuracy:.3} ({right} of {all} {which}){note}");
        return output.field("Accuracy", line);
    };
    let mean = figures.mean_average_precision.map_or("-".to_owned(), |mean| format!("{mean:.3}"));
    output.field("mAP", format!("{mean} (mean average precision, {all} {which}){note}"))?;
    let (micro, macro_f1) = (figures.micro_f1, figures.macro_f1);
    let thresholds = match thresholds {
        Thresholds::ChosenHere => "at thresholds chosen on these pictures, so a little too high",
        Thresholds::Own => "at the model's thresholds",
    };
    output.field("F1", format!("{micro:.3} micro, {macro_f1:.3} macro, {thresholds}"))?;
    output.field("Accuracy", format!("{accuracy:.3} ({right} of {all} with exactly their labels)"))
}

/// Prints how well the scores are calibrated.
pub(super) fn calibration(output: &Output, evaluation: &Evaluation) -> io::Result<()> {
    let Some(figures) = &evaluation.calibration else { return Ok(()) };
    let before = evaluation.ece_uncalibrated;
    let before = before.map_or(String::new(), |ece| format!(" ({ece:.3} before calibration)"));
    let (ece, brier) = (figures.ece, figures.brier);
    output.field("Calibration", format!("expected error {ece:.3}{before}, Brier score {brier:.3}"))
}

/// Prints how many pictures are rejected as unknown.
pub(super) fn unknown(output: &Output, evaluation: &Evaluation) -> io::Result<()> {
    let Some(away) = evaluation.turned_away else { return Ok(()) };
    let all = evaluation.pictures;
    let of_unknown = evaluation.unknown.as_ref().map_or(String::new(), |unknown| {
        let UnknownEvaluation { pictures, turned_away, figures } = unknown;
        format!(
            ", and {turned_away} of {pictures} unknown ones; AUROC {:.3}, {:.3} of known ones turned away where 95 % of unknown ones are",
            figures.auroc, figures.fpr95
        )
    });
    output.field("Turned away", format!("{away} of {all} known pictures{of_unknown}"))
}

/// Adds the figures of [`calibration`] and [`unknown`] to a JSON event.
pub(super) fn calibration_event(evaluation: &Evaluation, event: &mut serde_json::Value) {
    if let Some(figures) = &evaluation.calibration {
        event["ece"] = figures.ece.into();
        event["ece_uncalibrated"] = evaluation.ece_uncalibrated.into();
        event["adaptive_ece"] = figures.adaptive_ece.into();
        event["brier"] = figures.brier.into();
    }
    if let Some(away) = evaluation.turned_away {
        event["turned_away"] = away.into();
    }
    if let Some(unknown) = &evaluation.unknown {
        event["unknown_pictures"] = unknown.pictures.into();
        event["unknown_turned_away"] = unknown.turned_away.into();
        event["unknown_auroc"] = unknown.figures.auroc.into();
        event["unknown_fpr95"] = unknown.figures.fpr95.into();
    }
}

/// Prints precision and recall of each class, and the class that it is most often mistaken for.
pub(super) fn per_class(output: &Output, evaluation: &Evaluation) -> io::Result<()> {
    if let Some(figures) = &evaluation.multi_label {
        return per_label(output, evaluation, figures);
    }
    let name_width =
        evaluation.classes.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(5);
    output.text("")?;
    output.text(format!(
        "  {:<name_width$}  pictures  precision  recall  most often taken for",
        "class"
    ))?;
    let rows = evaluation.classes.iter().zip(&evaluation.per_class).enumerate();
    let mut rows: Vec<_> = rows.filter(|(_, (_, figures))| figures.support > 0).collect();
    let hidden = rows.len().saturating_sub(SHOWN);
    if hidden > 0 {
        rows.sort_by(|a, b| a.1.1.recall.total_cmp(&b.1.1.recall));
        rows.truncate(SHOWN);
    }
    for (class, (name, figures)) in rows {
        let confused = evaluation.confusion[class]
            .iter()
            .enumerate()
            .filter(|&(other, &n)| other != class && n > 0)
            .max_by_key(|&(other, &n)| (n, std::cmp::Reverse(other)));
        let confused = confused
            .map_or(String::new(), |(other, n)| format!("{} ({n})", evaluation.classes[other]));
        let line = format!(
            "  {name:<name_width$}  {:>8}  {:>9.2}  {:>6.2}  {confused}",
            figures.support, figures.precision, figures.recall
        );
        output.text(line.trim_end())?;
    }
    if hidden > 0 {
        output.text(format!("  and {hidden} classes with a higher recall (--json has all)"))?;
    }
    output.text("")
}

/// Prints the average precision of each label, and precision and recall at its threshold.
fn per_label(
    output: &Output,
    evaluation: &Evaluation,
    figures: &MultiLabelFigures,
) -> io::Result<()> {
    let name_width =
        evaluation.classes.iter().map(|name| name.chars().count()).max().unwrap_or(0).max(5);
    output.text("")?;
    output.text(format!(
        "  {:<name_width$}  pictures     AP  threshold  precision  recall",
        "label"
    ))?;
    let average = |class: usize| figures.average_precision[class];
    let mut rows: Vec<usize> =
        (0..evaluation.classes.len()).filter(|&class| average(class).is_some()).collect();
    let hidden = rows.len().saturating_sub(SHOWN);
    if hidden > 0 {
        let ap = |class: &usize| average(*class).unwrap_or(0.0);
        rows.sort_by(|a, b| ap(a).total_cmp(&ap(b)));
        rows.truncate(SHOWN);
    }
    for class in rows {
        let (own, ap) = (&evaluation.per_class[class], average(class).unwrap_or(0.0));
        output.text(format!(
            "  {:<name_width$}  {:>8}  {ap:.3}  {:>9.3}  {:>9.2}  {:>6.2}",
            evaluation.classes[class],
            own.support,
            figures.thresholds[class],
            own.precision,
            own.recall
        ))?;
    }
    if hidden > 0 {
        output.text(format!("  and {hidden} labels with a higher AP (--json has all)"))?;
    }
    output.text("")
}
