//! The disk space that training needs, estimated before any picture is decoded.

use std::path::{Path, PathBuf};

use headstart_train::network::TrainableNetwork;
use serde::{Serialize, Serializer};

use super::records::{check_room, place};
use super::{Augmentation, scratch_folder};
use crate::{Base, Context, Error, Event, ExtractConfig, Pictures, Precision};

/// The disk space that training uses while it runs.
///
/// Decoded pictures and their views are stored in unnamed files, which are gone when the process ends, and do
/// not count towards the limit of the feature cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DiskNeed {
    /// The folder, which determines the file system.
    #[serde(serialize_with = "as_text")]
    pub folder: PathBuf,
    /// The approximate number of bytes: which pictures can be read, and which are held back, is not known yet.
    pub bytes: u64,
}

/// Serialises a path in readable form.
fn as_text<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&path.display())
}

impl DiskNeed {
    /// For training that stores nothing.
    pub(crate) fn none(extract: &ExtractConfig) -> Self {
        Self { folder: scratch_folder(extract), bytes: 0 }
    }

    /// Checks that the space is available.
    ///
    /// # Errors
    /// [`Error::NoRoom`] when the file system has less, and [`Error::Scratch`] when the folder cannot be
    /// written to.
    pub fn check(&self) -> Result<(), Error> {
        if self.bytes == 0 { Ok(()) } else { check_room(&self.folder, self.bytes).map(|_| ()) }
    }

    /// Reports the need, if there is any, and checks that the space is available.
    ///
    /// # Errors
    /// As for [`DiskNeed::check`].
    pub(crate) fn tell(&self, context: &mut Context<'_>) -> Result<(), Error> {
        if self.bytes > 0 {
            context.tell(Event::Disk(self.clone()));
        }
        self.check()
    }

    /// The space for decoded pictures; for their views, as inputs of the trainable part `network`, or their
    /// features if there is none; and for a head, for the features of several views.
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
        // If the network is trained from its start, views are the pictures themselves and are not stored again.
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
