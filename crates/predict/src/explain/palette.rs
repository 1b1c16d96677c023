//! A perceptually ordered palette, also in greyscale print.

/// Evenly spaced colours, of lightness (CIE L*) 6, 24, 46, 69 and 93: indigo, violet, crimson, orange, yellow.
const ANCHORS: [[f32; 3]; 5] = [
    [20.0, 12.0, 60.0],
    [92.0, 22.0, 124.0],
    [200.0, 46.0, 96.0],
    [247.0, 140.0, 44.0],
    [255.0, 236.0, 140.0],
];

/// The colour of a value in `0..=1`.
pub(super) fn colour(value: f32) -> [f32; 3] {
    let at = value.clamp(0.0, 1.0) * (ANCHORS.len() - 1) as f32;
    let below = (at as usize).min(ANCHORS.len() - 2);
    let share = at - below as f32;
    std::array::from_fn(|c| ANCHORS[below][c] * (1.0 - share) + ANCHORS[below + 1][c] * share)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// CIE L* of an sRGB colour.
    fn lightness(colour: [f32; 3]) -> f32 {
        let linear = colour.map(|level| match level / 255.0 {
            level if level <= 0.040_45 => level / 12.92,
            level => ((level + 0.055) / 1.055).powf(2.4),
        });
        let luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2];
        match luminance {
            y if y <= 216.0 / 24_389.0 => y * 24_389.0 / 27.0,
            y => 116.0 * y.cbrt() - 16.0,
        }
    }

    #[test]
    fn lightness_rises_evenly_with_the_value() {
        let lightness: Vec<f32> = (0..=20).map(|i| lightness(colour(i as f32 / 20.0))).collect();
        let (first, last) = (lightness[0], lightness[20]);
        assert!(first < 10.0 && last > 90.0, "{lightness:?}");
        for (i, &l) in lightness.iter().enumerate() {
            let even = first + (last - first) * i as f32 / 20.0;
            assert!((l - even).abs() < 5.0, "{i}: {l} in place of {even}");
        }
        assert_eq!((colour(-1.0), colour(2.0)), (ANCHORS[0], ANCHORS[4]));
    }
}
