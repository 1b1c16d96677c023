//! Predicts a picture in memory: `cargo run --example predict_bytes MODEL PICTURE`.

use std::env;
use std::error::Error;
use std::fs;

use headstart_predict::{Model, Predictor};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let (Some(model), Some(picture)) = (args.next(), args.next()) else {
        return Err("usage: predict_bytes MODEL PICTURE".into());
    };
    let model = Model::from_bytes(&fs::read(model)?)?;
    let predictor = Predictor::new(&model);

    let prediction = predictor.predict_bytes(&fs::read(picture)?)?;
    for (class, probability) in prediction.ranked() {
        println!("{probability:.3} {}", predictor.classes()[class]);
    }
    Ok(())
}
