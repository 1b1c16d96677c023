//! Pages with commands and their output.

use std::path::Path;
use std::process::Command;

/// Marks a page whose `console` blocks are run, one after another in one new folder.
const RUN: &str = "<!-- commands are run -->";
/// Marks a page that is run in the same way, and whose output must match exactly, including figures.
const RUN_EXACTLY: &str = "<!-- commands are run, and print exactly this -->";

pub(crate) struct Page {
    lines: Vec<String>,
    /// For each command, the index of its line and of the line after its output.
    commands: Vec<(usize, usize)>,
    runs: bool,
    exactly: bool,
}

impl Page {
    pub(crate) fn parse(text: &str) -> Self {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let exactly = lines.iter().any(|line| line == RUN_EXACTLY);
        let runs = exactly || lines.iter().any(|line| line == RUN);
        let (mut commands, mut inside): (Vec<(usize, usize)>, bool) = (Vec::new(), false);
        for (at, line) in lines.iter().enumerate() {
            match line.as_str() {
                "```console" => inside = true,
                "```" => inside = false,
                line if inside && line.starts_with("$ ") => commands.push((at, at + 1)),
                _ if inside => commands.last_mut().expect("output follows a command").1 = at + 1,
                _ => {}
            }
        }
        Self { lines, commands, runs, exactly }
    }

    /// The lines that each command prints to standard output and standard error; `None` if the page is
    /// not run.
    pub(crate) fn run(&self) -> Option<Vec<Vec<String>>> {
        if !self.runs {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let binary = Path::new(env!("CARGO_BIN_EXE_headstart"));
        let path = format!("{}:{}", binary.parent()?.display(), std::env::var("PATH").unwrap());
        let printed = |&(at, _): &(usize, usize)| {
            let command = &self.lines[at]["$ ".len()..];
            let output = Command::new("sh")
                .args(["-c", &format!("exec 2>&1; {command}")])
                .current_dir(dir.path())
                .env("PATH", &path)
                .env("HEADSTART_CACHE", ".cache")
                .env("HEADSTART_BASES", ".bases")
                .output()
                .unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success(), "{command}: {text}");
            text.lines().map(|line| line.trim_end().to_owned()).collect()
        };
        Some(self.commands.iter().map(printed).collect())
    }

    /// The page with its outputs replaced by these.
    pub(crate) fn with_outputs(&self, printed: &[Vec<String>]) -> String {
        let (mut text, mut from) = (String::new(), 0);
        for (&(at, end), output) in self.commands.iter().zip(printed) {
            for line in self.lines[from..=at].iter().chain(output) {
                text += line;
                text.push('\n');
            }
            from = end;
        }
        for line in &self.lines[from..] {
            text += line;
            text.push('\n');
        }
        text
    }

    pub(crate) fn assert_outputs(&self, name: &str, printed: &[Vec<String>]) {
        for (&(at, end), output) in self.commands.iter().zip(printed) {
            let comparable = |line: &String| match self.exactly {
                true => line.clone(),
                false => without_figures(line),
            };
            let expected: Vec<String> = self.lines[at + 1..end].iter().map(comparable).collect();
            let actual: Vec<String> = output.iter().map(comparable).collect();
            assert_eq!(
                expected, actual,
                "docs/{name}: {} prints something else now: HEADSTART_MANUAL=write writes it",
                self.lines[at]
            );
        }
    }
}

/// A line without the parts that differ between runs and processors: numbers and units of time. Of a
/// table row, only the first word is left.
fn without_figures(line: &str) -> String {
    let row = line.starts_with("  ");
    let words = line.split_whitespace().filter(|word| !matches!(*word, "ms" | "s" | "min"));
    let words: Vec<String> = words
        .take(if row { 1 } else { usize::MAX })
        .map(|word| {
            let mut masked = String::new();
            for character in word.chars() {
                match character {
                    '0'..='9' | '.' | 'e' | '-' if masked.ends_with('#') => {}
                    '0'..='9' => masked.push('#'),
                    other => masked.push(other),
                }
            }
            masked
        })
        .collect();
    words.join(" ")
}
