//! The formats, one row each.

use std::path::{Path, PathBuf};

use headstart_predict::Model;

use crate::subject::Subject;
use crate::{
    Artifact, Content, ExportConfig, ExportError, Output, Proof, keras, onnx, pytorch, tflite, web,
};

/// A format to which models can be exported.
#[derive(Debug)]
pub struct Format {
    /// The name by which it is selected.
    pub name: &'static str,
    /// The name for people.
    pub title: &'static str,
    /// A description in one line.
    pub about: &'static str,
    /// The ending of its file or folder names.
    pub ending: &'static str,
    /// The supported outputs.
    pub outputs: &'static [Output],
    /// What runs its files: Python packages, or node.
    pub runtime: &'static str,
    /// The language of the program that runs its files.
    pub language: Language,
    /// The program. In Python, it checks a file by its proof and classifies pictures, with only the runtime, NumPy and
    /// Pillow; the code that all formats share is appended to it.
    script: &'static str,
    write: Write,
    /// Whether the proof is in the file itself, and not in a separate file.
    holds_proof: bool,
    /// Whether there is a choice of names.
    takes_names: bool,
    /// Whether it shows a title.
    takes_title: bool,
    /// Whether there is a choice of how weights are stored.
    takes_weights: bool,
    /// Whether it supports int8.
    takes_int8: bool,
}

/// The language of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// Python.
    Python,
    /// JavaScript, for node; it cannot read pictures.
    JavaScript,
}

/// The files of a folder, by name.
type Files = Vec<(&'static str, Vec<u8>)>;

/// The function that writes a model.
#[derive(Debug)]
enum Write {
    File(fn(&Subject<'_>, &Proof) -> Result<Vec<u8>, ExportError>),
    Folder(fn(&Subject<'_>, &Proof) -> Result<Files, ExportError>),
}

/// All formats, in the order in which they are listed.
pub static FORMATS: &[Format] = &[ONNX, KERAS, KERAS_WEIGHTS, PYTORCH, TFLITE, WEB, WASM];

const ONNX: Format = Format {
    name: "onnx",
    title: "ONNX",
    about: "ONNX, for onnxruntime, OpenVINO, TensorRT and many more",
    ending: ".onnx",
    outputs: &[Output::Probabilities, Output::Logits, Output::Features],
    runtime: "onnxruntime",
    language: Language::Python,
    script: include_str!("../scripts/onnx.py"),
    write: Write::File(onnx::write),
    holds_proof: true,
    takes_names: false,
    takes_title: false,
    takes_weights: false,
    takes_int8: false,
};

const KERAS: Format = Format {
    name: "keras",
    title: "Keras",
    about: "Keras 3, to train on or to use: one archive",
    ending: ".keras",
    outputs: &[Output::Probabilities],
    runtime: "keras tensorflow",
    language: Language::Python,
    script: include_str!("../scripts/keras.py"),
    write: Write::File(keras::write),
    holds_proof: true,
    takes_names: false,
    takes_title: false,
    takes_weights: false,
    takes_int8: false,
};

const KERAS_WEIGHTS: Format = Format {
    name: "keras-weights",
    title: "Keras, weights alone",
    about: "the weights of a Keras 3 model by themselves, for one that is built in code",
    ending: ".weights.h5",
    outputs: &[Output::Probabilities],
    runtime: "keras tensorflow",
    language: Language::Python,
    script: include_str!("../scripts/keras_weights.py"),
    write: Write::File(keras::write_weights),
    holds_proof: false,
    takes_names: false,
    takes_title: false,
    takes_weights: false,
    takes_int8: false,
};

const PYTORCH: Format = Format {
    name: "pytorch",
    title: "PyTorch",
    about: "PyTorch: a state dict in safetensors, with torchvision's or timm's names",
    ending: ".pytorch.safetensors",
    outputs: &[Output::Probabilities],
    runtime: "torch torchvision timm",
    language: Language::Python,
    script: include_str!("../scripts/pytorch.py"),
    write: Write::File(pytorch::write),
    holds_proof: false,
    takes_names: true,
    takes_title: false,
    takes_weights: false,
    takes_int8: false,
};

const TFLITE: Format = Format {
    name: "tflite",
    title: "TensorFlow Lite",
    about: "TensorFlow Lite (LiteRT), for phones and MediaPipe's image classifier",
    ending: ".tflite",
    outputs: &[Output::Probabilities, Output::Logits, Output::Features],
    runtime: "ai-edge-litert",
    language: Language::Python,
    script: include_str!("../scripts/tflite.py"),
    write: Write::File(tflite::write),
    holds_proof: true,
    takes_names: false,
    takes_title: false,
    takes_weights: false,
    takes_int8: true,
};

const WEB: Format = Format {
    name: "web",
    title: "Web page",
    about: "one page for browsers, which needs no server and no network",
    ending: ".html",
    outputs: &[Output::Probabilities],
    runtime: "node",
    language: Language::JavaScript,
    script: web::PROGRAM,
    write: Write::File(web::write_page),
    holds_proof: true,
    takes_names: false,
    takes_title: true,
    takes_weights: true,
    takes_int8: false,
};

const WASM: Format = Format {
    name: "wasm",
    title: "WebAssembly",
    about: "WebAssembly with a module of JavaScript and its types, for pages of one's own and node: a folder, as npm takes it",
    ending: "-wasm",
    outputs: &[Output::Probabilities],
    runtime: "node",
    language: Language::JavaScript,
    script: web::PROGRAM,
    write: Write::Folder(web::write_package),
    holds_proof: true,
    takes_names: false,
    takes_title: false,
    takes_weights: true,
    takes_int8: false,
};

impl Format {
    /// Finds a format by its name.
    ///
    /// # Errors
    /// [`ExportError::NoSuchFormat`], with the known names.
    pub fn find(name: &str) -> Result<&'static Self, ExportError> {
        FORMATS.iter().find(|format| format.name == name).ok_or_else(|| {
            let known = FORMATS.iter().map(|format| format.name).collect();
            ExportError::NoSuchFormat { name: name.to_owned(), known }
        })
    }

    /// Exports a model to this format. The same model gives the same bytes.
    ///
    /// # Errors
    /// If the format does not support a part of the model, or a part of the configuration.
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
        if (config.title.is_some() || config.about.is_some()) && !self.takes_title {
            return Err(ExportError::TitleOfPage { format: self.name });
        }
        if config.weights.is_some() && !self.takes_weights {
            return Err(ExportError::WeightsOfCompiled { format: self.name });
        }
        if !config.int8.is_empty() && !self.takes_int8 {
            return Err(ExportError::Int8Of { format: self.name });
        }
        let lacks = |part: &str, instead| {
            let (format, part) = (self.name, part.to_owned());
            Err(ExportError::Lacks { format, part, instead })
        };
        if !model.further.is_empty() {
            return lacks("several bases", "a model of one base can be exported");
        }
        if model.mirrored {
            return lacks(
                "features of mirror images",
                "a model trained without them can be exported",
            );
        }
        let subject = Subject::new(self.name, model, config);
        let subject = match config.int8.as_slice() {
            [] => subject,
            pictures => subject.in_int8(pictures)?,
        };
        let proof = Proof::new(&subject)?;
        let content = match self.write {
            Write::File(write) => Content::File(write(&subject, &proof)?),
            Write::Folder(write) => Content::Folder(write(&subject, &proof)?),
        };
        let beside = (!self.holds_proof).then(|| proof.to_npz());
        let int8_agreement = subject.int8.as_ref().map(|int8| int8.agreement);
        Ok(Artifact { content, proof, int8_agreement, beside })
    }

    /// Whether the format writes a folder.
    pub fn is_folder(&self) -> bool {
        matches!(self.write, Write::Folder(_))
    }

    /// Whether the format writes a single file that contains everything, including the proof.
    pub fn is_alone(&self) -> bool {
        self.holds_proof && !self.is_folder()
    }

    /// The path of a separate proof: `NAME.proof.npz` beside `NAME.ENDING`.
    pub fn proof_beside(file: &Path) -> PathBuf {
        let stem = file.with_extension("");
        // Keras requires the ending `.weights.h5`.
        let stem = if stem.extension().is_some_and(|ending| ending == "weights") {
            stem.with_extension("")
        } else {
            stem
        };
        stem.with_added_extension("proof.npz")
    }

    /// The program that runs files of this format. Without pictures, it compares the file's answers to its proof with
    /// headstart's. With pictures, in Python, it classifies them. It is also the example of how to use such a file.
    pub fn script(&self) -> String {
        if self.language == Language::JavaScript {
            return self.script.to_owned();
        }
        const COMMON: &str = include_str!("../scripts/common.py");
        format!("{}\n\n{COMMON}", self.script.trim_end())
    }
}
