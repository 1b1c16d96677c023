//! Ctrl-C during a run.
#![cfg(unix)]

use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::support::{Place, Run, file};

#[test]
fn ctrl_c_ends_long_work_with_one_line_and_leaves_no_file() {
    let pictures = file("crates/cli/assets/fashion-mnist");
    for (arguments, part) in [
        (["train", &pictures, "--output", "model.safetensors"], "run the same command to go on"),
        (["features", &pictures, "--output", "features.npy"], "interrupted"),
    ] {
        let place = Place::new();
        let mut process = place.process();
        // At this size, a thousand pictures take a while on any machine.
        process.args(arguments).args(["--input-size", "448"]);
        let mut child = process.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // The cache folder is created with the first features.
        while !place.path("cache").exists() {
            assert!(child.try_wait().unwrap().is_none(), "it ended before it could be interrupted");
            sleep(Duration::from_millis(20));
        }
        let interrupt = Command::new("kill").args(["-INT", &child.id().to_string()]).status();
        assert!(interrupt.unwrap().success());
        let run = Run::of(child.wait_with_output().unwrap());
        run.failed(130, &[part, "interrupted"]);
        assert_eq!(place.below("."), ["cache"]);
        let held = place.run("cache info --json").succeeded().json_line();
        let entries = held["entries"].as_u64().unwrap();
        assert!((1..1000).contains(&entries), "{entries} are kept");
    }
}
