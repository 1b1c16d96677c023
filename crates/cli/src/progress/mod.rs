//! Progress on the terminal, and Ctrl-C.

mod pace;

use std::sync::OnceLock;
use std::time::Duration;

use headstart::model::thousands;
use headstart::{CancelToken, Event, Phase, Stage, Step};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pace::Pace;

/// The token that Ctrl-C cancels.
///
/// After the first call of this function, Ctrl-C asks for an orderly end, and a second Ctrl-C ends the
/// process at once.
pub(crate) fn interrupt() -> &'static CancelToken {
    static INTERRUPT: OnceLock<CancelToken> = OnceLock::new();
    INTERRUPT.get_or_init(|| {
        let token = CancelToken::new();
        let cancel = token.clone();
        // If the handler cannot be set, Ctrl-C ends the process at once. Nothing that is saved is lost.
        let _ = ctrlc::set_handler(move || {
            if cancel.is_cancelled() {
                std::process::exit(130);
            }
            cancel.cancel();
        });
        token
    })
}

/// A progress bar for pictures, and a handler for other events.
pub(crate) struct Progress<'a> {
    bar: ProgressBar,
    spinner: ProgressBar,
    stage: Option<Stage>,
    on_event: Option<&'a mut (dyn FnMut(&Event) + Send)>,
}

impl<'a> Progress<'a> {
    /// Creates a bar on standard error. It is drawn only if standard error is a terminal.
    pub(crate) fn new(what: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
        let style =
            ProgressStyle::with_template("{msg:<12}[{bar:24}] {human_pos}/{human_len}  {pace}");
        let style = style.expect("the template is right").progress_chars("=> ");
        let style = style.with_key("pace", Pace::default());
        // Setting them on a drawn bar would draw it, perhaps before there is any progress to show.
        Self::with_bar(bar.with_style(style).with_message(what))
    }

    /// Creates a bar that is never drawn.
    pub(crate) fn hidden() -> Self {
        Self::with_bar(ProgressBar::hidden())
    }

    /// Sets a handler for events that are not progress. The spinner is cleared before each call.
    pub(crate) fn on_event(mut self, on_event: &'a mut (dyn FnMut(&Event) + Send)) -> Self {
        self.on_event = Some(on_event);
        self
    }

    fn with_bar(bar: ProgressBar) -> Self {
        let spinner = if bar.is_hidden() {
            ProgressBar::hidden()
        } else {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10))
        };
        let style = ProgressStyle::with_template("{prefix:<12}{spinner} {msg}");
        spinner.set_style(style.expect("the template is right"));
        Self { bar, spinner, stage: None, on_event: None }
    }
}

impl Progress<'_> {
    /// Draws a progress event, or passes any other event to the handler.
    pub(crate) fn tell(&mut self, event: &Event) {
        match event {
            Event::Pictures { stage, done, total } => {
                if self.stage.is_some_and(|before| before != *stage) {
                    self.next_stage(*stage);
                }
                self.stage = Some(*stage);
                self.pictures(*done, *total);
            }
            Event::Comparing { done, total } => {
                let (done, total) = (thousands(*done), thousands(*total));
                self.spin("Copies", format!("{done} of {total} pictures compared"));
            }
            Event::Choosing { trial, .. } => {
                self.spin("Head", format!("choosing the strength, trial {trial}"));
            }
            Event::Fitting { step } => self.spin("Head", format!("step {step}")),
            Event::LeavingOut { done, total } => {
                self.spin("Unknown", format!("class {} of {total} left out", done + 1));
            }
            Event::Batch { phase, epoch, batch, batches } => {
                let name = match phase {
                    Phase::Head => "Head",
                    Phase::FineTune => "Fine-tuning",
                };
                self.spin(name, format!("epoch {epoch}, batch {batch} of {batches}"));
            }
            Event::LearningRate { step, steps, rate } => {
                self.spin("Testing", format!("step {step} of {steps}, learning rate {rate:.1e}"));
            }
            other => {
                self.spinner.finish_and_clear();
                if let Some(on_event) = &mut self.on_event {
                    on_event(other);
                }
            }
        }
    }

    /// Starts another bar, named after the stage.
    fn next_stage(&mut self, stage: Stage) {
        if self.bar.is_hidden() {
            return;
        }
        let on_event = self.on_event.take();
        *self = Self::new(match stage {
            Stage::Decoding => "Pictures",
            Stage::Views => "Views",
            _ => "Features",
        });
        self.on_event = on_event;
    }

    /// Shows that `done` of `total` pictures are done.
    pub(crate) fn pictures(&mut self, done: usize, total: usize) {
        if self.bar.length().is_none() {
            self.bar.set_length(total as u64);
            // The tick starts here, so that nothing is drawn before there is progress to show.
            self.bar.enable_steady_tick(Duration::from_millis(200));
        }
        self.bar.set_position(done as u64);
        if done == total {
            self.bar.finish_and_clear();
        }
    }

    fn spin(&mut self, name: &'static str, message: String) {
        self.spinner.set_message(message);
        self.spinner.set_prefix(name);
        self.spinner.tick();
    }
}

/// A progress bar for a file that is being downloaded.
pub(crate) struct Transfer(ProgressBar);

impl Transfer {
    /// Creates a bar on standard error. It is drawn only if standard error is a terminal.
    pub(crate) fn new(total: Option<u64>) -> Self {
        let target = ProgressDrawTarget::stderr_with_hz(10);
        let bar = ProgressBar::with_draw_target(total, target);
        let template = match total {
            Some(_) => {
                "{prefix:<12}[{bar:24}] {bytes}/{total_bytes}  {bytes_per_sec}, {eta} left {msg}"
            }
            None => "{prefix:<12}{spinner} {bytes}  {bytes_per_sec} {msg}",
        };
        let style = ProgressStyle::with_template(template).expect("the template is right");
        Self(bar.with_style(style.progress_chars("=> ")).with_prefix("Fetching"))
    }

    /// Shows a step.
    pub(crate) fn tell(&mut self, step: Step) {
        match step {
            Step::Waiting => self.0.set_message("waiting for another headstart that fetches it"),
            Step::Received(bytes) => {
                self.0.set_message("");
                self.0.set_position(bytes);
            }
            Step::Again(_) => self.0.set_message("the connection broke; trying again"),
        }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.spinner.finish_and_clear();
        self.bar.finish_and_clear();
    }
}
