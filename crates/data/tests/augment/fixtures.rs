//! What is drawn, carried out as Keras, PyTorch, torchvision and Pillow do. The fixtures come
//! from `tools/reference/augment.py`.

use std::fs;
use std::path::PathBuf;

use headstart_data::augment::{Adjustment, Draw, Region, Scratch};
use safetensors::SafeTensors;
use serde_json::Value;

/// The cases of one library, and the pixels that belong to them.
struct Reference {
    cases: Value,
    tensors: Vec<u8>,
}

impl Reference {
    fn of(library: &str) -> Self {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/augment");
        let read =
            |name: String| fs::read(folder.join(&name)).unwrap_or_else(|e| panic!("{name}: {e}"));
        Self {
            cases: serde_json::from_slice(&read(format!("{library}.json"))).unwrap(),
            tensors: read(format!("{library}.safetensors")),
        }
    }

    fn cases(&self, kind: &str) -> impl Iterator<Item = Case<'_>> {
        let tensors = SafeTensors::deserialize(&self.tensors).unwrap();
        let list = self.cases[kind].as_array().unwrap();
        assert!(!list.is_empty());
        list.iter().map(move |values| {
            let side = |key: &str| values[key].as_u64().unwrap() as usize;
            let (height, width) = (side("height"), side("width"));
            let pixels = |name: &str| tensors.tensor(name).unwrap().data().to_vec();
            Case {
                values,
                height,
                width,
                picture: pixels(&format!("picture_{height}x{width}")),
                expected: pixels(values["name"].as_str().unwrap()),
            }
        })
    }
}

struct Case<'a> {
    values: &'a Value,
    height: usize,
    width: usize,
    picture: Vec<u8>,
    expected: Vec<u8>,
}

impl Case<'_> {
    /// What the case says is drawn; what it does not mention is not done.
    fn draw(&self) -> Draw {
        let mut draw = Draw::nothing(self.height, self.width);
        draw.flip = self.values["flip"].as_bool().unwrap_or(false);
        draw.angle = self.values["angle"].as_f64().unwrap_or(0.0);
        if let Some(crop) = self.values["crop"].as_array() {
            let [left, top, width, height] =
                [0, 1, 2, 3].map(|i| crop[i].as_u64().unwrap() as usize);
            draw.crop = Region { left, top, width, height };
        }
        draw
    }

    fn carried_out(&self) -> Vec<u8> {
        let mut out = vec![0; self.picture.len()];
        let mut scratch = Scratch::default();
        self.draw().apply(self.height, self.width, &self.picture, &mut scratch, &mut out);
        out
    }

    /// How many of the samples chosen by row and column differ by one level and by more.
    fn differences(&self, found: &[u8], chosen: impl Fn(usize, usize) -> bool) -> [usize; 2] {
        let mut counts = [0; 2];
        for (i, (a, b)) in found.iter().zip(&self.expected).enumerate() {
            let (row, column) = (i / 3 / self.width, i / 3 % self.width);
            match a.abs_diff(*b) {
                _ if !chosen(row, column) => {}
                0 => {}
                1 => counts[0] += 1,
                _ => counts[1] += 1,
            }
        }
        counts
    }
}

#[test]
fn flip_and_rotation_are_within_one_level_of_keras() {
    for case in Reference::of("keras").cases("rotation") {
        let [one, more] = case.differences(&case.carried_out(), |_, _| true);
        assert_eq!(more, 0, "{}", case.values);
        // Only where a value is nearly halfway between two levels.
        assert!(one * 50 <= case.expected.len(), "{one} samples differ: {}", case.values);
    }
}

#[test]
fn flip_crop_and_rotation_in_one_are_within_one_level_of_grid_sample() {
    for case in Reference::of("torchvision").cases("sampled") {
        let [one, more] = case.differences(&case.carried_out(), |_, _| true);
        assert_eq!(more, 0, "{}", case.values);
        assert!(one * 50 <= case.expected.len(), "{one} samples differ: {}", case.values);
    }
}

#[test]
fn a_crop_is_within_one_level_of_resized_crop_but_at_its_edges() {
    for case in Reference::of("torchvision").cases("resized_crop") {
        let crop = case.draw().crop;
        // Samples less than half a pixel from the crop's edge are of what lies beyond, where
        // resized_crop repeats the edge.
        let within = |at: usize, part: usize, whole: usize| {
            let place = (at as f64 + 0.5) * part as f64 / whole as f64 - 0.5;
            (0.0..=(part - 1) as f64).contains(&place) || part == whole
        };
        let [_, more] = case.differences(&case.carried_out(), |row, column| {
            within(row, crop.height, case.height) && within(column, crop.width, case.width)
        });
        assert_eq!(more, 0, "{}", case.values);
    }
}

#[test]
fn colours_are_adjusted_within_one_level_of_torchvision_and_pillow() {
    for case in Reference::of("torchvision").cases("adjusted") {
        let factor = case.values["factor"].as_f64().unwrap() as f32;
        let adjustment = match case.values["kind"].as_str().unwrap() {
            "brightness" => Adjustment::Brightness(factor),
            "contrast" => Adjustment::Contrast(factor),
            "saturation" => Adjustment::Saturation(factor),
            other => panic!("{other}"),
        };
        let mut pixels = case.picture.clone();
        adjustment.apply(&mut pixels);
        let [_, more] = case.differences(&pixels, |_, _| true);
        assert_eq!(more, 0, "{}", case.values);
    }
}
