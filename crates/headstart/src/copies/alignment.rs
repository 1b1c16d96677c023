//! Checks whether two thumbnails show the same picture, mirrored or in part.

use std::sync::LazyLock;

use headstart_data::facts::{THUMBNAIL, Thumbnail};

/// Side lengths of a crop, relative to the whole picture.
const SCALES: [f32; 6] = [0.95, 0.9, 0.85, 0.8, 0.75, 0.7];
/// Distance in cells between the positions at which a crop is tried.
const STRIDE: f32 = 0.5;
/// Standard deviation below which a thumbnail is plain: nothing in it can be compared. In levels of 255.
const PLAIN: f32 = 3.0;

/// A thumbnail minus its mean, scaled to length 1. The dot product of two patterns is their correlation.
pub(super) type Pattern = [f32; THUMBNAIL * THUMBNAIL];

/// The pattern of a thumbnail; `None` if the thumbnail is plain.
pub(super) fn pattern(thumbnail: &Thumbnail) -> Option<Pattern> {
    standardised(&thumbnail.map(f32::from))
}

fn standardised(values: &Pattern) -> Option<Pattern> {
    let n = values.len() as f32;
    let mean = values.iter().sum::<f32>() / n;
    let centred = values.map(|v| v - mean);
    let length = centred.iter().map(|v| v * v).sum::<f32>().sqrt();
    (length >= PLAIN * n.sqrt()).then(|| centred.map(|v| v / length))
}

/// The correlation of two whole pictures, with one of them mirrored if that is larger.
pub(super) fn whole(a: &Pattern, b: &Pattern) -> f32 {
    correlation(a, b).max(correlation(a, &mirrored(b)))
}

/// The largest correlation of one picture with a part of the other, mirrored or not.
pub(super) fn in_part(a: &Pattern, b: &Pattern) -> f32 {
    let one_way = |whole: &Pattern, part: &Pattern| {
        let both = [*part, mirrored(part)];
        let views = PARTS.iter().filter_map(|window| standardised_view(whole, *window));
        views
            .flat_map(|view| both.map(|part| correlation(&view, &part)))
            .fold(f32::NEG_INFINITY, f32::max)
    };
    whole(a, b).max(one_way(a, b)).max(one_way(b, a))
}

fn correlation(a: &Pattern, b: &Pattern) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn mirrored(pattern: &Pattern) -> Pattern {
    let mut mirrored = *pattern;
    mirrored.chunks_exact_mut(THUMBNAIL).for_each(<[f32]>::reverse);
    mirrored
}

/// A crop of a picture: the top and left position of its first cell, and its scale.
type Window = [f32; 3];

static PARTS: LazyLock<Vec<Window>> = LazyLock::new(|| {
    let places = |scale: f32| {
        let slack = THUMBNAIL as f32 * (1.0 - scale);
        let steps = (slack / STRIDE).round().max(1.0) as usize;
        (0..=steps).map(move |step| slack * step as f32 / steps as f32)
    };
    let parts = SCALES.iter().flat_map(|&scale| {
        places(scale).flat_map(move |top| places(scale).map(move |left| [top, left, scale]))
    });
    parts.collect()
});

/// A crop of a pattern, resampled to the size of a whole pattern; `None` if the crop is plain.
fn standardised_view(pattern: &Pattern, [top, left, scale]: Window) -> Option<Pattern> {
    let place = |start: f32, cell: usize| {
        let at = (start + (cell as f32 + 0.5) * scale - 0.5).clamp(0.0, THUMBNAIL as f32 - 1.0);
        let before = (at as usize).min(THUMBNAIL - 2);
        (before, at - before as f32)
    };
    let mut view = [0.0; THUMBNAIL * THUMBNAIL];
    for (y, row) in view.chunks_exact_mut(THUMBNAIL).enumerate() {
        let (above, down) = place(top, y);
        for (x, out) in row.iter_mut().enumerate() {
            let (before, right) = place(left, x);
            let at = |y: usize, x: usize| pattern[y * THUMBNAIL + x];
            let upper = at(above, before) * (1.0 - right) + at(above, before + 1) * right;
            let lower = at(above + 1, before) * (1.0 - right) + at(above + 1, before + 1) * right;
            *out = upper * (1.0 - down) + lower * down;
        }
    }
    let n = view.len() as f32;
    let mean = view.iter().sum::<f32>() / n;
    let centred = view.map(|v| v - mean);
    let length = centred.iter().map(|v| v * v).sum::<f32>().sqrt();
    // Plain corners of different pictures look alike. The whole pattern has length 1.
    (length >= 0.3).then(|| centred.map(|v| v / length))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A smooth and asymmetric thumbnail; `zoom` and `shift` select a part of it.
    pub(in crate::copies) fn thumbnail(seed: f32, zoom: f32, shift: f32) -> Thumbnail {
        std::array::from_fn(|cell| {
            let place = |at: usize| (at as f32 + 0.5) * zoom + shift;
            let (y, x) = (place(cell / THUMBNAIL), place(cell % THUMBNAIL));
            let wave =
                (0.5 * x + seed).sin() + (0.4 * y + 2.0 * seed).cos() + 0.1 * x * (y * 0.3).sin();
            (128.0 + 35.0 * wave) as u8
        })
    }

    #[test]
    fn the_same_is_told_from_another_whole_mirrored_and_in_part() {
        let one = thumbnail(0.0, 1.0, 0.0);
        let mut flipped = one;
        flipped.chunks_exact_mut(THUMBNAIL).for_each(<[u8]>::reverse);
        let darker = one.map(|v| v / 2 + 20);
        let (crop, other) = (thumbnail(0.0, 0.8, 1.5), thumbnail(2.0, 1.0, 0.0));
        let pattern = |t: &Thumbnail| pattern(t).unwrap();
        let one = pattern(&one);
        for same in [flipped, darker] {
            assert!(whole(&one, &pattern(&same)) > 0.99);
        }
        let as_whole = whole(&one, &pattern(&crop));
        for found in [in_part(&one, &pattern(&crop)), in_part(&pattern(&crop), &one)] {
            assert!(found > 0.98 && found > as_whole + 0.02, "{found} and {as_whole}");
        }
        assert!(in_part(&one, &pattern(&other)) < 0.9);
    }

    #[test]
    fn a_plain_thumbnail_has_no_pattern() {
        assert!(pattern(&[200; THUMBNAIL * THUMBNAIL]).is_none());
        assert!(pattern(&std::array::from_fn(|cell| 200 + (cell % 3) as u8)).is_none());
    }
}
