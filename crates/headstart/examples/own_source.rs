//! Trains on pictures that are not in a folder, such as those of a database:
//! `cargo run --example own_source FOLDER` uses the files of a folder as rows.

use std::env;
use std::error::Error;
use std::fs;

use headstart::data::{Listed, Listing, Provided};
use headstart::{Base, Classifier, Context, FitConfig, Pictures};

/// A row: an identifier, a class, and where the bytes of the picture are.
struct Row {
    id: usize,
    class: String,
    blob: std::path::PathBuf,
}

fn main() -> Result<(), Box<dyn Error>> {
    let folder = env::args().nth(1).ok_or("usage: own_source FOLDER")?;
    let mut listing = Listing::default();
    for row in rows(&folder)? {
        // The bytes are fetched when they are needed, on the thread that needs them.
        let picture = Provided::new(format!("row {}", row.id), move || fs::read(&row.blob));
        listing.pictures.push(Listed::new(picture, row.class.as_str(), None));
    }

    let pictures = Pictures::from_listing("pictures.db", listing)?.with_validation(0.2, 42);
    let mut base = Base::bundled("mobilenetv2")?;
    base.set_trainable(false);
    let (classifier, report) =
        Classifier::fit(base, &pictures, &FitConfig::default(), &mut Context::default())?;
    for skipped in &report.skipped {
        eprintln!("{}: {}", skipped.path.display(), skipped.reason);
    }
    if let Some(validation) = report.validation {
        println!("accuracy {:.3} on {} pictures", validation.accuracy, validation.pictures);
    }
    classifier.save("database.safetensors")?;
    Ok(())
}

fn rows(folder: &str) -> Result<Vec<Row>, Box<dyn Error>> {
    let mut rows = Vec::new();
    for class in fs::read_dir(folder)? {
        let class = class?;
        for file in fs::read_dir(class.path())? {
            let name =
                class.file_name().into_string().map_err(|name| format!("{name:?} is no name"))?;
            rows.push(Row { id: rows.len(), class: name, blob: file?.path() });
        }
    }
    Ok(rows)
}
