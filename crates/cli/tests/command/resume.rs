//! Interrupting fine-tuning, and resuming it.
#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{Place, Run, file};

/// An epoch takes about ten milliseconds. Enough are left when the signal arrives.
const EPOCHS: &str = "40";

fn small() -> String {
    let weights = file("fixtures/keras_mobilenetv2/keras2_no_top.h5");
    format!("--weights {weights} --input-size 32")
}

fn train(more: &str) -> String {
    train_for(EPOCHS, more)
}

fn train_for(epochs: &str, more: &str) -> String {
    let small = small();
    format!(
        "train pictures {small} --output m --json --fine-tune-at block_15_expand --batch-size 4 \
         --fine-tune-epochs {epochs} --fine-tune-learning-rate 0.0003 {more}"
    )
}

/// Sends a signal after the fine-tuning epoch `after`. The status is `None` if the signal ended the process.
fn signalled(place: &Place, arguments: &str, signal: &str, after: usize) -> (Option<i32>, Run) {
    let mut process = place.process();
    process.args(arguments.split_whitespace());
    let mut child = process.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut stdout = String::new();
    loop {
        let mut line = String::new();
        assert!(out.read_line(&mut line).unwrap() > 0, "it ended early: {stdout}");
        stdout += &line;
        let event: Value = serde_json::from_str(&line).unwrap();
        if event["phase"] == "fine-tune" && event["epoch"] == after {
            break;
        }
    }
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(sent.unwrap().success());
    out.read_to_string(&mut stdout).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    let code = output.status.code();
    (code, Run { code: code.unwrap_or(-1), stdout, stderr })
}

#[test]
fn ctrl_c_says_how_to_go_on_and_going_on_ends_with_the_same_file() {
    for (epochs, options) in [
        (EPOCHS, ""),
        (
            EPOCHS,
            "--head adam --epochs 2 --ema 0.9 --optimizer adam --early-stop 50 --schedule one-cycle",
        ),
        (EPOCHS, "--augment standard --views 2 --optimizer sgd --momentum 0.9"),
        ("12", "--head adam --epochs 1 --augment strong --views 0"),
    ] {
        let place = Place::with_pictures(6);
        let options = train_for(epochs, options);
        let whole = place.run(&options).succeeded().json().pop().unwrap();
        let expected = fs::read(place.path("m")).unwrap();
        fs::remove_file(place.path("m")).unwrap();

        let (_, run) = signalled(&place, &options, "-INT", 2);
        run.failed(
            130,
            &["interrupted in epoch ", "m.checkpoint contains", "same command and --resume"],
        );
        assert_eq!(place.below("."), ["cache", "m", "m.checkpoint", "pictures"]);
        // The model with only the head trained works, too.
        place.run("predict m pictures").succeeded();
        // Interrupt it once more, later.
        let more = format!("{options} --resume");
        let (_, run) = signalled(&place, &more, "-INT", 5);
        let run = run.failed(130, &["interrupted in epoch "]);
        let head = |event: &Value| event["phase"] == "head";
        assert!(!run.json().iter().any(head), "{}", run.stdout);

        let done = place.run(&more).succeeded().json().pop().unwrap();
        assert!(done["fine_tune"]["resumed"].as_u64().unwrap() >= 5, "{done}");
        assert!(fs::read(place.path("m")).unwrap() == expected, "{options}");
        assert_eq!(place.below("."), ["cache", "m", "pictures"]);
        assert_eq!(done["val_accuracy"], whole["val_accuracy"]);
        let before = |done: &Value| done["fine_tune"]["val_loss_before"].clone();
        assert_eq!(before(&done), before(&whole));
    }
}

#[test]
fn a_killed_run_goes_on_from_its_last_epoch() {
    let place = Place::with_pictures(6);
    let options = train("");
    place.run(&options).succeeded();
    let expected = fs::read(place.path("m")).unwrap();
    let (code, _) = signalled(&place, &options, "-KILL", 4);
    assert_eq!(code, None);
    let done = place.run(&format!("{options} --resume")).succeeded().json().pop().unwrap();
    assert!(done["fine_tune"]["resumed"].as_u64().unwrap() >= 3, "{done}");
    assert!(fs::read(place.path("m")).unwrap() == expected);
    // Temporary files of a killed process have no name, except for a file that is being written.
    let left = place.below(".");
    assert!(left.iter().all(|name| !name.ends_with(".checkpoint")), "{left:?}");
    place.assert_only_features_in_cache();
}

#[test]
fn fine_tuning_a_model_goes_on_from_where_it_was_interrupted() {
    let place = Place::with_model();
    let original = fs::read(place.path("model.safetensors")).unwrap();
    let options = format!(
        "fine-tune model.safetensors pictures --json --at block_16_expand --epochs {EPOCHS} \
         --batch-size 4"
    );
    place.run(&format!("{options} --output expected")).succeeded();
    let (_, run) = signalled(&place, &options, "-INT", 1);
    run.failed(130, &["model.safetensors.checkpoint contains"]);
    assert!(fs::read(place.path("model.safetensors")).unwrap() == original);
    place.run(&format!("{options} --resume")).succeeded();
    let bytes = |name: &str| fs::read(place.path(name)).unwrap();
    assert!(bytes("model.safetensors") == bytes("expected"));
    assert_eq!(place.below("."), ["cache", "expected", "model.safetensors", "pictures"]);
}

#[test]
fn a_checkpoint_that_does_not_fit_is_refused_and_one_that_is_not_wanted_is_a_warning() {
    let place = Place::with_pictures(4);
    let options = train("");
    let (_, run) = signalled(&place, &options, "-INT", 1);
    run.failed(130, &[]);
    let bytes = |name: &str| fs::read(place.path(name)).unwrap();
    let (model, saved) = (bytes("m"), bytes("m.checkpoint"));
    let refused = |more: &str, part: &str| {
        let run = place.run(&train(&format!("--resume {more}")));
        run.failed(1, &["m.checkpoint: ", part, "remove --resume to start again"]);
        assert!(bytes("m") == model);
    };
    refused("--seed 1", "other");
    refused("--balance", "other options");
    refused("--head adam --epochs 1", "its head was fitted with other options");
    refused("--val-split 0.5", "other pictures");
    assert!(bytes("m.checkpoint") == saved);
    place.pictures("pictures", &["Coat"], 0..2);
    refused("", "other pictures");
    fs::remove_dir_all(place.path("pictures/Coat")).unwrap();
    for content in [&saved[..saved.len() / 2], b"text", &model, b""] {
        place.write("m.checkpoint", content);
        refused("", "is not a checkpoint that can be continued (");
        assert!(bytes("m.checkpoint") == content);
    }
    place.write("m.checkpoint", &saved);
    let run = place.run(&train_for("1", ""));
    assert_eq!((run.code, run.stderr.lines().count()), (0, 1), "{}", run.stderr);
    let part = "warning: m.checkpoint of an interrupted run will be overwritten (--resume ";
    assert!(run.stderr.starts_with(part), "{}", run.stderr);
    // The checkpoint is gone now, so there is nothing to resume from.
    let run = place.run(&train_for("1", "--resume"));
    assert_eq!((run.code, run.stderr.lines().count()), (0, 1), "{}", run.stderr);
    assert!(run.stderr.starts_with("warning: there is no m.checkpoint"), "{}", run.stderr);
    assert_eq!(place.below("."), ["cache", "m", "pictures"]);
}
