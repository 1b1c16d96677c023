//! Pictures that look bad, judged by measurements on the network's input and by size.
//!
//! Limits are absolute. Apart from blank pictures, a look is reported only if it is an exception in the set: if
//! many pictures are dark, they are meant to be. How varied the set is does not matter, or nothing would be
//! reported in a varied one.

use headstart_data::Facts;

use crate::robust::median;

/// A way in which a picture looks bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    /// A single colour.
    Blank,
    /// Too dark to recognise much.
    Dark,
    /// Too bright to recognise much.
    Bright,
    /// Out of focus, or with motion blur.
    Blurred,
    /// Smaller than the network's input.
    Tiny,
    /// Much longer in one direction than in the other.
    OddAspect,
    /// Without colour.
    Grey,
}

/// Contrast below which a picture is blank.
const BLANK: f32 = 3.0;
/// Mean luma below which the brightest thumbnail cell of a dark picture is: 0.32 of white, CleanVision's limit
/// for the 99th percentile of brightness.
const DARK: u8 = 82;
/// Mean luma above which the darkest thumbnail cell of a bright picture is.
const BRIGHT: u8 = 215;
/// Largest difference between the cells of a dark or bright picture that is blank.
const EVEN: u8 = 2;
/// Blur above which a picture may be blurred.
const BLURRED: f32 = 0.65;
/// Least excess of a blurred picture's blur over the median of the set.
const MORE_BLURRED: f64 = 0.2;
/// Ratio of the longer to the shorter side above which a picture may have an odd aspect ratio.
const ODD: f32 = 2.5;
/// Least multiple of the set's median aspect ratio for an odd one.
const ODDER: f32 = 1.6;
/// Colourfulness below which a picture is grey. It is above 0 because JPEG adds some colour to grey pictures.
const GREY: f32 = 1.5;
/// Largest share of the set that still counts as an exception.
const EXCEPTION: f64 = 0.1;

/// The bad looks of the pictures: the look, the index of the picture, and the measured value. `side` is the
/// shorter side of the network's input.
pub(crate) fn looks(facts: &[Facts], side: usize) -> Vec<(Look, usize, f32)> {
    let usual =
        |value: fn(&Facts) -> f32| median(facts.iter().map(|f| f64::from(value(f))).collect());
    let (blur, usual_aspect) = (usual(|f| f.blur), usual(aspect));
    let exceptional = |is: &dyn Fn(&Facts) -> bool| {
        facts.iter().filter(|f| is(f)).count() as f64 <= EXCEPTION * facts.len() as f64
    };
    let is_tiny = |f: &Facts| (shorter(f) as usize) < side;
    let is_grey = |f: &Facts| f.colourfulness < GREY;
    // Enlarged pictures are reported as tiny only.
    let is_blurred =
        |f: &Facts| f.blur > BLURRED && f64::from(f.blur) > blur + MORE_BLURRED && !is_tiny(f);
    let tell_tiny = exceptional(&is_tiny);
    let tell_grey = exceptional(&is_grey);
    let tell_dark = exceptional(&is_dark);
    let tell_bright = exceptional(&is_bright);

    let mut found = Vec::new();
    for (picture, f) in facts.iter().enumerate() {
        if is_blank(f) {
            found.push((Look::Blank, picture, f.contrast));
            continue;
        }
        let odd = aspect(f) > ODD && f64::from(aspect(f)) > f64::from(ODDER) * usual_aspect;
        let cases = [
            (tell_dark && is_dark(f), Look::Dark, f.luma),
            (tell_bright && is_bright(f), Look::Bright, f.luma),
            (is_blurred(f), Look::Blurred, f.blur),
            (tell_tiny && is_tiny(f), Look::Tiny, shorter(f) as f32),
            (odd, Look::OddAspect, aspect(f)),
            (tell_grey && is_grey(f), Look::Grey, f.colourfulness),
        ];
        let new = cases.into_iter().filter(|(is, ..)| *is);
        found.extend(new.map(|(_, kind, value)| (kind, picture, value)));
    }
    found
}

fn is_dark(facts: &Facts) -> bool {
    brightest(facts) < DARK
}

fn is_bright(facts: &Facts) -> bool {
    darkest(facts) > BRIGHT
}

/// Whether the picture is blank. Dark and bright pictures have little contrast, too, but their cells, in which
/// noise averages out, still differ.
fn is_blank(facts: &Facts) -> bool {
    let is_even = brightest(facts) - darkest(facts) <= EVEN;
    facts.contrast < BLANK && (is_even || !(is_dark(facts) || is_bright(facts)))
}

fn brightest(facts: &Facts) -> u8 {
    facts.thumbnail.iter().copied().max().unwrap_or(0)
}

fn darkest(facts: &Facts) -> u8 {
    facts.thumbnail.iter().copied().min().unwrap_or(0)
}

fn shorter(facts: &Facts) -> u32 {
    facts.width.min(facts.height)
}

fn aspect(facts: &Facts) -> f32 {
    facts.width.max(facts.height) as f32 / shorter(facts).max(1) as f32
}

#[cfg(test)]
mod tests {
    use headstart_data::decode::{Format, Header};

    use super::*;

    /// Sharp pictures in colour of 640 x 480, some of them in portrait, with all levels of brightness and
    /// sharpness.
    fn set() -> Vec<Facts> {
        const FILE: Header =
            Header { format: Format::Jpeg, width: 640, height: 480, orientation: 1 };
        let one = |i: u32| {
            let vary = (i * 37 % 100) as f32 / 100.0;
            let mut facts = Facts::new(&FILE, &[0; 3], 1);
            if i.is_multiple_of(3) {
                (facts.width, facts.height) = (480, 640);
            }
            light(&mut facts, 1.0, 0.35 + 0.65 * vary, 0.0);
            (facts.blur, facts.colourfulness) = (0.1 + 0.5 * vary, 10.0 + 40.0 * vary);
            facts
        };
        (0..100).map(one).collect()
    }

    /// Replaces the picture by a gradient from `from` that is `range` of white wide, times `factor`.
    fn light(facts: &mut Facts, factor: f32, range: f32, from: f32) {
        for (cell, luma) in facts.thumbnail.iter_mut().enumerate() {
            let share = cell as f32 / 255.0;
            *luma = (255.0 * factor * (from + range * share)).round().min(255.0) as u8;
        }
        facts.luma = 255.0 * factor * (from + range / 2.0);
        facts.contrast = 255.0 * factor * range / 12f32.sqrt();
    }

    #[test]
    fn each_defect_is_found_and_nothing_else() {
        assert_eq!(looks(&set(), 160), []);
        type Spoil = fn(&mut Facts);
        let cases: [(Look, Spoil); 12] = [
            (Look::Blank, |f| light(f, 1.0, 0.0, 0.9)),
            (Look::Blank, |f| light(f, 1.0, 0.02, 0.5)),
            (Look::Blank, |f| light(f, 1.0, 0.0, 0.0)),
            // Noise in the dark.
            (Look::Blank, |f| (f.contrast, f.luma, f.thumbnail) = (1.5, 4.0, [4; 256])),
            (Look::Dark, |f| light(f, 0.03, 1.0, 0.0)),
            (Look::Dark, |f| light(f, 0.1, 1.0, 0.0)),
            (Look::Dark, |f| light(f, 0.3, 1.0, 0.0)),
            (Look::Bright, |f| light(f, 1.0, 0.04, 0.96)),
            (Look::Bright, |f| light(f, 1.0, 0.12, 0.88)),
            (Look::Blurred, |f| f.blur = 0.7),
            (Look::Tiny, |f| (f.width, f.height) = (100, 90)),
            (Look::OddAspect, |f| (f.width, f.height) = (200, 900)),
        ];
        for (case, (kind, spoil)) in cases.into_iter().enumerate() {
            let mut set = set();
            spoil(&mut set[41]);
            let found: Vec<_> = looks(&set, 160).iter().map(|f| (f.0, f.1)).collect();
            assert_eq!(found, [(kind, 41)], "case {case}");
        }
        let mut set = set();
        set[41].colourfulness = 0.2;
        assert_eq!(looks(&set, 160), [(Look::Grey, 41, 0.2)]);
    }

    #[test]
    fn what_is_the_rule_is_no_defect() {
        let rules: [fn(&mut Facts); 6] = [
            |f| light(f, 0.1, 1.0, 0.0),
            |f| light(f, 1.0, 0.05, 0.95),
            |f| f.blur = 0.5 + 0.5 * f.blur,
            |f| (f.width, f.height) = (28, 28),
            |f| (f.width, f.height) = (f.width * 3, f.height / 3),
            |f| f.colourfulness = 0.0,
        ];
        for rule in rules {
            let mut set = set();
            // Landscapes only, so that all have one aspect ratio.
            set.iter_mut().for_each(|f| (f.width, f.height) = (640, 480));
            set.iter_mut().for_each(rule);
            assert_eq!(looks(&set, 160), []);
        }
    }
}
