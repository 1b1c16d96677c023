//! Compares resizing with Pillow, OpenCV, torchvision and Keras. Fixtures: `tools/reference/resize.py`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use headstart_decode::{Limits, Rgb, decode_at_least};
use headstart_model::{Fit, Interpolation, Preprocessing, Scaling};
use headstart_resize::{Fitted, Reduce, Resizer};
use safetensors::SafeTensors;

const INTERPOLATIONS: [Interpolation; 4] = [
    Interpolation::Bilinear,
    Interpolation::Bicubic,
    Interpolation::Area,
    Interpolation::Tensorflow,
];
const FITS: [Fit; 3] = [Fit::Stretch, Fit::Crop, Fit::Pad];

fn preprocessing(
    width: usize,
    height: usize,
    interpolation: Interpolation,
    fit: Fit,
) -> Preprocessing {
    Preprocessing { height, width, interpolation, fit, scaling: Scaling::minus_one_to_one() }
}

fn fixture(library: &str) -> Vec<u8> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/resize");
    std::fs::read(root.join(format!("{library}.safetensors"))).unwrap()
}

/// The pictures of a fixture by their names.
fn pictures(library: &str) -> BTreeMap<String, Rgb> {
    let bytes = fixture(library);
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let picture = |(name, tensor): (String, safetensors::tensor::TensorView<'_>)| {
        let [height, width, 3] = *tensor.shape() else { panic!("{name}: {:?}", tensor.shape()) };
        (name, Rgb::new(width, height, tensor.data().to_vec()).unwrap())
    };
    tensors.iter().map(|(name, tensor)| picture((name.to_owned(), tensor))).collect()
}

/// The largest and the mean difference of two pictures of the same size.
fn difference(a: &[u8], b: &[u8]) -> (u8, f64) {
    assert_eq!(a.len(), b.len());
    let each = || a.iter().zip(b).map(|(a, b)| a.abs_diff(*b));
    (each().max().unwrap(), each().map(f64::from).sum::<f64>() / a.len() as f64)
}

/// The difference between a picture and a library's result.
struct Compared {
    case: String,
    interpolation: Interpolation,
    fit: Fit,
    largest: u8,
    mean: f64,
    /// Fraction of the samples that differ by more than a level.
    beyond: f64,
}

/// Resizes the same pictures as the library.
fn compared(library: &str) -> Vec<Compared> {
    let pictures = pictures(library);
    let mut resizer = Resizer::new();
    let cases = pictures.iter().filter(|(name, _)| !name.starts_with("source/"));
    cases
        .map(|(case, expected)| {
            let [source, _, interpolation, fit] = *case.split('/').collect::<Vec<_>>() else {
                panic!("{case}")
            };
            let (interpolation, fit) = (interpolation.parse().unwrap(), fit.parse().unwrap());
            let to = preprocessing(expected.width(), expected.height(), interpolation, fit);
            let resized = resizer.resize(&pictures[&format!("source/{source}")], &to);
            let (largest, mean) = difference(&resized, expected.pixels());
            let samples = resized.iter().zip(expected.pixels());
            let beyond = samples.filter(|(a, b)| a.abs_diff(**b) > 1).count();
            let beyond = beyond as f64 / resized.len() as f64;
            Compared { case: case.clone(), interpolation, fit, largest, mean, beyond }
        })
        .collect()
}

fn assert_none(wrong: impl Iterator<Item = Compared>) {
    let wrong: Vec<String> = wrong
        .map(|Compared { case, largest, mean, beyond, .. }| {
            let beyond = beyond * 100.0;
            format!("{case}: by up to {largest}, on average {mean:.3}, {beyond:.1} % beyond 1")
        })
        .collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// Asserts that a library's pictures cover these interpolations, each with these fits.
fn assert_covers(compared: &[Compared], interpolations: &[Interpolation], fits: &[Fit]) {
    let found: BTreeSet<_> =
        compared.iter().map(|c| (c.interpolation.name(), c.fit.name())).collect();
    let each = interpolations.iter().flat_map(|i| fits.iter().map(|fit| (i.name(), fit.name())));
    assert_eq!(found, each.collect());
}

#[test]
fn bilinear_and_bicubic_are_within_one_level_of_pillow_and_torchvision() {
    for (library, fits) in [("pillow", &FITS[..]), ("torchvision", &FITS[..1])] {
        let compared = compared(library);
        assert_covers(&compared, &[Interpolation::Bilinear, Interpolation::Bicubic], fits);
        // Ties that the two passes round differently may add up to two, in single samples.
        assert_none(compared.into_iter().filter(|c| c.largest > 2 || c.beyond > 0.002));
    }
}

#[test]
fn tensorflow_and_area_are_within_one_level_of_keras_and_opencv() {
    let [_, _, area, tensorflow] = INTERPOLATIONS;
    for (library, interpolations, fits) in
        [("keras", &[area, tensorflow][..], &FITS[..]), ("opencv", &[area], &FITS[..1])]
    {
        let compared = compared(library);
        assert_covers(&compared, interpolations, fits);
        // Values near the middle between two levels may be rounded differently.
        assert_none(compared.into_iter().filter(|c| c.largest > 1 || c.mean > 0.1));
    }
}

#[test]
fn area_is_within_one_level_of_pillows_box_where_pictures_shrink_by_whole_numbers() {
    let compared = compared("pillow_box");
    assert_covers(&compared, &[Interpolation::Area], &FITS[..1]);
    assert_none(compared.into_iter().filter(|c| c.largest > 1));
}

#[test]
fn a_reduced_jpeg_is_resized_from_the_part_that_it_covers() {
    let bytes = fixture("pillow_draft");
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let (mut resizer, mut wrong) = (Resizer::new(), Vec::new());
    // For the part, and for all pixels, on average.
    let (mut exact, mut rounded, mut cases) = (0.0, 0.0, BTreeSet::new());
    for (case, tensor) in tensors.iter().filter(|(name, _)| !name.starts_with("source/")) {
        let [kind, _, interpolation, fit] = *case.split('/').collect::<Vec<_>>() else {
            panic!("{case}")
        };
        let [height, width, 3] = *tensor.shape() else { panic!("{case}: {:?}", tensor.shape()) };
        let to = preprocessing(width, height, interpolation.parse().unwrap(), fit.parse().unwrap());
        let file = tensors.tensor(&format!("source/{kind}")).unwrap();
        let at_least = Reduce::Gap(2.0).at_least(&to);
        let picture = decode_at_least(file.data(), &Limits::default(), at_least).unwrap();
        assert!(picture.covered().divisor > 1, "{case}");
        // Our reduced pixels and libjpeg's differ by that much.
        let (largest, mean) = difference(&resizer.resize(&picture, &to), tensor.data());
        if largest > 3 || mean > 0.6 {
            wrong.push(format!("{case}: by up to {largest}, on average {mean:.3}"));
        }
        let all = Rgb::new(picture.width(), picture.height(), picture.pixels().to_vec()).unwrap();
        exact += mean;
        rounded += difference(&resizer.resize(&all, &to), tensor.data()).1;
        cases.insert((kind.to_owned(), interpolation.to_owned(), fit.to_owned()));
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
    assert!(exact * 5.0 < rounded, "{exact} of the part, and {rounded} of all pixels");
    assert_eq!(cases.len(), 10 * 2 * 3);
}

#[test]
fn area_of_a_reduced_picture_is_that_of_its_pixels_each_as_often_as_it_stands_for() {
    let pictures = pictures("pillow");
    let pixels = &pictures["source/16x16"];
    let mut resizer = Resizer::new();
    for divisor in [2, 4, 8] {
        for short in [0, 1, divisor - 1] {
            let (width, height) = (16 * divisor - short, 16 * divisor - (divisor - 1 - short));
            let reduced = Rgb::reduced(width, height, divisor, pixels.pixels().to_vec()).unwrap();
            let source = pixels.pixels().as_chunks::<3>().0;
            let each = (0..width * height)
                .flat_map(|i| source[i / width / divisor * 16 + i % width / divisor]);
            let whole = Rgb::new(width, height, each.collect()).unwrap();
            for (fit, (to_width, to_height)) in
                FITS.into_iter().flat_map(|fit| [(7, 5), (5, 9), (16, 16)].map(|to| (fit, to)))
            {
                let to = preprocessing(to_width, to_height, Interpolation::Area, fit);
                let (largest, mean) =
                    difference(&resizer.resize(&reduced, &to), &resizer.resize(&whole, &to));
                // Sums in another order: values in the middle between two levels.
                assert!(largest <= 1 && mean < 0.05, "1/{divisor} {to:?}: {largest}, {mean}");
            }
        }
    }
}

#[test]
fn a_picture_of_the_right_size_passes_through_untouched() {
    let picture = &pictures("pillow")["source/40x70"];
    for interpolation in INTERPOLATIONS {
        for fit in FITS {
            let to = preprocessing(40, 70, interpolation, fit);
            let resized = Resizer::new().resize(picture, &to);
            assert_eq!(resized, picture.pixels(), "{interpolation} {fit}");
        }
    }
}

#[test]
fn a_sliver_becomes_a_line_of_a_pixel_that_is_padded() {
    let sliver = Rgb::new(1, 1000, vec![200; 3000]).unwrap();
    for interpolation in INTERPOLATIONS {
        let to = preprocessing(9, 9, interpolation, Fit::Pad);
        let resized = Resizer::new().resize(&sliver, &to);
        for (at, pixel) in resized.as_chunks::<3>().0.iter().enumerate() {
            let expected = if at % 9 == 4 { [200; 3] } else { [0; 3] };
            assert_eq!(*pixel, expected, "{interpolation} at {at}");
        }
    }
}

#[test]
fn what_one_picture_leaves_behind_does_not_show_in_the_next() {
    let pictures = pictures("pillow");
    let mut resizer = Resizer::new();
    let mut out = vec![0; 31 * 20 * 3];
    for interpolation in INTERPOLATIONS {
        for fit in FITS {
            let to = preprocessing(31, 20, interpolation, fit);
            for (name, picture) in pictures.iter().filter(|(name, _)| name.starts_with("source/")) {
                out.fill(77);
                resizer.resize_into(picture, &to, &mut out);
                assert_eq!(
                    out,
                    Resizer::new().resize(picture, &to),
                    "{name} {interpolation} {fit}"
                );
            }
        }
    }
}

#[test]
fn fitted_says_where_pixels_come_to_lie() {
    // Red increases by a level per column, green by one per row.
    let ramps = |width: usize, height: usize| {
        let pixels = (0..width * height).flat_map(|i| [(i % width) as u8, (i / width) as u8, 255]);
        Rgb::new(width, height, pixels.collect()).unwrap()
    };
    for ((width, height), (to_width, to_height)) in [
        ((250, 120), (32, 32)),
        ((121, 250), (32, 32)),
        ((200, 201), (48, 20)),
        ((16, 10), (20, 40)),
    ] {
        for interpolation in [
            Interpolation::Bilinear,
            Interpolation::Bicubic,
            Interpolation::Area,
            Interpolation::Tensorflow,
        ] {
            for fit in [Fit::Stretch, Fit::Crop, Fit::Pad] {
                let to = Preprocessing {
                    height: to_height,
                    width: to_width,
                    interpolation,
                    fit,
                    scaling: Scaling::minus_one_to_one(),
                };
                let out = Resizer::new().resize(&ramps(width, height), &to);
                let Fitted { from, to: inner } = Fitted::new(width, height, &to);
                for (at, &[red, green, blue]) in out.as_chunks::<3>().0.iter().enumerate() {
                    let (x, y) = (at % to_width, at / to_width);
                    let within =
                        |at: usize, first: usize, side: usize| (first..first + side).contains(&at);
                    let seen =
                        within(x, inner.left, inner.width) && within(y, inner.top, inner.height);
                    let place = format!("{width} x {height}, {interpolation}, {fit}: {x}, {y}");
                    assert_eq!(blue == 255, seen, "{place}");
                    // At the edges filters have fewer pixels.
                    let lies =
                        |at: usize, (first, side): (usize, usize), (left, of): (f64, f64)| {
                            left + ((at - first) as f64 + 0.5) / side as f64 * of - 0.5
                        };
                    if seen && x > inner.left && x + 1 < inner.left + inner.width {
                        let at = lies(x, (inner.left, inner.width), (from.left, from.width));
                        assert!((f64::from(red) - at).abs() < 1.5, "{place}: {red} is not {at}");
                    }
                    if seen && y > inner.top && y + 1 < inner.top + inner.height {
                        let at = lies(y, (inner.top, inner.height), (from.top, from.height));
                        assert!(
                            (f64::from(green) - at).abs() < 1.5,
                            "{place}: {green} is not {at}"
                        );
                    }
                }
            }
        }
    }
}
