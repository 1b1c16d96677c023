//! The disk space that training needs, with or without fine-tuning.

use super::FineTuning;
use crate::training_set::DiskNeed;
use crate::{Base, Error, FitConfig, Pictures};

impl FitConfig {
    /// The disk space for [`Classifier::fit`](crate::Classifier::fit) on these pictures or, if the base is
    /// fine-tuned afterwards, for both phases of a [`TrainJob`](crate::TrainJob). It is 0 if the features of
    /// unaugmented pictures suffice.
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
    /// The disk space for [`Classifier::fine_tune`](crate::Classifier::fine_tune) of `base` on these pictures.
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
