//! Synthetic pictures, for a proof that contains nobody's photographs.

/// The colour of a pixel: a function of the position across and down, each in `0.0..1.0`, and of the pixel's index.
type Drawing = fn(f32, f32, usize) -> [f32; 3];

/// u8 RGB, `[n][height][width][3]`. The pictures differ, and have edges, areas and noise in all colours.
pub(crate) fn pictures(height: usize, width: usize) -> Vec<u8> {
    let draw: [Drawing; 4] = [gradient, discs, stripes, clouds];
    let mut pictures = Vec::with_capacity(draw.len() * height * width * 3);
    for draw in draw {
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let (down, across) = (y as f32 / height as f32, x as f32 / width as f32);
            let levels = draw(across, down, y * width + x);
            pictures.extend(levels.map(|level| (level.clamp(0.0, 1.0) * 255.0).round() as u8));
        }
    }
    pictures
}

fn gradient(x: f32, y: f32, _: usize) -> [f32; 3] {
    [x, y, 1.0 - x]
}

/// Coloured discs on a lighter ground.
fn discs(x: f32, y: f32, _: usize) -> [f32; 3] {
    const DISCS: [(f32, f32, f32, [f32; 3]); 4] = [
        (0.3, 0.35, 0.22, [0.85, 0.15, 0.1]),
        (0.7, 0.3, 0.14, [0.95, 0.8, 0.2]),
        (0.62, 0.7, 0.24, [0.2, 0.5, 0.2]),
        (0.2, 0.8, 0.1, [0.15, 0.2, 0.6]),
    ];
    let lies_in = |(cx, cy, radius, _): &&(f32, f32, f32, _)| (x - cx).hypot(y - cy) < *radius;
    match DISCS.iter().find(lies_in) {
        Some((cx, cy, radius, colour)) => {
            let shade = 1.0 - 0.5 * (x - cx).hypot(y - cy) / radius;
            colour.map(|level| level * shade)
        }
        None => [0.9 - 0.2 * y, 0.87 - 0.2 * y, 0.8 - 0.25 * y],
    }
}

fn stripes(x: f32, y: f32, at: usize) -> [f32; 3] {
    let light = ((x * 2.0 + y) * 8.0).fract() < 0.5;
    let grain = 0.1 * noise(at);
    if light { [0.95 - grain, 0.9 - grain, 0.85] } else { [0.1 + grain, 0.25, 0.35 + grain] }
}

/// Sums of waves, with added noise.
fn clouds(x: f32, y: f32, at: usize) -> [f32; 3] {
    let wave = |a: f32, b: f32, c: f32| 0.25 * (a * x + b * y + c).sin();
    let both = wave(9.0, 5.0, 0.0) + wave(-4.0, 13.0, 1.0);
    let grain = 0.2 * (noise(at) - 0.5);
    [0.5 + both + grain, 0.55 + 0.7 * both - grain, 0.6 - both + 0.5 * grain]
}

/// A pseudorandom number in `0.0..1.0`.
fn noise(at: usize) -> f32 {
    let mixed = (at as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    (mixed >> 40) as f32 / (1 << 24) as f32
}
