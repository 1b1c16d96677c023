//! `headstart bench`.

use crate::support::{Place, keys};

const KEYS: [&str; 12] = [
    "base",
    "input_size",
    "batch",
    "threads",
    "precision",
    "isa",
    "ms_per_image",
    "images_per_second",
    "gflops",
    "peak_gflops",
    "share_of_peak",
    "arena_bytes",
];

#[test]
fn the_figures_belong_together_for_any_base_width_batch_and_number_of_threads() {
    let place = Place::new();
    for (options, base, size, (batch, threads)) in [
        ("", "mobilenetv2", 160, (1, 1)),
        ("--width 0.35 --input-size 96 --threads 2", "mobilenetv2", 96, (1, 2)),
        ("--width 0.5 --input-size 45 --batch 3 --threads 2", "mobilenetv2", 45, (3, 2)),
        (
            "--base efficientnet-lite0 --input-size 64 --isa portable",
            "efficientnet-lite0",
            64,
            (1, 1),
        ),
        ("--base efficientnet-lite1 --input-size 33", "efficientnet-lite1", 33, (1, 1)),
    ] {
        let run = place.run(&format!("bench --json --seconds 0.01 {options}"));
        let figures = run.succeeded().json_line();
        assert_eq!(keys(&figures), KEYS, "{options}");
        assert_eq!(figures["base"], base);
        assert_eq!(figures["input_size"], size);
        assert_eq!((&figures["batch"], &figures["threads"]), (&batch.into(), &threads.into()));
        let number = |key: &str| figures[key].as_f64().unwrap();
        let close = |a: f64, b: f64| (a / b - 1.0).abs() < 1e-9;
        assert!(close(number("ms_per_image") * number("images_per_second"), 1e3), "{figures}");
        assert!(number("share_of_peak") > 0.0 && number("arena_bytes") > 0.0, "{figures}");
    }
}

#[test]
fn a_step_of_training_has_a_second_figure_only_where_something_is_frozen() {
    let place = Place::new();
    for (at, frozen) in [("0", false), ("150", true)] {
        let options = format!("--train {at} --seconds 0.01 --input-size 32 --width 0.35 --batch 2");
        let figures = place.run(&format!("bench --json {options}")).succeeded().json_line();
        assert!(figures["ms_per_image"].as_f64().unwrap() > 0.0, "{figures}");
        assert_eq!(figures["ms_per_image_kept"].is_f64(), frozen, "{figures}");
        let text = place.run(&format!("bench {options}")).succeeded().stdout;
        assert_eq!(text.contains("where the frozen layers' outputs are kept"), frozen, "{text}");
    }
}

#[test]
fn each_step_has_its_time_and_its_work() {
    let place = Place::new();
    let run = place.run("bench --json --layers --seconds 0.01 --input-size 96 --width 0.35");
    let figures = run.succeeded().json_line();
    let steps = figures["layers"].as_array().unwrap();
    assert_eq!(steps.len(), 18, "17 blocks, and the last convolution with the pooling");
    for step in steps {
        assert_eq!(keys(step), ["layers", "ms", "multiply_adds"]);
        assert!(step["ms"].as_f64().unwrap() > 0.0 && step["multiply_adds"].as_u64().unwrap() > 0);
    }
    assert_eq!(steps[0]["layers"], "Conv1 + expanded_conv_depthwise + expanded_conv_project");
}

#[test]
fn reduced_precision_runs_where_the_processor_has_it_and_is_refused_with_a_reason_elsewhere() {
    use headstart::engine::Isa;
    use headstart::engine::frozen::{Precision, Reduced};
    let place = Place::new();
    for (precision, needed) in [(Precision::Bf16, "avx512_bf16"), (Precision::Int8, "avx512_vnni")]
    {
        let name = precision.name();
        let run = place.run(&format!("bench --json --seconds 0.01 --precision {name}"));
        let sets = Reduced::available(precision);
        let best = sets.iter().find(|set| set.simd().name() == Isa::best().name());
        match best {
            Some(best) => {
                let figures = run.succeeded().json_line();
                assert_eq!(
                    (&figures["precision"], &figures["isa"]),
                    (&name.into(), &best.name().into())
                );
                let run = place.run(&format!("bench --precision {name} --isa portable"));
                let reason = format!("portable cannot compute in {name}");
                assert!(run.code == 2 && run.stderr.contains(&reason), "{run:?}");
            }
            None => assert!(run.code == 2 && run.stderr.contains(needed), "{run:?}"),
        }
        // An instruction set for f32 selects one that belongs to it.
        for set in sets {
            let simd = set.simd().name();
            let options = format!("bench --json --seconds 0.01 --precision {name} --isa {simd}");
            let figures = place.run(&options).succeeded().json_line();
            assert_eq!(figures["precision"], name);
        }
    }
    let run = place.run("bench --precision f16");
    assert!(run.code == 2 && run.stderr.contains("there are f32, bf16 and int8"), "{run:?}");
    let run = place.run("bench --width 0.36");
    assert!(run.code == 2 && run.stderr.contains("0.35"), "{run:?}");
    for seconds in ["nan", "inf", "-1"] {
        let run = place.run(&format!("bench --seconds={seconds}"));
        assert!(run.code == 2 && run.stderr.contains("give seconds"), "{run:?}");
    }
}
