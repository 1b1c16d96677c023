//! The metadata of a file of features: the base that computed them.

use std::fmt;

use headstart_data::Listed;
use headstart_model::Preprocessing;
use serde::{Deserialize, Serialize};

use super::Shard;
use crate::{Base, BaseConfig, BaseSource};

/// The base that computed the features of a file.
///
/// It is stored as JSON under [`FeatureOrigin::KEY`]: in the key-value metadata of a Parquet file, or in the
/// `__metadata__` of a safetensors file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureOrigin {
    /// The architecture of the base, as in [`BaseSource`].
    pub base: String,
    /// A hash of all weights, in hexadecimal.
    pub weights: String,
    /// How pictures were preprocessed.
    pub preprocessing: Preprocessing,
    /// The preprocessing of further bases, whose features follow those of the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<Preprocessing>,
    /// Whether features are the mean of those of a picture and its mirror image.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mirrored: bool,
    /// The part of the pictures that the file covers, if not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<FeaturePart>,
}

/// The part of a list of pictures that a file of features covers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeaturePart {
    /// The part.
    pub shard: Shard,
    /// The number of pictures in the whole list.
    pub pictures: usize,
    /// A hash of the list: file names and labels, in order. Folders are left out, since they may differ between
    /// machines.
    pub list: String,
}

impl FeatureOrigin {
    /// The key of the entry in a file's metadata.
    pub const KEY: &str = "headstart.features";

    /// The origin of features computed by `base`.
    pub fn of(base: &Base) -> Self {
        let mut preprocessing = base.parts().map(|base| base.network().preprocessing().clone());
        Self {
            base: base.name(),
            weights: hex(&base.weights_hash()),
            preprocessing: preprocessing.next().expect("there is a base"),
            further: preprocessing.collect(),
            mirrored: base.is_mirrored(),
            part: None,
        }
    }

    /// Adds the part of a list of pictures that the features cover.
    #[must_use]
    pub fn with_part(mut self, shard: Shard, list: &[Listed]) -> Self {
        let mut hash = blake3::Hasher::new_derive_key("headstart 2026 list of pictures");
        for picture in list {
            let path = picture.at.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            for part in [&*name, &*picture.label.to_cell()] {
                hash.update(&(part.len() as u64).to_le_bytes());
                hash.update(part.as_bytes());
            }
        }
        let list_hash = hex(hash.finalize().as_bytes());
        self.part = Some(FeaturePart { shard, pictures: list.len(), list: list_hash });
        self
    }

    /// Whether both are of the same base, weights and preprocessing.
    pub fn is_same_base(&self, other: &Self) -> bool {
        let of = |origin: &Self| Self { part: None, ..origin.clone() };
        of(self) == of(other)
    }

    /// The bundled base that may have computed the features.
    pub fn base_source(&self) -> BaseSource {
        let Preprocessing { height, width, interpolation, fit, .. } = self.preprocessing;
        // Joined bases have either their own sizes, or all the same.
        let same = self.further.iter().all(|to| (to.height, to.width) == (height, width));
        let config = BaseConfig::default()
            .with_architecture(self.base.clone())
            .with_input_size(same.then_some((height, width)));
        let alike = self.further.iter().all(|to| to.interpolation == interpolation);
        BaseSource::default()
            .with_config(config)
            .with_interpolation(alike.then_some(interpolation))
            .with_fit(fit)
            .with_mirrored(self.mirrored)
    }
}

impl fmt::Display for FeatureOrigin {
    /// `mobilenetv2 at 160 x 160, bilinear, stretch, weights 1f2e3d4c`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Preprocessing { height, width, interpolation, fit, .. } = &self.preprocessing;
        let weights = self.weights.get(..8).unwrap_or(&self.weights);
        let base = &self.base;
        write!(f, "{base} at {height} x {width}, {interpolation}, {fit}, weights {weights}")
    }
}

/// The first 16 bytes of a hash, in hexadecimal.
fn hex(hash: &[u8; 32]) -> String {
    hash[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use headstart_data::Labels;
    use headstart_model::architectures::NetworkConfig;

    use super::*;

    #[test]
    fn a_part_is_of_the_same_list_wherever_its_folder_lies() {
        let base = Base::untrained("mobilenetv2", &NetworkConfig::default()).unwrap();
        let of = |folder: &str, label: &str| {
            let path = std::path::PathBuf::from(format!("{folder}/a.jpg"));
            let listed = Listed::new(path, Labels::One(label.into()), None);
            FeatureOrigin::of(&base).with_part("1/2".parse().unwrap(), &[listed])
        };
        assert_eq!(of("/mnt/a", "x"), of("b", "x"));
        assert_ne!(of("a", "x"), of("a", "y"));
        let read: FeatureOrigin =
            serde_json::from_str(&serde_json::to_string(&of("a", "x")).unwrap()).unwrap();
        assert_eq!(read, of("a", "x"));
        assert!(read.is_same_base(&FeatureOrigin::of(&base)));
    }
}
