//! Tests the registered architectures against Keras's and PyTorch's networks, the summary, and freezing.
//!
//! Fixtures: `tools/reference/keras_mobilenetv2.py` and `pytorch_efficientnet_lite0.py`.

use std::collections::HashSet;
use std::path::Path;

use headstart_model::architectures::{ARCHITECTURES, Architecture, NetworkConfig};
use headstart_model::{BlockPart, Layer, LayerKind, ModelError, Network, Place, Shape, Trainable};
use serde_json::{Value, json};

fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap()
}

fn number(value: &Value) -> usize {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no number")) as usize
}

fn build(id: &str, config: NetworkConfig) -> Network {
    Architecture::find(id).unwrap().build(&config).unwrap()
}

fn at(size: usize) -> NetworkConfig {
    NetworkConfig { input_size: Some((size, size)), ..NetworkConfig::default() }
}

/// MobileNetV2 at 160 pixels, as in the tutorial.
fn tutorial() -> Network {
    build("mobilenetv2", at(160))
}

/// `[null, 5, 5, 1280]`, as in the fixtures and the summary's JSON.
fn shape(shape: Shape) -> Value {
    std::iter::once(Value::Null).chain(shape.axes().into_iter().map(|axis| json!(axis))).collect()
}

/// The network described by an entry of Keras's fixture.
fn described(model: &Value) -> Network {
    let input = model["input"].as_array().unwrap();
    build(
        "mobilenetv2",
        NetworkConfig {
            input_size: Some((number(&input[0]), number(&input[1]))),
            width: Some(model["alpha"].as_f64().unwrap() as f32),
            top: model["top"].as_bool().unwrap().then(|| number(&model["classes"])),
        },
    )
}

fn keras_models() -> Vec<Value> {
    let models = fixture("keras_mobilenetv2/architectures.json")["models"].take();
    serde_json::from_value(models).unwrap()
}

#[test]
fn names_shapes_and_counts_are_kerass_in_every_width_size_and_state_of_freezing() {
    let models = keras_models();
    assert_eq!(models.len(), 30);
    for model in &models {
        let mut network = described(model);
        let what = format!("{} {}, top {}", model["name"], model["input"], model["top"]);
        assert_eq!(network.name(), model["name"], "{what}");
        assert_eq!(network.layers().len(), number(&model["layer_count"]), "{what}");
        assert_eq!(shape(network.output()), model["output_shape"], "{what}");
        let block_13 = Trainable::FromLayer("block_13_expand".to_owned());
        for (state, trainable) in [
            ("all_trainable", Trainable::All),
            ("first_100_frozen", Trainable::FromIndex(100)),
            ("before_block_13_expand_frozen", block_13),
            ("frozen", Trainable::None),
        ] {
            let expected = &model[state];
            network.apply(&trainable).unwrap();
            let (total, trainable) = (network.total_params(), network.trainable_params());
            assert_eq!(total, number(&expected["total"]), "{what}, {state}");
            assert_eq!(trainable, number(&expected["trainable"]), "{what}, {state}");
            assert_eq!(total - trainable, number(&expected["non_trainable"]), "{what}, {state}");
            if let Some(index) = expected.get("index") {
                assert_eq!(network.find("block_13_expand").unwrap(), number(index), "{what}");
            }
        }
    }
}

/// The layer's name in Keras 3, where Keras 2's `input_1` is `input_layer`.
fn keras_3_name(name: &str) -> &str {
    if name == "input_1" { "input_layer" } else { name }
}

#[test]
fn every_layer_is_kerass_by_name_type_shape_count_and_inputs() {
    let listed: Vec<Value> =
        keras_models().into_iter().filter(|model| model.get("layers").is_some()).collect();
    assert!(listed.len() >= 4);
    for model in &listed {
        let network = described(model);
        let ours: Vec<Value> = network
            .layers()
            .iter()
            .map(|layer| {
                let name = |id: &usize| keras_3_name(&network.layers()[*id].name);
                json!({
                    "name": keras_3_name(&layer.name),
                    "type": layer.kind.class_name(),
                    "output_shape": shape(layer.output),
                    "params": layer.params(),
                    "inbound": layer.inputs.iter().map(name).collect::<Vec<_>>(),
                })
            })
            .collect();
        let keras = model["layers"].as_array().unwrap();
        assert_eq!(ours.len(), keras.len(), "{}", model["name"]);
        for (ours, keras) in ours.iter().zip(keras) {
            assert_eq!(ours, keras, "{}", model["name"]);
        }
    }
}

/// The inverted-residual blocks in the terms of the EfficientNet-Lite fixture.
fn blocks(network: &Network) -> Vec<Value> {
    let block = |layer: &Layer| match layer.place {
        Place::Block { index, part, .. } => Some((index, part)),
        _ => None,
    };
    let layers = network.layers();
    let count = layers.iter().filter_map(block).map(|(index, _)| index + 1).max().unwrap_or(0);
    let one = |index| {
        let own: Vec<&Layer> =
            layers.iter().filter(|l| block(l).is_some_and(|(i, _)| i == index)).collect();
        let channels = layers[own[0].inputs[0]].output.channels();
        let depthwise = own.iter().find_map(|layer| match layer.kind {
            LayerKind::DepthwiseConv2D { window, .. } => Some((window, layer.output.channels())),
            _ => None,
        });
        let (window, expanded) = depthwise.expect("every block has one");
        json!({
            "kernel": window.kernel,
            "stride": window.stride,
            "expand": expanded / channels,
            "in": channels,
            "out": own.last().unwrap().output.channels(),
            "skip": own.iter().any(|layer| matches!(block(layer), Some((_, BlockPart::Residual)))),
        })
    };
    (0..count).map(one).collect()
}

#[test]
fn efficientnet_lite_is_googles_in_all_sizes_block_by_block_with_and_without_top() {
    let names = fixture("pytorch_efficientnet_lite0/names.json");
    let models = names["models"].as_object().unwrap();
    assert_eq!(models.len(), 5);
    for (id, model) in models {
        let input = number(&model["input"]);
        let bare = build(id, NetworkConfig::default());
        let whole = build(id, NetworkConfig { top: Some(1000), ..NetworkConfig::default() });
        assert_eq!(
            bare.layers()[0].output,
            Shape::Map { height: input, width: input, channels: 3 }
        );
        assert_eq!(whole.total_params(), number(&model["keras_total"]), "{id}");
        assert_eq!(whole.trainable_params(), number(&model["parameters"]), "{id}");
        assert_eq!(bare.total_params(), number(&model["without_top"]["keras_total"]), "{id}");
        assert_eq!(bare.trainable_params(), number(&model["without_top"]["parameters"]), "{id}");
        assert_eq!(bare.layers()[1].output.channels(), number(&model["stem"]), "{id}");
        assert_eq!(bare.output().channels(), number(&model["head"]), "{id}");
        let dropout = model["dropout"].as_f64().unwrap() as f32;
        let rated = |layer: &Layer| layer.kind == LayerKind::Dropout { rate: dropout };
        assert!(whole.layers().iter().any(rated), "{id} drops {dropout}");

        let (ours, expected) = (blocks(&bare), model["blocks"].as_array().unwrap());
        assert_eq!(ours.len(), expected.len(), "{id}");
        for (index, (ours, expected)) in ours.iter().zip(expected).enumerate() {
            assert_eq!(ours, expected, "{id}, block {index}");
        }
        // The stages specify the repeats of their blocks.
        let mut first = 0;
        for stage in model["stages"].as_array().unwrap() {
            for key in ["kernel", "stride", "expand", "in", "out"] {
                assert_eq!(ours[first][key], stage[key], "{id}, {key} of block {first}");
            }
            first += number(&stage["repeats"]);
        }
        assert_eq!(first, ours.len(), "{id}");
    }
}

#[test]
fn every_architecture_builds_in_every_width_and_at_every_size_from_32_with_and_without_top() {
    for architecture in ARCHITECTURES {
        let own = architecture.input_size;
        for &width in architecture.widths {
            for size in [(32, 32), (33, 33), (own, own), (own + 1, own), (32, 77)] {
                for top in [None, Some(7), Some(architecture.top_classes)] {
                    let config = NetworkConfig { input_size: Some(size), width: Some(width), top };
                    let what = format!("{} {config:?}", architecture.id);
                    let network = architecture.build(&config).unwrap();
                    let layers = network.layers();
                    assert_eq!(network.architecture(), architecture.id, "{what}");
                    let (height, width) = size;
                    assert_eq!(
                        layers[0].output,
                        Shape::Map { height, width, channels: 3 },
                        "{what}"
                    );
                    let preprocessing = network.preprocessing();
                    assert_eq!((preprocessing.height, preprocessing.width), size, "{what}");
                    let names: HashSet<&str> = layers.iter().map(|l| l.name.as_str()).collect();
                    assert_eq!(names.len(), layers.len(), "{what}: a layer's name is not unique");
                    for (id, layer) in layers.iter().enumerate() {
                        let ordered = layer.inputs.iter().all(|&input| input < id);
                        assert!(ordered, "{what}: {} before what it reads", layer.name);
                    }
                    match top {
                        Some(classes) => assert_eq!(network.output(), Shape::Vector(classes)),
                        None if network.width() == architecture.widths[0] => {
                            assert_eq!(network.output().channels(), architecture.feature_width);
                        }
                        None => assert!(matches!(network.output(), Shape::Map { .. }), "{what}"),
                    }
                }
            }
        }
    }
}

#[test]
fn the_summary_is_the_table_of_keras_2() {
    let mut network = tutorial();
    network.set_trainable(false);
    let text = network.summary().to_string();
    let lines: Vec<&str> = text.lines().collect();
    let rule = lines[1].len();
    assert_eq!(lines[0], r#"Model: "mobilenetv2_1.00_160""#);
    assert_eq!(lines[1], "_".repeat(rule));
    assert!(lines[2].starts_with("Layer (type)  ") && lines[2].ends_with("  Connected to"));
    assert_eq!(lines[3], "=".repeat(rule));
    assert_eq!(lines.len(), 154 + 9);

    // Columns begin where the header says and are as wide as the widest cell.
    let starts = ["Output Shape", "Param #", "Connected to"].map(|c| lines[2].find(c).unwrap());
    for row in &lines[4..158] {
        for start in starts {
            let before = row.get(start - 2..start).unwrap_or("  ");
            assert_eq!(before, "  ", "a cell runs into the next: {row}");
        }
        assert!(row.len() <= rule && *row == row.trim_end(), "{row}");
    }
    let table = || lines[2..158].iter().filter(|line| !line.starts_with('='));
    for [from, to] in [[0, starts[0]], [starts[0], starts[1]], [starts[1], starts[2]]] {
        let cells = table().map(|line| line[from..to.min(line.len())].trim_end().len());
        assert_eq!(cells.max(), Some(to - from - 2), "no wider than it needs to be");
    }
    assert_eq!(lines.iter().map(|l| l.len()).max(), Some(rule));

    let cells = |line: &str| {
        let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
        cells.map(str::to_owned).collect::<Vec<_>>()
    };
    for (row, expected) in [
        (0, vec!["input_1 (InputLayer)", "(None, 160, 160, 3)", "0"]),
        (1, vec!["Conv1 (Conv2D)", "(None, 80, 80, 32)", "864", "input_1[0][0]"]),
        (
            27 - 1,
            vec![
                "block_2_add (Add)",
                "(None, 40, 40, 24)",
                "0",
                "block_1_project_BN[0][0], block_2_project_BN[0][0]",
            ],
        ),
        (153, vec!["out_relu (ReLU)", "(None, 5, 5, 1280)", "0", "Conv_1_bn[0][0]"]),
    ] {
        assert_eq!(cells(lines[4 + row]), expected);
    }
    let totals = "Total params: 2,257,984\nTrainable params: 0\nNon-trainable params: 2,257,984\n";
    assert!(text.ends_with(&format!("{}\n{totals}{}\n", "=".repeat(rule), "_".repeat(rule))));
    assert_eq!(network.summary().totals(), totals);

    network.set_trainable(true);
    let totals =
        "Total params: 2,257,984\nTrainable params: 2,223,872\nNon-trainable params: 34,112\n";
    assert_eq!(network.summary().totals(), totals);
}

#[test]
fn the_summarys_json_has_the_same_facts() {
    let mut network = tutorial();
    network.apply(&Trainable::FromIndex(100)).unwrap();
    let summary = serde_json::to_value(network.summary()).unwrap();
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let totals = ["name", "layers", "total_params", "trainable_params", "non_trainable_params"];
    assert_eq!(keys(&summary), totals);
    assert_eq!(summary["name"], "mobilenetv2_1.00_160");
    assert_eq!(summary["total_params"], 2_257_984);
    assert_eq!(summary["trainable_params"], 1_861_440);
    assert_eq!(summary["non_trainable_params"], 396_544);
    let layers = summary["layers"].as_array().unwrap();
    assert_eq!(layers.len(), 154);
    let row = ["name", "type", "output_shape", "params", "connected_to", "trainable"];
    assert!(layers.iter().all(|layer| keys(layer) == row));
    assert_eq!(
        layers[0],
        json!({
            "name": "input_1", "type": "InputLayer", "output_shape": [null, 160, 160, 3],
            "params": 0, "connected_to": [], "trainable": false,
        })
    );
    let add = layers.iter().find(|layer| layer["name"] == "block_2_add").unwrap();
    let inputs = ["block_1_project_BN[0][0]", "block_2_project_BN[0][0]"];
    assert_eq!(add["connected_to"], json!(inputs));
    for (index, layer) in layers.iter().enumerate() {
        assert_eq!(layer["trainable"], index >= 100, "{}", layer["name"]);
    }
}

#[test]
fn freezing_one_layer_changes_the_counts_by_its_parameters() {
    let mut network = tutorial();
    let before = network.trainable_params();
    network.layer_mut("block_13_expand").unwrap().set_trainable(false);
    assert_eq!(network.trainable_params(), before - 96 * 576);
    // Two of a BatchNormalization's four vectors are statistics, which are never trainable.
    network.layer_mut("block_13_expand_BN").unwrap().set_trainable(false);
    assert_eq!(network.trainable_params(), before - 96 * 576 - 2 * 576);
    assert_eq!(network.total_params(), 2_257_984);
}

#[test]
fn what_is_trainable_is_said_in_four_ways() {
    let layer = |name: &str| Trainable::FromLayer(name.to_owned());
    for (text, expected) in [
        ("none", Trainable::None),
        ("all", Trainable::All),
        ("from:0", Trainable::FromIndex(0)),
        ("from:100", Trainable::FromIndex(100)),
        ("from:block_13_expand", layer("block_13_expand")),
        ("from:-1", layer("-1")),
    ] {
        assert_eq!(text.parse::<Trainable>().unwrap(), expected, "{text}");
    }
    for text in ["", "some", "from:", "from", "100", "None", "ALL", "block_13_expand"] {
        let error = text.parse::<Trainable>().unwrap_err();
        assert!(matches!(&error, ModelError::BadTrainable(given) if given == text));
        assert!(error.to_string().contains("use none, all, from:100 or from:block"), "{error}");
    }
}

#[test]
fn a_wrong_layer_index_width_base_or_size_is_named_with_what_there_is() {
    let mut network = tutorial();
    let mut apply = |text: &str| network.apply(&text.parse().unwrap()).unwrap_err();
    let find = |id| Architecture::find(id).unwrap_err();
    let refused = |config| Architecture::find("mobilenetv2").unwrap().build(&config).unwrap_err();
    let wide = NetworkConfig { width: Some(0.36), ..NetworkConfig::default() };
    let flat = NetworkConfig { input_size: Some((160, 31)), ..NetworkConfig::default() };
    for (error, parts) in [
        (
            apply("from:block_13_expnd"),
            ["no layer 'block_13_expnd'", "did you mean block_13_expand"],
        ),
        (apply("from:BLOCK_13_EXPAND"), ["no layer", "block_13_expand"]),
        (apply("from:conv1"), ["no layer 'conv1'", "Conv1"]),
        (apply("from:154"), ["no layer 154", "0 to 153"]),
        (find("mobilenet_v2"), ["unknown base 'mobilenet_v2'", "did you mean mobilenetv2, "]),
        (refused(wide), ["mobilenetv2 has no width 0.36", "1, 0.35, 0.5, 0.75, 1.3, 1.4"]),
        (refused(at(31)), ["too small for mobilenetv2", "use 32 x 32 pixels or more"]),
        (refused(at(0)), ["too small for mobilenetv2", "0 x 0"]),
        (refused(flat), ["too small for mobilenetv2", "160 x 31"]),
    ] {
        let message = error.to_string();
        assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        assert!(!message.contains('\n'), "{message}");
    }
    let error = network.find("zzz").unwrap_err().to_string();
    assert_eq!(error, "mobilenetv2_1.00_160 has no layer 'zzz'", "nothing is near");
}
