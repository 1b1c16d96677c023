//! Measures the time of the search for near-duplicates, and its misses: `copies FEATURES.npy [--count N] [--exact]`.
//! With a count, vectors between those of the file are added up to that number. `--exact` also compares all with all.
//!
//! Run by `benchmarks/copies/run.sh`.

use std::error::Error;
use std::time::Instant;

use headstart_neighbours::{Bounds, Vectors, neighbours};

type Neighbours = Vec<Vec<(u32, f32)>>;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let file = arguments.first().ok_or("FEATURES.npy is missing")?;
    let after = |option| arguments.iter().skip_while(|a| *a != option).nth(1);
    let count = after("--count").map(|count| count.parse()).transpose()?;
    let exact = arguments.iter().any(|argument| argument == "--exact");

    let (mut features, dim) = read(file)?;
    if let Some(count) = count {
        resize(&mut features, dim, count);
    }
    let rows: Vec<usize> = (0..features.len() / dim).collect();
    let find = |exact: bool| {
        let start = Instant::now();
        let bounds = Bounds::default();
        let bounds = if exact { Bounds { few: usize::MAX, ..bounds } } else { bounds };
        let found = neighbours(&bounds, &Vectors::new(&features, dim, &rows), &mut |_| true);
        (found.expect("nobody says stop"), start.elapsed().as_secs_f64())
    };
    let (found, seconds) = find(false);
    let n = features.len() / dim;
    println!("{n} vectors of {dim}: {seconds:.1} s, {:.0} µs each", seconds / n as f64 * 1e6);
    if let Some(most) = most_memory() {
        println!("memory {most} MB, of which features {} MB", features.len() * 4 / 1_000_000);
    }
    if exact {
        let (all, seconds) = find(true);
        println!("all with all: {seconds:.1} s");
        for least in [0.95, 0.9, 0.85, 0.8] {
            let (pairs, same) = compare(&found, &all, least);
            println!("cosine {least} and more: {same} of {pairs} pairs found");
        }
    }
    Ok(())
}

/// The number of pairs with at least this cosine, and of those found.
fn compare(found: &Neighbours, all: &Neighbours, least: f32) -> (usize, usize) {
    let has = |lists: &Neighbours, a: usize, b: usize| {
        lists[a].iter().any(|&(other, _)| other as usize == b)
    };
    let (mut pairs, mut same) = (0, 0);
    for (a, list) in all.iter().enumerate() {
        for &(b, _) in list.iter().filter(|(_, cosine)| *cosine >= least) {
            let b = b as usize;
            if a < b || !has(all, b, a) {
                pairs += 1;
                same += usize::from(has(found, a, b) || has(found, b, a));
            }
        }
    }
    (pairs, same)
}

/// The values of a `.npy` file, and their number per row.
fn read(file: &str) -> Result<(Vec<f32>, usize), Box<dyn Error>> {
    let bytes = std::fs::read(file)?;
    let length = u16::from_le_bytes(*bytes[8..].first_chunk().ok_or("no .npy file")?);
    let (header, values) = bytes[10..].split_at(length.into());
    let header = String::from_utf8_lossy(header);
    let shape = header.split_once("'shape': (").ok_or("no shape")?.1;
    let dim = shape.split([',', ')']).nth(1).ok_or("no columns")?.trim().parse()?;
    Ok((values.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect(), dim))
}

/// Removes vectors, or adds some between two others, about as far from them as different pictures are.
fn resize(features: &mut Vec<f32>, dim: usize, count: usize) {
    let real = features.len() / dim;
    let mut state = 1u64;
    let mut random = move |below: usize| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) as usize % below
    };
    features.truncate(count * dim);
    features.reserve_exact(count * dim - features.len());
    while features.len() < count * dim {
        let (a, b) = (random(real), random(real));
        let share = 0.1 + 0.8 * random(1000) as f32 / 1000.0;
        for i in 0..dim {
            let between = share * features[a * dim + i] + (1.0 - share) * features[b * dim + i];
            features.push(between * (0.5 + random(1000) as f32 / 1000.0));
        }
    }
}

/// Peak memory of the process in megabytes, if the system reports it.
fn most_memory() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    let kib: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024 / 1_000_000)
}
