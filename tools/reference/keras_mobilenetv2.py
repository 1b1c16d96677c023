"""Keras's MobileNetV2: its tables, weight files as Keras writes them, and the output of every layer.

Makes in fixtures/keras_mobilenetv2/:
  architectures.json      layers and parameter counts of many widths and sizes
  keras2_no_top.h5        weights only, by tf_keras `save_weights`: the layout of the official *_no_top.h5
  keras3_base.weights.h5  the same weights, by Keras 3 `save_weights`
  keras3_whole.h5         Keras 3: Input > base > GlobalAveragePooling2D > Dropout > Dense(3, softmax), with optimizer
  keras2_whole.h5         tf_keras, as the tutorial: augmentation, x/127.5 - 1 as tf ops, base, ..., Dense(1), a logit
  keras3_tutorial.keras   Keras 3: augmentation, Rescaling(1/127.5, -1), base, ..., Dense(3, softmax)
  configs/*.json          more whole models as people write them, configuration only
  activations.safetensors samples of every layer's output, features in full, the pictures
  expected.json           statistics of every layer's output; predictions of the whole models

All the weight files contain the same base: alpha 0.35, without top, with seeded weights. Each kernel value is a small
integer times a power of two and each BatchNorm value a multiple of 1/32, so all are exact in f16. BatchNorm's mean and
variance are near, but not equal to, those of the pictures: signals pass through the network, and no statistic is
trivial.

  python tools/reference/keras_mobilenetv2.py
  (keras 3.15.1, tf_keras 2.21.0, tensorflow-cpu 2.21.0, h5py 3.14.0, numpy 2.4.6)
The .keras file contains the time of writing; everything else is reproducible, up to rounding.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import keras
import tf_keras

import common

ALPHA, SIZE = 0.35, 96
CENTRED = 0.25  # The fraction of a channel's mean that BatchNorm removes; 1 would magnify rounding errors.


def build(height, width=None, alpha=ALPHA, top=False, classes=1000):
    keras.backend.clear_session()
    return keras.applications.MobileNetV2(
        input_shape=(height, width or height, 3), alpha=alpha, include_top=top, weights=None, classes=classes
    )


def inbound(layer):
    """Names of the layers whose outputs this one reads, in order."""
    return [
        tensor._keras_history.operation.name for node in layer._inbound_nodes for tensor in node.arguments.keras_tensors
    ]


def totals(model):
    def count(weights):
        return int(sum(np.prod(w.shape) for w in weights))

    return {
        "total": model.count_params(),
        "trainable": count(model.trainable_weights),
        "non_trainable": count(model.non_trainable_weights),
    }


def architectures(folder):
    plans = [(alpha, 224, 224, top) for alpha in (0.35, 0.5, 0.75, 1.0, 1.3, 1.4) for top in (False, True)]
    plans += [(1.0, 160, 160, False), (0.35, 96, 96, False), (0.35, 96, 96, True)]
    plans += [(alpha, s, s, False) for alpha in (0.35, 1.0) for s in (32, 33, 48, 97, 131, 225)]
    plans += [(0.35, 97, 131, False), (1.0, 131, 97, False), (0.5, 64, 160, True)]
    in_full = {(1.0, 160, 160, False), (0.35, 96, 96, True), (1.4, 224, 224, False), (1.0, 97, 97, False)}
    models = []
    for plan in plans:
        alpha, height, width, top = plan
        model = build(height, width, alpha, top)
        entry = {
            "name": model.name,
            "alpha": alpha,
            "input": [height, width, 3],
            "top": top,
            "classes": 1000 if top else None,
            "layer_count": len(model.layers),
            "output_shape": list(model.output_shape),
            "all_trainable": totals(model),
        }
        for layer in model.layers[:100]:
            layer.trainable = False
        entry["first_100_frozen"] = totals(model)
        for layer in model.layers:
            layer.trainable = True
        at = [layer.name for layer in model.layers].index("block_13_expand")
        for layer in model.layers[:at]:
            layer.trainable = False
        entry["before_block_13_expand_frozen"] = {"index": at, **totals(model)}
        model.trainable = False
        entry["frozen"] = totals(model)
        if plan in in_full:
            entry["layers"] = [
                {
                    "name": layer.name,
                    "type": type(layer).__name__,
                    "output_shape": list(
                        layer.batch_shape if isinstance(layer, keras.layers.InputLayer) else layer.output.shape
                    ),
                    "params": layer.count_params(),
                    "inbound": inbound(layer),
                }
                for layer in model.layers
            ]
        models.append(entry)
    common.write_json(
        folder / "architectures.json",
        {
            "script": "tools/reference/keras_mobilenetv2.py",
            "versions": common.versions("keras", "tensorflow"),
            "input_layer": "Keras 3 names it input_layer (input_layer_1, ...); Keras 2 names it input_1",
            "models": models,
        },
    )


def make_weights(base, pictures):
    """Sets seeded weights layer by layer, so that each convolution's output has a spread of about 2."""
    rng = np.random.default_rng(350096)
    known = {base.layers[0].name: pictures}
    for layer in base.layers[1:]:
        inputs = [known[name] for name in inbound(layer)]
        given = inputs if len(inputs) > 1 else inputs[0]
        if isinstance(layer, (keras.layers.Conv2D, keras.layers.DepthwiseConv2D)):
            shape = layer.weights[0].shape
            integers = np.clip(np.round(rng.normal(size=shape) * 2), -7, 7).astype(np.float32)
            layer.set_weights([integers * 2.0**-6])
            spread = float(np.std(layer(given)))
            layer.set_weights([integers * 2.0 ** (-6 - round(np.log2(spread / 2)))])
        elif isinstance(layer, keras.layers.BatchNormalization):
            n = layer.weights[0].shape[0]
            grid = lambda low, high: rng.integers(round(low * 32), round(high * 32) + 1, n) / 32
            sign = np.where(rng.integers(0, 8, n) == 0, -1.0, 1.0)
            wide = np.asarray(given, np.float64).reshape(-1, n)
            mean = np.round(wide.mean(0) * CENTRED * 32) / 32 + grid(-0.3, 0.3)
            variance = np.maximum(np.round(((wide - mean) ** 2).mean() * grid(0.5, 2.0) * 32), 1) / 32
            values = [grid(0.5, 1.5) * sign, grid(-0.3, 0.3), mean, variance]
            layer.set_weights([v.astype(np.float16).astype(np.float32) for v in values])
        known[layer.name] = layer(given, training=False)
    for w in base.get_weights():
        assert (w == w.astype(np.float16).astype(np.float32)).all()
    return base.get_weights()


def head_weights(units, seed):
    rng = np.random.default_rng(seed)
    return [
        (rng.integers(-32, 33, (1280, units)) / 512).astype(np.float32),
        (rng.integers(-8, 9, units) / 16).astype(np.float32),
    ]


def preprocess(pictures):
    return np.asarray(pictures, np.float32) / 127.5 - 1.0


def in_f64(base, weights, pixels):
    """Every layer's output computed in f64, in a separate network."""
    keras.backend.set_floatx("float64")
    wide = build(*base.input_shape[1:3])
    wide.set_weights(weights)
    outputs = keras.Model(wide.input, [layer.output for layer in wide.layers])(
        pixels[None].astype(np.float64) / 127.5 - 1.0, training=False
    )
    keras.backend.set_floatx("float32")
    return [np.asarray(output) for output in outputs]


def activations(weights):
    tensors, statistics, features = {}, {}, {}
    for height, width, seeds in ((SIZE, SIZE, (0, 1)), (97, 131, (2,))):
        base = build(height, width)
        base.set_weights(weights)
        every = keras.Model(base.input, [layer.output for layer in base.layers])
        for i, seed in enumerate(seeds):
            pixels = common.picture(height, width, seed)
            key = f"{height}x{width}/{i}"
            tensors[f"{key}/picture"] = pixels
            outputs = every(preprocess(pixels[None]), training=False)
            statistics[key] = {}
            exact = in_f64(base, weights, pixels)
            for layer, output, truth in zip(base.layers, outputs, exact):
                assert truth.dtype == np.float64
                samples, numbers = common.sampled(np.asarray(output)[0])
                tensors[f"{key}/{layer.name}"] = samples
                numbers["f32_error"] = float(np.abs(output.numpy() - truth).max() / np.abs(truth).max())
                if isinstance(layer, keras.layers.ReLU):
                    numbers["share_at_0"] = round(float((output.numpy() <= 0).mean()), 4)
                    numbers["share_at_6"] = round(float((output.numpy() >= 6).mean()), 4)
                statistics[key][layer.name] = numbers
            features[key] = np.asarray(outputs[-1])[0].mean((0, 1), dtype=np.float64).astype(np.float32)
            pooled = keras.layers.GlobalAveragePooling2D()(outputs[-1]).numpy()[0]
            assert np.allclose(pooled, features[key], rtol=1e-5, atol=1e-6)
            tensors[f"{key}/features"] = pooled
    return tensors, statistics


def keras3_whole(weights):
    keras.backend.clear_session()
    base = keras.applications.MobileNetV2(input_shape=(SIZE, SIZE, 3), alpha=ALPHA, include_top=False, weights=None)
    base.trainable = False
    inputs = keras.Input((SIZE, SIZE, 3))
    x = base(inputs, training=False)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(0.2)(x)
    model = keras.Model(inputs, keras.layers.Dense(3, activation="softmax")(x))
    base.set_weights(weights)
    model.layers[-1].set_weights(head_weights(3, 3))
    model.compile(keras.optimizers.Adam(1e-4), "categorical_crossentropy", metrics=["accuracy"])
    model.optimizer.build(model.trainable_variables)
    return model


def keras2_tutorial(k, units=1, activation=None, base_weights=None, rescaling=False):
    """The tutorial's model with `k` = tf_keras or keras."""
    k.backend.clear_session()
    augmentation = k.Sequential([k.layers.RandomFlip("horizontal"), k.layers.RandomRotation(0.2)])
    base = k.applications.MobileNetV2(input_shape=(SIZE, SIZE, 3), alpha=ALPHA, include_top=False, weights=None)
    base.trainable = False
    inputs = k.Input((SIZE, SIZE, 3))
    x = augmentation(inputs)
    if rescaling:
        x = k.layers.Rescaling(1.0 / 127.5, offset=-1)(x)
    else:
        x = k.applications.mobilenet_v2.preprocess_input(x)
    x = base(x, training=False)
    x = k.layers.GlobalAveragePooling2D()(x)
    x = k.layers.Dropout(0.2)(x)
    model = k.Model(inputs, k.layers.Dense(units, activation=activation)(x))
    if base_weights is not None:
        base.set_weights(base_weights)
        model.layers[-1].set_weights(head_weights(units, units))
    return model


def configurations(folder):
    """Models as people write them, of which only the configuration is needed."""
    folder.mkdir(exist_ok=True)
    out = {}
    out["keras3_tutorial_ops_sigmoid"] = keras2_tutorial(keras, 1, "sigmoid")
    for name, k in (("keras3", keras), ("keras2", tf_keras)):
        k.backend.clear_session()
        base = k.applications.MobileNetV2(input_shape=(SIZE, SIZE, 3), alpha=ALPHA, include_top=False, weights=None)
        out[f"{name}_sequential"] = k.Sequential(
            [base, k.layers.GlobalAveragePooling2D(), k.layers.Dropout(0.2), k.layers.Dense(3, activation="softmax")]
        )
        if name == "keras2":
            out[f"{name}_sequential"].build((None, SIZE, SIZE, 3))
            continue
        k.backend.clear_session()
        base = k.applications.MobileNetV2(
            input_shape=(SIZE, SIZE, 3), alpha=ALPHA, include_top=False, weights=None, pooling="avg"
        )
        out[f"{name}_flat_pooling_in_base"] = k.Model(
            base.input, k.layers.Dense(3, activation="softmax")(k.layers.Dropout(0.2)(base.output))
        )
        k.backend.clear_session()
        base = k.applications.MobileNetV2(input_shape=(SIZE, SIZE, 3), alpha=ALPHA, include_top=False, weights=None)
        x = k.layers.GlobalAveragePooling2D()(base.output)
        x = k.layers.Dense(128, activation="relu")(x)
        out[f"{name}_two_dense"] = k.Model(base.input, k.layers.Dense(3, activation="softmax")(x))
    for name, model in out.items():
        (folder / f"{name}.json").write_text(model.to_json() + "\n")


def main():
    folder, _ = common.arguments(__doc__, "keras_mobilenetv2")
    architectures(folder)

    pictures = np.stack([common.picture(SIZE, SIZE, seed) for seed in (0, 1)])
    base = build(SIZE)
    weights = make_weights(base, preprocess(pictures))
    base.save_weights(folder / "keras3_base.weights.h5")
    tensors, statistics = activations(weights)
    common.write_tensors(folder / "activations.safetensors", tensors)

    base2 = tf_keras.applications.MobileNetV2(input_shape=(SIZE, SIZE, 3), alpha=ALPHA, include_top=False, weights=None)
    assert [w.name.split("/")[0] for w in base2.weights] == [
        layer.name for layer in base.layers for _ in layer.weights
    ]
    base2.set_weights(weights)
    base2.save_weights(folder / "keras2_no_top.h5")

    answers = {}
    whole = keras3_whole(weights)
    whole.save(folder / "keras3_whole.h5")
    answers["keras3_whole.h5"] = {
        "input": "x/127.5 - 1, done before the model",
        "output": "probabilities (softmax), 3 classes",
        "pictures": ["96x96/0", "96x96/1"],
        "values": common.numbers(
            keras.models.load_model(folder / "keras3_whole.h5").predict(preprocess(pictures), verbose=0)
        ),
    }
    tutorial2 = keras2_tutorial(tf_keras, 1, None, weights)
    tutorial2.save(folder / "keras2_whole.h5", include_optimizer=False)
    answers["keras2_whole.h5"] = {
        "input": "u8 values as f32; x/127.5 - 1 is inside",
        "output": "one logit, of class 1; probability = sigmoid",
        "pictures": ["96x96/0", "96x96/1"],
        "values": common.numbers(
            tf_keras.models.load_model(folder / "keras2_whole.h5").predict(pictures.astype(np.float32), verbose=0)
        ),
    }
    tutorial3 = keras2_tutorial(keras, 3, "softmax", weights, rescaling=True)
    tutorial3.save(folder / "keras3_tutorial.keras")
    answers["keras3_tutorial.keras"] = {
        "input": "u8 values as f32; Rescaling(1/127.5, offset=-1) is inside",
        "output": "probabilities (softmax), 3 classes",
        "pictures": ["96x96/0", "96x96/1"],
        "values": common.numbers(
            keras.models.load_model(folder / "keras3_tutorial.keras").predict(pictures.astype(np.float32), verbose=0)
        ),
    }
    configurations(folder / "configs")
    common.write_json(
        folder / "expected.json",
        {
            "script": "tools/reference/keras_mobilenetv2.py",
            "versions": common.versions("keras", "tf_keras", "tensorflow", "h5py", "numpy"),
            "preprocessing": "x / 127.5 - 1, RGB",
            "samples": "activations.safetensors: <size>/<picture>/<layer> holds flat NHWC indices floor(i*n/256), "
            "i < 256, of the layer's output without its batch axis, all n where n <= 256; "
            "<size>/<picture>/features the 1280 features after global average pooling; "
            "<size>/<picture>/picture the u8 picture [height, width, 3]",
            "f32_error": "largest difference of this output from the same network in f64, over its max_abs",
            "models": answers,
            "layers": statistics,
        },
    )
    for key, layers in statistics.items():
        relu = [v for v in layers.values() if "share_at_0" in v]
        print(
            key,
            "std",
            min(v["std"] for v in layers.values()),
            max(v["std"] for v in layers.values()),
            "at 0:",
            min(v["share_at_0"] for v in relu),
            max(v["share_at_0"] for v in relu),
            "at 6:",
            max(v["share_at_6"] for v in relu),
            "f32 error:",
            max(v["f32_error"] for v in layers.values()),
        )
    print({k: v["values"] for k, v in answers.items()})


main()
