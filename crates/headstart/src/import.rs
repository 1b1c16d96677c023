//! Whole Keras models become headstart models.

use std::path::Path;

use headstart_engine::train::Head;
use headstart_model::formats::{self, HeadActivation, ImportedModel};
use headstart_model::{Fit, Interpolation};

use crate::model_file::check_classes;
use crate::{Base, Classifier, Error};

/// What a Keras model's file does not say.
#[derive(Clone, Debug, Default)]
pub struct ImportConfig {
    /// Names of the classes, in the model's order; `class_0`, `class_1` and so on when `None`.
    pub classes: Option<Vec<String>>,
    /// How pictures were resampled for it; [`Interpolation::Tensorflow`], as
    /// `image_dataset_from_directory` does by default, is assumed when `None`.
    pub interpolation: Option<Interpolation>,
    /// How pictures of another aspect ratio were made to fit; [`Fit::Stretch`], likewise, when
    /// `None`.
    pub fit: Option<Fit>,
}

impl Classifier {
    /// Turns a whole Keras transfer-learning model (`.h5` or `.keras`: base, pooling, dropout,
    /// dense) into one that predicts the same. Also returns what had to be assumed, a sentence
    /// each.
    ///
    /// # Errors
    /// When the file cannot be read or holds a model of another shape, and when the number of
    /// names is not that of the classes.
    pub fn import_keras(
        path: impl AsRef<Path>,
        config: &ImportConfig,
    ) -> Result<(Self, Vec<String>), Error> {
        let ImportedModel { network, weights, head, mut assumptions, .. } = formats::import(path)?;
        let count = head.classes();
        let names = config.classes.clone();
        let names = names.unwrap_or_else(|| (0..count).map(|i| format!("class_{i}")).collect());
        if names.len() != count {
            return Err(Error::ClassNames { given: names.len(), classes: count });
        }
        check_classes(&names).map_err(Error::BadClassNames)?;
        let mut base = Base::new(network, weights);
        base.set_trainable(false);
        base.set_interpolation(config.interpolation.unwrap_or(Interpolation::Tensorflow));
        base.set_fit(config.fit.unwrap_or(Fit::Stretch));
        if config.interpolation.is_none() {
            assumptions.push(
                "the model does not say how pictures were resized for it; tf.image.resize without \
                 antialiasing is assumed, as image_dataset_from_directory does"
                    .to_owned(),
            );
        }
        Ok((Self::new(base, converted(head), names), assumptions))
    }
}

/// Our heads have one logit for two classes; a softmax over two is one of their difference.
fn converted(head: formats::Head) -> Head {
    let classes = head.classes();
    let (kernel, bias) = match (head.units(), head.activation) {
        (2, HeadActivation::Softmax | HeadActivation::Linear) => {
            let difference = |values: &[f32]| {
                values.chunks_exact(2).map(|pair| pair[1] - pair[0]).collect::<Vec<f32>>()
            };
            (difference(&head.kernel.data), difference(&head.bias.data))
        }
        _ => (head.kernel.data, head.bias.data),
    };
    Head { kernel, bias, classes, dropout: head.dropout }
}
