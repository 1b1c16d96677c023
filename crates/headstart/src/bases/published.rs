//! Which weights there are on the web for a base.

use headstart_fetch::{Digests, Expected, Hash, Size};
use headstart_model::architectures::Architecture;

use crate::Error;

/// A file of weights that a publisher offers.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Published {
    /// The base that it is of.
    pub base: &'static str,
    /// Who offers it: the library that takes it by default.
    pub publisher: &'static str,
    /// What it was trained on.
    pub trained_on: &'static str,
    /// Its address.
    pub url: &'static str,
    /// Its length, where that is known.
    pub size: Option<Size>,
    /// The hash that its publisher gives, where one does.
    pub hash: Option<Hash>,
    /// The licence of the library that offers it; the data that it was trained on may have terms of its own.
    pub licence: &'static str,
}

const fn torchvision(
    base: &'static str,
    url: &'static str,
    mebibytes: f64,
    sha256: &'static str,
) -> Published {
    Published {
        base,
        publisher: "torchvision",
        trained_on: "ImageNet-1k",
        url,
        size: Some(Size::Mebibytes(mebibytes)),
        hash: Some(Hash::Sha256(sha256)),
        licence: "BSD-3-Clause",
    }
}

const fn timm(base: &'static str, url: &'static str, sha256: &'static str) -> Published {
    Published {
        base,
        publisher: "timm",
        trained_on: "ImageNet-1k",
        url,
        size: None,
        hash: Some(Hash::Sha256(sha256)),
        licence: "Apache-2.0",
    }
}

/// Without its classifier, which no head needs.
const fn keras(
    base: &'static str,
    url: &'static str,
    size: Option<Size>,
    hash: Option<Hash>,
) -> Published {
    Published {
        base,
        publisher: "Keras",
        trained_on: "ImageNet-1k",
        url,
        size,
        hash,
        licence: "Apache-2.0",
    }
}

/// The weights of each base, the first of a base those that its name alone asks for. As in Keras 3.15,
/// torchvision 0.29 and timm 1.0.31; of torchvision's the first generation, whose features carry over to other
/// pictures.
pub static PUBLISHED: &[Published] = &[
    // Keras gives no hash of MobileNet's files; its own progress bar has their length.
    keras(
        "mobilenetv2",
        "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_160_no_top.h5",
        Some(Size::Bytes(9_406_464)),
        None,
    ),
    torchvision(
        "mobilenetv2-torch",
        "https://download.pytorch.org/models/mobilenet_v2-b0353104.pth",
        13.555,
        "b0353104",
    ),
    torchvision(
        "mobilenetv2-torch",
        "https://download.pytorch.org/models/mobilenet_v2-7ebf99e0.pth",
        13.598,
        "7ebf99e0",
    ),
    timm(
        "efficientnet-lite0",
        "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/tf_efficientnet_lite0-0aa007d2.pth",
        "0aa007d2",
    ),
    timm(
        "efficientnet-lite1",
        "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/tf_efficientnet_lite1-bde8b488.pth",
        "bde8b488",
    ),
    timm(
        "efficientnet-lite2",
        "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/tf_efficientnet_lite2-dcccb7df.pth",
        "dcccb7df",
    ),
    timm(
        "efficientnet-lite3",
        "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/tf_efficientnet_lite3-b733e338.pth",
        "b733e338",
    ),
    timm(
        "efficientnet-lite4",
        "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/tf_efficientnet_lite4-741542c3.pth",
        "741542c3",
    ),
    timm(
        "efficientnet-lite0-torch",
        "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/efficientnet_lite0_ra-37913777.pth",
        "37913777",
    ),
];

impl Published {
    /// The weights of a base, or those in the file of this name.
    ///
    /// # Errors
    /// When there is no such base, or its weights are published nowhere that is known.
    pub fn find(name: &str) -> Result<&'static Self, Error> {
        let found = PUBLISHED.iter().find(|row| row.base == name || row.file() == name);
        found.ok_or_else(|| match Architecture::find(name) {
            Ok(_) => Error::NotPublished { name: name.to_owned() },
            Err(error) => error.into(),
        })
    }

    /// Whether weights of a base are published.
    pub fn is_of(base: &str) -> bool {
        PUBLISHED.iter().any(|row| row.base == base)
    }

    /// The one that a file of these hashes is.
    pub(super) fn of(digests: &Digests) -> Option<&'static Self> {
        PUBLISHED.iter().find(|row| row.hash.is_some_and(|hash| hash.is_of(digests)))
    }

    /// The file's name.
    pub fn file(&self) -> &'static str {
        self.url.rsplit('/').next().unwrap_or(self.url)
    }

    /// Its address on a mirror: a file of the same name below it.
    pub fn url_at(&self, mirror: Option<&str>) -> String {
        match mirror {
            Some(mirror) => format!("{}/{}", mirror.trim_end_matches('/'), self.file()),
            None => self.url.to_owned(),
        }
    }

    pub(super) fn expected(&self) -> Expected {
        Expected { size: self.size, hash: self.hash }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_row_is_of_a_base_and_its_file_is_its_own() {
        let mut files = HashSet::new();
        for row in PUBLISHED {
            Architecture::find(row.base).unwrap();
            assert!(row.url.starts_with("https://"), "{row:?}");
            assert!(files.insert(row.file()), "{row:?}");
            assert_eq!(Published::find(row.file()).unwrap(), row);
            let Some(hash) = row.hash else { continue };
            assert!(hash.hex().bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f')), "{row:?}");
            match hash {
                Hash::Md5(hex) => assert_eq!(hex.len(), 32),
                // Where the name carries the hash, they agree.
                Hash::Sha256(hex) => {
                    assert!(hex.len() == 64 || row.file().contains(hex), "{row:?}")
                }
            }
        }
        let known: HashSet<_> =
            PUBLISHED.iter().filter_map(|row| row.hash).map(|h| h.hex()).collect();
        assert_eq!(known.len(), PUBLISHED.iter().filter(|row| row.hash.is_some()).count());
    }

    #[test]
    fn a_mirror_has_files_of_the_same_names() {
        let row = Published::find("mobilenetv2-torch").unwrap();
        assert_eq!(row.file(), "mobilenet_v2-b0353104.pth");
        assert_eq!(row.url_at(None), row.url);
        let at = "http://localhost:8000/weights/mobilenet_v2-b0353104.pth";
        assert_eq!(row.url_at(Some("http://localhost:8000/weights/")), at);
    }
}
