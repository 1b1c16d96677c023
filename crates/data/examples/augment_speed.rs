//! Measures the time to augment a picture on one thread: `augment_speed [SIDE]`.

use std::hint::black_box;
use std::time::{Duration, Instant};

use headstart_data::augment::{Adjustment, Augment, Augmenter, Draw, Scratch};

const VIEWS: usize = 500;
const ROUNDS: usize = 7;

fn main() {
    let side = std::env::args().nth(1).map_or(160, |n| n.parse().expect("a number of pixels"));
    let pixels: Vec<u8> = (0..side * side * 3).map(|i| (i * i / 7) as u8).collect();
    let mut out = pixels.clone();
    let mut scratch = Scratch::default();

    for augment in Augment::ALL {
        let augmenter = Augmenter::new(augment, 0, side, side);
        report(&augment.to_string(), || {
            for view in 0..VIEWS {
                augmenter.apply(view, 0, black_box(&pixels), &mut scratch, &mut out);
                if let Some(mix) = augmenter.mix(view, 0, 2) {
                    mix.blend(&mut out, &pixels);
                }
            }
        });
    }

    let nothing = Draw::nothing(side, side);
    for (name, draw) in [
        ("flip", Draw { flip: true, ..nothing }),
        ("rotation by 36 degrees", Draw { angle: 0.628, ..nothing }),
    ] {
        report(name, || {
            for _ in 0..VIEWS {
                draw.apply(side, side, black_box(&pixels), &mut scratch, &mut out);
            }
        });
    }
    for adjustment in
        [Adjustment::Brightness(1.2), Adjustment::Contrast(0.8), Adjustment::Saturation(1.1)]
    {
        report(&format!("{adjustment:?}"), || {
            for _ in 0..VIEWS {
                adjustment.apply(black_box(&mut out));
            }
        });
    }
}

/// Prints the best time of several rounds of [`VIEWS`] pictures.
fn report(name: &str, mut round: impl FnMut()) {
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        round();
        best = best.min(start.elapsed());
    }
    println!("{name:24} {:.3} ms a picture", best.as_secs_f64() * 1e3 / VIEWS as f64);
}
