//! Resizing against Pillow's pixels.

mod support;

use headstart_data::Resizer;
use headstart_model::{Fit, Interpolation, Preprocessing, Scaling};
use support::{difference, rgb, table};

fn preprocessing(width: usize, height: usize, interpolation: &str, fit: &str) -> Preprocessing {
    Preprocessing {
        height,
        width,
        interpolation: match interpolation {
            "bilinear" => Interpolation::Bilinear,
            _ => Interpolation::Bicubic,
        },
        fit: match fit {
            "stretch" => Fit::Stretch,
            _ => Fit::Crop,
        },
        scaling: Scaling::minus_one_to_one(),
    }
}

#[test]
fn resizing_is_within_one_level_of_pillow() {
    let mut resizer = Resizer::new();
    let mut wrong = Vec::new();
    for [source, file, interpolation, fit] in table("resize.tsv") {
        let expected = rgb(&format!("resize/{file}"));
        let to = preprocessing(expected.width(), expected.height(), &interpolation, &fit);
        let resized = resizer.resize(&rgb(&format!("resize/{source}")), &to);
        let (largest, mean) = difference(&resized, expected.pixels());
        let beyond =
            resized.iter().zip(expected.pixels()).filter(|(a, b)| a.abs_diff(**b) > 1).count();
        // Ties that the two passes round differently may add up to two, in single samples.
        if largest > 2 || beyond > resized.len() / 500 {
            wrong.push(format!("{file}: differs by up to {largest}, on average {mean}, {beyond} samples by more than 1"));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_picture_of_the_right_size_passes_through_untouched() {
    let picture = rgb("resize/source_40x70.rgb");
    for interpolation in ["bilinear", "bicubic"] {
        for fit in ["stretch", "crop"] {
            let resized =
                Resizer::new().resize(&picture, &preprocessing(40, 70, interpolation, fit));
            assert_eq!(resized, picture.pixels(), "{interpolation} {fit}");
        }
    }
}
