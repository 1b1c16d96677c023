//! `headstart summary`.

use std::process::Stdio;

use crate::support::{Place, Run, keys};

#[test]
fn the_summary_is_kerass_table_and_follows_what_is_trainable() {
    let place = Place::new();
    let totals = "Total params: 2,257,984\n";
    for (trainable, counts) in [
        ("", "Trainable params: 0\nNon-trainable params: 2,257,984\n"),
        ("--trainable none", "Trainable params: 0\nNon-trainable params: 2,257,984\n"),
        ("--trainable all", "Trainable params: 2,223,872\nNon-trainable params: 34,112\n"),
        ("--trainable from:100", "Trainable params: 1,861,440\nNon-trainable params: 396,544\n"),
        ("--trainable from:Conv_1", "Trainable params: 412,160\nNon-trainable params: 1,845,824\n"),
    ] {
        let run = place.run(&format!("summary --base mobilenetv2 --input-size 160 {trainable}"));
        let text = run.succeeded().stdout;
        assert!(text.starts_with("Model: \"mobilenetv2_1.00_160\"\n"), "{text}");
        assert!(text.contains(&format!("{totals}{counts}")), "{trainable}: {text}");
        assert!(text.contains("  block_1_project_BN[0][0], block_2_project_BN[0][0]\n"), "{text}");
        assert_eq!(text.lines().count(), 154 + 9);
    }
}

#[test]
fn the_summarys_json_has_every_layer() {
    let place = Place::new();
    let summary = place.run("summary --json --trainable from:100").succeeded().json_line();
    let totals = ["name", "layers", "total_params", "trainable_params", "non_trainable_params"];
    assert_eq!(keys(&summary), totals);
    let layers = summary["layers"].as_array().unwrap();
    let row = ["name", "type", "output_shape", "params", "connected_to", "trainable"];
    assert!(layers.iter().all(|layer| keys(layer) == row) && layers.len() == 154);
    assert_eq!(layers[0]["output_shape"].to_string(), "[null,160,160,3]");
    assert_eq!(
        (&layers[99]["trainable"], &layers[100]["trainable"]),
        (&false.into(), &true.into())
    );
}

#[test]
fn every_base_and_width_can_be_summed_up() {
    let place = Place::new();
    for (arguments, name) in [
        ("--width 0.35 --input-size 96 --top", "mobilenetv2_0.35_96"),
        ("--base mobilenetv2-torch", "mobilenetv2_1.00_224"),
        ("--base efficientnet-lite4 --top", "efficientnet-lite4"),
    ] {
        let summary = place.run(&format!("summary {arguments} --json")).succeeded().json_line();
        assert_eq!(summary["name"], name);
    }
    for (arguments, parts) in [
        ("--base mobilenet", ["unknown base 'mobilenet'", "mobilenetv2"]),
        ("--width 0.4", ["no width 0.4", "0.35"]),
        ("--trainable from:block_13_expnd", ["block_13_expnd", "did you mean block_13_expand"]),
        ("--trainable from:154", ["no layer 154", "0 to 153"]),
    ] {
        place.run(&format!("summary {arguments}")).failed(2, &parts);
    }
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_output_in_silence() {
    let place = Place::with_pictures(1);
    let predict = format!("predict efficientnet-lite0 {}", place.picture());
    for arguments in ["summary", "summary --json", "bases", "bases --json", "cache info", &predict]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut process = place.process();
        process.args(arguments.split_whitespace()).stdout(writer).stderr(Stdio::piped());
        let run = Run::of(process.spawn().unwrap().wait_with_output().unwrap());
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{arguments}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn output_that_has_no_room_is_one_line() {
    let place = Place::with_pictures(1);
    let predict = format!("predict efficientnet-lite0 {}", place.picture());
    for arguments in ["summary", "bases --json", &predict] {
        let mut process = place.process();
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        process.args(arguments.split_whitespace()).stdout(full).stderr(Stdio::piped());
        let run = Run::of(process.spawn().unwrap().wait_with_output().unwrap());
        run.failed(1, &["No space left"]);
    }
}
