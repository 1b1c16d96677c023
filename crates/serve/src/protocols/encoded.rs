//! Values in JSON: bytes as base64, and lists with a limit.

use std::fmt;
use std::marker::PhantomData;

use axum::body::Bytes;
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Maximum number of entries of a list. No request may have as many pictures, and more entries would
/// only take memory.
const MOST: usize = 4096;

/// Decodes with or without padding.
const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Bytes, decoded from base64.
#[derive(Clone, Debug)]
pub(crate) struct Base64(pub(crate) Bytes);

/// A list of at most [`MOST`] entries.
#[derive(Clone, Debug)]
pub(crate) struct Short<T>(pub(crate) Vec<T>);

impl Base64 {
    /// Decodes base64.
    ///
    /// # Errors
    /// The reason, if the text is not valid base64.
    pub(crate) fn decode(text: &str) -> Result<Bytes, String> {
        let bytes = ENGINE.decode(text).map_err(|error| format!("no base64: {error}"))?;
        Ok(bytes.into())
    }
}

impl<'de> Deserialize<'de> for Base64 {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Base64;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("base64")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Base64, E> {
                Base64::decode(text).map(Base64).map_err(E::custom)
            }
        }

        from.deserialize_str(Text)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Short<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct List<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
            type Value = Short<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Short<T>, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = from.next_element()? {
                    if entries.len() == MOST {
                        return Err(A::Error::custom(format!("more than {MOST} entries")));
                    }
                    entries.push(entry);
                }
                Ok(Short(entries))
            }
        }

        from.deserialize_seq(List(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_read_with_and_without_padding_and_nothing_else_is() {
        let read =
            |json: &str| serde_json::from_str::<Base64>(json).map(|base64| base64.0.to_vec());
        for json in ["\"/9j/4A==\"", "\"/9j/4A\"", "\"\\/9j\\/4A==\""] {
            assert_eq!(read(json).expect(json), [0xff, 0xd8, 0xff, 0xe0]);
        }
        for json in ["\"/9j/4\"", "\"data:image/png;base64,/9j/\"", "\"é\"", "12", "null", "[255]"]
        {
            assert!(read(json).is_err(), "{json}");
        }
    }

    #[test]
    fn a_list_ends_where_no_request_would_have_more() {
        let list = |n: usize| format!("[{}]", vec!["1"; n].join(","));
        assert_eq!(serde_json::from_str::<Short<u8>>(&list(MOST)).expect("short").0.len(), MOST);
        let error = serde_json::from_str::<Short<u8>>(&list(MOST + 1)).expect_err("long");
        assert!(error.to_string().contains("more than 4096"), "{error}");
    }
}
