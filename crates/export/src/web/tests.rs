use std::sync::Arc;

use headstart_engine::head::{Head, Task};
use headstart_model::architectures::ARCHITECTURES;
use headstart_predict::{ClassifierHead, Explainer, Model, Predictor, Rgb, Trust};
use headstart_trust::{ScorePart, Seen, Unknown, Unseen};
use headstart_web::{Compiled, Weights, compile};
use wasmi::{Config, Engine, Instance, Linker, Memory, Module, Store, Val};

use super::{answers, proof_in_json};
use crate::subject::Subject;
use crate::testing::{AWKWARD, model, models, network, numbers};
use crate::{Content, ExportConfig, Format, Proof};

/// Modules that run in an interpreter.
struct Running {
    store: Store<()>,
    instance: Instance,
    memory: Memory,
}

impl Running {
    fn new(weights: &[u8], functions: &[u8]) -> Self {
        let engine = Engine::new(&Config::default());
        let mut store = Store::new(&engine, ());
        let module = |bytes: &[u8]| Module::new(&engine, bytes).expect("it is valid");
        let mut linker = Linker::new(&engine);
        let weights = linker.instantiate_and_start(&mut store, &module(weights)).unwrap();
        let memory = weights.get_memory(&store, "memory").unwrap();
        linker.define("weights", "memory", memory).unwrap();
        let instance = linker.instantiate_and_start(&mut store, &module(functions)).unwrap();
        let mut running = Self { store, instance, memory };
        running.call("prepare", &[]);
        running
    }

    fn call(&mut self, name: &str, arguments: &[u32]) {
        let function = self.instance.get_func(&self.store, name).unwrap();
        let arguments: Vec<Val> = arguments.iter().map(|&value| Val::I32(value as i32)).collect();
        function.call(&mut self.store, &arguments, &mut []).unwrap();
    }

    /// The address in a global.
    fn address(&self, name: &str) -> usize {
        let global = self.instance.get_global(&self.store, name).unwrap();
        global.get(&self.store).i32().unwrap() as usize
    }

    /// Classifies a picture.
    fn run(&mut self, pixels: &[u8]) {
        let at = self.address("picture");
        self.memory.data_mut(&mut self.store)[at..at + pixels.len()].copy_from_slice(pixels);
        self.call("run", &[]);
    }

    fn values(&self, name: &str, count: usize) -> Vec<f32> {
        let at = self.address(name);
        let bytes = &self.memory.data(&self.store)[at..at + 4 * count];
        bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn modules_of_every_kind_of_model_are_valid_and_answer_as_headstart_does() {
    for (name, model) in models() {
        let config = ExportConfig::default();
        let proof = Proof::new(&Subject::new("wasm", &model, &config)).unwrap();
        let Compiled { weights, simd, relaxed } = compile(&model, Weights::Int16).unwrap();
        let classes = model.head.classes().len();
        let size = proof.pictures.len() / proof.count();
        // Only two pictures, since an interpreter is slow.
        let pictures: Vec<&[u8]> = proof.pictures.chunks_exact(size).take(2).collect();
        for (kind, functions) in [("simd", &simd), ("relaxed", &relaxed)] {
            wasmparser::validate(functions).unwrap_or_else(|error| panic!("{name}: {error}"));
            let mut running = Running::new(&weights, functions);
            for (picture, expected) in pictures.iter().zip(proof.answers.chunks_exact(classes)) {
                running.run(picture);
                let answers = running.values("probabilities", classes);
                let off = largest_difference(&answers, expected);
                assert!(off < 1e-3, "{name}, {kind}: {answers:?} for {expected:?}");
            }
        }
    }
}

#[test]
fn weights_in_8_bits_take_half_the_room_and_answer_as_they_were_checked_to() {
    // Its convolutions have enough weights to be stored in 8 bits.
    let model = model("efficientnet-lite0", Task::SingleLabel, &AWKWARD[..3], &[], None);
    let config = ExportConfig::default();
    let subject = Subject::new("wasm", &model, &config);
    let proof = Proof::new(&subject).unwrap();
    let expected = answers(&subject, &proof, Weights::Int8);
    let size = proof.pictures.len() / proof.count();
    let short = compile(&model, Weights::Int8).unwrap();
    let exact = compile(&model, Weights::Int16).unwrap();
    let share = short.weights.len() as f64 / exact.weights.len() as f64;
    assert!(share < 0.6, "{share}");
    let mut running = Running::new(&short.weights, &short.simd);
    running.run(&proof.pictures[..size]);
    let own = running.values("probabilities", 3);
    assert!(largest_difference(&own, &expected[..3]) < 1e-3, "{own:?} for {expected:?}");
    assert!(own != proof.answers[..3], "something is lost");
}

#[test]
fn every_base_can_be_compiled_or_is_refused_by_an_operation_and_its_layer() {
    let mut compiled = Vec::new();
    for architecture in ARCHITECTURES {
        let (network, weights) = network(architecture.id);
        let head = Head {
            hidden: Vec::new(),
            kernel: vec![0.5; network.output().channels() * 3],
            bias: vec![0.0; 3],
            classes: 3,
            dropout: 0.0,
            task: Task::SingleLabel,
        };
        let classes = ["a", "b", "c"].map(str::to_owned).to_vec();
        let head = ClassifierHead::new(head, classes);
        let (weights, further) = (Arc::new(weights), Vec::new());
        let model = Model { network, weights, further, mirrored: false, head, training: None };
        let Compiled { weights, simd, relaxed } = match compile(&model, Weights::Int16) {
            Ok(compiled) => compiled,
            Err(error) => {
                let (error, id) = (error.to_string(), architecture.id);
                let layers = model.network.layers();
                assert!(error.contains(" is not supported"), "{id}: {error}");
                assert!(
                    layers.iter().any(|layer| error.contains(&format!("(layer {})", layer.name))),
                    "{id}: {error}"
                );
                continue;
            }
        };
        compiled.push(architecture.id);
        for bytes in [&weights, &simd, &relaxed] {
            wasmparser::validate(bytes).unwrap_or_else(|e| panic!("{}: {e}", architecture.id));
        }
    }
    let known = |id: &&str| {
        ["mobilenetv1", "mobilenetv2", "efficientnet-lite"].iter().any(|own| id.starts_with(own))
    };
    assert_eq!(compiled, ARCHITECTURES.iter().map(|a| a.id).filter(known).collect::<Vec<_>>());
}

/// Features and logits of pseudorandom pictures, and the labels that the head gives them.
fn known(model: &Model, count: usize) -> (Vec<f32>, Vec<f32>, Vec<usize>) {
    let head = &model.head;
    let features: Vec<f32> =
        numbers(77, count * head.head().dim()).iter().map(|x| x.abs() * 0.3).collect();
    let logits = head.head().logits(&features);
    let probabilities = head.probabilities(&features);
    let labels = probabilities.chunks_exact(head.classes().len());
    let labels = labels.map(|row| usize::from(row[0] < 0.5) * (row.len() - 1)).collect();
    (features, logits, labels)
}

#[test]
fn how_unknown_a_picture_is_is_as_headstart_has_it() {
    let one = Task::SingleLabel;
    let all = ScorePart::ALL.to_vec();
    let each = [
        ScorePart::Neighbours,
        ScorePart::JointEnergy,
        ScorePart::ClassDistance,
        ScorePart::Residual,
    ];
    for (name, mut model, parts) in [
        ("three classes", model("mobilenetv2", one, &["a", "b", "c"], &[], None), all.clone()),
        ("one logit", model("mobilenetv2", one, &["no", "yes"], &[], None), all),
        (
            "labels",
            model("mobilenetv2", Task::MultiLabel, &["a", "b", "c"], &[], None),
            each.to_vec(),
        ),
    ] {
        let dim = model.head.head().dim();
        let (features, logits, labels) = known(&model, 24);
        let groups: Vec<usize> = (0..labels.len()).collect();
        let sets = [vec![], vec![0], vec![0, 1]];
        let is_one = model.head.task().is_single_label();
        let label_sets = (!is_one).then_some(&sets[..]);
        let seen = Seen { features: &features, dim, labels: &labels, label_sets, groups: &groups };
        let unseen =
            Unseen { features: &features, logits: &logits, groups: Some(&groups), held_out: 0 };
        let mut trust = Trust::default();
        trust.unknown = Unknown::fit(&parts, &seen, &unseen, 0.05);
        assert_eq!(trust.unknown.as_ref().unwrap().parts().count(), parts.len(), "{name}");
        model.head.set_trust(trust);

        let config = ExportConfig::default();
        let proof = Proof::new(&Subject::new("wasm", &model, &config)).unwrap();
        let [_, height, width, _] = proof.shape;
        let predictor = Predictor::new(&model);
        let Compiled { weights, relaxed, .. } = compile(&model, Weights::Int16).unwrap();
        let mut running = Running::new(&weights, &relaxed);
        for pixels in proof.pictures.chunks_exact(height * width * 3).take(2) {
            running.run(pixels);
            let picture = Rgb::new(width, height, pixels.to_vec()).unwrap();
            let expected = predictor.predict_picture(&picture).unknown.unwrap().score;
            let score = running.values("unknown", 1)[0];
            assert!(
                (score - expected).abs() < 2e-3 * (1.0 + expected.abs()),
                "{name}: {score}, {expected}"
            );
        }
    }
}

#[test]
fn what_speaks_for_a_class_is_as_headstart_has_it_through_hidden_layers_too() {
    for (name, model) in models() {
        let config = ExportConfig::default();
        let proof = Proof::new(&Subject::new("wasm", &model, &config)).unwrap();
        let [_, height, width, _] = proof.shape;
        let pixels = &proof.pictures[..height * width * 3];
        let picture = Rgb::new(width, height, pixels.to_vec()).unwrap();
        let explanation = Explainer::new(&model).explain_picture(&picture);
        let Compiled { weights, simd, .. } = compile(&model, Weights::Int16).unwrap();
        let mut running = Running::new(&weights, &simd);
        running.run(pixels);
        // Eight layers with exponentials amplify the rounding error of 16-bit weights.
        let tolerance = if model.head.head().hidden.len() > 3 { 2e-2 } else { 2e-3 };
        for class in 0..model.head.classes().len() {
            let map = explanation.map(class);
            running.call("explain", &[class as u32]);
            let values = running.values("heatmap", map.values.len());
            let largest = map.values.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
            let off = largest_difference(&values, &map.values);
            assert!(off < tolerance * largest, "{name}, {class}: {values:?} for {:?}", map.values);
        }
    }
}

#[test]
fn functions_without_relaxed_simd_have_none() {
    let (_, model) = &models()[0];
    let Compiled { weights, simd, relaxed } = compile(model, Weights::Int16).unwrap();
    let mut features = wasmparser::WasmFeatures::default();
    features.remove(wasmparser::WasmFeatures::RELAXED_SIMD);
    let valid = |bytes: &[u8]| {
        wasmparser::Validator::new_with_features(features).validate_all(bytes).is_ok()
    };
    assert_eq!([&weights, &simd, &relaxed].map(|bytes| valid(bytes)), [true, true, false]);
}

#[test]
fn a_package_has_what_npm_wants_and_the_proof() {
    let (_, model) = &models()[0];
    let artifact = Format::find("wasm").unwrap().export(model, &ExportConfig::default()).unwrap();
    let Content::Folder(files) = &artifact.content else { panic!("it is a folder") };
    let file = |name: &str| &files.iter().find(|file| file.0 == name).unwrap().1[..];
    let package: serde_json::Value = serde_json::from_slice(file("package.json")).unwrap();
    for key in ["main", "types"] {
        file(package[key].as_str().unwrap());
    }
    let code = std::str::from_utf8(file("index.js")).unwrap();
    let facts = code.strip_prefix("const MODEL = ").unwrap().split_once(";\n").unwrap().0;
    let facts: serde_json::Value = serde_json::from_str(facts).unwrap();
    assert_eq!(facts["classes"], serde_json::json!(AWKWARD));
    let proof: serde_json::Value = serde_json::from_slice(file("proof.json")).unwrap();
    assert_eq!(proof["answers"].as_array().unwrap().len(), artifact.proof.count());
    let config = ExportConfig::default();
    assert_eq!(proof, proof_in_json(&Subject::new("wasm", model, &config), &artifact.proof));
}

#[test]
fn a_page_forbids_all_network_and_escapes_what_is_put_in() {
    let (_, model) = &models()[0];
    let text = "<b>\"bold\" & 'so'</b></script>".to_owned();
    let config = ExportConfig::default().with_title(text.clone()).with_about(text);
    let artifact = Format::find("web").unwrap().export(model, &config).unwrap();
    let page = std::str::from_utf8(artifact.file()).unwrap();
    assert!(page.contains("default-src 'none'") && !page.contains("connect-src"));
    assert!(!page.contains("<b>\"bold\"") && !page.contains("<d>"), "names are escaped");
    // No content ends a script early: there are the code, the page's own script, and four parts.
    assert_eq!(page.matches("</script").count(), 6);
    for scheme in ["http:", "https:", "//cdn"] {
        assert!(!page.contains(&format!("=\"{scheme}")), "{scheme}");
    }
}
