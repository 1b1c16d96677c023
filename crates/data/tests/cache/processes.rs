//! Concurrent and killed processes.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use headstart_data::cache::{FeatureCache, clear, verify};

use crate::{DIM, PRINT, entry, files, key, open, open_within, scattered, sound};

/// Not a separate test: the code that the other tests run in child processes.
#[test]
fn child() {
    let Ok(root) = std::env::var("HEADSTART_CACHE_CHILD") else { return };
    let root = Path::new(&root);
    match std::env::var("HEADSTART_CACHE_DOES").unwrap().as_str() {
        "write" => {
            let cache = open(root);
            (0..=2000).for_each(|i| cache.put(&key(i), &entry(i)));
        }
        // Reports each completed entry.
        "write for ever" => {
            let cache = open(root);
            for i in 0.. {
                cache.put(&key(i), &entry(i));
                // Not `print`, which the test runner captures.
                std::io::stdout().write_all(format!("kept {i}\n").as_bytes()).unwrap();
            }
        }
        "write in pieces" => {
            for i in 0..60 {
                let cache = open(root);
                cache.put(&key(i), &entry(i));
                sound(&cache, 100);
            }
        }
        "read" => (0..60).for_each(|_| {
            sound(&FeatureCache::open_read_only(root, &PRINT, DIM), 500);
        }),
        "write within a limit" => {
            for i in 0..20 {
                let cache = open_within(root, 30_000);
                (i * 100..(i + 2) * 100).for_each(|i| cache.put(&key(i), &entry(i)));
                sound(&cache, 2500);
            }
        }
        "clear" => (0..20).for_each(|_| {
            clear(root).unwrap();
            std::thread::sleep(Duration::from_millis(5));
        }),
        "repair" => (0..20).for_each(|_| {
            let found = verify(root, true, &mut |_, _| true).unwrap().unwrap();
            assert!(found.iter().all(|base| base.damaged == 0), "{found:?}");
        }),
        other => panic!("{other}"),
    }
}

fn spawn_child(root: &Path, does: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "processes::child"]);
    command.env("HEADSTART_CACHE_CHILD", root).env("HEADSTART_CACHE_DOES", does);
    let out = if does == "write for ever" { Stdio::piped() } else { Stdio::null() };
    command.stdout(out).spawn().unwrap()
}

/// Kills a child that writes forever and returns the number of entries it had completed.
fn kill(mut child: Child) -> u32 {
    child.kill().unwrap();
    child.wait().unwrap();
    let mut said = String::new();
    child.stdout.unwrap().read_to_string(&mut said).unwrap();
    // The last line may be incomplete.
    let whole = said.rsplit_once('\n').map_or("", |(whole, _)| whole);
    whole.lines().filter(|line| line.starts_with("kept ")).count() as u32
}

/// Reads the output of a child until it has stored `entries` entries.
fn wait_for(child: &mut Child, entries: usize) -> u32 {
    let mut said = Vec::new();
    let mut piece = [0; 64];
    let lines = |said: &[u8]| said.iter().filter(|&&byte| byte == b'\n').count();
    while lines(&said) < entries {
        let n = child.stdout.as_mut().unwrap().read(&mut piece).unwrap();
        assert!(n > 0, "it ended");
        said.extend(&piece[..n]);
    }
    let said = String::from_utf8(said).unwrap();
    said.lines().filter(|line| line.starts_with("kept ")).count() as u32
}

#[test]
fn two_processes_at_once_write_side_by_side() {
    let root = tempfile::tempdir().unwrap();
    let mut children = [spawn_child(root.path(), "write"), spawn_child(root.path(), "write")];
    assert!(children.iter_mut().all(|child| child.wait().unwrap().success()));
    assert_eq!(sound(&open(root.path()), 2001), 2001);
}

#[test]
fn processes_killed_at_any_point_of_writing_leave_all_that_they_had_finished() {
    let root = tempfile::tempdir().unwrap();
    for round in 0..12 {
        let mut child = spawn_child(root.path(), "write for ever");
        let seen = wait_for(&mut child, 1 + round * 37);
        std::thread::sleep(Duration::from_micros(313 * round as u64));
        let finished = seen + kill(child);
        let found = verify(root.path(), false, &mut |_, _| true).unwrap().unwrap();
        assert!(found.iter().all(|base| base.damaged == 0), "round {round}: {found:?}");
        let cache = open(root.path());
        assert_eq!(sound(&cache, finished), finished as usize, "round {round}");
        assert_eq!(sound(&cache, cache.len() as u32), cache.len(), "round {round}");
    }
}

#[test]
fn processes_that_do_everything_at_once_never_see_a_wrong_entry() {
    let root = scattered(40);
    let does = [
        "write",
        "write in pieces",
        "write within a limit",
        "read",
        "clear",
        "repair",
        "write in pieces",
        "read",
    ];
    let mut children = does.map(|does| (does, spawn_child(root.path(), does)));
    for (does, child) in &mut children {
        assert!(child.wait().unwrap().success(), "{does}");
    }
    let found = verify(root.path(), true, &mut |_, _| true).unwrap().unwrap();
    assert!(found.iter().all(|base| base.damaged == 0), "{found:?}");
    let cache = open(root.path());
    (0..2000).for_each(|i| cache.put(&key(i), &entry(i)));
    assert_eq!(sound(&open(root.path()), 2000), 2000);
}

#[test]
fn nothing_is_merged_while_a_process_writes() {
    let root = scattered(40);
    // It merges the existing segments, and creates its own.
    let mut child = spawn_child(root.path(), "write for ever");
    wait_for(&mut child, 200);
    assert!(files(root.path(), "keys").len() <= 2);
    let more = tempfile::tempdir().unwrap();
    let source = scattered(40);
    fs::rename(source.path().join(PRINT.to_string()), more.path().join("x")).unwrap();
    for file in fs::read_dir(more.path().join("x")).unwrap() {
        let file = file.unwrap();
        if file.file_name() != "writers.lock" {
            let to = root.path().join(PRINT.to_string()).join(file.file_name());
            fs::rename(file.path(), to).unwrap();
        }
    }
    assert_eq!(sound(&open(root.path()), 41), 41);
    assert!(files(root.path(), "keys").len() >= 41);
    kill(child);
    // The system has released its lock.
    assert_eq!(sound(&open(root.path()), 41), 41);
    assert!(files(root.path(), "keys").len() <= 2);
}

#[test]
fn processes_that_merge_and_write_at_once_lose_nothing() {
    let root = scattered(40);
    let mut children: Vec<_> = (0..3).map(|_| spawn_child(root.path(), "write")).collect();
    for _ in 0..20 {
        assert_eq!(sound(&open(root.path()), 41), 41);
    }
    assert!(children.iter_mut().all(|child| child.wait().unwrap().success()));
    assert_eq!(sound(&open(root.path()), 2001), 2001);
}

#[test]
fn threads_with_one_handle_and_with_several_do_not_disturb_each_other() {
    let root = tempfile::tempdir().unwrap();
    let shared = open(root.path());
    std::thread::scope(|scope| {
        for thread in 0..4 {
            let (shared, root) = (&shared, root.path());
            scope.spawn(move || {
                let own = open(root);
                for i in 0..100 {
                    shared.put(&key(i), &entry(i));
                    own.put(&key(100 + thread * 100 + i), &entry(100 + thread * 100 + i));
                    assert_eq!(shared.get(&key(i)), Some(entry(i)));
                }
            });
        }
    });
    assert_eq!(sound(&open(root.path()), 500), 500);
}
