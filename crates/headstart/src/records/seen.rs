//! The pictures that a model has seen: trained on, or held back for evaluation.

use std::mem::take;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use headstart_data::split::Earlier;
use headstart_data::{ContentHash, Split};
use serde::{Deserialize, Serialize};

/// The pictures that training has seen. They are identified by their pixels, so they may be moved, renamed or
/// packed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    /// The pictures that were trained on.
    pub learned: Contents,
    /// The pictures that were held back for evaluation and never trained on.
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

    /// The number of these pictures that training used in this way.
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

    /// The pictures that were trained on, and those held back.
    pub(crate) fn of_sides(learned: &[ContentHash], held_back: &[ContentHash]) -> Self {
        let of = |side: &[ContentHash]| Contents::new(side.iter().map(short).collect());
        Self { learned: of(learned), held_back: of(held_back) }
    }

    /// Adds the pictures of further training. Pictures once trained on no longer count as held back.
    pub(crate) fn merge(&mut self, further: Self) {
        let both = |a: &mut Contents, b: Contents| Contents::new([take(&mut a.0), b.0].concat());
        self.learned = both(&mut self.learned, further.learned);
        self.held_back = both(&mut self.held_back, further.held_back);
        let learned = &self.learned;
        self.held_back.0.retain(|short| learned.0.binary_search(short).is_err());
    }
}

/// A set of pictures, by the first eight bytes of the hashes of their pixels. Between a million pictures and
/// another million, two are confused in one of ten million cases.
///
/// In JSON it is one string: these bytes in ascending order, in base64.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Contents(Vec<[u8; 8]>);

impl Contents {
    /// The number of distinct pictures.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the set is empty.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a picture is in the set.
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
        // Sorted again, because `contains` searches it and the file may be from elsewhere.
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
