//! Compares the layers of the bases with Keras's: `tools/reference/keras_bases.py`.

use std::path::Path;

use headstart_model::architectures::{Architecture, NetworkConfig};
use headstart_model::{Layer, LayerKind, Network, Shape};
use serde_json::{Value, json};

/// The description of Keras's networks in a fixture's metadata.
fn networks(id: &str) -> Value {
    let file = format!("../../fixtures/bases/{id}.safetensors");
    let bytes = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    serde_json::from_str(header["__metadata__"]["networks"].as_str().unwrap()).unwrap()
}

fn shape(shape: Shape) -> Value {
    std::iter::once(Value::Null).chain(shape.axes().into_iter().map(|axis| json!(axis))).collect()
}

/// A layer as Keras lists it. Keras 3 renames the input, lists a hard sigmoid as the ReLU of a sum, and numbers the
/// activation in the classifier of MobileNetV3.
fn listed(network: &Network, layer: &Layer) -> Value {
    let hard = LayerKind::Activation(headstart_model::Activation::HardSigmoid);
    let class = if layer.kind == hard { "ReLU" } else { layer.kind.class_name() };
    let activations =
        network.layers().iter().filter(|layer| layer.name.starts_with("activation")).count();
    let name = match layer.name.as_str() {
        "input_1" => "input_layer".to_owned(),
        "classifier_activation" => format!("activation_{activations}"),
        name => name.to_owned(),
    };
    json!([name, class, shape(layer.output), layer.params()])
}

#[test]
fn layers_shapes_and_counts_are_kerass_with_and_without_a_classifier() {
    for id in [
        "mobilenetv1",
        "mobilenetv3-small",
        "mobilenetv3-large",
        "efficientnet-b0",
        "efficientnet-b1",
        "efficientnet-b2",
        "efficientnet-b3",
        "efficientnetv2-s",
    ] {
        let known = networks(id);
        for (key, top) in [("without top", None), ("with top", Some(1000))] {
            let config = NetworkConfig { top, ..NetworkConfig::default() };
            let network = Architecture::find(id).unwrap().build(&config).unwrap();
            let expected = &known[key];
            assert_eq!(network.name(), expected["name"], "{id} {key}");
            assert_eq!(network.total_params(), expected["total"], "{id} {key}");
            assert_eq!(network.trainable_params(), expected["trainable"], "{id} {key}");
            match expected["layers"].as_array() {
                None => assert_eq!(network.layers().len(), expected["layers"], "{id} {key}"),
                Some(layers) => {
                    for (layer, expected) in network.layers().iter().zip(layers) {
                        assert_eq!(&listed(&network, layer), expected, "{id} {key}");
                    }
                    assert_eq!(network.layers().len(), layers.len(), "{id} {key}");
                }
            }
        }
    }
}

#[test]
fn those_of_torchvision_have_as_many_parameters_as_it_says() {
    // `num_params` of torchvision's weights.
    for (id, params) in [
        ("resnet18", 11_689_512),
        ("resnet34", 21_797_672),
        ("resnet50", 25_557_032),
        ("squeezenet1.1", 1_235_496),
        ("mobilenetv3-small-torch", 2_542_856),
        ("mobilenetv3-large-torch", 5_483_032),
        ("efficientnet-b0-torch", 5_288_548),
        ("efficientnet-b1-torch", 7_794_184),
        ("efficientnet-b2-torch", 9_109_994),
        ("efficientnet-b3-torch", 12_233_232),
        ("efficientnetv2-s-torch", 21_458_488),
        ("regnet-y-400mf", 4_344_144),
        ("convnext-tiny", 28_589_128),
        ("convnext-small", 50_223_688),
    ] {
        let config = NetworkConfig { top: Some(1000), ..NetworkConfig::default() };
        let network = Architecture::find(id).unwrap().build(&config).unwrap();
        assert_eq!(network.trainable_params(), params, "{id}");
    }
}
