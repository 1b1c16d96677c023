//! Conversion of whole Keras models to headstart models.

use std::fs;
use std::path::{Path, PathBuf};

use headstart_files::io_reason;
use headstart_formats::{self as formats, FormatError, ImportedModel};
use headstart_model::{Fit, Interpolation, Preprocessing};
use headstart_predict::{LabelSets, Temperature, Trust, class_names};
use headstart_train::{Head, Hidden, Task};
use serde::Deserialize;

use super::Classifier;
use crate::config::setters;
use crate::{Assumption, Base, Error};

/// What the file of a Keras model does not specify.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ImportConfig {
    /// Names of the classes, in the model's order. If `None`, they are read from Teachable Machine's
    /// `labels.txt` beside the model if it has the right number of names, and are otherwise `class_0`,
    /// `class_1` and so on.
    pub classes: Option<Vec<String>>,
    /// How pictures were resampled for the model. If `None`, and unless the model resizes pictures itself, it
    /// is [`Interpolation::Tensorflow`], the default of `image_dataset_from_directory`.
    pub interpolation: Option<Interpolation>,
    /// How pictures of another aspect ratio were fitted to the input. If `None`, and unless the model resizes
    /// pictures itself, it is [`Fit::Stretch`].
    pub fit: Option<Fit>,
}

setters!(ImportConfig {
    /// Sets the names of the classes.
    with_classes => classes: impl Into<Option<Vec<String>>>,
    /// Sets how pictures were resampled for the model.
    with_interpolation => interpolation: impl Into<Option<Interpolation>>,
    /// Sets how pictures of another aspect ratio were fitted to the input.
    with_fit => fit: impl Into<Option<Fit>>,
});

impl Classifier {
    /// Converts a whole Keras transfer-learning model (`.h5` or `.keras`: base, pooling, dense layers) into a
    /// classifier with the same predictions. Also returns the assumptions made, a sentence each.
    ///
    /// # Errors
    /// When the file cannot be read or contains another kind of model, and when the number of names is not that
    /// of the classes.
    pub fn import_keras(
        path: impl AsRef<Path>,
        config: &ImportConfig,
    ) -> Result<(Self, Vec<Assumption>), Error> {
        let ImportedModel { network, weights, head, resizing, exported, assumptions, .. } =
            formats::import(path.as_ref())?;
        let mut assumptions: Vec<Assumption> = assumptions.into_iter().map(Into::into).collect();
        let refuse = |reason: String| {
            let file = path.as_ref().display().to_string();
            Error::from(FormatError::NotImportable { file, reason })
        };
        let exported = exported.map(|description| Exported::new(description, &head));
        let exported = exported.transpose().map_err(refuse)?;
        let task = match &exported {
            Some(exported) => exported.task,
            None if head.is_multi_label() => Task::MultiLabel,
            None => Task::SingleLabel,
        };
        let count = if task == Task::MultiLabel { head.units() } else { head.classes() };
        let names = match (&config.classes, &exported) {
            (Some(names), _) => names.clone(),
            (None, Some(exported)) => exported.classes.clone(),
            (None, None) => match labels_beside(path.as_ref(), count, task) {
                Some((file, names)) => {
                    assumptions.push(Assumption::ClassesBeside { file });
                    names
                }
                None => (0..count).map(|i| format!("class_{i}")).collect(),
            },
        };
        if names.len() != count {
            return Err(Error::ClassNames { given: names.len(), classes: count });
        }
        let names = class_names(&names, task).map_err(Error::BadClassNames)?;
        let mut base = Base::new(network, weights);
        base.set_trainable(false);
        let said = exported.as_ref().map(|exported| &exported.preprocessing);
        let said = said.map(|said| (said.interpolation, said.fit));
        let own = resizing.map(|resizing| (resizing.interpolation, resizing.fit)).or(said);
        let (interpolation, fit) = own.unwrap_or((Interpolation::Tensorflow, Fit::Stretch));
        base.set_interpolation(config.interpolation.unwrap_or(interpolation));
        base.set_fit(config.fit.unwrap_or(fit));
        if config.interpolation.is_none() && own.is_none() {
            assumptions.push(
                "the model does not say how pictures were resized for it; tf.image.resize without \
                 antialiasing is assumed, as image_dataset_from_directory does"
                    .to_owned()
                    .into(),
            );
        }
        let temperature = head.temperature.clone();
        let mut classifier = Self::new(base, converted(head, task), names);
        let mut trust = Trust::default();
        trust.temperature = match temperature {
            Some(values) => Some(Temperature::new(values, task, count).ok_or_else(|| {
                refuse("its outputs are rescaled otherwise than by a temperature".to_owned())
            })?),
            None => None,
        };
        if let Some(exported) = exported {
            if exported.unknown.is_some() {
                assumptions.push(
                    "an export does not contain the score for unknown pictures: the model recognises none \
                     until it is calibrated on labelled pictures"
                        .to_owned()
                        .into(),
                );
            }
            trust.sets = exported.sets;
            if task == Task::MultiLabel {
                classifier.set_thresholds(exported.thresholds);
            }
        }
        classifier.set_trust(trust);
        Ok((classifier, assumptions))
    }
}

/// The description in a model exported by headstart, for which Keras has no place of its own.
#[derive(Deserialize)]
struct Exported {
    classes: Vec<String>,
    task: Task,
    preprocessing: Preprocessing,
    #[serde(default)]
    thresholds: Vec<f32>,
    #[serde(default)]
    sets: Option<LabelSets>,
    #[serde(default)]
    unknown: Option<serde::de::IgnoredAny>,
}

impl Exported {
    /// Checks the whole description: the file may have been changed or damaged.
    fn new(description: serde_json::Value, head: &formats::Head) -> Result<Self, String> {
        let own: Self = serde_json::from_value(description)
            .map_err(|error| format!("what headstart says of it is damaged: {error}"))?;
        let count = own.classes.len();
        let of_head = match own.task {
            Task::SingleLabel => !head.is_multi_label() && count == head.classes(),
            Task::MultiLabel => {
                head.activation == formats::HeadActivation::Sigmoid && count == head.units()
            }
        };
        let thresholds = match own.task {
            Task::SingleLabel => own.thresholds.is_empty(),
            Task::MultiLabel => {
                own.thresholds.len() == count && own.thresholds.iter().all(|t| *t >= 0.0)
            }
        };
        let sets = own.sets.as_ref();
        let sets = sets.is_none_or(|sets| own.task.is_single_label() && sets.is_sound());
        match of_head && thresholds && sets {
            true => Ok(own),
            false => {
                Err(format!("what headstart says of it, of {count} classes, is of another head"))
            }
        }
    }
}

/// Converts the head. Our heads have a single logit for two exclusive classes; a softmax over two logits is the
/// sigmoid of their difference.
fn converted(head: formats::Head, task: Task) -> Head {
    let classes = head.classes();
    let difference = head.units() == 2 && task == Task::SingleLabel;
    let logits = |values: Vec<f32>| match difference {
        true => values.chunks_exact(2).map(|pair| pair[1] - pair[0]).collect(),
        false => values,
    };
    let hidden = head.hidden.into_iter().map(|layer| Hidden {
        kernel: layer.kernel.data,
        bias: layer.bias.data,
        activation: layer.activation,
        dropout: layer.dropout,
    });
    let (kernel, bias) = (logits(head.kernel.data), logits(head.bias.data));
    let hidden = hidden.collect();
    Head { hidden, kernel, bias, classes, dropout: head.dropout, task }
}

/// The names in a text file, one per line. If each line begins with its number, counted from 0, and a space, as
/// in Teachable Machine's `0 Class 1`, the numbers are removed.
///
/// # Errors
/// [`Error::BadClassNames`] when the file cannot be read or contains no names.
pub fn class_names_in(file: impl AsRef<Path>) -> Result<Vec<String>, Error> {
    let file = file.as_ref();
    let bad = |reason: String| Error::BadClassNames(format!("{}: {reason}", file.display()));
    let text = fs::read_to_string(file).map_err(|error| bad(io_reason(&error)))?;
    let lines = lines(&text);
    if lines.is_empty() {
        return Err(bad("it has no lines".to_owned()));
    }
    let names = numbered(&lines).unwrap_or(lines);
    Ok(names.into_iter().map(str::to_owned).collect())
}

/// The non-empty lines of a text, without a byte order mark and surrounding spaces.
fn lines(text: &str) -> Vec<&str> {
    let text = text.trim_start_matches('\u{feff}');
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect()
}

/// The lines without their numbers, if every line begins with its own.
fn numbered<'a>(lines: &[&'a str]) -> Option<Vec<&'a str>> {
    let name = |(index, line): (usize, &&'a str)| {
        let (number, name) = line.split_once(' ')?;
        (number == index.to_string()).then(|| name.trim_start())
    };
    lines.iter().enumerate().map(name).collect()
}

/// Teachable Machine's class names beside a model, if there are `count` of them, and their file.
fn labels_beside(model: &Path, count: usize, task: Task) -> Option<(PathBuf, Vec<String>)> {
    let file = model.with_file_name("labels.txt");
    let text = fs::read_to_string(&file).ok()?;
    let names: Vec<String> = numbered(&lines(&text))?.into_iter().map(str::to_owned).collect();
    (names.len() == count && class_names(&names, task).is_ok()).then_some((file, names))
}
