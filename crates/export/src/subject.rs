//! The model to export, in the form that all formats share.

use headstart_engine::head::{Head, Task, argmax};
use headstart_model::{Elementwise, Scaling, Tensor};
use headstart_predict::Model;
use serde_json::{Value, json};

use crate::description::description;
use crate::int8::Int8;
use crate::pytorch::default_names;
use crate::{ExportConfig, ExportError, Names, Output};

/// A model to export, with its configuration and description.
pub(crate) struct Subject<'a> {
    pub(crate) model: &'a Model,
    pub(crate) config: &'a ExportConfig,
    /// Everything except the weights, as JSON.
    pub(crate) description: Value,
    /// The base in int8, if requested.
    pub(crate) int8: Option<Int8>,
}

/// A dense layer of the head.
pub(crate) struct Dense {
    /// `hidden_0` and so on; the last layer is `predictions`.
    pub(crate) name: String,
    /// `[inputs, units]`.
    pub(crate) kernel: Tensor,
    /// `[units]`.
    pub(crate) bias: Tensor,
    /// The activation after the layer; linear for the last one.
    pub(crate) activation: Elementwise,
    /// The share of inputs that dropout zeroes in training.
    pub(crate) dropout: f32,
}

impl<'a> Subject<'a> {
    pub(crate) fn new(format: &'static str, model: &'a Model, config: &'a ExportConfig) -> Self {
        Self { model, config, description: description(format, model, config), int8: None }
    }

    /// Quantizes the base to int8, calibrated on pictures at the model's size.
    ///
    /// # Errors
    /// Those of [`Int8::new`].
    pub(crate) fn in_int8(mut self, pictures: &[u8]) -> Result<Self, ExportError> {
        let int8 = Int8::new(&self, pictures)?;
        let (pictures, same) = int8.agreement;
        self.description["int8"] = json!({"pictures": pictures, "same_answers": same});
        self.int8 = Some(int8);
        Ok(self)
    }

    /// Where the file's computation ends.
    pub(crate) fn output(&self) -> Output {
        self.config.output
    }

    /// The library whose names PyTorch weights get.
    pub(crate) fn names(&self) -> Names {
        self.config.names.unwrap_or_else(|| default_names(self.model))
    }

    /// The number of output values per picture.
    pub(crate) fn outputs(&self) -> usize {
        match self.output() {
            Output::Features => self.model.network.output().channels(),
            Output::Probabilities | Output::Logits => self.model.head.classes().len(),
        }
    }

    /// The height and the width of a picture.
    pub(crate) fn size(&self) -> (usize, usize) {
        let preprocessing = self.model.network.preprocessing();
        (preprocessing.height, preprocessing.width)
    }

    pub(crate) fn scaling(&self) -> Scaling {
        self.model.network.preprocessing().scaling
    }

    pub(crate) fn task(&self) -> Task {
        self.model.head.task()
    }

    /// The dense layers of the head; the last one has a logit for each class. Empty if the computation ends before the
    /// head.
    pub(crate) fn dense(&self) -> Vec<Dense> {
        match self.output() {
            Output::Features => Vec::new(),
            Output::Probabilities | Output::Logits => dense(self.model.head.head()),
        }
    }

    /// The answer that probabilities imply: the most likely class, or all classes at or above their thresholds.
    pub(crate) fn answer(&self, probabilities: &[f32]) -> Vec<usize> {
        let head = &self.model.head;
        if head.task().is_single_label() {
            return vec![argmax(probabilities)];
        }
        let given = |class: &usize| probabilities[*class] >= head.thresholds()[*class];
        (0..probabilities.len()).filter(given).collect()
    }

    /// The temperature by which logits are divided: one number for all classes, or one for each. `None` if it is 1, or
    /// if the output is not probabilities.
    pub(crate) fn temperature(&self) -> Option<&[f32]> {
        let temperature = self.model.head.trust().temperature.as_ref();
        let temperature = temperature.filter(|temperature| !temperature.is_one());
        temperature.map(|t| t.values()).filter(|_| self.output() == Output::Probabilities)
    }
}

fn dense(head: &Head) -> Vec<Dense> {
    let tensors = |kernel: &[f32], bias: &[f32]| {
        let (inputs, units) = (kernel.len() / bias.len(), bias.len());
        (Tensor::new(vec![inputs, units], kernel.to_vec()), Tensor::new(vec![units], bias.to_vec()))
    };
    let hidden = head.hidden.iter().enumerate().map(|(index, hidden)| {
        let (kernel, bias) = tensors(&hidden.kernel, &hidden.bias);
        let (activation, dropout) = (hidden.activation, hidden.dropout);
        Dense { name: format!("hidden_{index}"), kernel, bias, activation, dropout }
    });
    // A single logit belongs to the second of two classes; the first one gets the logit 0.
    let with_first = |values: &[f32]| values.iter().flat_map(|&value| [0.0, value]).collect();
    let (kernel, bias): (Vec<f32>, Vec<f32>) = match head.units() < head.classes {
        true => (with_first(&head.kernel), with_first(&head.bias)),
        false => (head.kernel.clone(), head.bias.clone()),
    };
    let (kernel, bias) = tensors(&kernel, &bias);
    let (activation, dropout) = (Elementwise::Linear, head.dropout);
    let last = Dense { name: "predictions".to_owned(), kernel, bias, activation, dropout };
    hidden.chain([last]).collect()
}
