//! Measures the time from a picture's file to the network's pixels on one thread: `decode_speed SIDE FOLDER…`.
//!
//! For each folder and each gap ([`Reduce`]), it prints the mean over the folder's pictures of the shortest time in a
//! few interleaved rounds.

use std::path::Path;
use std::time::{Duration, Instant};

use headstart_data::cache::Key;
use headstart_data::decode::{Reduce, decode_at_least};
use headstart_data::sources::list_pictures;
use headstart_data::{DecodeError, Limits, Location, Resizer};
use headstart_model::{Fit, Interpolation, Preprocessing, Scaling};

const STEPS: [&str; 4] = ["read, hash", "decode", "hash pixels", "resize"];
const GAPS: [(&str, Reduce); 3] =
    [("never", Reduce::Never), ("gap 2", Reduce::Gap(2.0)), ("gap 1", Reduce::Gap(1.0))];

fn main() {
    let mut arguments = std::env::args().skip(1);
    let side = arguments.next().and_then(|n| n.parse().ok()).expect("a number of pixels");
    let to = Preprocessing {
        height: side,
        width: side,
        interpolation: Interpolation::Bilinear,
        fit: Fit::Stretch,
        scaling: Scaling::minus_one_to_one(),
    };
    let [a, b, c, d] = STEPS;
    println!("{:<30} {a:>10} {b:>10} {c:>11} {d:>8} {:>8}  (ms)", "", "all");
    for folder in arguments {
        measure(folder.as_ref(), &to);
    }
}

fn measure(folder: &Path, to: &Preprocessing) {
    let pictures = list_pictures([folder]).pictures;
    let bytes: u64 =
        pictures.iter().filter_map(|p| p.at.path().metadata().ok()).map(|m| m.len()).sum();
    // About 10 seconds, at 10 ms per megabyte.
    let rounds = (300_000_000 / bytes.max(1)).clamp(3, 30);
    let mut best = vec![[[Duration::MAX; STEPS.len()]; GAPS.len()]; pictures.len()];
    let mut resizer = Resizer::new();
    for _ in 0..rounds {
        for (picture, best) in pictures.iter().zip(&mut best) {
            for ((_, reduce), best) in GAPS.iter().zip(best) {
                match steps(&picture.at, *reduce, to, &mut resizer) {
                    Ok(times) => *best = std::array::from_fn(|i| best[i].min(times[i])),
                    Err(e) => eprintln!("{}: {e}", picture.at),
                }
            }
        }
    }
    best.retain(|gaps| gaps[0][0] != Duration::MAX);
    let name = folder.file_name().unwrap_or_default().display();
    for (gap, (gap_name, _)) in GAPS.iter().enumerate() {
        let mean = |step: usize| {
            let sum: Duration = best.iter().map(|gaps| gaps[gap][step]).sum();
            sum.as_secs_f64() * 1e3 / best.len().max(1) as f64
        };
        let [a, b, c, d] = std::array::from_fn(mean);
        println!(
            "{:<30} {a:>10.3} {b:>10.3} {c:>11.3} {d:>8.3} {:>8.3}",
            format!("{name}, {gap_name}"),
            a + b + c + d
        );
    }
}

fn steps(
    picture: &Location,
    reduce: Reduce,
    to: &Preprocessing,
    resizer: &mut Resizer,
) -> Result<[Duration; STEPS.len()], DecodeError> {
    let limits = Limits::default();
    let start = Instant::now();
    let bytes = picture.read(&limits)?;
    std::hint::black_box(Key::of(&bytes));
    let read = Instant::now();
    let pixels = decode_at_least(&bytes, &limits, reduce.at_least(to))?;
    let decoded = Instant::now();
    std::hint::black_box(pixels.content_hash());
    let hashed = Instant::now();
    std::hint::black_box(resizer.resize(&pixels, to));
    Ok([read - start, decoded - read, hashed - decoded, hashed.elapsed()])
}
