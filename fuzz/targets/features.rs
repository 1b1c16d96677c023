//! Files of computed features: Parquet, `.npy`, safetensors.

use std::io::Write;

use headstart_data::sources::ColumnNames;
use headstart_data::sources::features::{FeatureFile, FeatureLabels};

pub(crate) fn run(bytes: &[u8]) {
    let ending = match bytes {
        [b'P', b'A', b'R', b'1', ..] => ".parquet",
        [0x93, b'N', b'U', b'M', ..] => ".npy",
        _ => ".safetensors",
    };
    let file = tempfile::Builder::new().suffix(ending).tempfile();
    let mut file = file.expect("there is room");
    file.write_all(bytes).expect("there is room");
    let said = |error: &dyn std::error::Error| {
        assert!(!error.to_string().contains(['\n', '\r']), "{error}");
    };
    let file = match FeatureFile::open(file.path(), &ColumnNames::default()) {
        Ok(file) => file,
        Err(error) => return said(&error),
    };
    // A few bytes may encode many equal rows, so reading all of them could take too long.
    const MOST: usize = 1 << 22;
    let width = file.width().unwrap_or(0);
    if file.rows().saturating_mul(width.max(1)) > MOST {
        return;
    }
    let mut count = 0;
    let read = (0..file.pieces().len()).try_for_each(|piece| {
        file.read(piece, &mut |numbers| {
            assert_eq!(numbers.len() % file.number().bytes(), 0);
            count += numbers.len() / file.number().bytes();
            Ok(())
        })
    });
    match read {
        Ok(()) => assert_eq!(count, file.rows() * width),
        Err(error) => said(&error),
    }
    for error in [file.sides().err(), file.weights().err(), file.contents().err()] {
        error.iter().for_each(|error| said(error));
    }
    if let Err(error) = FeatureLabels::read(&[file], &ColumnNames::default()) {
        said(&error);
    }
}
