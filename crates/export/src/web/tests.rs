use headstart_web::{Compiled, compile};
use wasmi::{Config, Engine, Linker, Module, Store, Val};

use super::proof_in_json;
use crate::subject::Subject;
use crate::testing::{AWKWARD, models};
use crate::{Content, ExportConfig, Format, Proof};

/// Runs the functions over the memory on pictures: the values of a global's address after each.
fn run(
    weights: &[u8],
    functions: &[u8],
    pictures: &[&[u8]],
    (global, count): (&str, usize),
) -> Vec<f32> {
    let engine = Engine::new(&Config::default());
    let mut store = Store::new(&engine, ());
    let module = |bytes: &[u8]| Module::new(&engine, bytes).expect("it is valid");
    let mut linker = Linker::new(&engine);
    let weights = linker.instantiate_and_start(&mut store, &module(weights)).unwrap();
    let memory = weights.get_memory(&store, "memory").unwrap();
    linker.define("weights", "memory", memory).unwrap();
    let instance = linker.instantiate_and_start(&mut store, &module(functions)).unwrap();
    let address = |store: &Store<()>, name: &str| {
        let global = instance.get_global(store, name).unwrap();
        global.get(store).i32().unwrap() as usize
    };
    let call = |store: &mut Store<()>, name: &str| {
        let function = instance.get_func(&*store, name).unwrap();
        function.call(store, &[] as &[Val], &mut []).unwrap();
    };
    call(&mut store, "prepare");
    let mut values = Vec::new();
    for picture in pictures {
        let at = address(&store, "picture");
        memory.data_mut(&mut store)[at..at + picture.len()].copy_from_slice(picture);
        call(&mut store, "run");
        let at = address(&store, global);
        let bytes = &memory.data(&store)[at..at + 4 * count];
        values.extend(bytes.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)));
    }
    values
}

#[test]
fn modules_of_every_kind_of_model_are_valid_and_answer_as_headstart_does() {
    for (name, model) in models() {
        let config = ExportConfig::default();
        let proof = Proof::new(&Subject::new("wasm", &model, &config)).unwrap();
        let Compiled { weights, simd, relaxed } = compile(&model).unwrap();
        let classes = model.head.classes().len();
        let size = proof.pictures.len() / proof.count();
        // An interpreter is slow: two pictures.
        let pictures: Vec<&[u8]> = proof.pictures.chunks_exact(size).take(2).collect();
        for (kind, functions) in [("simd", &simd), ("relaxed", &relaxed)] {
            wasmparser::validate(functions).unwrap_or_else(|error| panic!("{name}: {error}"));
            let answers = run(&weights, functions, &pictures, ("probabilities", classes));
            let off =
                answers.iter().zip(&proof.answers).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(off < 1e-3, "{name}, {kind}: {answers:?} for {:?}", proof.answers);
        }
    }
}

#[test]
fn functions_without_relaxed_simd_have_none() {
    let (_, model) = &models()[0];
    let Compiled { weights, simd, relaxed } = compile(model).unwrap();
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
    // What the page has ends where it is meant to: the code, the page's own, and four parts.
    assert_eq!(page.matches("</script").count(), 6);
    for scheme in ["http:", "https:", "//cdn"] {
        assert!(!page.contains(&format!("=\"{scheme}")), "{scheme}");
    }
}
