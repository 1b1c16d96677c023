//! Whole Keras models become headstart models.

use std::path::Path;

use headstart_engine::train::Head;
use headstart_model::formats::{self, HeadActivation, ImportedModel};

use crate::model_file::check_classes;
use crate::{Base, Classifier, Error};

impl Classifier {
    /// Turns a whole Keras transfer-learning model (`.h5` or `.keras`: base, pooling, dropout,
    /// dense) into one that predicts the same. Its classes are called `class_0`, `class_1` and so
    /// on unless `classes` names them. Also returns what had to be assumed, a sentence each.
    ///
    /// # Errors
    /// When the file cannot be read or holds a model of another shape, and when the number of
    /// names is not that of the classes.
    pub fn import_keras(
        path: impl AsRef<Path>,
        classes: Option<Vec<String>>,
    ) -> Result<(Self, Vec<String>), Error> {
        let ImportedModel { network, weights, head, assumptions, .. } = formats::import(path)?;
        let count = head.classes();
        let names = classes.unwrap_or_else(|| (0..count).map(|i| format!("class_{i}")).collect());
        if names.len() != count {
            return Err(Error::ClassNames { given: names.len(), classes: count });
        }
        check_classes(&names).map_err(Error::BadClassNames)?;
        let mut base = Base::new(network, weights);
        base.set_trainable(false);
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
