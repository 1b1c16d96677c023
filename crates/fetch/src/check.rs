//! Checks whether a file is the published one.

use std::fmt::{self, Write};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use headstart_files::FileError;
use md5::{Digest, Md5};
use sha2::Sha256;

/// The properties of a file that its publisher states.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Expected {
    /// Its length.
    pub size: Option<Size>,
    /// A hash of its content.
    pub hash: Option<Hash>,
}

/// The length of a file.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Size {
    /// An exact number of bytes.
    Bytes(u64),
    /// A number of MiB, rounded to three decimals.
    Mebibytes(f64),
}

impl Size {
    /// Whether a file of `bytes` bytes has this length.
    pub fn is_of(self, bytes: u64) -> bool {
        match self {
            Self::Bytes(own) => bytes == own,
            // Slightly more than half of the last digit, because some publishers truncate instead
            // of rounding.
            Self::Mebibytes(own) => (bytes as f64 / MEBIBYTE - own).abs() <= 0.001,
        }
    }

    /// The approximate number of bytes.
    pub fn bytes(self) -> u64 {
        match self {
            Self::Bytes(own) => own,
            Self::Mebibytes(own) => (own * MEBIBYTE).round() as u64,
        }
    }
}

const MEBIBYTE: f64 = 1_048_576.0;

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(own) => write!(f, "{own}"),
            Self::Mebibytes(_) => write!(f, "about {}", self.bytes()),
        }
    }
}

/// A hash of a file's content, in lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256, or its first digits if the publisher gives no more.
    Sha256(&'static str),
    /// MD5, which detects only accidental changes.
    Md5(&'static str),
}

impl Hash {
    /// The name of the algorithm.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Sha256(_) => "SHA-256",
            Self::Md5(_) => "MD5",
        }
    }

    /// The hexadecimal digits.
    pub fn hex(&self) -> &'static str {
        match self {
            Self::Sha256(hex) | Self::Md5(hex) => hex,
        }
    }

    /// Whether a file has this hash.
    pub fn is_of(&self, digests: &Digests) -> bool {
        digests.of(self).starts_with(self.hex())
    }
}

/// The hashes and the length of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// SHA-256, in lower-case hexadecimal digits.
    pub sha256: String,
    /// MD5, in lower-case hexadecimal digits.
    pub md5: String,
    /// The length in bytes.
    pub bytes: u64,
}

impl Digests {
    /// The digest of the same kind as `hash`.
    pub(crate) fn of(&self, hash: &Hash) -> &str {
        match hash {
            Hash::Sha256(_) => &self.sha256,
            Hash::Md5(_) => &self.md5,
        }
    }
}

/// Reads a file once and hashes it.
///
/// # Errors
/// [`FileError`], naming the file.
pub fn digests(path: &Path) -> Result<Digests, FileError> {
    let read = || -> io::Result<Digests> {
        let (mut sha256, mut md5, mut bytes) = (Sha256::new(), Md5::new(), 0);
        let mut file = File::open(path)?;
        let mut buffer = vec![0; 1 << 18];
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(n) => {
                    sha256.update(&buffer[..n]);
                    md5.update(&buffer[..n]);
                    bytes += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(Digests { sha256: hex(&sha256.finalize()), md5: hex(&md5.finalize()), bytes })
    };
    read().map_err(|cause| FileError { action: "read", path: path.to_owned(), cause })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes all");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_those_of_rfc_1321_and_fips_180() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("abc");
        std::fs::write(&path, "abc").unwrap();
        let found = digests(&path).unwrap();
        assert_eq!(found.md5, "900150983cd24fb0d6963f7d28e17f72");
        let sha256 = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!((found.sha256.as_str(), found.bytes), (sha256, 3));
        for (hash, is_it) in [
            (Hash::Sha256(sha256), true),
            (Hash::Sha256("ba7816bf"), true),
            (Hash::Sha256("ba7816be"), false),
            (Hash::Md5("900150983cd24fb0d6963f7d28e17f72"), true),
            (Hash::Md5("ba7816bf8f01cfea414140de5dae2223"), false),
        ] {
            assert_eq!(hash.is_of(&found), is_it, "{hash:?}");
        }
        assert!(digests(&folder.path().join("none")).is_err());
    }

    #[test]
    fn a_rounded_size_fits_what_rounds_to_it() {
        // torchvision's ResNet-18: 46,830,571 bytes, published as 44.661.
        let size = Size::Mebibytes(44.661);
        assert!(size.is_of(46_830_571));
        assert!(!size.is_of(46_830_571 + 2_000) && !size.is_of(46_830_571 - 2_000));
        assert!(Size::Bytes(3).is_of(3) && !Size::Bytes(3).is_of(4));
    }
}
