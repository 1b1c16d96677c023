//! The formats, a row each.

use headstart_predict::Model;

use crate::subject::Subject;
use crate::{ExportConfig, ExportError, Output, Proof, keras, onnx, pytorch, tflite};

/// A format that models are exported to.
#[derive(Debug)]
pub struct Format {
    /// The name by which it is asked for.
    pub name: &'static str,
    /// One line for people.
    pub about: &'static str,
    /// What the names of its files end in.
    pub ending: &'static str,
    /// Where its files can end.
    pub outputs: &'static [Output],
    /// What runs its files, as a package of Python's.
    pub runtime: &'static str,
    /// A Python program that checks a file by its proof and says what is on pictures, with the runtime,
    /// NumPy and Pillow alone. What all formats' have in common is added to it.
    script: &'static str,
    write: fn(&Subject<'_>, &Proof) -> Result<Vec<u8>, ExportError>,
    /// Whether the proof lies within the file, or in one beside it.
    holds_proof: bool,
    /// Whether there are several kinds of names to choose from.
    takes_names: bool,
}

/// Every format, in the order in which they are listed.
pub static FORMATS: &[Format] = &[ONNX, KERAS, KERAS_WEIGHTS, PYTORCH, TFLITE];

const ONNX: Format = Format {
    name: "onnx",
    about: "ONNX, for onnxruntime, OpenVINO, TensorRT and many more",
    ending: ".onnx",
    outputs: &[Output::Probabilities, Output::Logits, Output::Features],
    runtime: "onnxruntime",
    script: include_str!("../scripts/onnx.py"),
    write: onnx::write,
    holds_proof: true,
    takes_names: false,
};

const KERAS: Format = Format {
    name: "keras",
    about: "Keras 3, to train on or to use: one archive",
    ending: ".keras",
    outputs: &[Output::Probabilities],
    runtime: "keras tensorflow",
    script: include_str!("../scripts/keras.py"),
    write: keras::write,
    holds_proof: true,
    takes_names: false,
};

const KERAS_WEIGHTS: Format = Format {
    name: "keras-weights",
    about: "the weights of a Keras 3 model by themselves, for one that is built in code",
    ending: ".weights.h5",
    outputs: &[Output::Probabilities],
    runtime: "keras tensorflow",
    script: include_str!("../scripts/keras_weights.py"),
    write: keras::write_weights,
    holds_proof: false,
    takes_names: false,
};

const PYTORCH: Format = Format {
    name: "pytorch",
    about: "PyTorch: a state dict in safetensors, with torchvision's or timm's names",
    ending: ".pytorch.safetensors",
    outputs: &[Output::Probabilities],
    runtime: "torch torchvision timm",
    script: include_str!("../scripts/pytorch.py"),
    write: pytorch::write,
    holds_proof: false,
    takes_names: true,
};

const TFLITE: Format = Format {
    name: "tflite",
    about: "TensorFlow Lite (LiteRT), for phones and MediaPipe's image classifier",
    ending: ".tflite",
    outputs: &[Output::Probabilities, Output::Logits, Output::Features],
    runtime: "ai-edge-litert",
    script: include_str!("../scripts/tflite.py"),
    write: tflite::write,
    holds_proof: true,
    takes_names: false,
};

/// A model that was exported.
#[derive(Clone, Debug)]
pub struct Artifact {
    /// The file.
    pub bytes: Vec<u8>,
    /// What proves it.
    pub proof: Proof,
    /// The [bytes](Proof::to_npz) of the proof where they are not within the file.
    pub beside: Option<Vec<u8>>,
}

impl Format {
    /// The format called `name`.
    ///
    /// # Errors
    /// [`ExportError::NoSuchFormat`], with the names that there are.
    pub fn find(name: &str) -> Result<&'static Self, ExportError> {
        FORMATS.iter().find(|format| format.name == name).ok_or_else(|| {
            let known = FORMATS.iter().map(|format| format.name).collect();
            ExportError::NoSuchFormat { name: name.to_owned(), known }
        })
    }

    /// A model as a file of this format. The same model gives the same bytes.
    ///
    /// # Errors
    /// When the format has no place for a part of the model, or for what was asked for.
    pub fn export(&self, model: &Model, config: &ExportConfig) -> Result<Artifact, ExportError> {
        if !self.outputs.contains(&config.output) {
            let can = |format: &&Format| format.outputs.contains(&config.output);
            let others = FORMATS.iter().filter(can).map(|format| format.name).collect();
            let (format, output) = (self.name, config.output);
            return Err(ExportError::NoSuchOutput { format, output, others });
        }
        if config.names.is_some() && !self.takes_names {
            return Err(ExportError::NamesOfOne { format: self.name });
        }
        let subject = Subject::new(self.name, model, config);
        let proof = Proof::new(&subject)?;
        let bytes = (self.write)(&subject, &proof)?;
        let beside = (!self.holds_proof).then(|| proof.to_npz());
        Ok(Artifact { bytes, proof, beside })
    }

    /// A program in Python that runs files of this format: without pictures it compares the file's answers
    /// to its proof with headstart's, with pictures it says what is on them. It is also the example of how
    /// such a file is used.
    pub fn script(&self) -> String {
        const COMMON: &str = include_str!("../scripts/common.py");
        format!("{}\n\n{COMMON}", self.script.trim_end())
    }
}
