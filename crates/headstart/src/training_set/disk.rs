//! What training will need on disk, known before a picture is decoded.

use std::path::{Path, PathBuf};

use headstart_train::network::TrainableNetwork;
use serde::{Serialize, Serializer};

use super::records::{check_room, place};
use super::{Augmentation, scratch_folder};
use crate::{Base, Context, Error, Event, ExtractConfig, Pictures, Precision};

/// What training keeps on disk while it runs: decoded pictures and their views, in files without a name
/// that vanish with the process and that the feature cache does not count.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DiskNeed {
    /// The folder, on whose file system they lie.
    #[serde(serialize_with = "as_text")]
    pub folder: PathBuf,
    /// About how many bytes: which pictures can be read, and which are held back, shows only later.
    pub bytes: u64,
}

/// A path as people read it.
fn as_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

impl DiskNeed {
    /// Of training that keeps nothing.
    pub(crate) fn none(extract: &ExtractConfig) -> Self {
        Self { folder: scratch_folder(extract), bytes: 0 }
    }

    /// # Errors
    /// [`Error::NoRoom`] when the file system has less, and [`Error::Scratch`] when the folder cannot be
    /// written to.
    pub fn check(&self) -> Result<(), Error> {
        if self.bytes == 0 { Ok(()) } else { check_room(&self.folder, self.bytes).map(|_| ()) }
    }

    /// Tells of it, if anything is kept, and checks it.
    ///
    /// # Errors
    /// As [`DiskNeed::check`].
    pub(crate) fn tell(&self, context: &mut Context<'_>) -> Result<(), Error> {
        if self.bytes > 0 {
            context.tell(Event::Disk(self.clone()));
        }
        self.check()
    }

    /// Of pictures that are decoded, their views as the end `network` reads them, or their features
    /// without one, and for a head the features of several views.
    pub(crate) fn new(
        (base, pictures): (&Base, &Pictures),
        extract: &ExtractConfig,
        augmentation: Augmentation,
        network: Option<&TrainableNetwork>,
        for_head: bool,
    ) -> Self {
        let size = base.network().preprocessing();
        let features = base.network().output().channels();
        let value = network.map_or(features, TrainableNetwork::input_len);
        let held_back = pictures.expected_held_back();
        let train = pictures.len() - held_back;
        // Pictures themselves are not kept once more.
        let from_start = network.is_some_and(|network| network.boundary() == 0);
        let views = if from_start { 0 } else { augmentation.kept() };
        let features_of_views = match augmentation.kept() {
            views if for_head && views > 1 => {
                place(train.saturating_mul(views), features * Precision::F32.bytes())
            }
            _ => 0,
        };
        let parts = [
            place(pictures.len(), size.height * size.width * 3),
            place(train.saturating_mul(views), value * Precision::F16.bytes()),
            place(held_back, value * Precision::F32.bytes()),
            features_of_views,
        ];
        let bytes = parts.into_iter().fold(0, u64::saturating_add);
        Self { folder: scratch_folder(extract), bytes }
    }
}
