//! Distributions of draws, and their dependencies.

use std::f64::consts::TAU;

use headstart_data::augment::{Adjustment, Augment, Augmenter, Draw, Region, Scratch};
use proptest::prelude::*;

const DRAWS: usize = 10_000;

fn draws(augment: Augment, height: usize, width: usize) -> Vec<Draw> {
    let augmenter = Augmenter::new(augment, 1, height, width);
    (0..DRAWS).map(|picture| augmenter.draw(picture % 7, picture)).collect()
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    values.sum::<f64>() / DRAWS as f64
}

/// Asserts that values are between `low` and `high`, with equal numbers in each tenth.
fn assert_uniform(what: &str, values: impl Iterator<Item = f64>, low: f64, high: f64) {
    let mut tenths = [0_usize; 10];
    for value in values {
        assert!((low..=high).contains(&value), "{what}: {value} is not in {low}..={high}");
        tenths[(((value - low) / (high - low) * 10.0) as usize).min(9)] += 1;
    }
    // Five standard deviations.
    let expected = DRAWS / 10;
    assert!(tenths.iter().all(|n| n.abs_diff(expected) < 150), "{what}: {tenths:?}");
}

fn picture(height: usize, width: usize) -> Vec<u8> {
    (0..height * width * 3).map(|i| (i * i / 5 + 3 * i) as u8).collect()
}

fn view(augmenter: &Augmenter, epoch: usize, index: usize, (h, w): (usize, usize)) -> Vec<u8> {
    let mut out = vec![0; h * w * 3];
    augmenter.apply(epoch, index, &picture(h, w), &mut Scratch::default(), &mut out);
    out
}

#[test]
fn half_of_the_pictures_are_flipped() {
    for augment in [Augment::Tutorial, Augment::Standard, Augment::Strong] {
        let share = mean(draws(augment, 32, 32).iter().map(|d| f64::from(u8::from(d.flip))));
        assert!((share - 0.5).abs() < 0.025, "{augment}: {share}");
    }
}

#[test]
fn angles_are_uniform_in_the_range_that_is_said() {
    for (augment, largest) in [(Augment::Tutorial, 72.0), (Augment::Strong, 15.0)] {
        let degrees = draws(augment, 32, 32).into_iter().map(|d| d.angle / TAU * 360.0);
        assert_uniform(&augment.to_string(), degrees, -largest, largest);
    }
    assert!(draws(Augment::Standard, 32, 32).iter().all(|d| d.angle == 0.0));
}

#[test]
fn the_tutorial_neither_crops_nor_recolours() {
    let nothing = Draw::nothing(20, 30);
    for draw in draws(Augment::Tutorial, 20, 30) {
        assert_eq!((draw.crop, draw.colour), (nothing.crop, nothing.colour));
    }
}

#[test]
fn crops_are_distributed_as_torchvisions() {
    for (augment, least) in [(Augment::Standard, 0.35), (Augment::Strong, 0.2)] {
        let draws = draws(augment, 200, 200);
        let areas = || draws.iter().map(|d| d.crop.area() as f64 / 40_000.0);
        // Sides are rounded to pixels. A large area fits only with a ratio near 1, so large areas are rarer than in a
        // uniform distribution.
        assert!(areas().all(|area| (least - 0.01..=1.0).contains(&area)), "{augment}");
        let middle = (least + 1.0) / 2.0;
        assert!((mean(areas()) - middle).abs() < 0.08, "{augment}: {}", mean(areas()));
        let small = areas().filter(|area| *area < least + 0.1).count() as f64 / DRAWS as f64;
        assert!(small > 0.1 / (1.0 - least) - 0.02, "{augment}: {small}");
        let logs = || draws.iter().map(|d| (d.crop.width as f64 / d.crop.height as f64).ln());
        assert!(logs().all(|log| log.abs() <= (4.0_f64 / 3.0).ln() + 0.02), "{augment}");
        assert!(mean(logs()).abs() < 0.01, "{augment}");
        // Centred on average, but anywhere it fits.
        let centre = |first: usize, part: usize| first as f64 + part as f64 / 2.0;
        assert!(
            (mean(draws.iter().map(|d| centre(d.crop.left, d.crop.width))) - 100.0).abs() < 2.0
        );
        assert!(
            (mean(draws.iter().map(|d| centre(d.crop.top, d.crop.height))) - 100.0).abs() < 2.0
        );
        assert!(draws.iter().any(|d| d.crop.left == 0 && d.crop.width < 180));
        assert!(draws.iter().any(|d| d.crop.left + d.crop.width == 200 && d.crop.width < 180));
    }
}

#[test]
fn where_no_crop_fits_the_largest_of_an_allowed_ratio_is_taken_from_the_middle() {
    for draw in draws(Augment::Standard, 10, 300) {
        // The smallest area at the narrowest ratio is taller than the picture.
        assert_eq!(draw.crop, Region { left: 143, top: 0, width: 13, height: 10 });
    }
}

#[test]
fn colour_factors_are_uniform_and_their_order_varies() {
    for (augment, jitter) in [(Augment::Standard, 0.2), (Augment::Strong, 0.4)] {
        let draws = draws(augment, 8, 8);
        for kind in 0..3 {
            let factors = draws.iter().flat_map(|d| d.colour).filter_map(|a| match (kind, a) {
                (0, Adjustment::Brightness(f)) => Some(f64::from(f)),
                (1, Adjustment::Contrast(f)) => Some(f64::from(f)),
                (2, Adjustment::Saturation(f)) => Some(f64::from(f)),
                _ => None,
            });
            assert_eq!(factors.clone().count(), DRAWS);
            let what = format!("{augment} {kind}");
            assert_uniform(&what, factors, 1.0 - jitter - 1e-6, 1.0 + jitter + 1e-6);
        }
        for place in 0..3 {
            let brightness =
                draws.iter().filter(|d| matches!(d.colour[place], Adjustment::Brightness(_)));
            assert!(brightness.count().abs_diff(DRAWS / 3) < 240, "{augment} {place}");
        }
    }
}

#[test]
fn none_leaves_pictures_as_they_are() {
    let augmenter = Augmenter::new(Augment::None, 3, 6, 5);
    assert!(augmenter.is_none());
    assert_eq!(view(&augmenter, 2, 4, (6, 5)), picture(6, 5));
    assert_eq!(augmenter.mix(0, 0, 10), None);
}

#[test]
fn a_view_depends_on_seed_epoch_and_picture_alone() {
    let size = (24, 20);
    for augment in [Augment::Tutorial, Augment::Standard, Augment::Strong] {
        let augmenter = Augmenter::new(augment, 5, size.0, size.1);
        assert!(!augmenter.is_none());
        let first = view(&augmenter, 3, 8, size);

        // Regardless of earlier calls and the memory's content.
        let mut scratch = Scratch::default();
        let mut small = vec![0; 2 * 2 * 3];
        Augmenter::new(augment, 5, 2, 2).apply(0, 0, &[9; 12], &mut scratch, &mut small);
        let mut again = vec![77; first.len()];
        augmenter.apply(4, 8, &picture(24, 20), &mut scratch, &mut again);
        augmenter.apply(3, 8, &picture(24, 20), &mut scratch, &mut again);
        assert_eq!(again, first, "{augment}");

        assert_ne!(view(&augmenter, 4, 8, size), first, "{augment}: another epoch");
        assert_ne!(view(&augmenter, 3, 9, size), first, "{augment}: another picture");
        assert_ne!(view(&augmenter, 8, 3, size), first, "{augment}: exchanged");
        let other = Augmenter::new(augment, 6, size.0, size.1);
        assert_ne!(view(&other, 3, 8, size), first, "{augment}: another seed");
    }
}

#[test]
fn names_are_read_as_they_are_written() {
    for (augment, name) in Augment::ALL.into_iter().zip(["none", "tutorial", "standard", "strong"])
    {
        assert_eq!(augment.to_string(), name);
        assert_eq!(name.parse(), Ok(augment));
        assert_eq!(serde_json::to_value(augment).unwrap(), name);
        assert_eq!(serde_json::from_value::<Augment>(name.into()).unwrap(), augment);
    }
    assert_eq!(Augment::default(), Augment::None);
    let wrong = "Strongest".parse::<Augment>().unwrap_err().to_string();
    assert!(wrong.contains("\"Strongest\"") && wrong.contains("tutorial"), "{wrong}");
}

#[test]
fn two_flips_or_four_quarter_turns_give_the_picture_back() {
    let side = 17;
    let mut scratch = Scratch::default();
    let nothing = Draw::nothing(side, side);
    for (draw, times) in [
        (Draw { flip: true, ..nothing }, 2),
        (Draw { angle: TAU / 4.0, ..nothing }, 4),
        (Draw { angle: -TAU / 2.0, ..nothing }, 2),
    ] {
        let mut turned = picture(side, side);
        for time in 0..times {
            assert!(time == 0 || turned != picture(side, side), "{draw:?} does nothing");
            let from = turned.clone();
            draw.apply(side, side, &from, &mut scratch, &mut turned);
        }
        assert_eq!(turned, picture(side, side), "{draw:?}");
    }
}

proptest! {
    #[test]
    fn a_picture_of_one_colour_keeps_it_wherever_its_pixels_come_from(
        height in 1_usize..12,
        width in 1_usize..12,
        colour: [u8; 3],
        flip: bool,
        angle in -7.0..7.0,
        places: [prop::sample::Index; 4],
    ) {
        let (left, top) = (places[0].index(width), places[1].index(height));
        let crop = Region {
            left,
            top,
            width: places[2].index(width - left) + 1,
            height: places[3].index(height - top) + 1,
        };
        let draw = Draw { flip, angle, crop, ..Draw::nothing(height, width) };
        let pixels = colour.repeat(height * width);
        let mut out = vec![0; pixels.len()];
        draw.apply(height, width, &pixels, &mut Scratch::default(), &mut out);
        prop_assert_eq!(out, pixels);
    }

    #[test]
    fn no_size_and_no_draw_panics(
        height in 1_usize..9,
        width in 1_usize..9,
        seed: u64,
        epoch: usize,
        index: usize,
        count in 1_usize..5,
        which in 0_usize..4,
    ) {
        let augmenter = Augmenter::new(Augment::ALL[which], seed, height, width);
        let mut out = view(&augmenter, epoch, index, (height, width));
        if let Some(mix) = augmenter.mix(epoch, index, count) {
            prop_assert!(mix.partner() < count);
            mix.blend(&mut out, &picture(height, width));
        }
    }
}
