//! `--base a+b` and `--effort`: training with them, and the other commands on the resulting model.

use crate::support::Place;

const BOTH: &str = "--base mobilenetv2+efficientnet-lite0";

#[test]
fn a_model_of_two_bases_does_what_others_do() {
    let place = Place::with_pictures(6);
    let trained =
        place.run(&format!("train pictures {BOTH} --input-size 32 -o m.safetensors")).succeeded();
    for says in
        ["\nBase        mobilenetv2 at 32 x 32", "\nBase        efficientnet-lite0 at 32 x 32"]
    {
        assert!(format!("\n{}", trained.stdout).contains(says), "{}", trained.stdout);
    }
    // The joined features are those of each base, side by side.
    for (index, base) in ["mobilenetv2", "efficientnet-lite0"].iter().enumerate() {
        let run = format!("features pictures --base {base} --input-size 32 -o {index}.npy");
        place.run(&run).succeeded();
    }
    let joined = place.run(&format!("features pictures {BOTH} --input-size 32 -o both.npy"));
    assert!(joined.succeeded().stdout.contains("Base        mobilenetv2_1.00_32 + efficientnet"));
    let rows = |name: &str| {
        let file = std::fs::read(place.path(name)).unwrap();
        let header = 10 + usize::from(u16::from_le_bytes([file[8], file[9]]));
        file[header..].to_vec()
    };
    let (a, b, both) = (rows("0.npy"), rows("1.npy"), rows("both.npy"));
    let row = 1280 * 4;
    for (index, own) in both.chunks_exact(2 * row).enumerate() {
        assert_eq!(own[..row], a[index * row..][..row], "row {index}");
        assert_eq!(own[row..], b[index * row..][..row], "row {index}");
    }
    // A head trained on these files equals the head trained on the pictures.
    place.run(&format!("features pictures {BOTH} --input-size 32 -o f.safetensors")).succeeded();
    let files = place.run("train --features f.safetensors -o of_files.safetensors");
    assert!(files.succeeded().stdout.contains("efficientnet-lite0 at 32 x 32"));

    let picture = place.picture();
    place.run(&format!("predict m.safetensors {picture}")).succeeded();
    // The model has learned from most of these, which gives a warning.
    assert_eq!(place.run("evaluate m.safetensors pictures").code, 0);
    place.run(&format!("explain m.safetensors {picture} --output maps")).succeeded();
    for format in ["onnx", "keras", "tflite", "pytorch", "web"] {
        let export = place.run(&format!("export m.safetensors --format {format} -o out"));
        export.failed(1, &[format, "has no place for several bases"]);
    }
    place
        .run(&format!("train pictures {BOTH} --input-size 32 --fine-tune-at 100"))
        .failed(1, &["fine-tuning takes one base, and mobilenetv2+efficientnet-lite0 are several"]);
    place.run("fine-tune m.safetensors pictures").failed(1, &["fine-tuning takes one base"]);
    place.run("bases add m.safetensors").failed(
        1,
        &["a folder of bases takes one base, and mobilenetv2+efficientnet-lite0 are several"],
    );
    assert!(!place.path("bases").exists());
    place
        .run("train pictures --base mobilenetv2+mobilenetv2")
        .failed(1, &["the base mobilenetv2 is given twice"]);
    let unknown = place.run("train pictures --base mobilenetv2+nothing");
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("'nothing'"), "{}", unknown.stderr);
    let bench = place.run(&format!("bench {BOTH}"));
    assert_eq!(bench.code, 2);
    assert!(bench.stderr.contains("bench measures one base"), "{}", bench.stderr);
}

#[test]
fn more_effort_says_how_long_it_takes_and_the_model_remembers_it() {
    let place = Place::with_pictures(6);
    let good = place.run("train pictures --effort good --input-size 32 -o m.safetensors --json");
    let lines = good.succeeded().json();
    assert!(
        lines
            .iter()
            .any(|line| line["event"] == "expected" && line["seconds"].as_f64() > Some(0.0))
    );
    let text = place.run("train pictures --effort good --input-size 32 -o n.safetensors");
    assert!(text.succeeded().stdout.contains("\nTime        about "));
    assert_eq!(
        std::fs::read(place.path("m.safetensors")).unwrap(),
        std::fs::read(place.path("n.safetensors")).unwrap()
    );
    place
        .run("export m.safetensors --format onnx -o out")
        .failed(1, &["onnx has no place for features of mirror images"]);
    // As a base, the model's weights are used like any others.
    place.run("bases add m.safetensors").succeeded();
    place.run("train pictures --input-size 32 -o w.safetensors").succeeded();
    let is_mirrored = |name: &str| {
        let model = std::fs::read(place.path(name)).unwrap();
        let header = 8 + u64::from_le_bytes(*model.first_chunk().unwrap()) as usize;
        String::from_utf8_lossy(&model[8..header]).contains("mirrored")
    };
    assert_eq!(["m.safetensors", "w.safetensors"].map(is_mirrored), [true, false]);
    place.run("bases remove mobilenetv2").succeeded();
    let best = place.run("train pictures --effort best --input-size 32 -o b.safetensors");
    let best = best.succeeded().stdout;
    assert!(best.contains("\nTried       fine-tuning: accuracy "), "{best}");
    for wrong in [
        "--effort best --fine-tune-at 100",
        "--effort good --augment standard",
        "--effort best --folds 3",
    ] {
        let run = place.run(&format!("train pictures {wrong}"));
        assert_ne!(run.code, 0, "{wrong}: {run:?}");
    }
}
