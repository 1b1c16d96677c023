//! Predicts many pictures on the caller's own threads: `cargo run --example own_pool MODEL PICTURE...`.

use std::env;
use std::error::Error;
use std::fs;

use headstart_predict::{Model, Predictor};
use rayon::ThreadPoolBuilder;

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let model = args.next().ok_or("usage: own_pool MODEL PICTURE...")?;
    let names: Vec<String> = args.collect();
    let files = names.iter().map(fs::read).collect::<Result<Vec<_>, _>>()?;

    let model = Model::from_bytes(&fs::read(model)?)?;
    let predictor = Predictor::new(&model);
    let pool = ThreadPoolBuilder::new().num_threads(2).build()?;
    let predictions = pool.install(|| predictor.predict_all(&files));

    for (name, prediction) in names.iter().zip(predictions) {
        match prediction {
            Ok(prediction) => {
                let (class, probability) = prediction.ranked()[0];
                println!("{name}: {probability:.3} {}", predictor.classes()[class]);
            }
            Err(error) => eprintln!("{name}: {error}"),
        }
    }
    Ok(())
}
