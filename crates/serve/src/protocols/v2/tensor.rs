//! Tensors as JSON and as bytes.

use std::fmt;

use axum::body::Bytes;
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::Failure;

/// Maximum number of strings in a JSON tensor. No request may have as many pictures.
const MOST_TEXTS: usize = 4096;

/// The values of a JSON tensor of any nesting, in order. Numbers are UINT8.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Flat {
    pub(super) texts: Vec<String>,
    pub(super) numbers: Vec<u8>,
}

/// The values of a tensor in a response.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Values {
    Float(Vec<f32>),
    Bool(Vec<bool>),
    Bytes(Vec<String>),
}

impl<'de> Deserialize<'de> for Flat {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let mut flat = Self::default();
        from.deserialize_any(Into(&mut flat))?;
        Ok(flat)
    }
}

/// Appends all values that it reads.
struct Into<'a>(&'a mut Flat);

impl<'de> Visitor<'de> for Into<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("numbers from 0 to 255, or texts, in lists")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        let number =
            u8::try_from(number).map_err(|_| E::custom(format!("{number} is no UINT8")))?;
        self.0.numbers.push(number);
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        if self.0.texts.len() == MOST_TEXTS {
            return Err(E::custom(format!("more than {MOST_TEXTS} texts")));
        }
        self.0.texts.push(text.to_owned());
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<(), A::Error> {
        struct Next<'a>(&'a mut Flat);

        impl<'de> serde::de::DeserializeSeed<'de> for Next<'_> {
            type Value = ();

            fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
                from.deserialize_any(Into(self.0))
            }
        }

        while from.next_element_seed(Next(self.0))?.is_some() {}
        Ok(())
    }
}

/// Splits a BYTES tensor into its entries. Each is preceded by its length, as four bytes in
/// little-endian order.
pub(super) fn split(mut bytes: Bytes, entries: usize) -> Result<Vec<Bytes>, Failure> {
    let wrong = || {
        Failure::bad_request(format!(
            "the BYTES tensor does not hold {entries} entries, each after its length"
        ))
    };
    let mut split = Vec::with_capacity(entries);
    for _ in 0..entries {
        let length = bytes.first_chunk().map(|length| u32::from_le_bytes(*length) as usize);
        let length = length.filter(|length| *length <= bytes.len() - 4).ok_or_else(wrong)?;
        let _ = bytes.split_to(4);
        split.push(bytes.split_to(length));
    }
    match bytes.is_empty() {
        true => Ok(split),
        false => Err(wrong()),
    }
}

impl Values {
    pub(super) fn datatype(&self) -> &'static str {
        match self {
            Self::Float(_) => "FP32",
            Self::Bool(_) => "BOOL",
            Self::Bytes(_) => "BYTES",
        }
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Float(values) => values.iter().flat_map(|value| value.to_le_bytes()).collect(),
            Self::Bool(values) => values.iter().map(|&value| u8::from(value)).collect(),
            Self::Bytes(texts) => {
                let entry = |text: &String| {
                    let length = (text.len() as u32).to_le_bytes();
                    length.into_iter().chain(text.bytes()).collect::<Vec<u8>>()
                };
                texts.iter().flat_map(entry).collect()
            }
        }
    }
}

impl Serialize for Values {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Float(values) => values.serialize(serializer),
            Self::Bool(values) => values.serialize(serializer),
            Self::Bytes(texts) => texts.serialize(serializer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_however_they_are_nested() {
        for json in ["[1, 2, 255]", "[[1], [2, 255]]", "[[[1, [2]]], 255]"] {
            let flat: Flat = serde_json::from_str(json).expect(json);
            assert_eq!((flat.numbers, flat.texts.len()), (vec![1, 2, 255], 0), "{json}");
        }
        let flat: Flat = serde_json::from_str(r#"[["a"], ["b\n"]]"#).expect("texts");
        assert_eq!(flat.texts, ["a", "b\n"]);
        for json in ["[256]", "[-1]", "[1.5]", "[null]", "[{}]", "[true]", "{}"] {
            assert!(serde_json::from_str::<Flat>(json).is_err(), "{json}");
        }
        let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
        assert!(serde_json::from_str::<Flat>(&deep).is_err(), "no stack is deep enough");
    }

    #[test]
    fn bytes_are_split_as_they_were_joined_and_damage_is_refused() {
        let texts = ["", "a", "bcd"].map(str::to_owned).to_vec();
        let joined: Bytes = Values::Bytes(texts.clone()).to_bytes().into();
        let split_again = split(joined.clone(), 3).expect("sound");
        assert_eq!(split_again, texts);
        for entries in [0, 2, 4] {
            assert!(split(joined.clone(), entries).is_err(), "{entries}");
        }
        for end in 0..joined.len() {
            assert!(split(joined.slice(..end), 3).is_err(), "{end}");
        }
        let huge = Bytes::from_static(&[0xff; 9]);
        assert!(split(huge, 1).is_err());
    }
}
