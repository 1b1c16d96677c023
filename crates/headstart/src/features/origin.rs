//! What a file of features says of where they are from.

use std::fmt;

use headstart_data::Listed;
use headstart_model::Preprocessing;
use serde::{Deserialize, Serialize};

use super::Shard;
use crate::{Base, BaseConfig, BaseSource};

/// Which base the features of a file are of: what a Parquet file has as key-value metadata, and a
/// safetensors file as `__metadata__`, called [`FeatureOrigin::KEY`], as JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureOrigin {
    /// The base's architecture, as [`BaseSource`] knows it.
    pub base: String,
    /// A hash of all its weights, in hexadecimal.
    pub weights: String,
    /// How pictures were prepared for it.
    pub preprocessing: Preprocessing,
    /// The same of further bases, whose features follow those of the first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further: Vec<Preprocessing>,
    /// Whether features are the mean of those of a picture and of its mirror image.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mirrored: bool,
    /// Which part of the pictures these are, where they are one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<FeaturePart>,
}

/// Which part of a list of pictures the features of a file are of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeaturePart {
    /// The part.
    pub shard: Shard,
    /// How many pictures the whole list has.
    pub pictures: usize,
    /// A hash of the list: the files' names and the labels, in order. Folders do not count, which may lie
    /// elsewhere on another machine.
    pub list: String,
}

impl FeatureOrigin {
    /// What the entry in a file's metadata is called.
    pub const KEY: &str = "headstart.features";

    /// That features are of this base.
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

    /// That features are of the pictures of a part of a list.
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

    /// The bundled base that features may be of.
    pub fn base_source(&self) -> BaseSource {
        let Preprocessing { height, width, interpolation, fit, .. } = self.preprocessing;
        // Bases that are joined have their own sizes, or all the same.
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
