//! A table that lists pictures: CSV, JSON Lines or Parquet.

use std::io::Write;

use headstart_data::sources::manifest;

pub(crate) fn run(bytes: &[u8]) {
    let ending = match bytes {
        [b'P', b'A', b'R', b'1', ..] => ".parquet",
        [b'{', ..] => ".jsonl",
        _ => ".csv",
    };
    let file = tempfile::Builder::new().suffix(ending).tempfile();
    let mut file = file.expect("there is room");
    file.write_all(bytes).expect("there is room");
    match manifest::read(file.path()) {
        Ok(listing) => {
            let weights = listing.pictures.iter().map(|picture| picture.weight);
            weights.for_each(|weight| assert!(weight.is_finite() && weight >= 0.0, "{weight}"));
        }
        Err(error) => assert!(!error.to_string().contains(['\n', '\r']), "{error}"),
    }
}
