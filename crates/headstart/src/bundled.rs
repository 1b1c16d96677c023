//! Weights that are part of the program, with the feature `bundled`.

/// A base whose weights are bundled.
#[derive(Clone, Copy, Debug)]
pub struct Bundled {
    /// The name of the base in [`crate::Base::bundled`].
    pub name: &'static str,
    /// The origin of the weights, for people.
    pub origin: &'static str,
    /// The names of the classes of its classifier, one per line, if it has one.
    pub(crate) classes: Option<&'static str>,
    pub(crate) weights: &'static [u8],
}

/// The bundled bases, the default first. Empty without the feature `bundled`.
pub static BUNDLED: &[Bundled] = &[
    #[cfg(feature = "bundled")]
    Bundled::of(&headstart_bundled::MOBILENETV2),
    #[cfg(feature = "bundled")]
    Bundled::of(&headstart_bundled::EFFICIENTNET_LITE0),
];

impl Bundled {
    #[cfg(feature = "bundled")]
    const fn of(pretrained: &headstart_bundled::Pretrained) -> Self {
        let &headstart_bundled::Pretrained { name, origin, classes, weights } = pretrained;
        Self { name, origin, classes, weights }
    }

    /// The names of the bundled bases that have a classifier.
    pub(crate) fn with_classifier() -> Vec<&'static str> {
        BUNDLED.iter().filter(|bundled| bundled.has_classifier()).map(|b| b.name).collect()
    }

    /// The bundled base called `name`.
    pub fn find(name: &str) -> Option<&'static Self> {
        BUNDLED.iter().find(|bundled| bundled.name == name)
    }

    /// The length of the weights in bytes.
    pub fn bytes(&self) -> usize {
        self.weights.len()
    }

    /// Whether it has a classifier, and can predict without training.
    pub fn has_classifier(&self) -> bool {
        self.classes.is_some()
    }
}

#[cfg(test)]
mod tests {
    use crate::{Base, Classifier, ErrorKind};

    #[test]
    fn what_is_not_bundled_is_refused_by_what_this_build_has() {
        let (base, classifier, model) = match cfg!(feature = "bundled") {
            true => (
                "no weights of 'mobilenetv2-torch' are bundled (bundled: mobilenetv2, efficientnet-lite0)",
                "no weights of 'mobilenetv2' are bundled (bundled: efficientnet-lite0)",
                "x: no such file, and no bundled base with a classifier has this name (there is efficientnet-lite0)",
            ),
            false => (
                "no weights are bundled in this build, and so none of 'mobilenetv2-torch'",
                "no weights are bundled in this build, and so none of 'mobilenetv2'",
                "x: no such file, and no weights are bundled in this build",
            ),
        };
        let error = Base::bundled("mobilenetv2-torch").unwrap_err();
        assert_eq!((error.to_string().as_str(), error.kind()), (base, ErrorKind::InvalidName));
        assert_eq!(Classifier::bundled("mobilenetv2").unwrap_err().to_string(), classifier);
        assert_eq!(Classifier::open("x").unwrap_err().to_string(), model);
    }
}
