//! Import of whole Keras models. Fixtures: `tools/reference/keras_mobilenetv2.py`.
#![cfg(all(feature = "keras", feature = "pytorch"))]

mod common;

use common::{fixture, network, real};
use headstart_formats::{
    FormatError, HeadActivation, ImportedModel, import, import_checkpoint, load, read, scaling_of,
};
use headstart_model::{Fit, Interpolation, ModelError, Scaling};
use serde_json::Value;

fn keras(name: &str) -> std::path::PathBuf {
    fixture("keras_mobilenetv2").join(name)
}

fn model(name: &str) -> ImportedModel {
    import(keras(name)).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn whole_models_of_keras_2_and_3_come_apart() {
    let base = load(keras("keras2_no_top.h5"), &network("mobilenetv2", 0.35, None)).unwrap();
    for (name, units, activation, inside) in [
        ("keras3_whole.h5", 3, HeadActivation::Softmax, false),
        ("keras2_whole.h5", 1, HeadActivation::Linear, true),
        ("keras3_tutorial.keras", 3, HeadActivation::Softmax, true),
    ] {
        let model = model(name);
        assert_eq!(model.network.name(), "mobilenetv2_0.35_96", "{name}");
        assert_eq!(model.weights, base, "{name}");
        assert_eq!(model.head.kernel.shape, [1280, units], "{name}");
        assert_eq!(model.head.bias.shape, [units], "{name}");
        assert_eq!((model.head.activation, model.head.dropout), (activation, 0.2), "{name}");
        assert_eq!(model.head.classes(), units.max(2));
        assert_eq!(model.scaling_inside, inside, "{name}");
        assert_eq!(model.network.preprocessing().scaling, Scaling::minus_one_to_one(), "{name}");
        assert_eq!(model.assumptions.is_empty(), inside, "{:?}", model.assumptions);
        assert!(inside || model.assumptions[0].contains("x / 127.5 - 1 is assumed"));
    }
    let (a, b) = (model("keras3_whole.h5"), model("keras3_tutorial.keras"));
    assert_eq!(a.head, b.head, "the same head from either file");
}

/// Imports this configuration with the weights of another file.
fn import_config(config: &Value, weights: &str) -> Result<ImportedModel, String> {
    let mut file = read(keras(weights)).unwrap();
    file.model_config = Some(config.clone());
    import_checkpoint(&file).map_err(|error| error.to_string())
}

fn config(name: &str) -> Value {
    let text = std::fs::read_to_string(keras("configs").join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn models_as_people_write_them_are_understood() {
    for (name, weights, activation) in [
        ("keras3_tutorial_ops_sigmoid", "keras2_whole.h5", HeadActivation::Sigmoid),
        ("keras3_sequential", "keras3_whole.h5", HeadActivation::Softmax),
        ("keras2_sequential", "keras3_whole.h5", HeadActivation::Softmax),
        ("keras3_flat_pooling_in_base", "keras3_whole.h5", HeadActivation::Softmax),
    ] {
        let model = import_config(&config(&format!("{name}.json")), weights);
        let model = model.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(model.network.name(), "mobilenetv2_0.35_96", "{name}");
        assert_eq!((model.head.activation, model.head.dropout), (activation, 0.2), "{name}");
        assert_eq!(model.scaling_inside, name.contains("tutorial"), "{name}");
        assert_eq!(model.network.preprocessing().scaling, Scaling::minus_one_to_one(), "{name}");
    }
}

#[test]
fn another_shape_of_model_is_refused_by_the_layer_that_is_not_known() {
    let mut lambda = config("keras3_two_dense.json");
    layer(&mut lambda, "global_average_pooling2d").unwrap()["class_name"] = "Lambda".into();
    let error = import_config(&lambda, "keras3_whole.h5").unwrap_err();
    assert!(error.contains("(Lambda)") && error.contains("can be imported"), "{error}");
    let error = import(keras("keras2_no_top.h5")).unwrap_err();
    assert!(matches!(error, FormatError::NotImportable { .. }));
    assert!(error.to_string().contains("no whole Keras model"), "{error}");
}

/// The layer called `name`, at any depth.
fn layer<'a>(model: &'a mut Value, name: &str) -> Option<&'a mut Value> {
    model["config"]["layers"].as_array_mut()?.iter_mut().find_map(|inner| {
        if inner["config"]["name"] == name { Some(inner) } else { layer(inner, name) }
    })
}

#[test]
fn a_base_that_computes_something_else_is_refused_whatever_it_is_called() {
    let whole = read(keras("keras3_whole.h5")).unwrap().model_config.unwrap();
    for (name, field, value) in [
        ("block_5_depthwise_BN", "epsilon", serde_json::json!(1e-5)),
        ("block_5_depthwise_BN", "momentum", serde_json::json!(0.9)),
        ("block_6_pad", "padding", serde_json::json!([[1, 1], [1, 1]])),
        ("block_5_expand_relu", "max_value", serde_json::json!(null)),
        ("block_5_depthwise", "padding", serde_json::json!("valid")),
        ("block_5_project", "use_bias", serde_json::json!(true)),
        ("out_relu", "negative_slope", serde_json::json!(0.1)),
        ("dense", "activation", serde_json::json!("tanh")),
    ] {
        let mut config = whole.clone();
        layer(&mut config, name).unwrap()["config"][field] = value;
        let error = import_config(&config, "keras3_whole.h5").unwrap_err();
        assert!(error.contains(&format!("`{name}`")) && error.contains(field), "{error}");
    }
    let mut config = whole.clone();
    layer(&mut config, "dropout").unwrap()["class_name"] = "Lambda".into();
    let error = import_config(&config, "keras3_whole.h5").unwrap_err();
    assert!(error.contains("`dropout` (Lambda)"), "{error}");
}

#[test]
fn scaling_inside_the_model_is_taken_over() {
    let mut config = read(keras("keras3_tutorial.keras")).unwrap().model_config.unwrap();
    let rescaling = &mut layer(&mut config, "rescaling").unwrap()["config"];
    rescaling["scale"] = serde_json::json!([0.5, 0.25, 0.125]);
    rescaling["offset"] = 3.into();
    let model = import_config(&config, "keras3_tutorial.keras").unwrap();
    let expected = Scaling { scale: [0.5, 0.25, 0.125], offset: [3.0; 3] };
    assert_eq!(model.network.preprocessing().scaling, expected);
}

#[test]
fn a_files_own_scaling_is_told_without_importing_it() {
    for (name, expected) in [
        ("keras2_no_top.h5", None),
        ("keras3_base.weights.h5", None),
        ("keras3_whole.h5", None),
        ("keras2_whole.h5", Some(Scaling::minus_one_to_one())),
        ("keras3_tutorial.keras", Some(Scaling::minus_one_to_one())),
    ] {
        assert_eq!(scaling_of(&read(keras(name)).unwrap()).unwrap(), expected, "{name}");
    }
    let torch = fixture("pytorch_mobilenetv2/torchvision_0.35.pth");
    assert_eq!(scaling_of(&read(torch).unwrap()).unwrap(), None);

    let tutorial = read(keras("keras3_tutorial.keras")).unwrap();
    let scaling = |change: &dyn Fn(&mut Value)| {
        let mut file = tutorial.clone();
        change(file.model_config.as_mut().unwrap());
        scaling_of(&file).map_err(|error| error.to_string())
    };
    let of_one_255th = Scaling { scale: [1.0 / 255.0; 3], offset: [0.0; 3] };
    let one_255th = scaling(&|config| {
        let rescaling = &mut layer(config, "rescaling").unwrap()["config"];
        rescaling["scale"] = (1.0 / 255.0).into();
        rescaling["offset"] = 0.into();
    });
    assert_eq!(one_255th.unwrap(), Some(of_one_255th));
    // Layers after the base do not matter; layers before it do.
    let other_head = scaling(&|config| {
        layer(config, "dropout").unwrap()["class_name"] = "Lambda".into();
        config["config"]["output_layers"] = serde_json::json!([]);
    });
    assert_eq!(other_head.unwrap(), Some(Scaling::minus_one_to_one()));
    let unknown = scaling(&|config| {
        layer(config, "rescaling").unwrap()["class_name"] = "Lambda".into();
    });
    let unknown = unknown.unwrap_err();
    assert!(unknown.contains("keras3_tutorial.keras: what this Keras model does"), "{unknown}");
    assert!(unknown.contains("`rescaling` (Lambda)") && !unknown.contains("imported"), "{unknown}");
}

#[test]
fn weights_that_are_no_numbers_are_named_and_not_called_another_shape() {
    let mut file = read(keras("keras3_whole.h5")).unwrap();
    for part in ["block_5_depthwise_BN/moving_variance", "dense/kernel"] {
        let name = file.tensors.keys().find(|name| name.contains(part)).unwrap().clone();
        let before = file.tensors[&name].data[2];
        file.tensors.get_mut(&name).unwrap().data[2] = f32::NAN;
        let error = import_checkpoint(&file).unwrap_err();
        assert!(matches!(error, FormatError::Model(ModelError::BadValue { .. })), "{error}");
        let error = error.to_string();
        assert!(error.contains("keras3_whole.h5: the weights cannot be used"), "{error}");
        assert!(error.ends_with(&format!("{part} holds NaN at index 2")), "{error}");
        file.tensors.get_mut(&name).unwrap().data[2] = before;
    }
    import_checkpoint(&file).unwrap();
}

#[test]
fn the_real_dog_classifier_comes_apart() {
    let Some(path) = real("dog_breed_mobilenetv2.h5") else { return };
    let model = import(path).unwrap();
    assert_eq!(model.network.name(), "mobilenetv2_1.00_160");
    assert_eq!(model.head.kernel.shape, [1280, 19]);
    assert_eq!((model.head.activation, model.head.dropout), (HeadActivation::Softmax, 0.3));
}

fn exported(name: &str) -> Value {
    read(fixture("keras_import").join(name)).unwrap().model_config.unwrap()
}

/// Imports a model of `fixtures/keras_import` with its configuration changed.
fn changed(name: &str, change: impl Fn(&mut Value)) -> Result<ImportedModel, String> {
    let mut file = read(fixture("keras_import").join(name)).unwrap();
    change(file.model_config.as_mut().unwrap());
    import_checkpoint(&file).map_err(|error| error.to_string())
}

#[test]
fn what_changes_the_answer_and_cannot_be_computed_here_is_refused_by_the_layer_and_why() {
    let set = |name: &'static str, field: &'static str, value: Value| {
        move |config: &mut Value| layer(config, name).unwrap()["config"][field] = value.clone()
    };
    // The first layer of a class, preferring those of the model itself to those of nested models.
    fn of(model: &Value, class: &str) -> Option<String> {
        let layers = model["config"]["layers"].as_array()?;
        let own = layers.iter().find(|layer| layer["class_name"] == class);
        let own = own.and_then(|layer| layer["config"]["name"].as_str().map(str::to_owned));
        own.or_else(|| layers.iter().find_map(|inner| of(inner, class)))
    }
    let deep = exported("deep.keras");
    let resizing = exported("resizing.keras");
    let name = |model: &Value, class: &str| -> &'static str { of(model, class).unwrap().leak() };
    let (relu, resize) = (name(&deep, "ReLU"), name(&deep, "Resizing"));
    let (free, pool) = (name(&resizing, "Resizing"), name(&resizing, "AveragePooling2D"));
    let (last, rescale) = (name(&resizing, "Dense"), name(&resizing, "Rescaling"));
    type Change = Box<dyn Fn(&mut Value)>;
    let cases: [(&str, Change, &str); 12] = [
        ("deep.keras", Box::new(set(relu, "threshold", 0.5.into())), "stands after the base"),
        ("deep.keras", Box::new(set(relu, "max_value", 6.0.into())), ""),
        ("deep.keras", Box::new(set(resize, "interpolation", "nearest".into())), ""),
        ("deep.keras", Box::new(set(resize, "crop_to_aspect_ratio", true.into())), ""),
        ("resizing.keras", Box::new(set(free, "interpolation", "nearest".into())), "by nearest"),
        ("resizing.keras", Box::new(set(free, "antialias", true.into())), "antialias"),
        ("resizing.keras", Box::new(set(free, "pad_to_aspect_ratio", true.into())), ""),
        (
            "resizing.keras",
            Box::new(set(rescale, "offset", serde_json::json!([1, 2]))),
            "(Rescaling)",
        ),
        (
            "resizing.keras",
            Box::new(set(pool, "pool_size", serde_json::json!([2, 2]))),
            "(AveragePooling2D)",
        ),
        ("resizing.keras", Box::new(set(last, "activation", "gelu".into())), "activation gelu"),
        (
            "resizing.keras",
            Box::new(set(last, "activation", "softmax".into())),
            "which is not the last",
        ),
        (
            "logits.keras",
            Box::new(|config| config["compile_config"]["loss"] = "mse".into()),
            "it predicts numbers",
        ),
    ];
    for (index, (file, change, part)) in cases.into_iter().enumerate() {
        match changed(file, change) {
            Ok(_) => assert_eq!(part, "", "{index}"),
            Err(error) => {
                assert!(!part.is_empty() && error.contains(part), "{index}: {error}");
                assert!(error.contains("can be imported"), "{index}: {error}");
            }
        }
    }
}

#[test]
fn what_a_model_does_to_pictures_itself_is_found_and_what_is_assumed_is_told() {
    let model = changed("deep.keras", |_| ()).unwrap();
    assert_eq!((model.resizing, model.assumptions.len()), (None, 0), "to the size it has");
    let scaling = model.network.preprocessing().scaling;
    assert!((scaling.scale[1] - 1.0 / 3300_f32.sqrt()).abs() < 1e-7);
    assert!((scaling.offset[2] + 104.0 / 3450_f32.sqrt()).abs() < 1e-6);

    let model = changed("resizing.keras", |_| ()).unwrap();
    let resizing = model.resizing.unwrap();
    assert_eq!((resizing.interpolation, resizing.fit), (Interpolation::Tensorflow, Fit::Stretch));
    assert_eq!((resizing.from, model.assumptions.len()), (None, 1));
    assert!(model.assumptions[0].contains("whole levels"), "{:?}", model.assumptions);
    let preprocessing = model.network.preprocessing();
    assert_eq!((preprocessing.height, preprocessing.width), (96, 96));

    let model = changed("resizing.keras", |config| {
        config["config"]["layers"][0]["config"]["batch_shape"] =
            serde_json::json!([null, 224, 200, 3]);
    });
    let model = model.unwrap();
    assert_eq!(model.resizing.unwrap().from, Some((224, 200)));
    assert!(
        model.assumptions[0].contains("takes pictures of 224 x 200"),
        "{:?}",
        model.assumptions
    );
}

#[test]
fn what_linear_outputs_mean_is_known_from_the_loss_or_assumed() {
    let model = changed("logits.keras", |_| ()).unwrap();
    assert!(model.head.is_multi_label() && model.assumptions.is_empty());
    for (loss, sigmoid, assumed) in [
        (serde_json::json!("binary_crossentropy"), true, "its loss is binary_crossentropy"),
        (
            serde_json::json!("sparse_categorical_crossentropy"),
            false,
            "a softmax over them is assumed",
        ),
        (
            serde_json::json!({"class_name": "CategoricalCrossentropy", "config": {"from_logits": true}}),
            false,
            "",
        ),
        (Value::Null, false, "a softmax over them is assumed"),
    ] {
        let model = changed("logits.keras", |config| {
            config["compile_config"]["loss"] = loss.clone();
        });
        let model = model.unwrap();
        assert_eq!(model.head.is_multi_label(), sigmoid, "{loss}");
        match assumed {
            "" => assert!(model.assumptions.is_empty(), "{:?}", model.assumptions),
            part => assert!(model.assumptions[0].contains(part), "{:?}", model.assumptions),
        }
    }
}
