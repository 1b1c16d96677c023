//! Progress on the terminal, and Ctrl-C.

mod pace;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use headstart::Observer;
use headstart::model::thousands;
use headstart::train::{Epoch, Event};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use pace::Pace;

static CANCELLED: AtomicBool = AtomicBool::new(false);

/// Whether Ctrl-C was pressed.
pub(crate) fn is_cancelled() -> bool {
    CANCELLED.load(Ordering::Relaxed)
}

/// From now on Ctrl-C asks for an orderly end; a second one ends at once.
fn catch_interrupt() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        // Without a handler Ctrl-C ends at once, which loses nothing that is saved.
        let _ = ctrlc::set_handler(|| {
            if CANCELLED.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
        });
    });
}

/// A bar for the pictures, and what to do with each epoch.
pub(crate) struct Progress<'a> {
    bar: ProgressBar,
    spinner: ProgressBar,
    on_epoch: Option<&'a mut dyn FnMut(&Epoch)>,
}

impl<'a> Progress<'a> {
    /// The bar goes to standard error, and only if that is a terminal.
    pub(crate) fn new(what: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
        let style =
            ProgressStyle::with_template("{msg:<12}[{bar:24}] {human_pos}/{human_len}  {pace}");
        let style = style.expect("the template is right").progress_chars("=> ");
        let style = style.with_key("pace", Pace::default());
        // Setting them would draw a bar that may never have anything to tell.
        Self::with_bar(bar.with_style(style).with_message(what))
    }

    /// No bar, but Ctrl-C is heeded.
    pub(crate) fn hidden() -> Self {
        Self::with_bar(ProgressBar::hidden())
    }

    /// Calls `on_epoch` after each epoch.
    pub(crate) fn on_epoch(mut self, on_epoch: &'a mut dyn FnMut(&Epoch)) -> Self {
        self.on_epoch = Some(on_epoch);
        self
    }

    fn with_bar(bar: ProgressBar) -> Self {
        catch_interrupt();
        let spinner = if bar.is_hidden() {
            ProgressBar::hidden()
        } else {
            ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10))
        };
        let style = ProgressStyle::with_template("{prefix:<12}{spinner} {msg}");
        spinner.set_style(style.expect("the template is right"));
        Self { bar, spinner, on_epoch: None }
    }
}

impl Progress<'_> {
    /// Tells how a phase of training is going.
    fn phase(&mut self, name: &str, event: Event<'_>) {
        let message = match event {
            Event::Epoch(epoch) => {
                self.spinner.finish_and_clear();
                if let Some(on_epoch) = &mut self.on_epoch {
                    on_epoch(epoch);
                }
                return;
            }
            Event::Batch { epoch, batch, batches } => {
                format!("epoch {epoch}, batch {batch} of {batches}")
            }
            Event::Choosing { trial, .. } => format!("choosing the strength, trial {trial}"),
            Event::Fitting { step } => format!("step {step}"),
            _ => return,
        };
        self.spinner.set_message(message);
        self.spinner.set_prefix(name.to_owned());
        self.spinner.tick();
    }
}

impl Observer for Progress<'_> {
    fn pictures(&mut self, done: usize, total: usize) {
        if self.bar.length().is_none() {
            self.bar.set_length(total as u64);
            // From here on, so that nothing is drawn before there is anything to tell.
            self.bar.enable_steady_tick(Duration::from_millis(200));
        }
        self.bar.set_position(done as u64);
        if done == total {
            self.bar.finish_and_clear();
        }
    }

    fn comparing(&mut self, done: usize, total: usize) {
        let (done, total) = (thousands(done), thousands(total));
        self.spinner.set_message(format!("{done} of {total} pictures compared"));
        self.spinner.set_prefix("Copies");
        self.spinner.tick();
    }

    fn training(&mut self, event: Event<'_>) {
        self.phase("Head", event);
    }

    fn fine_tuning(&mut self, event: Event<'_>) {
        self.phase("Fine-tuning", event);
    }

    fn learning_rate(&mut self, step: usize, steps: usize, rate: f64) {
        self.spinner.set_message(format!("step {step} of {steps}, learning rate {rate:.1e}"));
        self.spinner.set_prefix("Testing");
        self.spinner.tick();
    }

    fn is_cancelled(&self) -> bool {
        is_cancelled()
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.spinner.finish_and_clear();
        self.bar.finish_and_clear();
    }
}
