//! An archive or a table of pictures: its listing, and the first pictures in it.

use std::io::Write;
use std::path::Component;

use headstart_data::Limits;
use headstart_data::sources::list_source;

const LIMITS: Limits = Limits { max_pixels: 1 << 18, max_bytes: 8 << 20, max_file_bytes: 1 << 20 };
/// Maximum number of pictures that are read.
const FIRST: usize = 16;

pub(crate) fn run(bytes: &[u8]) {
    let mut file = tempfile::NamedTempFile::new().expect("there is room");
    file.write_all(bytes).expect("there is room");
    let listing = match list_source(file.path()) {
        Ok(listing) => listing,
        Err(error) => return assert!(!error.to_string().contains(['\n', '\r']), "{error}"),
    };
    for picture in listing.pictures.iter().take(FIRST) {
        let path = picture.at.path();
        let inside = path.components().all(|part| part != Component::ParentDir);
        assert!(path.starts_with(file.path()) && inside, "{path:?} leads out of the archive");
        if let Ok(bytes) = picture.at.read(&LIMITS) {
            assert!(bytes.len() as u64 <= LIMITS.max_file_bytes);
        }
    }
}
