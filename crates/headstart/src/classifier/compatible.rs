//! Checks that pictures fit a classifier.

use headstart_train::Task;

use super::Classifier;
use crate::Error;

impl Classifier {
    /// Checks that pictures of these classes can be used for fine-tuning: they must be exactly the
    /// classifier's.
    ///
    /// # Errors
    /// [`Error::UnknownClass`] and [`Error::OtherClasses`].
    pub fn check_classes(&self, given: &[String]) -> Result<(), Error> {
        let known = self.classes().to_vec();
        if let Some(class) = given.iter().find(|class| !known.contains(class)) {
            return Err(Error::UnknownClass { class: class.clone(), known });
        }
        match given == known {
            true => Ok(()),
            false => Err(Error::OtherClasses { given: given.to_vec(), known }),
        }
    }

    /// Checks that the task of the pictures is that of the classifier.
    ///
    /// # Errors
    /// [`Error::OtherTask`].
    pub fn check_task(&self, given: Task) -> Result<(), Error> {
        match (self.task(), given) {
            (own, given) if own == given => Ok(()),
            (model, _) => Err(Error::OtherTask { model }),
        }
    }
}
