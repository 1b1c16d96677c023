//! Several bases as one, and features of mirror images.

use std::sync::Arc;

use headstart_model::{Network, Weights};

use super::Base;
use crate::{BaseError, Error, WeightsRecord};

/// The limit of the model file format.
const MOST_BASES: usize = 16;

impl Base {
    /// Joins several bases into one, with their features concatenated in this order.
    ///
    /// # Errors
    /// When no base is given, or one is given twice.
    pub fn join(bases: impl IntoIterator<Item = Self>) -> Result<Self, Error> {
        let mut parts: Vec<Self> = Vec::new();
        for mut base in bases {
            let further = std::mem::take(&mut base.further);
            for part in [base].into_iter().chain(further) {
                if parts.iter().any(|other| other.is_same_as(&part)) {
                    let name = part.network.architecture();
                    return Err(Error::Options(format!("the base {name} is given twice")));
                }
                parts.push(part);
            }
        }
        if parts.len() > MOST_BASES {
            return Err(Error::Options(format!(
                "{} bases are more than {MOST_BASES}",
                parts.len()
            )));
        }
        if parts.is_empty() {
            return Err(Error::Options("no base is given".to_owned()));
        }
        let mut first = parts.remove(0);
        first.further = parts;
        first.set_mirrored(first.mirrored);
        Ok(first)
    }

    fn is_same_as(&self, other: &Self) -> bool {
        self.network.architecture() == other.network.architecture()
            && self.network.preprocessing() == other.network.preprocessing()
            && self.weights == other.weights
    }

    /// The bases that this one consists of, in the order of their features; a single base yields itself.
    ///
    /// The network and the weights of a joined base are those of its first part.
    pub fn parts(&self) -> impl Iterator<Item = &Self> {
        [self].into_iter().chain(&self.further)
    }

    /// Network and weights of each base.
    pub(crate) fn networks(&self) -> impl Iterator<Item = (&Network, &Arc<Weights>)> {
        self.parts().map(|base| (&base.network, &base.weights))
    }

    pub(super) fn networks_mut(&mut self) -> impl Iterator<Item = &mut Network> {
        let further = self.further.iter_mut().map(|base| &mut base.network);
        [&mut self.network].into_iter().chain(further)
    }

    /// The number of features of each base.
    pub fn feature_widths(&self) -> impl Iterator<Item = usize> {
        self.parts().map(|base| base.network.output().channels())
    }

    /// The name of the base: `mobilenetv2`, or `mobilenetv2+resnet18` for several bases.
    pub fn name(&self) -> String {
        self.parts().map(|base| base.network.architecture()).collect::<Vec<_>>().join("+")
    }

    /// The origins of the weights of all bases except the first.
    pub(crate) fn further_records(&self) -> Vec<Option<WeightsRecord>> {
        self.further.iter().map(|base| base.record.clone()).collect()
    }

    /// Fails for joined bases. `what` names the operation that needs a single base.
    ///
    /// # Errors
    /// [`BaseError::Joined`].
    pub(crate) fn check_one(&self, what: &'static str) -> Result<(), Error> {
        match self.further.is_empty() {
            true => Ok(()),
            false => Err(BaseError::Joined { what, bases: self.name() }.into()),
        }
    }

    /// Whether features are the mean of those of a picture and its mirror image.
    pub fn is_mirrored(&self) -> bool {
        self.mirrored
    }

    /// Sets whether features are the mean of those of a picture and its mirror image, which takes twice the
    /// time, or those of the picture alone.
    pub fn set_mirrored(&mut self, mirrored: bool) {
        self.mirrored = mirrored;
        self.further.iter_mut().for_each(|base| base.mirrored = mirrored);
    }
}
