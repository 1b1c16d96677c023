//! The layers before the base: input, augmentation, resizing, and the scaling of pixels.

use headstart_model::{Fit, Interpolation, Scaling};
use serde_json::Value;

use super::graph::{Graph, Node};
use super::tensors::Finder;

/// What a Keras model does to a picture before its base.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Before {
    /// The product of all scaling layers, if there are any.
    pub scaling: Option<Scaling>,
    /// Height and width of the base's input, where they are fixed.
    pub size: [Option<usize>; 2],
    /// The model's own resizing, if it changes the size.
    pub resizing: Option<Resizing>,
}

/// How a model resizes pictures itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resizing {
    /// How pixels are resampled.
    pub interpolation: Interpolation,
    /// How a picture with another aspect ratio is fitted.
    pub fit: Fit,
    /// Height and width of the pictures before resizing, if the model fixes them.
    pub from: Option<(usize, usize)>,
}

/// Where the base begins.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// The node that the base reads.
    pub(super) input: usize,
    /// The base's first node.
    pub(super) next: usize,
}

/// The possible starts of the base, up to the first convolution. Some bases scale pixels themselves, so the last
/// scaling layers before the convolution may be theirs.
pub(super) struct Start {
    /// The first convolution, and what precedes it.
    end: (Place, Before),
    /// The same for each of the scaling layers right before the convolution.
    scaling: Vec<(Place, Before)>,
}

impl Start {
    /// The start of a base with `own` layers that scale pixels, and what precedes it; `None` if the model has fewer
    /// scaling layers.
    pub(super) fn of(&self, own: usize) -> Option<(Place, Before)> {
        match own {
            0 => Some(self.end),
            own => self.scaling.len().checked_sub(own).map(|index| self.scaling[index]),
        }
    }
}

/// Layers that do nothing in inference. RandomCrop is not among them: it resizes in inference.
const AUGMENTATION: [&str; 31] = [
    "RandomFlip",
    "RandomRotation",
    "RandomZoom",
    "RandomTranslation",
    "RandomContrast",
    "RandomBrightness",
    "RandomHeight",
    "RandomWidth",
    "RandomColorDegeneration",
    "RandomColorJitter",
    "RandomElasticTransform",
    "RandomErasing",
    "RandomGaussianBlur",
    "RandomGrayscale",
    "RandomHue",
    "RandomInvert",
    "RandomPerspective",
    "RandomPosterization",
    "RandomSaturation",
    "RandomSharpness",
    "RandomShear",
    "AugMix",
    "CutMix",
    "MixUp",
    "RandAugment",
    "Solarization",
    "Dropout",
    "SpatialDropout2D",
    "GaussianDropout",
    "GaussianNoise",
    "ActivityRegularization",
];

pub(super) fn read(graph: &Graph<'_>, finder: &Finder<'_>) -> Result<Start, String> {
    let mut input = 0;
    let mut scaling: Vec<(Place, Before)> = Vec::new();
    let mut map = [(1.0_f64, 0.0_f64); 3];
    let mut scaled = false;
    let mut before = Before { size: [graph.input[0], graph.input[1]], ..Before::default() };
    for (index, node) in graph.nodes.iter().enumerate().skip(1) {
        let class = node.class;
        let reads_last = node.inputs == [input];
        if reads_last && matches!(class, "Conv2D" | "ZeroPadding2D" | "DepthwiseConv2D") {
            for (side, inner) in before.size.iter_mut().zip(graph.inner_input) {
                *side = side.or(inner);
            }
            before.scaling = scaled.then(|| scaling_of(map));
            // Earlier starts were recorded before the final size was known.
            scaling.iter_mut().for_each(|(_, earlier)| earlier.size = before.size);
            return Ok(Start { end: (Place { input, next: index }, before), scaling });
        }
        if !reads_last {
            return Err(format!("{} does not read the layer before it", node.about()));
        }
        let place = Place { input, next: index };
        input = index;
        if AUGMENTATION.contains(&class) || is_identity(node, before.size) {
            scaling.clear();
            continue;
        }
        if class == "Resizing" {
            scaling.clear();
            before.resize(node, scaled)?;
            continue;
        }
        let step = match class {
            "Normalization" => Some(normalization(node, finder)?),
            _ => affine(node),
        };
        let step = step
            .ok_or_else(|| format!("{} stands before the base and is not known", node.about()))?;
        scaling.push((place, Before { scaling: scaled.then(|| scaling_of(map)), ..before }));
        scaled = true;
        for (channel, (scale, offset)) in step.into_iter().enumerate() {
            map[channel] = (map[channel].0 * scale, map[channel].1 * scale + offset);
        }
    }
    Err("it has no convolution".to_owned())
}

fn scaling_of(map: [(f64, f64); 3]) -> Scaling {
    Scaling {
        scale: map.map(|(scale, _)| scale as f32),
        offset: map.map(|(_, offset)| offset as f32),
    }
}

impl Before {
    /// Adds a layer that resizes to another size. `scaled` means that the pixels may already have been scaled.
    fn resize(&mut self, node: &Node<'_>, scaled: bool) -> Result<(), String> {
        let refuse = |why: &str| Err(format!("{} {why}", node.about()));
        let Some((height, width)) = size(node) else { return refuse("has no size") };
        if self.resizing.is_some() {
            return refuse("resizes a second time");
        }
        let config = node.config;
        let says = |field: &str| config[field] == true;
        let interpolation = match (config["interpolation"].as_str(), says("antialias")) {
            (None | Some("bilinear"), false) => Interpolation::Tensorflow,
            // The mean of the area covered, which needs no further antialiasing.
            (Some("area"), _) => Interpolation::Area,
            (how, antialias) => {
                let how = how.unwrap_or("bilinear");
                let antialiased = if antialias { " with antialias" } else { "" };
                return refuse(&format!("resamples by {how}{antialiased}, which is not done here"));
            }
        };
        let fit = match (says("crop_to_aspect_ratio"), says("pad_to_aspect_ratio")) {
            (false, false) => Fit::Stretch,
            (true, false) => Fit::Crop,
            (false, true) => {
                let fills = config["fill_mode"].as_str().unwrap_or("constant");
                if scaled || fills != "constant" || config["fill_value"].as_f64() != Some(0.0) {
                    return refuse("pads with something else than black");
                }
                Fit::Pad
            }
            (true, true) => return refuse("crops and pads"),
        };
        let from = self.size[0].zip(self.size[1]);
        self.resizing = Some(Resizing { interpolation, fit, from });
        self.size = [Some(height), Some(width)];
        Ok(())
    }
}

/// The size that a layer resizes or crops to.
fn size(node: &Node<'_>) -> Option<(usize, usize)> {
    let side = |field: &str| node.config[field].as_u64().filter(|&side| side > 0);
    Some((side("height")? as usize, side("width")? as usize))
}

/// Whether a layer leaves its input unchanged. `given` is the input's height and width.
fn is_identity(node: &Node<'_>, given: [Option<usize>; 2]) -> bool {
    match node.class {
        "Identity" => true,
        "Activation" => node.config["activation"] == "linear",
        // Resizing to the picture's own size moves no pixel.
        "Resizing" | "CenterCrop" | "RandomCrop" => {
            size(node).is_some_and(|(height, width)| given == [Some(height), Some(width)])
        }
        _ => false,
    }
}

/// The map `x * scale + offset` of each channel that a Normalization layer computes.
fn normalization(node: &Node<'_>, finder: &Finder<'_>) -> Result<[(f64, f64); 3], String> {
    let config = node.config;
    let axis = config["axis"].as_i64().or(config["axis"][0].as_i64());
    let one = config["axis"].as_array().is_none_or(|axes| axes.len() < 2);
    if !one || !matches!(axis, None | Some(-1 | 3)) {
        return Err(format!("{} has axis {}", node.about(), config["axis"]));
    }
    let statistic = |index: usize, name: &'static str| match &config[name] {
        Value::Null => finder.channels(node, index, name),
        value => channels(value)
            .ok_or_else(|| format!("the {name} of {} is not one of each channel", node.about())),
    };
    let (mean, variance) = (statistic(0, "mean")?, statistic(1, "variance")?);
    // Keras divides by at least its epsilon.
    let deviation = variance.map(|variance| variance.sqrt().max(1e-7));
    let invert = config["invert"] == true;
    let map: [(f64, f64); 3] = std::array::from_fn(|c| match invert {
        false => (1.0 / deviation[c], -mean[c] / deviation[c]),
        true => (deviation[c], mean[c]),
    });
    match map.iter().all(|(scale, offset)| scale.is_finite() && offset.is_finite()) {
        true => Ok(map),
        false => Err(format!("{} has a mean or variance that is no number", node.about())),
    }
}

/// The map `x * scale + offset` of each channel that a layer computes.
fn affine(node: &Node<'_>) -> Option<[(f64, f64); 3]> {
    if node.class == "Rescaling" {
        let scale = channels(&node.config["scale"])?;
        let offset = match &node.config["offset"] {
            Value::Null => [0.0; 3],
            offset => channels(offset)?,
        };
        return Some(std::array::from_fn(|c| (scale[c], offset[c])));
    }
    let y = node.constant?;
    let step = match node.operation()? {
        "TrueDivide" | "Divide" | "truediv" | "divide" => (1.0 / y, 0.0),
        "Multiply" | "multiply" | "mul" => (y, 0.0),
        "Subtract" | "subtract" | "sub" => (1.0, -y),
        "Add" | "add" => (1.0, y),
        _ => return None,
    };
    Some([step; 3])
}

/// Three channels from one number for all, or from one for each.
fn channels(value: &Value) -> Option<[f64; 3]> {
    if let Some(number) = value.as_f64() {
        return Some([number; 3]);
    }
    // Keras 3 writes arrays as {"class_name": "__numpy__", "config": {"value": […]}}.
    let list = value.as_array().or(value["config"]["value"].as_array())?;
    let numbers: Vec<f64> = list.iter().map_while(Value::as_f64).collect();
    match (numbers.as_slice(), list.len()) {
        (&[number], 1) => Some([number; 3]),
        _ => numbers.try_into().ok(),
    }
}
