//! Progress on the terminal, and Ctrl-C.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use headstart::Observer;
use headstart::engine::train::Epoch;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

static CANCELLED: AtomicBool = AtomicBool::new(false);

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
    on_epoch: &'a mut dyn FnMut(&Epoch),
}

impl<'a> Progress<'a> {
    /// The bar goes to standard error, and only if that is a terminal.
    pub(crate) fn new(what: &'static str, on_epoch: &'a mut dyn FnMut(&Epoch)) -> Self {
        catch_interrupt();
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
        let style = ProgressStyle::with_template(
            "{msg:<12}{bar:30} {human_pos}/{human_len}  {per_sec:.0}  {eta} left",
        );
        bar.set_style(style.expect("the template is right").progress_chars("=> "));
        bar.set_message(what);
        bar.enable_steady_tick(Duration::from_millis(200));
        Self { bar, on_epoch }
    }
}

impl Observer for Progress<'_> {
    fn pictures(&mut self, done: usize, total: usize) {
        self.bar.set_length(total as u64);
        self.bar.set_position(done as u64);
        if done == total {
            self.bar.finish_and_clear();
        }
    }

    fn epoch(&mut self, epoch: &Epoch) {
        self.bar.finish_and_clear();
        (self.on_epoch)(epoch);
    }

    fn is_cancelled(&self) -> bool {
        CANCELLED.load(Ordering::Relaxed)
    }
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
