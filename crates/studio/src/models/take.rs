//! Models to use elsewhere: as a file, in other formats, and with sample code.

use std::io::{Cursor, Write};

use headstart::Classifier;
use headstart_export::{Content, ExportConfig, FORMATS, Format};
use serde::Serialize;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use crate::StudioError;

/// Sample code that uses a model's file.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Code {
    rust: String,
    command: String,
    http: String,
}

/// A format to which models can be exported.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Export {
    format: &'static str,
    title: &'static str,
    about: &'static str,
    extension: &'static str,
}

/// A file to download.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) name: String,
    pub(crate) media_type: &'static str,
    pub(crate) bytes: Vec<u8>,
}

/// Sample code that uses the file of a model with this name.
pub(crate) fn code(name: &str) -> Code {
    let file = format!("{name}.safetensors");
    let quoted = headstart::files::quoted(&file);
    Code {
        rust: format!(
            "let model = headstart::Classifier::load({file:?})?;\nlet prediction = model.predict(\"picture.jpg\")?;"
        ),
        command: format!("headstart predict {quoted} picture.jpg"),
        http: format!(
            "headstart serve model={quoted}\ncurl --data-binary @picture.jpg http://127.0.0.1:8000/predict"
        ),
    }
}

/// The formats.
pub(crate) fn exports() -> Vec<Export> {
    let export = |format: &Format| Export {
        format: format.name,
        title: format.title,
        about: format.about,
        extension: if format.is_alone() { format.ending } else { ".zip" },
    };
    FORMATS.iter().map(export).collect()
}

/// Exports a model as a file. If the format is a folder, or does not contain the proof, as an archive; with a separate
/// proof, the archive also has the program that runs the file.
///
/// # Errors
/// If there is no such format, or it cannot express a part of the model.
pub(crate) fn take(
    classifier: &Classifier,
    name: &str,
    format: &str,
) -> Result<Taken, StudioError> {
    let format = Format::find(format)?;
    let fine_tuned = classifier.training().and_then(|record| record.fine_tune.as_ref());
    let config = ExportConfig::default()
        .with_trainable_from(fine_tuned.map(|record| record.first_layer.clone()));
    let artifact = format.export(&classifier.to_model(), &config)?;
    let file = format!("{name}{}", format.ending);
    let files: Vec<(String, Vec<u8>)> = match (artifact.content, artifact.beside) {
        (Content::File(bytes), None) => {
            let media_type = "application/octet-stream";
            return Ok(Taken { name: file, media_type, bytes });
        }
        (Content::File(bytes), Some(proof)) => {
            let proof_name = Format::proof_beside(file.as_ref()).display().to_string();
            let script = format.script().into_bytes();
            vec![(file, bytes), (proof_name, proof), ("classify.py".to_owned(), script)]
        }
        (Content::Folder(files), _) => {
            files.into_iter().map(|(own, bytes)| (format!("{file}/{own}"), bytes)).collect()
        }
    };
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let packed = files.iter().try_for_each(|(name, bytes)| {
        archive.start_file(name, SimpleFileOptions::default())?;
        archive.write_all(bytes)?;
        Ok::<(), zip::result::ZipError>(())
    });
    packed.expect("memory takes what it is given");
    let bytes = archive.finish().expect("memory takes what it is given").into_inner();
    let name = format!("{name}-{}.zip", format.name);
    Ok(Taken { name, media_type: "application/zip", bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_offered_under_a_title_for_people() {
        let exports = exports();
        assert_eq!(exports.len(), FORMATS.len());
        for export in exports {
            assert!(export.title.starts_with(char::is_uppercase), "{}", export.title);
        }
    }
}
