//! How long decoding and resizing take on one thread: `decode_speed FOLDER [SIDE]`.

use std::time::{Duration, Instant};

use headstart_data::sources::list_pictures;
use headstart_data::{Limits, Resizer, decode};
use headstart_model::{Fit, Interpolation, Preprocessing, Scaling};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().expect("a folder of pictures");
    let side = arguments.next().map_or(160, |n| n.parse().expect("a number of pixels"));
    let to = Preprocessing {
        height: side,
        width: side,
        interpolation: Interpolation::Bilinear,
        fit: Fit::Stretch,
        scaling: Scaling::minus_one_to_one(),
    };
    let files: Vec<Vec<u8>> = list_pictures([folder])
        .pictures
        .iter()
        .filter_map(|picture| picture.at.read(&Limits::default()).ok())
        .collect();
    let mut resizer = Resizer::new();
    let mut best = [Duration::MAX; 3];
    let (mut decoded, mut refused, mut pixels) = (0, 0, 0);
    for _ in 0..3 {
        let mut spent = [Duration::ZERO; 3];
        (decoded, refused, pixels) = (0, 0, 0);
        for bytes in &files {
            let start = Instant::now();
            let picture = match decode(bytes, &Limits::default()) {
                Ok(picture) => picture,
                Err(e) => {
                    eprintln!("{e}");
                    refused += 1;
                    continue;
                }
            };
            let after_decode = Instant::now();
            std::hint::black_box(resizer.resize(&picture, &to));
            let after_resize = Instant::now();
            std::hint::black_box(picture.content_hash());
            spent[0] += after_decode - start;
            spent[1] += after_resize - after_decode;
            spent[2] += after_resize.elapsed();
            decoded += 1;
            pixels += picture.width() * picture.height();
        }
        best = std::array::from_fn(|i| best[i].min(spent[i]));
    }
    let each = best.map(|time| time.as_secs_f64() * 1e3 / f64::from(decoded.max(1)));
    println!(
        "{decoded} pictures of {} pixels on average, {refused} refused; ms each: decode {:.3}, resize to {side} {:.3}, hash {:.3}",
        pixels / decoded.max(1) as usize,
        each[0],
        each[1],
        each[2],
    );
}
