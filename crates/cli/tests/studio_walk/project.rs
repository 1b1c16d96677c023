//! The project of a test, its pictures, and the studio that opens it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use image::imageops::FilterType;

const PATIENCE: Duration = Duration::from_secs(120);

/// A temporary folder, deleted after the test.
pub(crate) struct Project {
    place: tempfile::TempDir,
}

/// The bundled pictures `which` of a class.
pub(crate) fn pictures(class: &str, which: Range<usize>) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/fashion-mnist").join(class);
    let mut paths: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths[which].to_vec()
}

impl Project {
    pub(crate) fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("project")).unwrap();
        Self { place }
    }

    fn folder(&self) -> PathBuf {
        self.place.path().join("project")
    }

    /// A video for the camera: pictures of a class, each for half a second.
    pub(crate) fn video(&self, class: &str) -> PathBuf {
        let path = self.place.path().join("camera.mjpeg");
        let mut video = fs::File::create(&path).unwrap();
        for picture in pictures(class, 20..30) {
            let picture =
                image::open(picture).unwrap().resize_exact(320, 240, FilterType::Triangle);
            let mut frame = Vec::new();
            let encoder = image::codecs::jpeg::JpegEncoder::new(&mut frame);
            picture.to_rgb8().write_with_encoder(encoder).unwrap();
            for _ in 0..15 {
                video.write_all(&frame).unwrap();
            }
        }
        path
    }

    /// Creates a folder of pictures outside the project. The first part of `path` is their class.
    pub(crate) fn folder_of(&self, path: &str, which: Range<usize>) -> PathBuf {
        let folder = self.place.path().join("dropped").join(path);
        fs::create_dir_all(&folder).unwrap();
        for picture in pictures(path.split('/').next().unwrap(), which) {
            fs::copy(&picture, folder.join(picture.file_name().unwrap())).unwrap();
        }
        folder
    }

    /// Number of pictures in the folder of a class.
    pub(crate) fn count(&self, class: &str) -> Option<usize> {
        let entries = fs::read_dir(self.folder().join(class)).ok()?;
        Some(
            entries
                .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_file()))
                .count(),
        )
    }

    /// All pictures with their sizes, except those in hidden folders.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, u64> {
        let mut found = BTreeMap::new();
        let mut folders = vec![self.folder()];
        while let Some(folder) = folders.pop() {
            // A folder that is moved meanwhile is found the next time.
            let entries = fs::read_dir(folder).into_iter().flatten();
            for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
                let is_hidden = path.file_name().unwrap().to_string_lossy().starts_with('.');
                if path.is_dir() && !is_hidden {
                    folders.push(path);
                } else if let Some(size) = path.metadata().ok().map(|metadata| metadata.len())
                    && !is_hidden
                {
                    found.insert(path.strip_prefix(self.folder()).unwrap().to_owned(), size);
                }
            }
        }
        found
    }

    /// Waits until the files meet a condition.
    pub(crate) fn wait_until(&self, is_so: impl Fn(&BTreeMap<PathBuf, u64>) -> bool) {
        let begun = Instant::now();
        while !is_so(&self.files()) {
            assert!(begun.elapsed() < PATIENCE, "{:#?}", self.files());
            thread::sleep(Duration::from_millis(30));
        }
    }
}

/// A running `headstart studio`; killed when dropped.
pub(crate) struct Studio {
    process: Child,
    pub(crate) url: String,
}

impl Studio {
    pub(crate) fn start(project: &Project) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_headstart"))
            .args(["studio", "--no-open"])
            .arg(project.folder())
            .env("HEADSTART_CACHE", project.place.path().join("cache"))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(process.stdout.take().unwrap());
        let url = loop {
            let mut line = String::new();
            assert!(out.read_line(&mut line).unwrap() > 0, "it ended before it listened");
            if let Some(start) = line.find("http://") {
                break line[start..].trim_end().to_owned();
            }
        };
        // The rest of the output is discarded.
        thread::spawn(move || std::io::copy(&mut out, &mut std::io::sink()));
        Self { process, url }
    }

    /// Kills the process, as a crash would.
    pub(crate) fn kill(mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Studio {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
