//! Trains with a custom progress bar, and can be interrupted:
//! `cargo run --example train_with_progress FOLDER [MODEL]`. The Enter key stops the training, and the same command
//! resumes it.

use std::env;
use std::error::Error;
use std::io::{self, Write};
use std::path::Path;
use std::thread;

use headstart::{
    CancelToken, Context, Event, FineTunePhase, PictureSource, RunConfig, ThreadPool, TrainJob,
};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let folder = arguments.next().ok_or("usage: train_with_progress FOLDER [MODEL]")?;
    let model = arguments.next().unwrap_or_else(|| "model.safetensors".to_owned());

    // A job is plain data, which could also arrive as JSON over a network.
    let run = RunConfig::default()
        .with_checkpoint(Path::new(&model).with_extension("checkpoint"))
        .with_resume(true)
        .with_model(Path::new(&model).to_owned());
    let job = TrainJob::new(PictureSource::new(&folder).with_validation(0.2, 42))
        .with_fine_tune(FineTunePhase::default().with_at("from:100".parse()?))
        .with_run(run);
    println!("{}", serde_json::to_string_pretty(&job)?);

    let cancel = CancelToken::new();
    let token = cancel.clone();
    thread::spawn(move || {
        if io::stdin().read_line(&mut String::new()).is_ok_and(|read| read > 0) {
            token.cancel();
        }
    });
    let mut context = Context::default()
        .with_pool(ThreadPool::with_threads(2)?)
        .with_cancel_token(cancel)
        .on_event(|event| draw(&event));

    match job.run(&mut context) {
        Ok(trained) => {
            let tuned = trained.fine_tune.as_ref();
            let validation = tuned.map_or(&trained.fit.validation, |tuned| &tuned.validation);
            if let Some(validation) = validation {
                println!("\naccuracy {:.3}: {model}", validation.accuracy);
            }
            Ok(())
        }
        Err(stopped @ (headstart::Error::Interrupted | headstart::Error::Saved { .. })) => {
            println!("\n{stopped}");
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Draws progress on one line, over the previous state.
fn draw(event: &Event) {
    const WIDTH: usize = 30;
    let (name, done, total) = match event {
        Event::Pictures { done, total, .. } => ("pictures", *done, *total),
        Event::Comparing { done, total } => ("comparing", *done, *total),
        Event::Batch { batch, batches, .. } => ("batches", *batch, *batches),
        Event::Epoch { epoch, .. } => {
            println!("\repoch {}: loss {:.4}{:WIDTH$}", epoch.epoch, epoch.loss, "");
            return;
        }
        _ => return,
    };
    let bar = "#".repeat(WIDTH * done / total.max(1));
    print!("\r{name:<10}[{bar:<WIDTH$}] {done}/{total}");
    // Training goes on even if the line cannot be shown.
    let _ = io::stdout().flush();
}
