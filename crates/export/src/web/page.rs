//! The model as a single page, which can be opened from a disk and needs no network.

use std::io::Write;

use askama::Template;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use headstart_web::Compiled;
use serde_json::Value;

use super::{code, compiled, proof_in_json};
use crate::subject::Subject;
use crate::{ExportError, Proof};

#[derive(Template)]
#[template(path = "page.html")]
struct Page<'a> {
    version: &'a str,
    title: &'a str,
    about: &'a str,
    /// The number of training pictures, and the accuracy.
    record: String,
    style: &'a str,
    facts: Vec<(&'static str, String)>,
    /// The compressed parts, by name.
    parts: Vec<(&'static str, String)>,
    /// The JavaScript module of the model.
    code: String,
    /// The script of the page itself.
    script: &'a str,
}

pub(crate) fn write(subject: &Subject<'_>, proof: &Proof) -> Result<Vec<u8>, ExportError> {
    let Compiled { weights, simd, relaxed } = compiled(subject, proof)?;
    let proof = proof_in_json(subject, proof).to_string();
    // The upper bytes of 16-bit weights are similar to each other, the lower ones are not: separated, they compress
    // better.
    let weights: Vec<u8> =
        [0, 1].iter().flat_map(|&first| weights.iter().skip(first).step_by(2).copied()).collect();
    let parts = [
        ("weights.wasm", weights.as_slice()),
        ("simd.wasm", &simd),
        ("relaxed.wasm", &relaxed),
        ("proof", proof.as_bytes()),
    ];
    let page = Page {
        version: env!("CARGO_PKG_VERSION"),
        title: &title(subject),
        about: subject.config.about.as_deref().unwrap_or_default(),
        record: record(subject),
        style: include_str!("../../web/page.css"),
        facts: facts(subject),
        parts: parts.map(|(name, bytes)| (name, in_digits(&packed(bytes)))).to_vec(),
        code: code(subject) + include_str!("../../web/decode.js"),
        script: include_str!("../../web/page.js"),
    };
    Ok(page.render().expect("a page is text").into_bytes())
}

/// The configured title, or a question with the classes if there are few.
fn title(subject: &Subject<'_>) -> String {
    const MOST: usize = 4;
    if let Some(title) = &subject.config.title {
        return title.clone();
    }
    match subject.model.head.classes() {
        [first] => format!("{first}?"),
        [others @ .., last] if others.len() < MOST => format!("{} or {last}?", others.join(", ")),
        _ => "What is on a picture?".to_owned(),
    }
}

/// A sentence on how many pictures the model was trained on, and its accuracy on others; empty if the model has no
/// record of its training.
fn record(subject: &Subject<'_>) -> String {
    let record = subject.model.training.as_ref();
    let record: Value =
        record.and_then(|own| serde_json::from_str(own.get()).ok()).unwrap_or_default();
    let Some(learned) = record["train"].as_u64() else { return String::new() };
    let metrics = &record["metrics"];
    let right = match (metrics["accuracy"].as_f64(), metrics["pictures"].as_u64()) {
        (Some(accuracy), Some(others)) => {
            format!(", and right on {:.1} % of {others} others", 100.0 * accuracy)
        }
        _ => String::new(),
    };
    format!("Learned from {learned} pictures{right}.")
}

/// The properties of the model that the page shows.
fn facts(subject: &Subject<'_>) -> Vec<(&'static str, String)> {
    let model = subject.model;
    let classes = model.head.classes();
    let mut facts = vec![
        ("Classes", format!("{}: {}", classes.len(), classes.join(", "))),
        ("Base", model.network.name().to_owned()),
    ];
    if let Some(unknown) = &model.head.trust().unknown {
        let rate = format!(
            "{:.0} % of pictures of its classes are taken for unknown",
            100.0 * unknown.rate()
        );
        facts.push(("Unknown", rate));
    }
    facts
}

/// Compresses to zlib's format.
fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory takes what it is given");
    encoder.finish().expect("memory takes what it is given")
}

/// Encodes to base 85, in characters without a meaning in HTML. It adds a quarter to the size, and base 64 adds a
/// third.
fn in_digits(bytes: &[u8]) -> String {
    let alphabet: Vec<u8> = (33..127).filter(|code| !b"!\"&'-<>\\`".contains(code)).collect();
    let mut text = String::with_capacity(bytes.len().div_ceil(4) * 5);
    for chunk in bytes.chunks(4) {
        let mut word = [0; 4];
        word[..chunk.len()].copy_from_slice(chunk);
        let value = u32::from_be_bytes(word);
        let digits = (0..5).rev().map(|power| value / 85_u32.pow(power) % 85);
        text.extend(digits.take(chunk.len() + 1).map(|digit| char::from(alphabet[digit as usize])));
    }
    text
}
