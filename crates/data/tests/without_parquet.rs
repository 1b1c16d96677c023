//! A build without Parquet support rejects such files by name.
#![cfg(not(feature = "parquet"))]

use headstart_data::sources::{list_pictures, manifest};
use headstart_data::{DataError, Dataset};

#[test]
fn a_parquet_file_is_refused_with_the_feature_that_reads_it() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("x.parquet");
    std::fs::write(&file, b"PAR1 whatever follows PAR1").unwrap();
    let says = "which this build of headstart does not read: it lacks the feature parquet";
    let error = Dataset::open(&file).unwrap_err();
    assert!(matches!(error, DataError::Contents { .. }) && error.to_string().ends_with(says));
    let error = manifest::read(&file).unwrap_err().to_string();
    assert!(error.starts_with(&file.display().to_string()) && error.ends_with(says), "{error}");
    let listing = list_pictures([&file]);
    assert!(listing.pictures.is_empty() && listing.skipped.len() == 1);
    assert!(listing.skipped[0].reason.to_string().ends_with(says), "{:?}", listing.skipped);
}
