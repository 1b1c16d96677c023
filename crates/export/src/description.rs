//! The description of a model, which a file has in addition to the weights.

use headstart_model::{Fit, Interpolation, LayerKind, Network, Padding, Preprocessing};
use headstart_predict::Model;
use serde_json::{Value, json};

use crate::ExportConfig;
use crate::pytorch::{FORMAT, default_names};

/// The metadata entry with the [`description`].
pub(crate) const ENTRY: &str = "headstart";

/// Everything except the weights, as JSON.
pub(crate) fn description(format: &str, model: &Model, config: &ExportConfig) -> Value {
    let preprocessing = model.network.preprocessing();
    let trust = model.head.trust();
    let temperature = trust.temperature.as_ref().map(|temperature| temperature.values());
    let unknown = trust.unknown.as_ref().map(|unknown| {
        let parts: Vec<_> = unknown.parts().collect();
        json!({"threshold": unknown.threshold(), "rate": unknown.rate(), "score": parts})
    });
    let names = config.names.unwrap_or_else(|| default_names(model));
    let mut description = json!({
        "written_by": concat!("headstart ", env!("CARGO_PKG_VERSION")),
        "format": format,
        "base": model.network.name(),
        "architecture": model.network.architecture(),
        "width": model.network.width(),
        "padding": if pads_same(&model.network) { "same" } else { "symmetric" },
        "epsilon": epsilon(&model.network),
        "names": (format == FORMAT).then(|| names.name()),
        "classes": model.head.classes(),
        "task": model.head.task(),
        "hidden_layers": model.head.head().hidden.len(),
        "output": config.output.name(),
        "preprocessing": preprocessing,
        "preprocessing_in_words": in_words(preprocessing),
        "temperature": temperature,
        "sets": trust.sets,
        "unknown": unknown,
    });
    if !model.head.task().is_single_label() {
        description["thresholds"] = json!(model.head.thresholds());
    }
    shorten(&mut description);
    description
}

/// Whether convolutions pad as in TensorFlow and Keras, rather than as in PyTorch.
fn pads_same(network: &Network) -> bool {
    let windows = network.layers().iter().filter_map(|layer| match layer.kind {
        LayerKind::Conv2D { window, .. } | LayerKind::DepthwiseConv2D { window, .. } => {
            Some(window)
        }
        _ => None,
    });
    !windows.into_iter().any(|window| matches!(window.padding, Padding::Symmetric(1..)))
}

/// The epsilon that the network's BatchNormalization layers add to variances.
fn epsilon(network: &Network) -> Option<f32> {
    network.layers().iter().find_map(|layer| match layer.kind {
        LayerKind::BatchNormalization { epsilon, .. } => Some(epsilon),
        _ => None,
    })
}

/// Shortens numbers that are exact f32 values to the fewest digits that identify the f32.
pub(crate) fn shorten(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let short = number.as_f64().filter(|x| f64::from(*x as f32) == *x);
            let short = short.and_then(|x| (x as f32).to_string().parse::<f64>().ok());
            if let Some(short) = short.filter(|_| number.is_f64()) {
                *value = json!(short);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(shorten),
        Value::Object(entries) => entries.values_mut().for_each(shorten),
        _ => {}
    }
}

/// Describes how a picture is prepared for the file, and how the file scales it.
pub(crate) fn in_words(preprocessing: &Preprocessing) -> String {
    let &Preprocessing { height, width, interpolation, fit, scaling } = preprocessing;
    let resampled = match interpolation {
        Interpolation::Bilinear => "bilinearly with antialiasing, as by Pillow's BILINEAR",
        Interpolation::Bicubic => "bicubically with antialiasing, as by Pillow's BICUBIC",
        Interpolation::Area => "to the mean of the area that each pixel covers, as by Keras's area",
        Interpolation::Tensorflow => {
            "bilinearly without antialiasing, as by tf.image.resize with its defaults"
        }
    };
    let fitted = match fit {
        Fit::Stretch => "its aspect ratio is given up",
        Fit::Crop => "of it the largest centred part with that aspect ratio is taken",
        Fit::Pad => "its aspect ratio is kept, and it is centred on black",
    };
    let [r, g, b] = [0, 1, 2].map(|c| format!("{} * x + {}", scaling.scale[c], scaling.offset[c]));
    let scaled = if r == g && g == b { r } else { format!("{r} (red), {g} (green), {b} (blue)") };
    format!(
        "Turn the picture upright as its EXIF orientation says, lay what is transparent on white, and \
         resize it to {width} x {height} pixels (width x height) {resampled}; {fitted}. Give the pixels \
         as they are: 8-bit RGB, [batch, {height}, {width}, 3]. The model scales them itself: {scaled}."
    )
}
