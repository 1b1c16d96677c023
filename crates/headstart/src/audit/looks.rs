//! Pictures that look bad: by what the network sees of them, and by their size.
//!
//! A picture must be bad by itself, and unlike the others of its set: where all pictures are dark, dark
//! is what they are to be.

use headstart_data::Facts;

use super::Kind;
use super::robust::Spread;

/// Contrast under which a picture is blank.
const BLANK: f32 = 3.0;
/// Luma that nearly all of a dark picture is below, and all of a bright one above.
const DARK: f32 = 60.0;
const BRIGHT: f32 = 225.0;
/// Blur of a picture that is blurred.
const BLURRED: f32 = 0.65;
/// Longer side over shorter side of an odd picture.
const ODD: f32 = 2.5;
/// How many times the set's median that is.
const ODDER: f32 = 1.6;
/// Colourfulness of a grey picture, with some room for what JPEG makes of grey.
const GREY: f32 = 1.5;
/// Share of pictures up to which something is an exception.
const EXCEPTION: f64 = 0.1;
/// Standard deviations from the median beyond which a picture is unlike the others.
const UNLIKE: f64 = 3.0;
/// The same for blur, of which sets of pictures have all degrees.
const MORE_BLURRED: f64 = 4.5;

/// What is wrong with the looks of which picture, and by how much. `side` is the shorter side of the
/// network's input.
pub(super) fn looks(facts: &[Facts], side: usize) -> Vec<(Kind, usize, f32)> {
    let spread = |value: fn(&Facts) -> f32| {
        Spread::of(&facts.iter().map(|f| f64::from(value(f))).collect::<Vec<_>>())
    };
    let (luma, blur, aspects) = (spread(|f| f.luma), spread(|f| f.blur), spread(aspect));
    let exceptional = |is: &dyn Fn(&Facts) -> bool| {
        facts.iter().filter(|f| is(f)).count() as f64 <= EXCEPTION * facts.len() as f64
    };
    let is_tiny = |f: &Facts| (shorter(f) as usize) < side;
    let is_grey = |f: &Facts| f.colourfulness < GREY;
    let tell_tiny = exceptional(&is_tiny);
    let tell_grey = exceptional(&is_grey);

    let mut found = Vec::new();
    for (picture, f) in facts.iter().enumerate() {
        if f.contrast < BLANK {
            found.push((Kind::Blank, picture, f.contrast));
            continue;
        }
        let dark = f.luma + 2.0 * f.contrast < DARK && luma.deviations(f.luma.into()) < -UNLIKE;
        let bright = f.luma - 2.0 * f.contrast > BRIGHT && luma.deviations(f.luma.into()) > 0.0;
        // What was enlarged is not blamed twice.
        let blurred =
            f.blur > BLURRED && blur.deviations(f.blur.into()) > MORE_BLURRED && !is_tiny(f);
        let odd = aspect(f) > ODD && f64::from(aspect(f)) > f64::from(ODDER) * aspects.median;
        let cases = [
            (dark, Kind::Dark, f.luma),
            (bright, Kind::Bright, f.luma),
            (blurred, Kind::Blurred, f.blur),
            (tell_tiny && is_tiny(f), Kind::Tiny, shorter(f) as f32),
            (odd, Kind::OddAspect, aspect(f)),
            (tell_grey && is_grey(f), Kind::Grey, f.colourfulness),
        ];
        let new = cases.into_iter().filter(|(is, ..)| *is);
        found.extend(new.map(|(_, kind, value)| (kind, picture, value)));
    }
    found
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

    /// A set of sharp pictures in colour, of 640 x 480 with some in portrait, all a little different.
    fn set() -> Vec<Facts> {
        const FILE: Header =
            Header { format: Format::Jpeg, width: 640, height: 480, orientation: 1 };
        let one = |i: u32| {
            let vary = (i * 37 % 100) as f32 / 100.0;
            let mut facts = Facts::new(&FILE, &[0; 3], 1);
            if i.is_multiple_of(3) {
                (facts.width, facts.height) = (480, 640);
            }
            (facts.luma, facts.contrast) = (90.0 + 80.0 * vary, 50.0 + 20.0 * vary);
            (facts.blur, facts.colourfulness) = (0.2 + 0.3 * vary, 10.0 + 40.0 * vary);
            facts
        };
        (0..100).map(one).collect()
    }

    #[test]
    fn each_defect_is_found_and_nothing_else() {
        assert_eq!(looks(&set(), 160), []);
        type Spoil = fn(&mut Facts);
        let cases: [(Kind, Spoil); 7] = [
            (Kind::Blank, |f| (f.contrast, f.luma) = (1.0, 250.0)),
            (Kind::Dark, |f| (f.contrast, f.luma) = (8.0, 12.0)),
            (Kind::Bright, |f| (f.contrast, f.luma) = (6.0, 246.0)),
            (Kind::Blurred, |f| f.blur = 0.9),
            (Kind::Tiny, |f| (f.width, f.height) = (100, 90)),
            (Kind::OddAspect, |f| (f.width, f.height) = (200, 900)),
            (Kind::Grey, |f| f.colourfulness = 0.2),
        ];
        for (kind, spoil) in cases {
            let mut set = set();
            spoil(&mut set[41]);
            let found: Vec<_> = looks(&set, 160).iter().map(|f| (f.0, f.1)).collect();
            assert_eq!(found, [(kind, 41)]);
        }
    }

    #[test]
    fn what_is_the_rule_is_no_defect() {
        let rules: [fn(&mut Facts); 5] = [
            |f| (f.contrast, f.luma) = (8.0, 10.0 + f.blur),
            |f| f.blur += 0.5,
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
