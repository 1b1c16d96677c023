//! Realistic and malformed archives.

#[path = "../support/mod.rs"]
mod support;

mod damage;
mod listing;
mod names;

use std::fs;
use std::path::{Path, PathBuf};

use flate2::Crc;
use headstart_data::Subset;
use headstart_data::sources::{Listing, list_pictures};

fn archive(name: &str) -> PathBuf {
    support::fixture("archives").join(name)
}

/// The path within the archive.
fn within(archive: &Path, path: &Path) -> String {
    path.strip_prefix(archive).unwrap().to_string_lossy().into_owned()
}

/// `NAME:LABEL` of each picture, with a character for its side.
fn pictures(archive: &Path, listing: &Listing) -> Vec<String> {
    let picture = |p: &headstart_data::sources::Listed| {
        let side = match p.subset {
            Some(Subset::Train) => " train",
            Some(Subset::Validation) => " validation",
            Some(Subset::Test) => " test",
            None => "",
        };
        format!("{}:{}{side}", within(archive, &p.at.path()), p.label.as_deref().unwrap_or("-"))
    };
    listing.pictures.iter().map(picture).collect()
}

fn skipped(archive: &Path, listing: &Listing) -> Vec<String> {
    let line = |s: &headstart_data::Skipped| match within(archive, &s.path) {
        name if name.is_empty() => s.reason.to_string(),
        name => format!("{name}: {}", s.reason),
    };
    listing.skipped.iter().map(line).collect()
}

fn list(path: &Path) -> Listing {
    list_pictures([path])
}

fn crc(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// A file with this content.
fn file(name: &str, content: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, content).unwrap();
    (folder, path)
}

/// A tar archive of the given raw names and contents.
fn tar(members: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.as_mut_bytes()[..name.len()].copy_from_slice(name);
        header.set_cksum();
        archive.append(&header, *content).unwrap();
    }
    archive.into_inner().unwrap()
}

fn picture() -> Vec<u8> {
    support::bytes("decode/jpeg_rgb.jpg")
}
