//! `headstart export`. The values that the files compute are tested in `crates/export`, and with the
//! frameworks themselves in `benchmarks/export`.

use std::fs;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::browser::Browser;
use crate::support::{CLASSES, Place, keys};

/// Whether node is installed. If not, prints that the test is skipped.
fn has_node() -> bool {
    let found =
        Command::new("node").arg("--version").output().is_ok_and(|run| run.status.success());
    if !found {
        eprintln!("skipped: there is no node here");
    }
    found
}

#[test]
fn a_page_and_a_package_answer_in_node_as_headstart_does() {
    let place = Place::with_model();
    for format in ["web", "wasm"] {
        place.run(&format!("export model.safetensors --format {format}")).succeeded();
    }
    let names = ["README.md", "index.d.ts", "index.js", "package.json", "proof.json"];
    let modules = ["relaxed.wasm", "simd.wasm", "verify.mjs", "weights.wasm"];
    assert_eq!(place.below("model-wasm"), [&names[..], &modules[..]].concat());
    if !has_node() {
        return;
    }
    for format in ["web", "wasm"] {
        let run = place.run(&format!("export model.safetensors --format {format} --verify --json"));
        let proof = run.succeeded().json_line()["verified"]["proof"].clone();
        assert_eq!((&proof["pictures"], &proof["same_first"]), (&4.into(), &4.into()), "{format}");
        assert!(proof["largest_difference"].as_f64().unwrap() < 1e-3, "{format}: {proof}");
    }

    // Runs the package's own module on pixels of another size.
    let predicted = place.run("predict model.safetensors pictures/Trouser --json").json();
    let picture =
        image::open(place.path(predicted[0]["path"].as_str().unwrap())).unwrap().into_rgba8();
    place.write("pixels", picture.as_raw());
    let script = format!(
        "import {{ readFileSync }} from 'node:fs';
        import {{ load }} from './model-wasm/index.js';
        const model = await load();
        const [width, height] = [{}, {}];
        const answer = model.predictImageData({{ data: readFileSync('pixels'), width, height }});
        const isRefused = ([width, height, bytes]) => {{
            try {{
                model.predictImageData({{ data: new Uint8ClampedArray(bytes), width, height }});
            }} catch (error) {{
                return error instanceof RangeError;
            }}
        }};
        const refused = [[0, 0, 0], [2.5, 2, 20], [-1, -1, 4], [2, 2, 15]].every(isRefused);
        console.log(JSON.stringify({{ ...answer, classes: model.classes, refused }}));",
        picture.width(),
        picture.height()
    );
    let script = place.write("answer.mjs", script);
    let run = Command::new("node").arg(script).current_dir(place.path(".")).output().unwrap();
    let answer: serde_json::Value = serde_json::from_slice(&run.stdout)
        .unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&run.stderr)));
    assert_eq!(answer["refused"], true);
    assert_eq!(answer["classes"], serde_json::json!(CLASSES));
    for key in ["label", "unknown"] {
        assert_eq!(answer[key], predicted[0][key], "{answer}");
    }
    let scores = predicted[0]["scores"].as_object().unwrap();
    for (own, (label, score)) in answer["scores"].as_array().unwrap().iter().zip(scores) {
        let off = own["score"].as_f64().unwrap() - score.as_f64().unwrap();
        assert!(own["label"] == label.as_str() && off.abs() < 1e-3, "{answer} for {scores:?}");
    }
}

#[test]
fn a_page_classifies_in_a_browser_as_headstart_does() {
    let place = Place::with_model();
    let options = [
        "export",
        "model.safetensors",
        "--format",
        "web",
        "--title",
        "Bag? <Or> not",
        "--about",
        "\"Clothes\"",
    ];
    place.run_with(&options).succeeded();
    let Some(browser) = Browser::find() else { return };
    let predicted = place.run("predict model.safetensors pictures/Bag --json").json();
    let file = predicted[0]["path"].as_str().unwrap();
    let picture = STANDARD.encode(fs::read(place.path(file)).unwrap());
    let body = "
        const by = (id) => document.getElementById(id);
        // Without a timer: the browser's virtual time would pass while the modules are compiled.
        const soon = () => new Promise((over) => {
            const { port1, port2 } = new MessageChannel();
            port1.onmessage = over;
            port2.postMessage(0);
        });
        const until = async (done) => { while (!done()) await soon(); };
        await until(() => !by('files').disabled);
        const bytes = Uint8Array.from(atob('PICTURE'), (character) => character.charCodeAt(0));
        const files = new DataTransfer();
        files.items.add(new File([bytes], 'a picture'));
        by('files').files = files.files;
        by('files').dispatchEvent(new Event('change'));
        await until(() => document.querySelector('.card h2, .card .problem'));
        by('explain').click();
        const shares = [...document.querySelectorAll('.scores i')].map((bar) => parseFloat(bar.style.width));
        const names = [...document.querySelectorAll('.scores dt')].map((name) => name.textContent);
        const violated = new Promise((over) => {
            document.addEventListener('securitypolicyviolation', (event) => over(event.effectiveDirective));
        });
        fetch('https://example.invalid/').catch(() => {});
        const forbidden = await violated;
        return { forbidden, title: document.querySelector('h1').textContent, headline: document.querySelector('.card h2').textContent, names, shares };
    ";
    let shown = browser.drive(&place.path("model.html"), &body.replace("PICTURE", &picture));
    assert_eq!(shown["title"], "Bag? <Or> not");
    assert_eq!(shown["forbidden"], "connect-src");
    let scores = predicted[0]["scores"].as_object().unwrap();
    assert_eq!(shown["names"], serde_json::json!(scores.keys().collect::<Vec<_>>()));
    for (share, score) in shown["shares"].as_array().unwrap().iter().zip(scores.values()) {
        let off = share.as_f64().unwrap() / 100.0 - score.as_f64().unwrap();
        assert!(off.abs() < 1e-3, "{shown} for {scores:?}");
    }
    let headline = predicted[0]["label"].as_str().unwrap_or("Unknown: none of the classes");
    assert_eq!(shown["headline"], headline);
}

#[test]
fn a_model_is_written_with_its_proof_and_the_program_that_runs_it() {
    let place = Place::with_model();
    let run = place.run("export model.safetensors --format onnx --script classify.py").succeeded();
    for part in
        ["Saved       model.onnx (", "Proof       4 pictures with answers, drawn, in the file"]
    {
        assert!(run.stdout.contains(part), "{}", run.stdout);
    }
    let file = fs::read(place.path("model.onnx")).unwrap();
    let script = fs::read_to_string(place.path("classify.py")).unwrap();
    assert!(script.contains("import onnxruntime") && script.contains("def checked(proof, run)"));

    // Existing files are overwritten, as by every command; the proof uses the given pictures.
    let run = place.run("export model.safetensors --format onnx --proof pictures/Bag --json");
    let done = run.succeeded().json_line();
    assert_eq!(keys(&done), ["event", "format", "file", "bytes", "proof", "int8", "script"]);
    assert_eq!(done["proof"], serde_json::json!({"pictures": 6, "file": null}));
    let other = fs::read(place.path("model.onnx")).unwrap();
    assert_eq!(done["bytes"], other.len());
    assert!(file != other, "another proof");
    assert_eq!(
        place.below("."),
        ["cache", "classify.py", "model.onnx", "model.safetensors", "pictures"]
    );
}

#[test]
fn a_file_ends_where_it_is_asked_to() {
    let place = Place::with_model();
    for (option, name) in
        [("", "probabilities"), ("--logits", "logits"), ("--features", "features")]
    {
        let run = place.run(&format!("export model.safetensors --format onnx -o a.onnx {option}"));
        run.succeeded();
        let file = fs::read(place.path("a.onnx")).unwrap();
        let text = String::from_utf8_lossy(&file);
        assert!(text.contains(&format!("\"output\":\"{name}\"")), "{option}");
    }
}

#[test]
fn whole_numbers_of_8_bits_take_a_quarter_and_keep_the_answers() {
    let place = Place::with_pictures(6);
    place.run("train pictures --input-size 96 -o model.safetensors").succeeded();
    let size = |options: &str| {
        let run = place.run(&format!("export model.safetensors --format tflite --json {options}"));
        let done = run.succeeded().json_line();
        (done["bytes"].as_f64().unwrap(), done["int8"].clone())
    };
    let ((whole, none), (small, kept)) = (size(""), size("--int8 pictures"));
    assert!(none.is_null() && small < 0.35 * whole, "{small} of {whole}");
    let count = |name: &str| kept[name].as_f64().unwrap();
    assert!(count("pictures") >= 10.0, "{kept}");
    assert!(count("same_answers") >= 0.99 * count("pictures"), "{kept}");
    let run = place.run("export model.safetensors --format tflite --int8 pictures").succeeded();
    assert!(run.stdout.contains("Int8        "), "{}", run.stdout);
}

#[test]
fn what_cannot_be_exported_is_named_and_nothing_is_written() {
    let place = Place::with_model();
    place.write("no-picture/a.txt", "text");
    place.write("text.safetensors", "text");
    for (arguments, code, part) in [
        ("model.safetensors --format nonsense", 2, "unknown format 'nonsense'"),
        ("model.safetensors", 2, "--format"),
        ("model.safetensors --format onnx --features --logits", 2, "--logits"),
        ("model.safetensors --format onnx -o model.safetensors", 2, "is the model itself"),
        (
            "model.safetensors --format onnx -o ./pictures/../model.safetensors",
            2,
            "the model itself",
        ),
        ("model.safetensors --format onnx -o pictures", 1, "it is a folder"),
        ("model.safetensors --format onnx -o no/such/file.onnx", 1, "there is no such folder"),
        ("model.safetensors --format onnx --script no/such/file.py", 1, "there is no such folder"),
        ("model.safetensors --format onnx --script onnxruntime.py", 2, "choose another name"),
        ("model.safetensors --format keras --script numpy.py", 2, "choose another name"),
        (
            "model.safetensors --format keras --logits",
            2,
            "keras cannot stop at logits; onnx, tflite can",
        ),
        ("model.safetensors --format onnx --proof missing", 1, "missing: no such file or folder"),
        (
            "model.safetensors --format onnx --proof no-picture",
            1,
            "no-picture: contains no pictures",
        ),
        ("model.safetensors --format onnx --pictures pictures", 2, "--verify"),
        (
            "model.safetensors --format web --verify --pictures pictures",
            2,
            "node, which cannot read pictures",
        ),
        (
            "model.safetensors --format onnx --title Bags",
            2,
            "onnx has no title and text; only web has",
        ),
        (
            "model.safetensors --format onnx --weights int8",
            2,
            "onnx has no choice of weights; only web and wasm have",
        ),
        ("model.safetensors --format web --weights f16", 2, "there are int16 and int8"),
        ("model.safetensors --format wasm --logits", 2, "wasm cannot stop at logits"),
        ("model.safetensors --format wasm -o text.safetensors", 1, "it is a file; name a folder"),
        (
            "model.safetensors --format onnx --int8 pictures",
            2,
            "onnx cannot be quantised to int8; only tflite can",
        ),
        ("model.safetensors --format tflite --int8 no-picture", 1, "contains no pictures"),
        ("missing.safetensors --format onnx", 1, "missing.safetensors"),
        ("text.safetensors --format onnx", 1, "text.safetensors"),
    ] {
        let run = place.run(&format!("export {arguments}"));
        assert_eq!((run.code, run.stdout.as_str()), (code, ""), "{arguments}: {}", run.stderr);
        assert!(run.stderr.contains(part), "{arguments}: {}", run.stderr);
    }
    assert_eq!(
        place.below("."),
        ["cache", "model.safetensors", "no-picture", "pictures", "text.safetensors"]
    );
}

#[test]
fn an_exported_keras_model_is_imported_as_it_was() {
    let place = Place::with_model();
    place.run("export model.safetensors --format keras").succeeded();
    let done = place.run("import model.keras -o back.safetensors --json").succeeded().json_line();
    assert_eq!(done["classes"], serde_json::json!(CLASSES));
    let notes = done["assumptions"].as_array().unwrap();
    assert!(
        notes.iter().all(|note| note.as_str().unwrap().contains("unknown pictures")),
        "{notes:?}"
    );
    let answers = |model: &str| {
        let run =
            place.run(&format!("predict {model} pictures --no-unknown --json --coverage 0.7"));
        run.succeeded().stdout
    };
    assert_eq!(answers("back.safetensors"), answers("model.safetensors"));
    // The base alone can be used as weights for training.
    place.run("train pictures --weights model.keras --output again.safetensors").succeeded();
    assert_eq!(answers("again.safetensors"), answers("model.safetensors"));

    place.run("import model.keras -o b --classes a,b,c").succeeded();
    let mut file = fs::read(place.path("model.keras")).unwrap();
    let end = file.len() - 200;
    file.truncate(end);
    place.write("cut.keras", file);
    place.run("import cut.keras -o c").failed(1, &["cut.keras"]);
    assert!(!place.path("c").exists());
}

#[test]
fn without_what_runs_it_a_file_is_written_and_that_it_could_not_be_verified_is_told() {
    let place = Place::with_model();
    let run = place.run("export model.safetensors --format onnx --verify --python no-such-program");
    run.failed(1, &["cannot run no-such-program"]);
    assert!(place.path("model.onnx").exists());

    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // Python's message if the package is missing.
        let lacks = "#!/bin/sh\necho 'Traceback' >&2\necho \"ModuleNotFoundError: No module named 'onnxruntime'\" >&2\nexit 1\n";
        let python = place.write("python", lacks);
        fs::set_permissions(&python, fs::Permissions::from_mode(0o755)).unwrap();
        let run = place.run("export model.safetensors --format onnx --verify --python ./python");
        run.failed(
            1,
            &["No module named 'onnxruntime'", "-m pip install onnxruntime numpy pillow"],
        );
    }
}

#[cfg(unix)]
#[test]
fn answers_of_the_program_are_compared_with_headstarts() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::with_model();
    let program = |name: &str, same: usize, scores: &str| {
        let says = format!(
            "#!/bin/sh\ncat > paths\n\
             echo '{{\"proof\": {{\"runtime\": \"x 1\", \"pictures\": 4, \"same_first\": {same}, \
             \"largest_difference\": 0.5, \"largest\": 0.75}}}}'\n\
             for i in 1 2 3 4 5; do echo '{{\"path\": \"p\", \"scores\": {scores}}}'; done\n\
             echo '{{\"path\": \"p\", \"error\": \"no\"}}'\n"
        );
        let path = place.write(name, says);
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    // Bag is the first class.
    program("right", 4, "[1, 0, 0]");
    program("wrong", 3, "[0, 0, 1]");
    let verify = |python: &str| {
        place.run(&format!(
            "export model.safetensors --format onnx --verify --pictures pictures/Bag --python ./{python} --json"
        ))
    };
    let done = verify("right").succeeded().json_line();
    let verified = &done["verified"];
    assert_eq!(verified["runtime"], "x 1");
    assert_eq!(
        verified["proof"],
        serde_json::json!({"pictures": 4, "same_first": 4, "largest_difference": 0.5})
    );
    let given = &verified["pictures"];
    assert_eq!((&given["pictures"], &given["unreadable"]), (&5.into(), &1.into()));
    let predicted = place.run("predict model.safetensors pictures/Bag --no-unknown --json").json();
    let answers =
        |label: &str| predicted.iter().take(5).filter(|answer| answer["label"] == label).count();
    assert!(answers("Bag") > answers("Trouser"));
    assert_eq!(given["same_first"], answers("Bag"));
    assert!(given["largest_difference"].as_f64().unwrap() < 1.0);
    let paths = fs::read_to_string(place.path("paths")).unwrap();
    assert_eq!(paths.matches("pictures/Bag/").count(), 6);
    assert_eq!(paths.matches('\0').count(), 6);

    let run = verify("wrong");
    assert_eq!(run.code, 1, "{run:?}");
    assert_eq!(run.json_line()["verified"]["pictures"]["same_first"], answers("Trouser"));
    let text = place.run("export model.safetensors --format onnx --verify --python ./wrong");
    assert!(text.stdout.contains("3 of 4 pictures of the proof"), "{}", text.stdout);
    assert!(text.stderr.contains("does not answer as headstart does"), "{}", text.stderr);
}
