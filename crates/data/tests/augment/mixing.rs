//! Mixing, and agreement of the shares of labels and pixels.

use headstart_data::augment::{Augment, Augmenter, How, Mix};

const DRAWS: usize = 10_000;

fn mixes(height: usize, width: usize, count: usize) -> Vec<Mix> {
    let augmenter = Augmenter::new(Augment::Strong, 2, height, width);
    (0..DRAWS).filter_map(|picture| augmenter.mix(1, picture, count)).collect()
}

#[test]
fn half_of_the_pictures_are_mixed_and_half_of_these_by_mixup() {
    let mixes = mixes(16, 16, 5);
    assert!(mixes.len().abs_diff(DRAWS / 2) < 250, "{}", mixes.len());
    let mixup = mixes.iter().filter(|mix| matches!(mix.how(), How::MixUp { .. })).count();
    assert!(mixup.abs_diff(mixes.len() / 2) < 180, "{mixup} of {}", mixes.len());
    let mut partners = [0_usize; 5];
    mixes.iter().for_each(|mix| partners[mix.partner()] += 1);
    assert!(partners.iter().all(|n| n.abs_diff(mixes.len() / 5) < 150), "{partners:?}");
}

#[test]
fn only_strong_mixes_and_only_with_a_picture_that_exists() {
    for augment in [Augment::None, Augment::Tutorial, Augment::Standard] {
        let augmenter = Augmenter::new(augment, 2, 4, 4);
        assert!((0..100).all(|picture| augmenter.mix(0, picture, 9).is_none()), "{augment}");
    }
    let augmenter = Augmenter::new(Augment::Strong, 2, 4, 4);
    assert!((0..100).all(|picture| augmenter.mix(0, picture, 0).is_none()));
}

#[test]
fn the_share_is_what_blending_leaves_of_the_own_picture() {
    for (height, width) in [(16, 16), (9, 14), (1, 1), (2, 3)] {
        for mix in mixes(height, width, 3) {
            let mut pixels = vec![255; height * width * 3];
            mix.blend(&mut pixels, &vec![0; height * width * 3]);
            match mix.how() {
                How::MixUp { .. } => {
                    let expected = (255.0 * mix.share()).round() as u8;
                    assert!(pixels.iter().all(|v| *v == expected), "{mix:?}: {pixels:?}");
                }
                How::CutMix { region } => {
                    let own = pixels.iter().filter(|v| **v == 255).count();
                    let partners = pixels.iter().filter(|v| **v == 0).count();
                    assert_eq!(own + partners, pixels.len());
                    assert_eq!(own as f32 / pixels.len() as f32, mix.share(), "{mix:?}");
                    for (i, pixel) in pixels.chunks(3).enumerate() {
                        let inside = (region.left..region.left + region.width)
                            .contains(&(i % width))
                            && (region.top..region.top + region.height).contains(&(i / width));
                        assert_eq!(pixel, if inside { [0; 3] } else { [255; 3] }, "{mix:?}");
                    }
                }
            }
        }
    }
}

#[test]
fn mixup_is_the_weighted_mean_to_the_nearest_level() {
    let own: Vec<u8> = (0..48).map(|i| (i * 53) as u8).collect();
    let partner: Vec<u8> = (0..48).map(|i| (i * i * 7) as u8).collect();
    for mix in mixes(4, 4, 3) {
        if matches!(mix.how(), How::MixUp { .. }) {
            let mut pixels = own.clone();
            mix.blend(&mut pixels, &partner);
            for ((mixed, a), b) in pixels.iter().zip(&own).zip(&partner) {
                let exact = mix.share() * f32::from(*a) + (1.0 - mix.share()) * f32::from(*b);
                assert!((f32::from(*mixed) - exact).abs() <= 0.5, "{mix:?}: {a} and {b}");
            }
        }
    }
}

#[test]
fn shares_are_distributed_as_their_beta_distributions() {
    let mixes = mixes(64, 64, 3);
    let shares = |mixup: bool| -> Vec<f32> {
        let of_kind = mixes.iter().filter(|mix| matches!(mix.how(), How::MixUp { .. }) == mixup);
        of_kind.map(Mix::share).collect()
    };
    let mean = |values: &[f32]| values.iter().sum::<f32>() / values.len() as f32;

    // Beta(0.2, 0.2): mean 1/2, variance 1 / (4 * (2 * 0.2 + 1)).
    let mixup = shares(true);
    assert!((mean(&mixup) - 0.5).abs() < 0.04, "{}", mean(&mixup));
    let squares: Vec<f32> = mixup.iter().map(|share| (share - 0.5).powi(2)).collect();
    assert!((mean(&squares) - 1.0 / 5.6).abs() < 0.01, "{}", mean(&squares));

    // Uniform, except for the part clipped at the picture's edges, which stays the original picture's: s²/4 on average
    // for a side s, so the partner's share is (s - s²/4)² with uniform s²: 1/2 - 1/5 + 1/48.
    let cutmix = shares(false);
    let expected = 1.0 - (0.5 - 0.2 + 1.0 / 48.0);
    assert!((mean(&cutmix) - expected).abs() < 0.02, "{} {expected}", mean(&cutmix));
    assert!(cutmix.iter().any(|share| *share < 0.2) && cutmix.contains(&1.0));
}
