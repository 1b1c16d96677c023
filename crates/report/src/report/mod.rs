//! A page about a classifier and its performance.

mod appearance;
mod cards;
mod cells;
mod classes;
mod confusion;
mod curves;
mod facts;
mod judged;
mod tiles;
mod trust;

use std::path::{Path, PathBuf};

use askama::Template;
use headstart::data::Location;
use headstart::{
    Answers, Classifier, Context, Error, Evaluated, Evaluation, ExtractConfig, FineTuneReport,
    FitReport,
};

use crate::page::{Page, STYLE, below, count};
use crate::plot::{DRAWING, Plot};
use appearance::{Appearances, appearances};
use cards::{Explain, List, lists};
use cells::Cells;
use classes::ClassRow;
use confusion::Confusion;
use facts::{Fact, fact, facts};
use judged::Judged;
use tiles::{Tile, tiles};

/// A page about a classifier: what it was trained on and how, how training went, and its predictions for pictures that
/// it was not trained on, with those worth looking at.
///
/// A page has at most 96 pictures with heatmaps and 600 thumbnails: 4 to 5 MB of photographs.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    classifier: &'a Classifier,
    measured: Option<(&'a Evaluation, &'a Answers)>,
    of_unknown: Option<&'a Answers>,
    /// The path from which the pictures were opened.
    source: PathBuf,
    /// A description of the pictures that the metrics are computed on.
    subject: String,
    title: Option<String>,
    command: Option<String>,
    facts: Vec<(String, String)>,
    warnings: Vec<String>,
    skipped: Vec<String>,
    config: ExtractConfig,
    pictures: bool,
}

impl<'a> Report<'a> {
    /// A report about a classifier whose head was trained.
    pub fn of_fit(classifier: &'a Classifier, fit: &'a FitReport) -> Self {
        let unseen = "each by a head that had not seen it";
        let answers = fit.answers.as_deref();
        let (measured, subject) = match (&fit.folds, &fit.out_of_fold) {
            (Some(folds), _) => {
                let subject = format!("in {} folds, {unseen}", folds.folds.len());
                (Some(&folds.held_out).zip(answers), subject)
            }
            (None, Some(figures)) => {
                (Some((&figures.evaluation, &*figures.answers)), format!("learned from, {unseen}"))
            }
            (None, None) => (fit.validation.as_ref().zip(answers), "held out".to_owned()),
        };
        Self::of(classifier, measured, subject)
            .with_warnings(fit.warnings.iter().map(ToString::to_string))
            .with_skipped(fit.skipped.iter().map(ToString::to_string))
    }

    /// A report about a classifier that was fine-tuned.
    pub fn of_fine_tune(classifier: &'a Classifier, tuned: &'a FineTuneReport) -> Self {
        let measured = tuned.validation.as_ref().zip(tuned.answers.as_deref());
        let subject = learned_from("held out", tuned.learned_from);
        Self::of(classifier, measured, subject)
            .with_warnings(tuned.warnings.iter().map(ToString::to_string))
            .with_skipped(tuned.skipped.iter().map(ToString::to_string))
    }

    /// A report about a classifier that was evaluated.
    pub fn of_evaluation(classifier: &'a Classifier, evaluated: &'a Evaluated) -> Self {
        let Evaluated {
            evaluation,
            answers,
            of_unknown,
            skipped,
            learned_from: learned,
            source,
            ..
        } = evaluated;
        let subject = learned_from("", *learned);
        let report = Self::of(classifier, Some((evaluation, answers)), subject);
        let of_unknown = (!of_unknown.pictures.is_empty()).then_some(of_unknown);
        let skipped = skipped.iter().map(ToString::to_string);
        Self { of_unknown, source: source.path.clone(), ..report }.with_skipped(skipped)
    }

    fn of(
        classifier: &'a Classifier,
        measured: Option<(&'a Evaluation, &'a Answers)>,
        subject: String,
    ) -> Self {
        Self {
            classifier,
            measured,
            of_unknown: None,
            source: classifier
                .training()
                .map_or(PathBuf::new(), |record| (&record.origin.pictures).into()),
            subject,
            title: None,
            command: None,
            facts: Vec::new(),
            warnings: Vec::new(),
            skipped: Vec::new(),
            config: ExtractConfig::default(),
            pictures: true,
        }
    }

    /// Sets the page's title.
    #[must_use]
    pub fn with_title(mut self, title: impl Into<String>) -> Self {
        self.title = Some(title.into());
        self
    }

    /// Sets the command that repeats the run.
    #[must_use]
    pub fn with_command(mut self, command: impl Into<String>) -> Self {
        self.command = Some(command.into());
        self
    }

    /// Adds a row to the table of facts.
    #[must_use]
    pub fn with_fact(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.facts.push((name.into(), value.into()));
        self
    }

    /// Sets the warnings for the owner of the pictures, instead of those in the training report.
    #[must_use]
    pub fn with_warnings(mut self, warnings: impl IntoIterator<Item = String>) -> Self {
        self.warnings = warnings.into_iter().collect();
        self
    }

    /// Sets the list of what was skipped, instead of the one in the training report.
    #[must_use]
    pub fn with_skipped(mut self, skipped: impl IntoIterator<Item = String>) -> Self {
        self.skipped = skipped.into_iter().collect();
        self
    }

    /// Sets how pictures are read.
    #[must_use]
    pub fn with_extract(mut self, config: ExtractConfig) -> Self {
        self.config = config;
        self
    }

    /// Restricts the page to metrics and plots: no picture is read.
    #[must_use]
    pub fn without_pictures(mut self) -> Self {
        self.pictures = false;
        self
    }

    /// Makes the page. Pictures shown on it are read again; one that can no longer be read is shown by name only.
    ///
    /// # Errors
    /// [`Error::Interrupted`] if the context is cancelled.
    pub fn page(&self, context: &mut Context<'_>) -> Result<Page, Error> {
        let judged = self.measured.map(|(_, answers)| Judged::new(self.classifier, answers));
        let others = self.of_unknown.map(|answers| Judged::new(self.classifier, answers));
        let record = self.classifier.training();
        // Pictures outside the root are named by their whole paths.
        let root = self.root();
        let name = |at: &Location| below(&root, at);
        let mut plots = Plots::default();
        if let Some(record) = record {
            plots.training = curves::learning(record).iter().map(Chart::new).collect();
            let search = curves::strengths(&record.trials, record.strength);
            plots.training.extend(search.iter().map(Chart::new));
        }
        let (mut confusion, mut cells, mut rows, mut pictures) =
            (None, None, Vec::new(), Vec::new());
        let mut looks = None;
        if let (Some(judged), Some((evaluation, _))) = (&judged, self.measured) {
            plots.trust = [
                Some(trust::reliability_diagram(judged)),
                trust::confidences(judged),
                trust::risk_by_coverage(judged),
            ]
            .iter()
            .flatten()
            .map(Chart::new)
            .collect();
            looks = appearances(judged).map(|Appearances { plots, without }| Looks {
                charts: plots.iter().map(Chart::new).collect(),
                without: without.join(", "),
            });
            rows = classes::rows(self.classifier, evaluation, judged);
            if !evaluation.confusion.is_empty() {
                confusion = Some(Confusion::new(&evaluation.confusion));
            }
            if self.pictures {
                if confusion.is_some() {
                    let memory = self.config.memory;
                    let pool = context.pool()?;
                    cells = Some(pool.install(|| Cells::new(judged, &name, memory)));
                }
                let mut explain =
                    Explain { classifier: self.classifier, config: &self.config, context };
                pictures = lists(judged, others.as_ref(), &name, &mut explain)?;
            }
        }
        let title = self.title.clone().unwrap_or_else(|| "Report".to_owned());
        let mut table = facts(self.classifier);
        table.extend(self.facts.iter().map(|(name, value)| fact(name, value)));
        Ok(Page::of(&ReportTemplate {
            style: STYLE,
            drawing: DRAWING,
            script: include_str!("../../templates/report.js"),
            summary: self.summary(),
            tiles: self.measured.map_or(Vec::new(), |(evaluation, _)| tiles(evaluation)),
            command: self.command.clone().unwrap_or_default(),
            facts: table,
            warnings: &self.warnings,
            skipped: &self.skipped,
            data: cells.map_or(String::new(), |cells| cells.json()),
            calibrated: !plots.trust.is_empty() && !self.classifier.trust().is_none(),
            has_train: rows.iter().any(|row| row.train.is_some()),
            title,
            plots,
            confusion,
            rows,
            pictures,
            looks,
            names: self.classifier.classes(),
        }))
    }

    /// The folder that the names of pictures are relative to: the one they were opened from, or the common part of
    /// their paths.
    fn root(&self) -> PathBuf {
        let answers = self.measured.iter().map(|(_, answers)| *answers);
        let mut paths =
            answers.flat_map(|answers| &answers.pictures).map(|picture| picture.at.path());
        let Some(first) = paths.next() else { return PathBuf::new() };
        if first.starts_with(&self.source) {
            return self.source.clone();
        }
        let mut root = first.parent().unwrap_or(Path::new("")).to_owned();
        for path in paths {
            while !path.starts_with(&root) && root.pop() {}
        }
        root
    }

    /// A sentence about the evaluated pictures.
    fn summary(&self) -> String {
        let classes = count(self.classifier.classes().len(), "class", "classes");
        match self.measured {
            Some((evaluation, _)) => {
                let subject = &self.subject;
                let space = match subject.is_empty() || subject.starts_with(',') {
                    true => "",
                    false => " ",
                };
                format!(
                    "{classes}, measured on {}{space}{subject}",
                    count(evaluation.pictures, "picture", "pictures")
                )
            }
            None => format!("{classes}; no pictures were held out to measure on"),
        }
    }
}

/// Adds how many of the pictures were also trained on: `held out, 3 of which were learned from`.
fn learned_from(what: &str, learned_from: Option<usize>) -> String {
    match learned_from {
        Some(0) | None => what.to_owned(),
        Some(n) => format!("{what}, {n} of which were learned from"),
    }
}

/// Formats a percentage: `93.4 %`.
fn percent(share: f64) -> String {
    format!("{:.1} %", 100.0 * share)
}

/// A plot on the page.
struct Chart {
    title: String,
    svg: String,
    /// The tooltips as text, for readers who cannot see the drawing.
    values: Vec<String>,
}

impl Chart {
    fn new(plot: &Plot) -> Self {
        let bars = plot.bars.iter().map(|bar| bar.label.clone());
        let points = plot.curves.iter().flat_map(|curve| curve.labels.clone());
        Self {
            title: plot.title.clone(),
            svg: plot.inline_svg(),
            values: bars.chain(points).collect(),
        }
    }
}

#[derive(Default)]
struct Plots {
    training: Vec<Chart>,
    trust: Vec<Chart>,
}

/// Properties of appearance and their relation to mistakes.
struct Looks {
    charts: Vec<Chart>,
    /// The properties that are unrelated to mistakes.
    without: String,
}

#[derive(Template)]
#[template(path = "report.html")]
struct ReportTemplate<'a> {
    style: &'static str,
    drawing: &'static str,
    script: &'static str,
    title: String,
    summary: String,
    tiles: Vec<Tile>,
    command: String,
    facts: Vec<Fact>,
    warnings: &'a [String],
    skipped: &'a [String],
    plots: Plots,
    confusion: Option<Confusion>,
    rows: Vec<ClassRow>,
    has_train: bool,
    /// Whether metrics include pictures on which calibration or thresholds were learned.
    calibrated: bool,
    pictures: Vec<List>,
    looks: Option<Looks>,
    names: &'a [String],
    /// The script's data as JSON.
    data: String,
}
