//! File system errors: each file that cannot be read gives one line, and the run goes on.
#![cfg(target_os = "linux")]

use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Place, Run, repository};

const NO_FILE: &str = "not a picture (no regular file)";

fn fifo(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

/// Asserts that the list of skipped files has exactly these paths and reasons. Paths are relative to
/// `pictures/Bag`.
fn assert_skipped(skipped: &[serde_json::Value], expected: &[(&str, &str)]) {
    let mut found: Vec<(&str, &str)> = skipped
        .iter()
        .map(|entry| (entry["path"].as_str().unwrap(), entry["reason"].as_str().unwrap()))
        .map(|(path, reason)| (path.strip_prefix("pictures/Bag/").unwrap(), reason))
        .collect();
    let mut expected = expected.to_vec();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn what_cannot_be_read_in_a_folder_is_one_line_each_and_the_rest_is_learned_from() {
    let place = Place::with_pictures(6);
    let bag = |name: &str| place.path("pictures/Bag").join(name);
    // Can be opened, but reading fails as on a disconnected mount.
    symlink("/proc/self/mem", bag("eio.jpg")).unwrap();
    // Reports a size of 0, but has content.
    symlink("/proc/cpuinfo", bag("grows.jpg")).unwrap();
    symlink("/dev/zero", bag("endless.jpg")).unwrap();
    symlink("loop.jpg", bag("loop.jpg")).unwrap();
    symlink("nowhere", bag("gone.jpg")).unwrap();
    symlink(".", bag("again")).unwrap();
    fifo(&bag("pipe.jpg"));
    let _socket = UnixListener::bind(bag("socket.jpg")).unwrap();
    fs::write(bag("empty.jpg"), "").unwrap();
    fs::create_dir(bag("folder.jpg")).unwrap();
    fs::write(bag("line\nand\x1b[31m.jpg"), "text").unwrap();
    let latin = fs::write(bag("").join(OsStr::from_bytes(b"caf\xE9.jpg")), "text");
    // A folder whose entries cannot be listed: it belongs to a zombie process.
    let mut ended = Command::new("true").spawn().unwrap();
    let stat = format!("/proc/{}/stat", ended.id());
    while !fs::read_to_string(&stat).unwrap().contains(") Z ") {}
    symlink(format!("/proc/{}/net", ended.id()), bag("listing")).unwrap();
    fs::create_dir(bag("locked")).unwrap();
    fs::set_permissions(bag("locked"), fs::Permissions::from_mode(0o0)).unwrap();

    let mut expected = vec![
        ("eio.jpg", "cannot be read (Input/output error)"),
        ("grows.jpg", "not a picture (text)"),
        ("endless.jpg", NO_FILE),
        ("loop.jpg", "cannot be read (Too many levels of symbolic links)"),
        ("gone.jpg", "cannot be read (No such file or directory)"),
        ("pipe.jpg", NO_FILE),
        ("socket.jpg", NO_FILE),
        ("empty.jpg", "not a picture (empty file)"),
        ("line\nand\x1b[31m.jpg", "not a picture (text)"),
        ("listing", "cannot be listed in full (Invalid argument)"),
    ];
    if latin.is_ok() {
        expected.push(("caf\u{FFFD}.jpg", "not a picture (text)"));
    }
    // As root, every folder can be read.
    if fs::read_dir(bag("locked")).is_err() {
        expected.push(("locked", "cannot be read (Permission denied)"));
    }
    let train = "train pictures --input-size 32 --no-cache --output m.safetensors";
    let done = place.run(&format!("{train} --json")).succeeded().json().pop().unwrap();
    assert_eq!(done["pictures"], 18);
    assert_skipped(done["skipped"].as_array().unwrap(), &expected);

    let run = place.run(train).succeeded();
    for (name, reason) in expected {
        let name = name.replace('\n', r"\n").replace('\x1b', r"\u{1b}");
        let line = format!("  pictures/Bag/{name}: {reason}");
        assert_eq!(run.stdout.lines().filter(|found| **found == line).count(), 1, "{line}");
    }
    let paths = ["eio.jpg", "pipe.jpg", "loop.jpg", "line\nand\x1b[31m.jpg"];
    let paths = paths.map(|name| format!("pictures/Bag/{name}"));
    let named: Vec<&str> = paths.iter().map(String::as_str).collect();
    let run = place.run_with(&[&["predict", "m.safetensors"], &*named].concat());
    assert_eq!((run.code, run.stdout.as_str()), (1, ""));
    assert_eq!(run.stderr.lines().count(), 4, "{}", run.stderr);
    ended.wait().unwrap();
}

#[test]
fn paths_longer_than_the_system_takes_are_one_line() {
    let place = Place::with_pictures(4);
    // Two halves, each of which is still a valid path.
    let half = vec!["d".repeat(200); 14].join("/");
    let picture = fs::read(place.path(&place.picture())).unwrap();
    place.write(&format!("pictures/Bag/{half}/near.png"), &picture);
    place.write(&format!("{half}/far.png"), &picture);
    let top = "d".repeat(200);
    fs::rename(place.path(&top), place.path(&format!("pictures/Bag/{half}/{top}"))).unwrap();
    let run = place.run("train pictures --input-size 32 --no-cache --output m --json").succeeded();
    let done = run.json().pop().unwrap();
    assert_eq!(done["pictures"], 13, "with the one that can be named");
    let skipped = done["skipped"].as_array().unwrap();
    assert_eq!(skipped.len(), 1, "{skipped:?}");
    assert_eq!(skipped[0]["reason"], "cannot be read (File name too long)");
}

#[test]
fn what_changes_between_listing_and_reading_is_one_line_each() {
    let place = Place::with_pictures(4);
    let bags = place.below("pictures/Bag");
    place.write("pictures/Bag/deep/lost.png", fs::read(place.path(&place.picture())).unwrap());
    // The weights are read after the folder is listed, so the process waits for them.
    fifo(&place.path("weights"));
    let mut process = place.process();
    process.args(["features", "pictures", "--weights", "weights", "--output", "f.npy"]);
    process.args(["--no-cache", "--json"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let running = process.spawn().unwrap();
    let mut weights = fs::OpenOptions::new().write(true).open(place.path("weights")).unwrap();

    let bag = |i: usize| place.path("pictures/Bag").join(&bags[i]);
    fs::remove_dir_all(place.path("pictures/Bag/deep")).unwrap();
    fs::remove_file(bag(0)).unwrap();
    fs::write(bag(1), &fs::read(bag(1)).unwrap()[..60]).unwrap();
    fs::remove_file(bag(2)).unwrap();
    fs::create_dir(bag(2)).unwrap();
    fs::remove_file(bag(3)).unwrap();
    fifo(&bag(3));

    let keras = repository("fixtures/keras_mobilenetv2/keras2_no_top.h5");
    weights.write_all(&fs::read(keras).unwrap()).unwrap();
    drop(weights);
    let run = Run::of(running.wait_with_output().unwrap());
    let done = run.succeeded().json_line();
    assert_eq!(done["pictures"], 8);
    let gone = "cannot be read (No such file or directory)";
    let expected = [
        ("deep/lost.png", gone),
        (&bags[0], gone),
        (&bags[1], "truncated PNG"),
        (&bags[2], "not a picture (a folder)"),
        (&bags[3], NO_FILE),
    ];
    assert_skipped(done["skipped"].as_array().unwrap(), &expected);
}
