//! Computes the features of pictures as a matrix: `cargo run --example features PICTURE...`.

use std::env;
use std::error::Error;

use headstart::data::Location;
use headstart::{Base, Context, ExtractConfig, Extractor};
use ndarray::{Array2, Axis};

fn main() -> Result<(), Box<dyn Error>> {
    let pictures: Vec<Location> = env::args_os().skip(1).map(|name| (&name).into()).collect();
    let base = Base::bundled("mobilenetv2")?;
    let extractor = Extractor::new(&base, &ExtractConfig::default());

    let extraction = extractor.extract(&pictures, &mut Context::default())?;
    for skipped in &extraction.skipped {
        eprintln!("{}: {}", skipped.path.display(), skipped.reason);
    }
    let shape = (extraction.kept.len(), extractor.features());
    let features = Array2::from_shape_vec(shape, extraction.features)?;

    for (&picture, row) in extraction.kept.iter().zip(features.rows()) {
        println!("{}: norm {:.3}", pictures[picture], row.dot(&row).sqrt());
    }
    if let Some(mean) = features.mean_axis(Axis(0)) {
        println!("mean of the first feature {:.3}", mean[0]);
    }
    Ok(())
}
