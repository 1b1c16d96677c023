//! Checks the manual in `docs/`: its outputs match the program's, its links are valid, and it names
//! every event.
//!
//! `HEADSTART_MANUAL=write cargo test --workspace --test manual` writes the outputs into the pages.

mod blocks;
mod links;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use blocks::Page;

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// All pages, as paths below `docs/` with `/`.
fn pages() -> Vec<String> {
    fn collect(dir: &Path, below: &str, pages: &mut Vec<String>) {
        for entry in fs::read_dir(dir).unwrap().map(Result::unwrap) {
            let name = format!("{below}{}", entry.file_name().to_str().unwrap());
            if entry.file_type().unwrap().is_dir() {
                collect(&entry.path(), &format!("{name}/"), pages);
            } else if name.ends_with(".md") {
                pages.push(name);
            }
        }
    }
    let mut pages = Vec::new();
    collect(&docs(), "", &mut pages);
    pages.sort();
    pages
}

fn read(page: &str) -> String {
    fs::read_to_string(docs().join(page)).unwrap()
}

#[test]
#[cfg(unix)]
fn outputs_are_those_of_the_program() {
    let write = std::env::var("HEADSTART_MANUAL").is_ok_and(|what| what == "write");
    for name in pages() {
        let page = Page::parse(&read(&name));
        let Some(printed) = page.run() else { continue };
        if write {
            fs::write(docs().join(&name), page.with_outputs(&printed)).unwrap();
        } else {
            page.assert_outputs(&name, &printed);
        }
    }
}

#[test]
fn links_lead_to_pages_and_headings_and_every_page_is_in_the_contents() {
    let pages: Vec<(String, String)> =
        pages().into_iter().map(|name| (name.clone(), read(&name))).collect();
    let broken = links::broken(&docs(), &pages);
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    let contents = read("SUMMARY.md");
    for (name, _) in &pages {
        let listed = contents.contains(&format!("({name})"));
        assert!(listed || name == "SUMMARY.md", "{name} is not in docs/SUMMARY.md");
    }
}

#[test]
fn every_command_is_in_the_reference() {
    let help = Command::new(env!("CARGO_BIN_EXE_headstart")).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, commands) = help.split_once("Commands:\n").unwrap();
    let commands = commands.lines().map_while(|line| line.strip_prefix("  "));
    let commands = commands.filter(|line| !line.starts_with(' '));
    let names: Vec<&str> = commands.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains(&"train"), "{names:?}");
    let reference = read("reference/commands.md");
    for name in names.into_iter().filter(|name| *name != "help") {
        assert!(reference.contains(&format!("\n## {name}\n")), "{name} has no section");
    }
}

#[test]
fn every_field_that_training_writes_as_json_is_in_the_reference() {
    let dir = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_headstart"))
        .args(["demo", "--json", "--no-cache"])
        .current_dir(dir.path())
        .output()
        .unwrap();
    let reference = read("reference/json.md");
    let mut events = 0;
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let event: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        events += 1;
        for field in event.keys() {
            assert!(reference.contains(&format!("`{field}`")), "{field} is missing, of {line}");
        }
    }
    assert!(events > 0);
}
