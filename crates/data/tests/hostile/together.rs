//! Many threads that read and decode large pictures respect the memory limit they share.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use flate2::write::DeflateEncoder;
use flate2::{Compression, Crc};
use headstart_data::decode::MinSize;
use headstart_data::sources::Source;
use headstart_data::{DecodeError, Location, Reader};

use super::support::parquet_file::{BYTES, Column, Page, STORED, table};
use super::{alone, peak};

/// Side of the pictures, in pixels.
const SIDE: usize = 1500;
const FILE: usize = 54 + SIDE * SIDE * 3;
const COUNT: usize = 24;
const THREADS: usize = 16;
/// Room for four files, or for two pictures with their files.
const MEMORY: u64 = 32 << 20;
/// Other memory of threads and tests.
const BESIDE: u64 = 2 << 20;

/// A BMP of one colour, except for one byte.
fn bmp(number: usize) -> Vec<u8> {
    let mut file = b"BM".to_vec();
    for field in [FILE, 0, 54, 40, SIDE, SIDE] {
        file.extend((field as u32).to_le_bytes());
    }
    file.extend([1, 0, 24, 0]);
    file.resize(FILE, 100);
    file[28 + 2..54].fill(0);
    file[54] = number as u8;
    file
}

/// A zip archive; if `streamed`, its local headers do not contain the lengths of members.
fn zip(pack: Option<Compression>, streamed: bool) -> Vec<u8> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for number in 0..COUNT {
        let (name, file) = (format!("{}/{number}.bmp", number % 2), bmp(number));
        let mut crc = Crc::new();
        crc.update(&file);
        let stored = match pack {
            None => file.clone(),
            Some(level) => {
                let mut encoder = DeflateEncoder::new(Vec::new(), level);
                std::io::Write::write_all(&mut encoder, &file).unwrap();
                encoder.finish().unwrap()
            }
        };
        let at = archive.len() as u32;
        let method = if pack.is_some() { 8u16 } else { 0 };
        let flags = if streamed { 8u16 } else { 0 };
        let sizes = [crc.sum(), stored.len() as u32, file.len() as u32];
        let common = |known: bool| {
            let mut bytes = [20u16, flags, method, 0, 0].map(u16::to_le_bytes).concat();
            sizes.iter().for_each(|&n| bytes.extend(if known { n } else { 0 }.to_le_bytes()));
            bytes.extend([(name.len() as u16).to_le_bytes(), [0; 2]].concat());
            bytes
        };
        archive.extend([b"PK\x03\x04", &common(!streamed)[..], name.as_bytes(), &stored].concat());
        if streamed {
            archive.extend(b"PK\x07\x08");
            sizes.iter().for_each(|n| archive.extend(n.to_le_bytes()));
        }
        directory.extend([b"PK\x01\x02\x14\x00", &common(true)[..], &[0; 10]].concat());
        directory.extend(at.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let start = archive.len() as u32;
    archive.extend(&directory);
    archive.extend(b"PK\x05\x06\0\0\0\0");
    archive.extend([(COUNT as u16).to_le_bytes(); 2].concat());
    archive.extend([(directory.len() as u32).to_le_bytes(), start.to_le_bytes()].concat());
    archive.extend([0; 2]);
    archive
}

fn tar() -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for number in 0..COUNT {
        let mut header = tar::Header::new_gnu();
        header.set_size(FILE as u64);
        header.set_mode(0o644);
        let name = format!("{}/{number}.bmp", number % 2);
        archive.append_data(&mut header, name, &bmp(number)[..]).unwrap();
    }
    archive.into_inner().unwrap()
}

/// One page per row.
fn parquet() -> Vec<u8> {
    let pages = (0..COUNT).map(|number| Page::plain(&[bmp(number)])).collect();
    table(&[Column { name: "image", kind: BYTES, codec: STORED, pages, dictionary: false }])
}

fn locations(path: &Path) -> Vec<Location> {
    Source::new(path).list().unwrap().pictures.into_iter().map(|picture| picture.at).collect()
}

/// Decodes all pictures on many threads, and returns the number of successes.
fn decode_all(pictures: &[Location], memory: u64) -> usize {
    let reader = Reader::new(Some(memory), MinSize::FULL);
    let (next, decoded) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                while let Some(at) = pictures.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let file = reader.read(at).unwrap();
                    let Ok(file) = reader.with_room(at, file) else { continue };
                    let picture = reader.decode(file).unwrap();
                    assert_eq!((picture.width(), picture.height()), (SIDE, SIDE));
                    decoded.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    decoded.into_inner()
}

#[test]
fn threads_keep_to_the_memory_that_they_share_wherever_pictures_lie() {
    let _alone = alone();
    let temp = tempfile::tempdir().unwrap();
    let write = |name: &str, bytes: Vec<u8>| -> PathBuf {
        let path = temp.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    };
    (0..COUNT).for_each(|number| {
        drop(write(&format!("folder/{}/{number}.bmp", number % 2), bmp(number)))
    });
    // In addition, a table keeps its last two batches and one in progress, of one row each here; and a thread that
    // copies from an earlier one keeps that.
    let batches = 4 * FILE as u64;
    let cases = [
        (temp.path().join("folder"), 0),
        (write("plain.tar", tar()), 0),
        (write("stored.zip", zip(None, false)), 0),
        (write("deflated.zip", zip(Some(Compression::fast()), false)), 0),
        (write("streamed.zip", zip(Some(Compression::fast()), true)), 0),
        (write("table.parquet", parquet()), batches),
    ];
    for (path, more) in cases {
        let pictures = locations(&path);
        assert_eq!(pictures.len(), COUNT, "{}", path.display());
        let (decoded, most) = peak(|| decode_all(&pictures, MEMORY));
        assert_eq!(decoded, COUNT, "{}", path.display());
        assert!(most <= MEMORY + BESIDE + more, "{}: {most} bytes", path.display());
    }
}

#[test]
fn a_picture_that_needs_more_than_there_may_be_is_refused_before_it_is_decoded() {
    let _alone = alone();
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("large.bmp");
    fs::write(&path, bmp(0)).unwrap();
    let at = Location::from(&path);
    // Room for the file, but not also for its pixels.
    let memory = FILE as u64 * 3 / 2;
    let (refused, most) = peak(|| {
        let reader = Reader::new(Some(memory), MinSize::FULL);
        let file = reader.read(&at).unwrap();
        matches!(reader.with_room(&at, file), Err(DecodeError::TooMuchMemory { .. }))
    });
    assert!(refused && most <= memory, "{most} bytes");
    // And no room for the file.
    let (refused, most) = peak(|| {
        let reader = Reader::new(Some(1 << 20), MinSize::FULL);
        matches!(reader.read(&at), Err(DecodeError::FileTooLarge { .. }))
    });
    assert!(refused && most < 1 << 20, "{most} bytes");
}
