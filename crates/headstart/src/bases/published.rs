//! Weights of bases that are published on the web.

use headstart_fetch::{Digests, Expected, Hash, Size};
use headstart_model::architectures::Architecture;

use crate::{BaseError, Error};

/// A weight file offered by a publisher.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Published {
    /// The base that the weights are for.
    pub base: &'static str,
    /// The publisher: the library that uses the file by default.
    pub publisher: &'static str,
    /// The data that the weights were trained on.
    pub trained_on: &'static str,
    /// The address of the file.
    pub url: &'static str,
    /// The length of the file, if known.
    pub size: Option<Size>,
    /// The hash given by the publisher, if any.
    pub hash: Option<Hash>,
    /// The licence of the library that offers the file. The training data may have terms of its own.
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

/// A Keras file without the classifier, which no head needs.
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

const fn keras_md5(base: &'static str, url: &'static str, md5: &'static str) -> Published {
    keras(base, url, None, Some(Hash::Md5(md5)))
}

/// A ConvNeXt file by its authors, who give neither length nor hash.
const fn meta(base: &'static str, url: &'static str, trained_on: &'static str) -> Published {
    Published { base, publisher: "Meta", trained_on, url, size: None, hash: None, licence: "MIT" }
}

/// The published weights. The first row of a base is used if only the base is named.
///
/// The rows follow Keras 3.15, torchvision 0.29, timm 1.0.31 and the page of ConvNeXt's authors. Of
/// torchvision's weights these are the first generation, whose features transfer to other pictures.
pub static PUBLISHED: &[Published] = &[
    // Keras publishes no hash of MobileNet's files; the length is from its progress bar.
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
    keras(
        "mobilenetv1",
        "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet/mobilenet_1_0_224_tf_no_top.h5",
        Some(Size::Bytes(17_225_924)),
        None,
    ),
    torchvision(
        "resnet18",
        "https://download.pytorch.org/models/resnet18-f37072fd.pth",
        44.661,
        "f37072fd",
    ),
    torchvision(
        "resnet34",
        "https://download.pytorch.org/models/resnet34-b627a593.pth",
        83.275,
        "b627a593",
    ),
    torchvision(
        "resnet50",
        "https://download.pytorch.org/models/resnet50-0676ba61.pth",
        97.781,
        "0676ba61",
    ),
    torchvision(
        "resnet50",
        "https://download.pytorch.org/models/resnet50-11ad3fa6.pth",
        97.79,
        "11ad3fa6",
    ),
    torchvision(
        "squeezenet1.1",
        "https://download.pytorch.org/models/squeezenet1_1-b8a52dc0.pth",
        4.729,
        "b8a52dc0",
    ),
    keras_md5(
        "mobilenetv3-small",
        "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v3/weights_mobilenet_v3_small_224_1.0_float_no_top_v2.h5",
        "d3e8ec802a04aa4fc771ee12a9a9b836",
    ),
    keras_md5(
        "mobilenetv3-large",
        "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v3/weights_mobilenet_v3_large_224_1.0_float_no_top_v2.h5",
        "07fb09a5933dd0c8eaafa16978110389",
    ),
    torchvision(
        "mobilenetv3-small-torch",
        "https://download.pytorch.org/models/mobilenet_v3_small-047dcff4.pth",
        9.829,
        "047dcff4",
    ),
    torchvision(
        "mobilenetv3-large-torch",
        "https://download.pytorch.org/models/mobilenet_v3_large-8738ca79.pth",
        21.114,
        "8738ca79",
    ),
    torchvision(
        "mobilenetv3-large-torch",
        "https://download.pytorch.org/models/mobilenet_v3_large-5c1a4163.pth",
        21.107,
        "5c1a4163",
    ),
    timm(
        "mobilenetv3-small-timm",
        "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/mobilenetv3_small_100_lamb-266a294c.pth",
        "266a294c",
    ),
    timm(
        "mobilenetv3-large-timm",
        "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/mobilenetv3_large_100_ra-f55367f5.pth",
        "f55367f5",
    ),
    keras_md5(
        "efficientnet-b0",
        "https://storage.googleapis.com/keras-applications/efficientnetb0_notop.h5",
        "50bc09e76180e00e4465e1a485ddc09d",
    ),
    keras_md5(
        "efficientnet-b1",
        "https://storage.googleapis.com/keras-applications/efficientnetb1_notop.h5",
        "74c4e6b3e1f6a1eea24c589628592432",
    ),
    keras_md5(
        "efficientnet-b2",
        "https://storage.googleapis.com/keras-applications/efficientnetb2_notop.h5",
        "111f8e2ac8aa800a7a99e3239f7bfb39",
    ),
    keras_md5(
        "efficientnet-b3",
        "https://storage.googleapis.com/keras-applications/efficientnetb3_notop.h5",
        "af6d107764bb5b1abb91932881670226",
    ),
    torchvision(
        "efficientnet-b0-torch",
        "https://download.pytorch.org/models/efficientnet_b0_rwightman-7f5810bc.pth",
        20.451,
        "7f5810bc",
    ),
    torchvision(
        "efficientnet-b1-torch",
        "https://download.pytorch.org/models/efficientnet_b1_rwightman-bac287d4.pth",
        30.134,
        "bac287d4",
    ),
    torchvision(
        "efficientnet-b1-torch",
        "https://download.pytorch.org/models/efficientnet_b1-c27df63c.pth",
        30.136,
        "c27df63c",
    ),
    torchvision(
        "efficientnet-b2-torch",
        "https://download.pytorch.org/models/efficientnet_b2_rwightman-c35c1473.pth",
        35.174,
        "c35c1473",
    ),
    torchvision(
        "efficientnet-b3-torch",
        "https://download.pytorch.org/models/efficientnet_b3_rwightman-b3899882.pth",
        47.184,
        "b3899882",
    ),
    timm(
        "efficientnet-b0-tf",
        "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/tf_efficientnet_b0_aa-827b6e33.pth",
        "827b6e33",
    ),
    timm(
        "efficientnet-b0-tf",
        "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/tf_efficientnet_b0_ns-c0e6a31c.pth",
        "c0e6a31c",
    ),
    timm(
        "efficientnet-b1-tf",
        "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/tf_efficientnet_b1_aa-ea7a6ee0.pth",
        "ea7a6ee0",
    ),
    timm(
        "efficientnet-b1-tf",
        "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/tf_efficientnet_b1_ns-99dd0c41.pth",
        "99dd0c41",
    ),
    timm(
        "efficientnet-b2-tf",
        "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/tf_efficientnet_b2_aa-60c94f97.pth",
        "60c94f97",
    ),
    timm(
        "efficientnet-b2-tf",
        "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/tf_efficientnet_b2_ns-00306e48.pth",
        "00306e48",
    ),
    timm(
        "efficientnet-b3-tf",
        "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/tf_efficientnet_b3_aa-84b4657e.pth",
        "84b4657e",
    ),
    timm(
        "efficientnet-b3-tf",
        "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-weights/tf_efficientnet_b3_ns-9d44bf68.pth",
        "9d44bf68",
    ),
    keras_md5(
        "efficientnetv2-s",
        "https://storage.googleapis.com/tensorflow/keras-applications/efficientnet_v2/efficientnetv2-s_notop.h5",
        "af0682fb74e8c54910f2d4393339c070",
    ),
    torchvision(
        "efficientnetv2-s-torch",
        "https://download.pytorch.org/models/efficientnet_v2_s-dd5fe13b.pth",
        82.704,
        "dd5fe13b",
    ),
    timm(
        "efficientnetv2-s-tf",
        "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-effv2-weights/tf_efficientnetv2_s-eb54923e.pth",
        "eb54923e",
    ),
    torchvision(
        "regnet-y-400mf",
        "https://download.pytorch.org/models/regnet_y_400mf-c65dace8.pth",
        16.806,
        "c65dace8",
    ),
    torchvision(
        "regnet-y-400mf",
        "https://download.pytorch.org/models/regnet_y_400mf-e6988f5f.pth",
        16.806,
        "e6988f5f",
    ),
    torchvision(
        "convnext-tiny",
        "https://download.pytorch.org/models/convnext_tiny-983f1562.pth",
        109.119,
        "983f1562",
    ),
    meta(
        "convnext-tiny",
        "https://dl.fbaipublicfiles.com/convnext/convnext_tiny_1k_224_ema.pth",
        "ImageNet-1k",
    ),
    meta(
        "convnext-tiny",
        "https://dl.fbaipublicfiles.com/convnext/convnext_tiny_22k_224.pth",
        "ImageNet-22k",
    ),
    meta(
        "convnext-tiny",
        "https://dl.fbaipublicfiles.com/convnext/convnext_tiny_22k_1k_224.pth",
        "ImageNet-22k, then ImageNet-1k",
    ),
    torchvision(
        "convnext-small",
        "https://download.pytorch.org/models/convnext_small-0c510722.pth",
        191.703,
        "0c510722",
    ),
    meta(
        "convnext-small",
        "https://dl.fbaipublicfiles.com/convnext/convnext_small_1k_224_ema.pth",
        "ImageNet-1k",
    ),
    meta(
        "convnext-small",
        "https://dl.fbaipublicfiles.com/convnext/convnext_small_22k_224.pth",
        "ImageNet-22k",
    ),
    meta(
        "convnext-small",
        "https://dl.fbaipublicfiles.com/convnext/convnext_small_22k_1k_224.pth",
        "ImageNet-22k, then ImageNet-1k",
    ),
];

impl Published {
    /// Finds published weights by the name of the base or of the file.
    ///
    /// # Errors
    /// When there is no such base, or no publisher of its weights is known.
    pub fn find(name: &str) -> Result<&'static Self, Error> {
        let found = PUBLISHED.iter().find(|row| row.base == name || row.file() == name);
        found.ok_or_else(|| match Architecture::find(name) {
            Ok(_) => BaseError::NotPublished { name: name.to_owned() }.into(),
            Err(error) => error.into(),
        })
    }

    /// Whether weights of `base` are published.
    pub fn is_of(base: &str) -> bool {
        PUBLISHED.iter().any(|row| row.base == base)
    }

    /// The published file with these hashes.
    pub(super) fn of(digests: &Digests) -> Option<&'static Self> {
        PUBLISHED.iter().find(|row| row.hash.is_some_and(|hash| hash.is_of(digests)))
    }

    /// The name of the file.
    pub fn file(&self) -> &'static str {
        self.url.rsplit('/').next().unwrap_or(self.url)
    }

    /// The address of the file: its own, or that of a file of the same name below `mirror`.
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

    use headstart_model::architectures::ARCHITECTURES;

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
                // Hashes in file names agree with the column.
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
    fn every_base_can_be_fetched() {
        let bases = ARCHITECTURES.iter().map(|architecture| architecture.id);
        let without: Vec<&str> = bases.filter(|id| !Published::is_of(id)).collect();
        assert!(without.is_empty(), "{without:?}");
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
