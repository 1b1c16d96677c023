"""Fine-tuning MobileNetV2: Keras's gradients, batch statistics and loss traces.

Makes in fixtures/keras_training/:
  data.safetensors       pictures/<batch> u8 [4, 96, 96, 3], labels/<batch> i64 [4] for batches 0 and 1;
                         head/kernel f32 [1280, 3], head/bias f32 [3]
  gradients.safetensors  f64, for batch 0, with <mode> inference (every BatchNorm uses its moving statistics) and train
                         (every one uses the batch's): <mode>/loss [1]; for each trainable tensor samples of its
                         gradient, <mode>/<layer>/<weight>, and its L2 norm, <mode>/<layer>/<weight>/norm [1];
                         train/after/<layer>/moving_mean and moving_variance in full, after that one call
  traces.safetensors     trace/<name> f32 [10]: the loss before each of ten updates, batches 0, 1, 0, 1, ...;
                         trace_f64/<name> f64 [10]: the same computed in f64;
                         trace/bn_train/adam/after/<layer>/moving_mean and moving_variance, and likewise in f64
  expected.json          the meaning of the numbers, each optimizer's settings, the differences of f32 from f64

The network is keras_mobilenetv2/keras3_base.weights.h5 (alpha 0.35, 96x96), global average pooling and a Dense layer
called head; the loss is softmax cross-entropy of its logits, the mean over the batch. No dropout.

  python tools/reference/keras_training.py   (keras 3.15.1, tensorflow-cpu 2.21.0, numpy 2.4.6)
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import keras
import tensorflow as tf

import common

ALPHA, SIZE, CLASSES = 0.35, 96, 3
# Seeds of pictures; labels. With most seeds, some activation in train mode is so close to a kink of ReLU6 that
# rounding in f32 moves it across, which changes gradients by a percent. With these seeds, weights that are off by 3e-7
# change gradients by 0.06 %.
BATCHES = [((116, 117, 118, 119), (0, 1, 2, 0)), ((120, 121, 122, 123), (2, 0, 1, 1))]
FROZEN = 100
STEPS = 10
ZERO = 1e-12  # A norm below this is rounding in f64.
STATISTICS = ("moving_mean", "moving_variance")
OPTIMIZERS = {
    "rmsprop": lambda: keras.optimizers.RMSprop(1e-5),
    "adam": lambda: keras.optimizers.Adam(1e-4),
    "sgd_momentum": lambda: keras.optimizers.SGD(1e-3, momentum=0.9),
    "sgd_nesterov": lambda: keras.optimizers.SGD(1e-3, momentum=0.9, nesterov=True),
    "adamw": lambda: keras.optimizers.AdamW(1e-4),
}
SETTINGS = (
    "learning_rate", "momentum", "nesterov", "rho", "centered", "beta_1", "beta_2", "amsgrad", "epsilon", "weight_decay"
)
TRACES = {name: {"optimizer": name, "frozen": FROZEN, "training": False} for name in OPTIMIZERS} | {
    "all/rmsprop": {"optimizer": "rmsprop", "frozen": 0, "training": False},
    "bn_train/adam": {"optimizer": "adam", "frozen": FROZEN, "training": True},
}
WATCHED = ("block_5_depthwise_BN", "block_13_depthwise_BN")  # The first is frozen, the second trained.


class Network:
    """Base, pooling and head in the current floatx, with the given weights."""

    def __init__(self, weights, head, frozen=0):
        keras.backend.clear_session()
        self.base = keras.applications.MobileNetV2(
            input_shape=(SIZE, SIZE, 3), alpha=ALPHA, include_top=False, weights=None
        )
        self.base.set_weights(weights)
        for layer in self.base.layers[:frozen]:
            layer.trainable = False
        self.pool = keras.layers.GlobalAveragePooling2D()
        self.head = keras.layers.Dense(CLASSES, name="head")
        self.head.build((None, 1280))
        self.head.set_weights(head)
        self.loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)

    def trained(self):
        """(name, variable) of every trainable tensor."""
        layers = [*self.base.layers, self.head]
        return [(f"{layer.name}/{v.name}", v) for layer in layers for v in layer.trainable_weights]

    def statistics(self, layer):
        return {name: getattr(self.base.get_layer(layer), name).numpy() for name in STATISTICS}

    def gradients(self, pictures, labels, training):
        """The loss and the gradient of each tensor in `trained`, in the current floatx."""
        pixels = pictures.astype(keras.backend.floatx()) / 127.5 - 1
        with tf.GradientTape() as tape:
            loss = self.loss(labels, self.head(self.pool(self.base(pixels, training=training))))
        gradients = tape.gradient(loss, [v for _, v in self.trained()])
        assert all(g.dtype == loss.dtype == pixels.dtype for g in gradients)
        return loss.numpy(), [g.numpy() for g in gradients]


def gradients(weights, head, batch):
    tensors, errors, zeros = {}, {}, []
    for mode in ("inference", "train"):
        found = {}
        for width in ("float32", "float64"):
            keras.backend.set_floatx(width)
            network = Network(weights, head)
            found[width] = network.gradients(*batch, training=mode == "train")
        loss, truths = found["float64"]
        tensors[f"{mode}/loss"] = np.array([loss])
        for (name, _), truth, narrow in zip(network.trained(), truths, found["float32"][1]):
            flat = truth.reshape(-1)
            norm = np.linalg.norm(flat)
            tensors[f"{mode}/{name}"] = flat[common.sample_indices(flat.size)]
            tensors[f"{mode}/{name}/norm"] = np.array([norm])
            if norm < ZERO:
                zeros.append(f"{mode}/{name}")
            else:
                errors[f"{mode}/{name}"] = float(f"{np.linalg.norm(narrow.reshape(-1) - flat) / norm:.3g}")
        for layer in network.base.layers:
            if mode == "train" and isinstance(layer, keras.layers.BatchNormalization):
                for name, value in network.statistics(layer.name).items():
                    tensors[f"train/after/{layer.name}/{name}"] = value
    keras.backend.set_floatx("float32")
    return tensors, errors, zeros


def traces(weights, head, batches):
    tensors = {}
    for width, prefix in (("float32", "trace"), ("float64", "trace_f64")):
        keras.backend.set_floatx(width)
        for name, plan in TRACES.items():
            network = Network(weights, head, plan["frozen"])
            variables = [v for _, v in network.trained()]
            optimizer = OPTIMIZERS[plan["optimizer"]]()
            losses = []
            for step in range(STEPS):
                loss, steps = network.gradients(*batches[step % 2], plan["training"])
                optimizer.apply(steps, variables)
                losses.append(loss)
            tensors[f"{prefix}/{name}"] = np.array(losses, width)
            for layer in WATCHED if plan["training"] else ():
                for statistic, value in network.statistics(layer).items():
                    tensors[f"{prefix}/{name}/after/{layer}/{statistic}"] = value
    keras.backend.set_floatx("float32")
    return tensors


def settings(optimizer):
    config = optimizer.get_config()
    found = {name: config[name] for name in SETTINGS if config.get(name) is not None}
    return found | {"learning_rate": float(f"{found['learning_rate']:.7g}")}


def main():
    folder, _ = common.arguments(__doc__, "keras_training")
    tf.config.experimental.enable_op_determinism()
    base = keras.applications.MobileNetV2(input_shape=(SIZE, SIZE, 3), alpha=ALPHA, include_top=False, weights=None)
    base.load_weights(common.FIXTURES / "keras_mobilenetv2" / "keras3_base.weights.h5")
    weights, names = base.get_weights(), [layer.name for layer in base.layers]
    norm = base.get_layer("bn_Conv1")
    rng = np.random.default_rng(350097)
    head = [
        (rng.integers(-32, 33, (1280, CLASSES)) / 1024).astype(np.float32),
        (rng.integers(-8, 9, CLASSES) / 16).astype(np.float32),
    ]
    batches = [
        (np.stack([common.picture(SIZE, SIZE, seed) for seed in seeds]), np.array(labels)) for seeds, labels in BATCHES
    ]
    data = {"head/kernel": head[0], "head/bias": head[1]}
    for i, (pictures, labels) in enumerate(batches):
        data |= {f"pictures/{i}": pictures, f"labels/{i}": labels}
    common.write_tensors(folder / "data.safetensors", data)

    found, errors, zeros = gradients(weights, head, batches[0])
    common.write_tensors(folder / "gradients.safetensors", found)
    losses = traces(weights, head, batches)
    common.write_tensors(folder / "traces.safetensors", losses)

    apart = {
        name: float(f"{np.abs(losses[f'trace/{name}'] / losses[f'trace_f64/{name}'] - 1).max():.3g}") for name in TRACES
    }
    common.write_json(
        folder / "expected.json",
        {
            "script": "tools/reference/keras_training.py",
            "versions": common.versions("keras", "tensorflow-cpu", "numpy"),
            "base": "keras_mobilenetv2/keras3_base.weights.h5",
            "preprocessing": "x / 127.5 - 1, RGB",
            "samples": "flat indices floor(i*n/256), i < 256, of a gradient of n values; all n where n <= 256. "
            "Layouts are Keras's: Conv2D [k, k, in, out], DepthwiseConv2D [k, k, c, 1], Dense [in, out]",
            "batch_norm": {
                "epsilon": norm.epsilon,
                "momentum": norm.momentum,
                "moving": "moving * momentum + batch * (1 - momentum); variance of the batch is the mean of squares "
                "about the mean, divided by the count; a frozen layer uses its moving statistics in train mode too",
            },
            "frozen": {"layers": FROZEN, "first_trained": names[FROZEN]},
            "traces": {
                name: {
                    "optimizer": plan["optimizer"],
                    "frozen_layers": plan["frozen"],
                    "base_called_with_training": plan["training"],
                    "f32_error": apart[name],
                }
                for name, plan in TRACES.items()
            },
            "f32_error": "traces: largest relative difference of a loss from the same in f64; "
            "gradients: L2 norm of the difference from f64 over the gradient's norm",
            "weight_decay": "adamw, on every trained tensor, before the update: w -= learning_rate * decay * w",
            "optimizers": {name: settings(make()) for name, make in OPTIMIZERS.items()},
            "zero_gradients": zeros,
            "why_zero": "a beta that only feeds other BatchNorms cancels there; what is stored is rounding",
            "gradient_f32_errors": errors,
        },
    )
    for mode in ("inference", "train"):
        own = [v for k, v in errors.items() if k.startswith(f"{mode}/")]
        print(mode, "loss", found[f"{mode}/loss"][0], "f32 error of gradients", np.median(own), max(own))
    for name in TRACES:
        print(name, apart[name], losses[f"trace/{name}"])


main()
