//! Thumbnails, which are made when they are first requested, and cached by the contents of the file.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use headstart::data::decode::{Format, MinSize, decode_at_least, read_file, sniff};
use headstart::data::{DecodeError, Limits, Rgb};
use headstart::files::AtomicFile;
use image::codecs::jpeg::JpegEncoder;
use image::{ImageBuffer, imageops};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The longer side in pixels.
const SIDE: usize = 160;
const QUALITY: u8 = 75;
/// The JPEG quality of a picture in full size, if browsers do not support its format.
const LARGE_QUALITY: u8 = 90;

/// The number of thumbnails that are made at once, since other requests need the same threads.
const AT_ONCE: usize = 2;

/// The limit on the bytes of all thumbnails: enough for about 50,000 pictures.
const MOST_KEPT: u64 = 256 << 20;

/// The cache of thumbnails.
#[derive(Debug)]
pub(crate) struct Thumbnails {
    folder: Option<PathBuf>,
    turns: Arc<Semaphore>,
}

/// A file that browsers can show.
#[derive(Debug)]
pub(crate) struct Shown {
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Vec<u8>,
}

impl Thumbnails {
    /// Thumbnails that are cached beside the features.
    pub(crate) fn new(cache: Option<&Path>) -> Self {
        let folder = cache.map(|cache| cache.join("thumbnails"));
        Self { folder, turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Removes the oldest thumbnails if all together take too much space.
    pub(crate) fn prune(&self) {
        if let Some(folder) = &self.folder {
            prune(folder, MOST_KEPT);
        }
    }

    /// Waits until a picture may be made. The permit belongs to the task that makes it, which continues even if the
    /// request is dropped.
    pub(crate) async fn turn(&self) -> OwnedSemaphorePermit {
        self.turns.clone().acquire_owned().await.expect("it is never closed")
    }

    /// The thumbnail of a picture's file.
    ///
    /// # Errors
    /// If the picture cannot be read.
    pub(crate) fn of(&self, file: &Path) -> Result<Shown, DecodeError> {
        let limits = Limits::default();
        let bytes = read_file(file, &limits)?;
        let kept = self.folder.as_ref().map(|folder| {
            let hash = blake3::hash(&bytes).to_hex();
            folder.join(&hash[..2]).join(format!("{}.jpg", &hash[2..32]))
        });
        if let Some(bytes) = kept.as_ref().and_then(|kept| fs::read(kept).ok()) {
            return Ok(Shown { media_type: "image/jpeg", bytes });
        }
        let enough = MinSize { width: SIDE, height: SIDE };
        let picture = decode_at_least(&bytes, &limits, enough)?;
        let bytes = jpeg(&smaller(&picture, SIDE), QUALITY);
        if let Some(kept) = kept {
            keep(&kept, &bytes);
        }
        Ok(Shown { media_type: "image/jpeg", bytes })
    }
}

/// A picture's file in full size.
#[derive(Debug)]
pub(crate) enum Large {
    /// A file that browsers can show as it is.
    Shown(Shown),
    /// A file in a format that browsers do not support, as input for [`as_jpeg`].
    Other(Vec<u8>),
}

/// # Errors
/// If the file cannot be read, or is not a picture.
pub(crate) fn large(file: &Path) -> Result<Large, DecodeError> {
    let bytes = read_file(file, &Limits::default())?;
    let media_type = match sniff(&bytes)? {
        Format::Jpeg => "image/jpeg",
        Format::Png => "image/png",
        Format::WebP => "image/webp",
        Format::Gif => "image/gif",
        Format::Bmp => "image/bmp",
        _ => return Ok(Large::Other(bytes)),
    };
    Ok(Large::Shown(Shown { media_type, bytes }))
}

/// Converts a picture of any format to JPEG, which all browsers show.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn as_jpeg(bytes: &[u8]) -> Result<Shown, DecodeError> {
    let picture = decode_at_least(bytes, &Limits::default(), MinSize::FULL)?;
    Ok(Shown { media_type: "image/jpeg", bytes: jpeg(&picture, LARGE_QUALITY) })
}

/// If the files in the subfolders of `folder` take more than `most` bytes, removes the oldest ones until at most half
/// of that is left.
fn prune(folder: &Path, most: u64) {
    let within = |folder: &Path| fs::read_dir(folder).into_iter().flatten().flatten();
    let mut files: Vec<(SystemTime, u64, PathBuf)> = within(folder)
        .flat_map(|folder| within(&folder.path()))
        .filter_map(|entry| {
            let metadata = entry.metadata().ok().filter(fs::Metadata::is_file)?;
            Some((metadata.modified().ok()?, metadata.len(), entry.path()))
        })
        .collect();
    let mut all: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
    if all <= most {
        return;
    }
    files.sort_unstable();
    for (_, bytes, path) in files {
        if all <= most / 2 {
            return;
        }
        if fs::remove_file(path).is_ok() {
            all -= bytes;
        }
    }
}

/// Caches a thumbnail. Failure is only logged, since the thumbnail can be shown anyway.
fn keep(path: &Path, bytes: &[u8]) {
    let kept = path.parent().map_or(Ok(()), fs::create_dir_all).and_then(|()| {
        let mut file = AtomicFile::create(path).map_err(std::io::Error::other)?;
        file.write_all(bytes)?;
        file.commit().map_err(std::io::Error::other)
    });
    if let Err(error) = kept {
        tracing::debug!(%error, "a thumbnail is not kept");
    }
}

/// The picture, reduced so that its longer side is at most `side` pixels.
fn smaller(picture: &Rgb, side: usize) -> Rgb {
    let longer = picture.width().max(picture.height());
    let scaled = |pixels: usize| (pixels * side.min(longer) / longer).max(1);
    let (width, height) = (scaled(picture.width()), scaled(picture.height()));
    let small = imageops::thumbnail(&view(picture), width as u32, height as u32);
    Rgb::new(width, height, small.into_raw()).expect("three bytes a pixel")
}

fn jpeg(picture: &Rgb, quality: u8) -> Vec<u8> {
    let mut jpeg = Vec::new();
    let encoder = JpegEncoder::new_with_quality(&mut jpeg, quality);
    view(picture).write_with_encoder(encoder).expect("a vector takes whatever is written");
    jpeg
}

fn view(picture: &Rgb) -> ImageBuffer<image::Rgb<u8>, &[u8]> {
    let (width, height) = (picture.width() as u32, picture.height() as u32);
    ImageBuffer::from_raw(width, height, picture.pixels()).expect("three bytes a pixel")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_oldest_go_when_all_take_too_much() {
        let folder = tempfile::tempdir().expect("a folder");
        let path =
            |number: u64| folder.path().join(format!("{}", number % 3)).join(number.to_string());
        for number in 0..9 {
            fs::create_dir_all(path(number).parent().expect("a folder")).expect("room");
            fs::write(path(number), [0; 10]).expect("room");
            let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000 - number);
            let file = fs::File::options().write(true).open(path(number)).expect("it is there");
            file.set_modified(at).expect("it is ours");
        }
        prune(folder.path(), 90);
        assert!((0..9).all(|number| path(number).exists()));
        prune(folder.path(), 80);
        let left: Vec<u64> = (0..9).filter(|&number| path(number).exists()).collect();
        assert_eq!(left, [0, 1, 2, 3], "the newest");
    }
}
