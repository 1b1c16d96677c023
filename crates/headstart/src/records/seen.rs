//! Which pictures a model has seen: learned from, or held back to measure on.

use std::mem::take;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use headstart_data::split::Earlier;
use headstart_data::{ContentHash, Split};
use serde::{Deserialize, Serialize};

/// Which pictures training has seen, told by their pixels: wherever they lie by now, whatever they are
/// called and packed in.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// Those that were learned from.
    pub learned: Contents,
    /// Those that were held back to measure on, and never learned from.
    pub held_back: Contents,
}

impl Seen {
    /// What training did with a picture.
    pub fn earlier(&self, content: &ContentHash) -> Earlier {
        if self.learned.contains(content) {
            Earlier::LearnedFrom
        } else if self.held_back.contains(content) {
            Earlier::HeldBack
        } else {
            Earlier::Unseen
        }
    }

    /// With how many of these pictures training did that.
    pub(crate) fn count<'a>(
        &self,
        what: Earlier,
        contents: impl IntoIterator<Item = &'a ContentHash>,
    ) -> usize {
        contents.into_iter().filter(|content| self.earlier(content) == what).count()
    }

    /// The pictures of both sides of a split.
    pub(crate) fn of_split(contents: &[ContentHash], split: &Split) -> Self {
        let of = |side: &[usize]| side.iter().map(|&i| contents[i]).collect::<Vec<_>>();
        Self::of_sides(&of(&split.train), &of(&split.validation))
    }

    /// The pictures that were learned from, and those held back.
    pub(crate) fn of_sides(learned: &[ContentHash], held_back: &[ContentHash]) -> Self {
        let of = |side: &[ContentHash]| Contents::new(side.iter().map(short).collect());
        Self { learned: of(learned), held_back: of(held_back) }
    }

    /// Adds what further training has seen. What was learned from once is not held back any more.
    pub(crate) fn merge(&mut self, further: Self) {
        let both = |a: &mut Contents, b: Contents| Contents::new([take(&mut a.0), b.0].concat());
        self.learned = both(&mut self.learned, further.learned);
        self.held_back = both(&mut self.held_back, further.held_back);
        let learned = &self.learned;
        self.held_back.0.retain(|short| learned.0.binary_search(short).is_err());
    }
}

/// A set of pictures, by the first eight bytes of the hashes of their pixels: of a million pictures
/// and a million others, two are confused once in ten million times.
///
/// In JSON it is one string: these bytes, ascending, in base64.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Contents(Vec<[u8; 8]>);

impl Contents {
    /// How many different pictures these are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a picture is among them.
    pub fn contains(&self, content: &ContentHash) -> bool {
        self.0.binary_search(&short(content)).is_ok()
    }

    fn new(mut shorts: Vec<[u8; 8]>) -> Self {
        shorts.sort_unstable();
        shorts.dedup();
        Self(shorts)
    }
}

fn short(content: &ContentHash) -> [u8; 8] {
    *content.0.first_chunk().expect("a hash has 16 bytes")
}

impl From<Contents> for String {
    fn from(contents: Contents) -> Self {
        STANDARD_NO_PAD.encode(contents.0.as_flattened())
    }
}

impl TryFrom<String> for Contents {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let bytes = STANDARD_NO_PAD.decode(text).map_err(|error| error.to_string())?;
        let (shorts, []) = bytes.as_chunks() else {
            return Err(format!("{} bytes are no hashes of eight", bytes.len()));
        };
        // Whoever wrote it: it is searched.
        Ok(Self::new(shorts.to_vec()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(first: u8) -> ContentHash {
        let mut hash = [7; 16];
        hash[0] = first;
        ContentHash(hash)
    }

    fn seen(learned: &[u8], held_back: &[u8]) -> Seen {
        let contents: Vec<_> = learned.iter().chain(held_back).map(|&n| content(n)).collect();
        let train = (0..learned.len()).collect();
        let validation = (learned.len()..contents.len()).collect();
        Seen::of_split(&contents, &Split { train, validation, ..Split::default() })
    }

    #[test]
    fn what_was_learned_from_once_is_never_held_back_again() {
        let mut seen = seen(&[3, 1], &[2, 9]);
        seen.merge(self::seen(&[2], &[1, 4]));
        for (picture, expected) in [
            (1, Earlier::LearnedFrom),
            (2, Earlier::LearnedFrom),
            (3, Earlier::LearnedFrom),
            (4, Earlier::HeldBack),
            (5, Earlier::Unseen),
            (9, Earlier::HeldBack),
        ] {
            assert_eq!(seen.earlier(&content(picture)), expected, "{picture}");
        }
        assert_eq!((seen.learned.len(), seen.held_back.len()), (3, 2));
    }

    #[test]
    fn it_is_read_as_it_was_written_and_damage_is_refused() {
        let seen = seen(&(0..40).collect::<Vec<_>>(), &[50]);
        let text = serde_json::to_string(&seen).unwrap();
        assert_eq!(serde_json::from_str::<Seen>(&text).unwrap(), seen);
        for damaged in ["AAAA", "!", "AAAAAAAAAAAA"] {
            let text = format!(r#"{{"learned":"{damaged}","held_back":""}}"#);
            assert!(serde_json::from_str::<Seen>(&text).is_err(), "{damaged}");
        }
    }
}
