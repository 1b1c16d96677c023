//! What training will need on disk, with or without fine-tuning.

use super::FineTuning;
use crate::training_set::DiskNeed;
use crate::{Base, Error, FitConfig, Pictures};

impl FitConfig {
    /// What [`Classifier::fit`](crate::Classifier::fit) on these pictures will need on disk, or, where the
    /// base is fine-tuned afterwards, both phases of a [`TrainJob`](crate::TrainJob). Nothing where the
    /// features of pictures as they are suffice.
    ///
    /// # Errors
    /// When there is no such layer.
    pub fn disk_need(
        &self,
        base: &Base,
        pictures: &Pictures,
        fine_tuning: Option<&FineTuning>,
    ) -> Result<DiskNeed, Error> {
        let augmentation = self.inputs.augmentation();
        if fine_tuning.is_none() && augmentation.is_none() {
            return Ok(DiskNeed::none(&self.inputs.extract));
        }
        let network = fine_tuning.map(|tuning| tuning.network(base)).transpose()?;
        let network = network.as_ref().map(|(_, network)| network);
        Ok(DiskNeed::new((base, pictures), &self.inputs.extract, augmentation, network, true))
    }
}

impl FineTuning {
    /// What [`Classifier::fine_tune`](crate::Classifier::fine_tune) of `base` on these pictures will need
    /// on disk.
    ///
    /// # Errors
    /// When there is no such layer.
    pub fn disk_need(&self, base: &Base, pictures: &Pictures) -> Result<DiskNeed, Error> {
        let (_, network) = self.network(base)?;
        let network = Some(&network);
        Ok(DiskNeed::new(
            (base, pictures),
            &self.inputs.extract,
            self.inputs.augmentation(),
            network,
            false,
        ))
    }
}
