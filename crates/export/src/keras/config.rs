//! The configuration of a model, as Keras 3 writes it.

use headstart_engine::head::Task;
use headstart_model::{Elementwise, Layer, LayerKind, Margins, Network, Padding, Shape, Window};
use serde_json::{Value, json};

use crate::description::shorten;
use crate::subject::Subject;

/// The whole model.
pub(super) fn model(subject: &Subject<'_>) -> Value {
    let (height, width) = subject.size();
    let network = &subject.model.network;
    let mut model = Model::new("headstart", vec![height, width, 3], "uint8", "pixels");
    let scaling = subject.scaling();
    model.add(
        "Rescaling",
        "rescaling",
        json!({"scale": scaling.scale, "offset": scaling.offset}),
        vec![height, width, 3],
    );
    let mut base = base(network, subject.config.trainable_from.as_deref());
    // BatchNormalization keeps its statistics even in training, as Keras's guide recommends.
    base["inbound_nodes"] = json!([{
        "args": [model.tensor()],
        "kwargs": {"training": false, "mask": null},
    }]);
    model.push(base, network.name(), network.output().axes());
    let mut values = network.output().channels();
    let pool = json!({"data_format": "channels_last", "keepdims": false});
    model.add("GlobalAveragePooling2D", "global_average_pooling2d", pool, vec![values]);
    for layer in subject.dense() {
        let name = &layer.name;
        let rate = json!({"rate": layer.dropout, "seed": null, "noise_shape": null});
        model.add("Dropout", &format!("{name}_dropout"), rate, vec![values]);
        values = layer.bias.data.len();
        let dense = json!({"units": values, "activation": "linear", "use_bias": true});
        model.add("Dense", name, dense, vec![values]);
        if let Some((class, config)) = activation(layer.activation) {
            model.add(class, &format!("{name}_activation"), config, vec![values]);
        }
    }
    if let Some(temperature) = subject.temperature() {
        let inverses: Vec<f64> = temperature.iter().map(|&t| 1.0 / f64::from(t)).collect();
        let scale = match inverses.as_slice() {
            [scale] => json!(scale),
            scales => json!(scales),
        };
        model.add("Rescaling", "temperature", json!({"scale": scale, "offset": 0.0}), vec![values]);
    }
    let (class, config) = match subject.task() {
        Task::SingleLabel => ("Softmax", json!({"axis": -1})),
        Task::MultiLabel => ("Activation", json!({"activation": "sigmoid"})),
    };
    model.add(class, "probabilities", config, vec![values]);
    let mut model = model.finish(true);
    shorten(&mut model);
    model
}

/// The layers of a base. Those before `trainable_from` are frozen, or all layers if it is `None`.
fn base(network: &Network, trainable_from: Option<&str>) -> Value {
    let layers = network.layers();
    let input = &layers[0];
    let mut model = Model::new(network.name(), input.output.axes(), "float32", &input.name);
    let first = trainable_from
        .and_then(|name| layers.iter().position(|layer| layer.name == name))
        .unwrap_or(layers.len());
    for (index, layer) in layers.iter().enumerate().skip(1) {
        model.trainable = index >= first;
        let inputs: Vec<&Layer> = layer.inputs.iter().map(|&id| &layers[id]).collect();
        model.layer(layer, &inputs);
    }
    model.finish(first < layers.len())
}

/// A model under construction.
struct Model {
    name: String,
    layers: Vec<Value>,
    input: String,
    /// The name, the axes and the type of the last layer's output.
    last: (String, Vec<usize>, &'static str),
    /// Whether the layers added from now on are trainable.
    trainable: bool,
}

impl Model {
    fn new(name: &str, input: Vec<usize>, dtype: &'static str, input_name: &str) -> Self {
        let layer = json!({
            "module": "keras.layers",
            "class_name": "InputLayer",
            "config": {
                "batch_shape": batch(&input),
                "dtype": dtype,
                "sparse": false,
                "ragged": false,
                "name": input_name,
            },
            "registered_name": null,
            "name": input_name,
            "inbound_nodes": [],
        });
        Self {
            name: name.to_owned(),
            layers: vec![layer],
            input: input_name.to_owned(),
            last: (input_name.to_owned(), input, dtype),
            trainable: true,
        }
    }

    /// The output of the last layer.
    fn tensor(&self) -> Value {
        let (name, axes, dtype) = &self.last;
        tensor(name, axes, dtype)
    }

    /// Adds a layer that reads the output of the last one.
    fn add(&mut self, class: &str, name: &str, config: Value, output: Vec<usize>) {
        let args = json!([self.tensor()]);
        self.add_reading(class, name, config, args, output);
    }

    fn add_reading(
        &mut self,
        class: &str,
        name: &str,
        mut config: Value,
        args: Value,
        output: Vec<usize>,
    ) {
        config["name"] = json!(name);
        config["trainable"] = json!(self.trainable);
        config["dtype"] = json!({
            "module": "keras",
            "class_name": "DTypePolicy",
            "config": {"name": "float32"},
            "registered_name": null,
        });
        let layer = json!({
            "module": "keras.layers",
            "class_name": class,
            "config": config,
            "registered_name": null,
            "name": name,
            "inbound_nodes": [{"args": args, "kwargs": {}}],
        });
        self.push(layer, name, output);
    }

    fn push(&mut self, layer: Value, name: &str, output: Vec<usize>) {
        self.layers.push(layer);
        self.last = (name.to_owned(), output, "float32");
    }

    /// Adds a layer of a network. If its padding is none that Keras's convolutions support, a layer that pads is added
    /// before it.
    fn layer(&mut self, layer: &Layer, inputs: &[&Layer]) {
        let reads: Vec<Value> =
            inputs.iter().map(|i| tensor(&i.name, &i.output.axes(), "float32")).collect();
        let output = layer.output.axes();
        let mut args = json!(reads);
        let mut windowed = |model: &mut Self, window: Window, mut config: Value| {
            let (padding, margins) = padding(window, inputs[0].output);
            if let Some(m) = margins {
                let name = format!("{}_pad", layer.name);
                let (height, width) = inputs[0].output.spatial();
                let channels = inputs[0].output.channels();
                let padded = vec![height + m.top + m.bottom, width + m.left + m.right, channels];
                model.add_reading("ZeroPadding2D", &name, zeros(m), args.clone(), padded);
                args = json!([model.tensor()]);
            }
            config["kernel_size"] = json!([window.kernel, window.kernel]);
            config["strides"] = json!([window.stride, window.stride]);
            config["padding"] = json!(padding);
            config["data_format"] = json!("channels_last");
            config["dilation_rate"] = json!([1, 1]);
            config["activation"] = json!("linear");
            config["use_bias"] = json!(false);
            config
        };
        let config = match layer.kind {
            LayerKind::Input => unreachable!("the first layer alone is the input"),
            LayerKind::ZeroPadding2D(margins) => zeros(margins),
            LayerKind::Conv2D { filters, window, .. } => {
                windowed(self, window, json!({"filters": filters, "groups": 1}))
            }
            LayerKind::DepthwiseConv2D { window, .. } => {
                windowed(self, window, json!({"depth_multiplier": 1}))
            }
            LayerKind::BatchNormalization { epsilon, momentum } => json!({
                "axis": -1,
                "momentum": momentum,
                "epsilon": epsilon,
                "center": true,
                "scale": true,
            }),
            LayerKind::ReLU { max_value } => {
                json!({"max_value": max_value, "negative_slope": 0.0, "threshold": 0.0})
            }
            LayerKind::Add => {
                args = json!([reads]);
                json!({})
            }
            LayerKind::GlobalAveragePooling2D { .. } => {
                json!({"data_format": "channels_last", "keepdims": false})
            }
            LayerKind::Dropout { rate } => json!({"rate": rate, "seed": null, "noise_shape": null}),
            LayerKind::Dense { units, activation } => {
                json!({"units": units, "activation": activation.name(), "use_bias": true})
            }
            ref kind => unreachable!("{} is refused", kind.class_name()),
        };
        self.add_reading(layer.kind.class_name(), &layer.name, config, args, output);
    }

    fn finish(self, trainable: bool) -> Value {
        json!({
            "module": "keras.src.models.functional",
            "class_name": "Functional",
            "config": {
                "name": self.name,
                "trainable": trainable,
                "layers": self.layers,
                "input_layers": [[self.input, 0, 0]],
                "output_layers": [[self.last.0, 0, 0]],
            },
            "registered_name": "Functional",
            "name": self.name,
        })
    }
}

fn tensor(name: &str, axes: &[usize], dtype: &str) -> Value {
    let config = json!({"shape": batch(axes), "dtype": dtype, "keras_history": [name, 0, 0]});
    json!({"class_name": "__keras_tensor__", "config": config})
}

/// The shape of a batch of any size.
fn batch(axes: &[usize]) -> Value {
    let axes = axes.iter().map(|&axis| json!(axis));
    [Value::Null].into_iter().chain(axes).collect()
}

fn zeros(m: Margins) -> Value {
    json!({"padding": [[m.top, m.bottom], [m.left, m.right]], "data_format": "channels_last"})
}

/// The name of the padding in Keras for a window on such a map, and the zeros to add before, if any.
fn padding(window: Window, input: Shape) -> (&'static str, Option<Margins>) {
    let (height, width) = input.spatial();
    let margins = |window: Window| window.margins(height, width).expect("it was built so");
    let own = margins(window);
    if own == margins(Window { padding: Padding::Same, ..window }) {
        ("same", None)
    } else if own == Margins::default() {
        ("valid", None)
    } else {
        ("valid", Some(own))
    }
}

/// The layer for an activation, if it needs one.
fn activation(function: Elementwise) -> Option<(&'static str, Value)> {
    let named = |name: &str| Some(("Activation", json!({"activation": name})));
    match function {
        Elementwise::Linear => None,
        Elementwise::Relu { negative_slope, max_value } => Some((
            "ReLU",
            json!({"max_value": max_value, "negative_slope": negative_slope, "threshold": 0.0}),
        )),
        Elementwise::Elu { alpha } => Some(("ELU", json!({"alpha": alpha}))),
        Elementwise::Selu => named("selu"),
        Elementwise::Silu => named("silu"),
        Elementwise::Sigmoid => named("sigmoid"),
        Elementwise::Tanh => named("tanh"),
        Elementwise::Softplus => named("softplus"),
        Elementwise::Softsign => named("softsign"),
    }
}
