//! Formats whose readers are not compiled into a build:
//! `cargo test -p headstart-formats --no-default-features --test left_out`.
#![cfg(not(any(feature = "keras", feature = "pytorch")))]

mod common;

use common::fixture;
use headstart_formats::{FormatError, read};

#[test]
fn a_file_whose_reader_is_left_out_is_refused_by_the_name_of_its_format() {
    for (file, format, feature) in [
        ("keras_mobilenetv2/keras2_no_top.h5", "Keras .h5", "keras"),
        ("keras_mobilenetv2/keras3_tutorial.keras", "Keras .keras", "keras"),
        ("pytorch_mobilenetv2/torchvision_0.35.pth", "PyTorch", "pytorch"),
        ("pytorch_mobilenetv2/torchvision_0.35_f16_legacy.pth", "PyTorch", "pytorch"),
    ] {
        let error = read(fixture(file)).unwrap_err();
        assert!(matches!(error, FormatError::NotBuiltIn { .. }), "{error:?}");
        let says = format!("is a {format} file, which this build of headstart does not read");
        let error = error.to_string();
        assert!(error.contains(&says) && error.contains(&format!("`{feature}`")), "{error}");
    }
}
