//! Output of `lr-find`.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use headstart::Warning;
use headstart::data::Skipped;
use headstart::train::{RangeTest, RangeTestConfig};
use serde_json::json;

use crate::FAILURE;
use crate::commands::report;
use crate::hints;
use crate::output::{Output, count, duration};
use headstart_report::plot::{Axis, Curve, Mark, Plot, Role, Scale};

/// A completed range test, and what it was run on.
pub(super) struct Found {
    /// `head` or `fine-tune`.
    pub(super) of: &'static str,
    pub(super) test: RangeTest,
    pub(super) range: RangeTestConfig,
    /// The folder of pictures, if it has not been printed yet.
    pub(super) dir: Option<PathBuf>,
    pub(super) train: usize,
    pub(super) validation: usize,
    pub(super) batch_size: usize,
    /// The command to train with, without the learning rate.
    pub(super) command: String,
    pub(super) skipped: Vec<Skipped>,
    pub(super) warnings: Vec<Warning>,
    pub(super) seconds: f64,
}

impl Found {
    /// Prints the result, and writes the plot to `plot`, if given.
    pub(super) fn report(&self, plot: Option<&Path>, output: &Output) -> anyhow::Result<ExitCode> {
        let Self { test, range, .. } = self;
        let split = format!("{} to learn from, {} held back", self.train, self.validation);
        match self.dir.as_ref() {
            Some(dir) => output.field("Pictures", format!("{split} ({})", dir.display()))?,
            None => output.field("Split", split)?,
        }
        let (from, to) = (rate(range.first), rate(*test.rates.last().unwrap_or(&range.first)));
        let steps = match test.rates.len() {
            n if n < range.steps => format!("{n} of {} steps, then the loss grew", range.steps),
            n => count(n, "step"),
        };
        let each = count(self.batch_size, "picture");
        output.field(
            "Tested",
            format!("{from} to {to}: {steps}; {each} each, {}", duration(self.seconds)),
        )?;
        report::skipped(output, &self.skipped)?;
        for warning in &self.warnings {
            output.warning(&hints::warning(warning));
        }
        let drawn = self.plot();
        if let Some(drawn) = &drawn {
            output.text("")?;
            output.text(drawn.text())?;
            output.text("")?;
        }
        if let (Some(file), Some(drawn)) = (plot, &drawn) {
            std::fs::write(file, drawn.svg())
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        let command =
            test.suggestion.map(|x| format!("{} --learning-rate {}", self.command, rate(x)));
        match (test.suggestion, test.most) {
            (Some(suggestion), Some(most)) if suggestion < most => output.field(
                "Suggestion",
                format!(
                    "{}, where the loss falls fastest; {} is the most that is likely to work",
                    rate(suggestion),
                    rate(most)
                ),
            )?,
            (Some(suggestion), _) => output.field(
                "Suggestion",
                format!(
                    "{}, a tenth of where the loss is lowest; more is not likely to work",
                    rate(suggestion)
                ),
            )?,
            _ => {
                output.field("Suggestion", "none: the loss does not fall at any of these rates")?;
                output.field("", self.way_out())?;
            }
        }
        if test.suggestion.is_some() && self.still_falls() {
            output.field("", "it still falls at the last rate: try a higher --last")?;
        }
        if let Some(file) = plot.filter(|_| drawn.is_some()) {
            output.field("Plot", file.display().to_string())?;
        }
        if let Some(command) = &command {
            output.text(format!("\nGo on with:  {command}"))?;
        }
        output.event(&json!({
            "event": "lr-find",
            "of": self.of,
            "suggestion": test.suggestion,
            "most": test.most,
            "command": command,
            "rates": test.rates,
            "losses": test.losses,
            "smoothed": test.smoothed,
            "steps": range.steps,
            "batch_size": self.batch_size,
            "train": self.train,
            "validation": self.validation,
            "plot": plot.filter(|_| drawn.is_some()).map(|file| file.display().to_string()),
            "warnings": hints::warnings(&self.warnings),
            "skipped": report::skipped_events(&self.skipped),
            "seconds": self.seconds,
        }))?;
        Ok(if command.is_some() { ExitCode::SUCCESS } else { ExitCode::from(FAILURE) })
    }

    /// Whether the test ended early because the loss grew.
    fn grew(&self) -> bool {
        self.test.rates.len() < self.range.steps
    }

    /// Whether the loss is lowest at the last step.
    fn still_falls(&self) -> bool {
        let smoothed = &self.test.smoothed;
        let last = smoothed.last().copied();
        !self.grew() && last.is_some_and(|last| smoothed.iter().all(|&loss| last <= loss))
    }

    /// Advice for when no learning rate is suggested.
    fn way_out(&self) -> String {
        const LEARNED: f64 = 0.1;
        let smoothed = &self.test.smoothed;
        let lowest = smoothed.iter().copied().fold(f64::INFINITY, f64::min);
        if self.of == "fine-tune" && lowest < LEARNED {
            return format!(
                "the model has learned these pictures already (loss {lowest:.3}): vary them with \
                 --augment standard, or give it more"
            );
        }
        let further = if self.grew() { "a lower --first" } else { "a higher --last" };
        format!("try {further}, more --steps or a larger --batch-size")
    }

    /// The plot of losses by learning rate; `None` if the test ended at once.
    fn plot(&self) -> Option<Plot> {
        let Self { test, range, .. } = self;
        let smoothed = &test.smoothed;
        let lowest = (0..smoothed.len()).min_by(|&a, &b| smoothed[a].total_cmp(&smoothed[b]))?;
        let (&first, &last) = (test.rates.first()?, test.rates.last()?);
        if first >= last {
            return None;
        }
        // The loss after the minimum may be arbitrarily large, but only the descent matters.
        let before = smoothed[..=lowest].iter().copied().fold(0.0, f64::max);
        let after = smoothed[lowest..].iter().copied().fold(0.0, f64::max);
        let low = smoothed[lowest];
        let fall = (before - low).max(0.05 * low.abs()).max(1e-6);
        // Show the rise after the minimum up to half the height of the descent, or half of the lowest
        // loss if that is more.
        let above = (0.5 * fall).max(0.5 * low.abs());
        let top = before.max(after.min(before + above)) + 0.1 * fall;
        let bottom = if low < fall { 0.0 } else { low - 0.15 * fall };
        let points = |values: &[f64]| test.rates.iter().copied().zip(values.to_vec()).collect();
        let curve = |name: &str, values, role| Curve {
            name: name.to_owned(),
            points: points(values),
            labels: Vec::new(),
            role,
        };
        let mark = |name: &str, x: Option<f64>, main| {
            x.map(|x| Mark { name: format!("{name} {}", rate(x)), x, main })
        };
        let most = test.most.filter(|&most| Some(most) != test.suggestion);
        let phase = if self.of == "head" { "head" } else { "fine-tuning" };
        Some(Plot {
            title: format!("Loss by learning rate: {phase}"),
            x: Axis {
                name: "learning rate".to_owned(),
                scale: Scale::Log,
                from: range.first,
                to: last,
            },
            y: Axis { name: "loss".to_owned(), scale: Scale::Linear, from: bottom, to: top },
            curves: vec![
                curve("each step", &test.losses, Role::Background),
                curve("smoothed", smoothed, Role::Main),
            ],
            marks: [mark("suggestion", test.suggestion, true), mark("at most", most, false)]
                .into_iter()
                .flatten()
                .collect(),
            bars: Vec::new(),
            bar_names: Vec::new(),
        })
    }
}

/// Formats a learning rate so that it can be read and pasted: `2.1e-4`, or `0.21` for large ones.
fn rate(x: f64) -> String {
    let text = format!("{x:.1e}");
    // Two digits of a large rate are easy to read without an exponent.
    let rounded: f64 = text.parse().unwrap_or(x);
    match text.split_once('e') {
        Some((digits, exponent)) if rounded < 0.1 => {
            format!("{}e{exponent}", digits.trim_end_matches(".0"))
        }
        _ => rounded.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn rates_have_two_digits() {
        let rates = [2.149e-4, 1e-5, 0.0999, 0.72, 1.0, 12.3];
        assert_eq!(rates.map(rate), ["2.1e-4", "1e-5", "0.1", "0.72", "1", "12"]);
    }
}
