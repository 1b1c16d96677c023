//! Models compiled to WebAssembly: as a package for the user's own pages, and as a single page.

mod page;
#[cfg(test)]
mod tests;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use headstart_engine::frozen::{Activation, FrozenConfig, Op, OpKind, Plan};
use headstart_model::Shape;
use headstart_web::{Compiled, Weights, compile, program};
use serde_json::{Value, json};

use crate::subject::Subject;
use crate::{ExportError, Proof};

pub(crate) use page::write as write_page;

/// The program for node that compares answers with those of the proof.
pub(crate) const PROGRAM: &str = include_str!("../../web/verify.mjs");

/// The JavaScript that runs the modules; it follows the [`facts`].
const RUNTIME: &str = include_str!("../../web/model.js");

/// An npm package: the WebAssembly modules, a JavaScript module around them with its types, and the proof.
pub(crate) fn write_package(
    subject: &Subject<'_>,
    proof: &Proof,
) -> Result<Vec<(&'static str, Vec<u8>)>, ExportError> {
    let Compiled { weights, simd, relaxed } = compiled(subject, proof)?;
    let name = "headstart-model";
    let package = json!({
        "name": name,
        "version": "1.0.0",
        "description": format!("Classifies pictures: {}", subject.model.head.classes().join(", ")),
        "type": "module",
        "main": "index.js",
        "types": "index.d.ts",
        "exports": {".": {"types": "./index.d.ts", "default": "./index.js"}, "./*": "./*"},
        "sideEffects": false,
    });
    let words = subject.description["preprocessing_in_words"].as_str().expect("it is text");
    let readme = include_str!("../../web/README.md")
        .replace("{{ title }}", name)
        .replace("{{ name }}", name)
        .replace("{{ classes }}", &subject.model.head.classes().join(", "))
        .replace("{{ preprocessing }}", words);
    Ok(vec![
        ("package.json", pretty(&package)),
        ("index.js", code(subject).into_bytes()),
        ("index.d.ts", include_bytes!("../../web/index.d.ts").to_vec()),
        ("weights.wasm", weights),
        ("simd.wasm", simd),
        ("relaxed.wasm", relaxed),
        ("proof.json", proof_in_json(subject, proof).to_string().into_bytes()),
        ("verify.mjs", PROGRAM.as_bytes().to_vec()),
        ("README.md", readme.into_bytes()),
    ])
}

/// Compiles the modules. With weights other than the default, first checks that rounding changes no answer.
fn compiled(subject: &Subject<'_>, proof: &Proof) -> Result<Compiled, ExportError> {
    let weights = subject.config.weights.unwrap_or_default();
    if weights != Weights::default() {
        let own = answers(subject, proof, weights);
        let classes = subject.model.head.classes().len();
        let pairs = own.chunks_exact(classes).zip(proof.answers.chunks_exact(classes));
        let changed =
            pairs.filter(|(own, exact)| subject.answer(own) != subject.answer(exact)).count();
        if changed > 0 {
            return Err(ExportError::AnswersChange { weights, changed, pictures: proof.count() });
        }
    }
    Ok(compile(subject.model, weights)?)
}

/// Probabilities for the pictures of the proof, computed with rounded weights.
fn answers(subject: &Subject<'_>, proof: &Proof, weights: Weights) -> Vec<f32> {
    let model = subject.model;
    let mut program = program(model, weights);
    let (last, channels) = (program.ops.len() - 1, model.network.output().channels());
    program.ops.push(Op {
        name: "features".to_owned(),
        kind: OpKind::GlobalAverage,
        input: last,
        residual: None,
        activation: Activation::NONE,
        shape: Shape::Vector(channels),
    });
    let preprocessing = model.network.preprocessing().clone();
    let plan = Plan::of_program(program, preprocessing, &FrozenConfig::default());
    let mut arena = plan.arena();
    let [_, height, width, pixel] = proof.shape;
    let mut features = vec![0.0; proof.count() * channels];
    let pictures = proof.pictures.chunks_exact(height * width * pixel);
    for (pixels, features) in pictures.zip(features.chunks_exact_mut(channels)) {
        plan.run(&mut arena, pixels, features);
    }
    model.head.probabilities(&features)
}

fn pretty(value: &Value) -> Vec<u8> {
    let mut text = serde_json::to_string_pretty(value).expect("plain data serialises");
    text.push('\n');
    text.into_bytes()
}

/// The JavaScript module.
fn code(subject: &Subject<'_>) -> String {
    // Escaped, so that nothing in it ends the script when it is part of a page.
    let facts = facts(subject).to_string().replace('<', "\\u003c");
    format!("const MODEL = {facts};\n\n{RUNTIME}")
}

/// The properties of the model that the JavaScript module needs.
fn facts(subject: &Subject<'_>) -> Value {
    let (height, width) = subject.size();
    let head = &subject.model.head;
    let (map_height, map_width) = subject.model.network.output().spatial();
    let unknown = head.trust().unknown.as_ref().map(|unknown| unknown.threshold());
    let thresholds = (!head.task().is_single_label()).then(|| head.thresholds());
    let mut facts = json!({
        "classes": head.classes(),
        "width": width,
        "height": height,
        "map": [map_height, map_width],
        "unknown": unknown,
        "thresholds": thresholds,
        "description": subject.description,
    });
    crate::description::shorten(&mut facts);
    facts
}

/// The pictures and answers of the proof, for the program that compares them.
fn proof_in_json(subject: &Subject<'_>, proof: &Proof) -> Value {
    let classes = subject.model.head.classes();
    let answers: Vec<_> = proof.answers.chunks_exact(classes.len()).collect();
    let mut value = json!({
        "classes": classes,
        "shape": proof.shape,
        "answers": answers,
        "pictures": STANDARD.encode(&proof.pictures),
    });
    crate::description::shorten(&mut value);
    value
}
