//! A folder to run the binary in, and the result of a run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use assert_cmd::Command;
use serde_json::Value;

pub(crate) const CLASSES: [&str; 3] = ["Bag", "Sneaker", "Trouser"];

/// A path from the repository's root.
pub(crate) fn repository(path: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    assert!(path.exists(), "{} is missing", path.display());
    path
}

/// The same path as text, for an argument.
pub(crate) fn file(path: &str) -> String {
    repository(path).display().to_string()
}

/// A temporary folder that the binary runs in. It also contains the cache.
pub(crate) struct Place(tempfile::TempDir);

/// The result of a run.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// A place with a folder `pictures` of three classes, with `count` pictures each.
    pub(crate) fn with_pictures(count: usize) -> Self {
        let place = Self::new();
        place.pictures("pictures", &CLASSES, 0..count);
        place
    }

    /// A place that also has `model.safetensors`, trained on these pictures.
    pub(crate) fn with_model() -> Self {
        let place = Self::with_pictures(6);
        place.run("train pictures --input-size 32 --output model.safetensors").succeeded();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Copies the bundled pictures `which` of each class to `root/CLASS/`.
    pub(crate) fn pictures(&self, root: &str, classes: &[&str], which: std::ops::Range<usize>) {
        for class in classes {
            let folder = repository("crates/cli/assets/fashion-mnist").join(class);
            let mut paths: Vec<_> =
                fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
            paths.sort();
            for path in &paths[which.clone()] {
                let name = path.file_name().unwrap().to_str().unwrap();
                self.write(&format!("{root}/{class}/{name}"), fs::read(path).unwrap());
            }
        }
    }

    /// The path of one picture of `pictures/Bag`.
    pub(crate) fn picture(&self) -> String {
        let mut bags = self.below("pictures/Bag");
        format!("pictures/Bag/{}", bags.remove(0))
    }

    /// Names of everything in a folder, hidden files too, sorted.
    pub(crate) fn below(&self, folder: &str) -> Vec<String> {
        let entries = fs::read_dir(self.path(folder)).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Asserts that the cache folder contains only features. Training data is there, too, but disappears
    /// with the process.
    pub(crate) fn assert_only_features_in_cache(&self) {
        let left = self.below("cache");
        assert!(left.iter().all(|name| name.len() == 64), "{left:?}");
    }

    /// The binary, ready to be given arguments.
    pub(crate) fn process(&self) -> std::process::Command {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_headstart"));
        command.current_dir(self.0.path()).stdin(Stdio::null());
        command.env("HEADSTART_CACHE", self.path("cache")).env("RUST_BACKTRACE", "1");
        command.env("HEADSTART_BASES", self.path("bases")).env_remove("HEADSTART_BASES_MIRROR");
        command
    }

    /// Runs the binary with arguments that have no spaces in them.
    pub(crate) fn run(&self, arguments: &str) -> Run {
        self.run_with(&arguments.split_whitespace().collect::<Vec<_>>())
    }

    /// Runs the binary with `folder` on a separate file system of this `size`. Returns the run, and the
    /// names of all files left in the folder; `None` if such a file system cannot be mounted without
    /// leaving a trace.
    #[cfg(target_os = "linux")]
    pub(crate) fn run_on_disk(
        &self,
        folder: &str,
        size: &str,
        arguments: &str,
    ) -> Option<(Run, String)> {
        fs::create_dir_all(self.path(folder)).unwrap();
        let script = "mount -t tmpfs -o size=\"$SIZE\" none \"$DISK\" || exit 77; \"$@\"; code=$?; \
                      ls -A \"$DISK\" >left; exit $code";
        let of_binary = self.process();
        let mut process = std::process::Command::new("unshare");
        process.args(["--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]);
        process.arg(of_binary.get_program()).args(arguments.split_whitespace());
        process.current_dir(self.0.path()).stdin(Stdio::null());
        process.envs(of_binary.get_envs().filter_map(|(name, value)| Some((name, value?))));
        process.env("DISK", folder).env("SIZE", size);
        match process.output() {
            Ok(output)
                if output.status.code() != Some(77) && !output.stderr.starts_with(b"unshare") =>
            {
                let left = fs::read_to_string(self.path("left")).unwrap();
                Some((Run::of(output), left))
            }
            other => {
                eprintln!("skipped: no file system can be made here ({other:?})");
                None
            }
        }
    }

    pub(crate) fn run_with(&self, arguments: &[&str]) -> Run {
        let mut process = self.process();
        process.args(arguments);
        Run::of(Command::from_std(process).output().unwrap())
    }
}

impl Run {
    /// Converts the output of a process. Asserts that it is plain text, without a panic message.
    pub(crate) fn of(output: std::process::Output) -> Self {
        let code = output.status.code().expect("no signal ended it");
        let text = |bytes| String::from_utf8(bytes).expect("the output is UTF-8");
        let run = Self { code, stdout: text(output.stdout), stderr: text(output.stderr) };
        for stream in [&run.stdout, &run.stderr] {
            assert!(!stream.contains(['\x1b', '\r']), "a bar or colours: {stream:?}");
            assert!(!stream.contains("panicked") && !stream.contains("backtrace"), "{stream}");
        }
        run
    }

    /// Asserts that the run succeeded, with nothing on standard error.
    pub(crate) fn succeeded(self) -> Self {
        assert_eq!((self.code, self.stderr.as_str()), (0, ""), "{}", self.stdout);
        self
    }

    /// Asserts that the run failed with exactly one line on standard error, which contains all of `parts`.
    pub(crate) fn failed(self, code: i32, parts: &[&str]) -> Self {
        assert_eq!(self.code, code, "{self:?}");
        let line = self.stderr.strip_suffix('\n').unwrap_or_else(|| panic!("no line: {self:?}"));
        assert!(line.starts_with("headstart: ") && !line.contains('\n'), "{line}");
        for part in parts {
            assert!(line.contains(part), "'{part}' is not in: {line}");
        }
        self
    }

    /// The lines of standard output, parsed as JSON.
    pub(crate) fn json(&self) -> Vec<Value> {
        let line = |line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
        self.stdout.lines().map(line).collect()
    }

    /// The only line of standard output, parsed as JSON.
    pub(crate) fn json_line(&self) -> Value {
        let mut lines = self.json();
        assert_eq!(lines.len(), 1, "{}", self.stdout);
        lines.remove(0)
    }
}

/// The keys of an object, in order.
pub(crate) fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap_or_else(|| panic!("{value}")).keys().map(String::as_str).collect()
}
