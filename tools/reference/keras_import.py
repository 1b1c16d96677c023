"""Whole Keras models as people export them, with Keras's predictions, as the reference for `headstart import`.

Makes in fixtures/keras_import/:
  <name>.keras, <name>.h5   the models below; compressed with zip or gzip, since all contain the same base
  teachable_machine/labels.txt   the class names as Teachable Machine writes them
  expected.json             each model's predictions for the pictures of fixtures/keras_mobilenetv2

The base is that of fixtures/keras_mobilenetv2 (alpha 0.35, 96 x 96), whose script must have run before. Head weights
are drawn from seeds and rounded, so that they compress well.

  teachable_machine/keras_model.h5   tf_keras: Sequential of Sequential [base that pads in layers of its own, as Keras
                            up to 2.3 had it, and pooling] and Sequential [Dense(100, relu), Dense(3, softmax) without bias];
                            scaled before the model
  labels.keras              Rescaling inside, Dense(4, sigmoid): independent labels
  deep.keras                Resizing to the input's own size, Normalization per channel, augmentation, base in a nested
                            model, BatchNormalization, Dense(16) > BatchNormalization > ReLU > Dropout > Dense(8, elu) >
                            BatchNormalization > Dense(2, softmax)
  resizing.keras            pictures of any size (those of another size rounded to whole levels after resizing): Resizing(96, 96), Rescaling, base, AveragePooling2D(3) > Flatten >
                            Dense(12, tanh) > Dense(2, sigmoid)
  logits.keras              Dense(3), compiled with BinaryCrossentropy(from_logits=True): independent labels

  python tools/reference/keras_import.py
  (keras 3.15.1, tf_keras 2.21.0, tensorflow-cpu 2.21.0, h5py 3.14.0, numpy 2.4.6)
The .keras files contain the time of writing; everything else is reproducible, up to rounding.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import json
import zipfile

import h5py
import keras
import numpy as np
import tf_keras
from safetensors.numpy import load_file

import common

ALPHA, SIZE = 0.35, 96


def draw(model, seed):
    """Sets random weights for every layer of a head: exact in few bits, and none of them trivial."""
    rng = np.random.default_rng(seed)
    grid = lambda low, high, shape: (rng.integers(round(low * 32), round(high * 32) + 1, shape) / 32).astype(np.float32)
    for layer in model:
        values = []
        for w in layer.weights:
            name = w.name.split("/")[-1].split(":")[0]
            if name == "kernel":
                values.append((rng.integers(-32, 33, w.shape) / 32 * 3 * np.sqrt(3 / w.shape[0])).astype(np.float16).astype(np.float32))
            elif name in ("gamma", "moving_variance", "variance"):
                values.append(grid(0.5, 1.5, w.shape))
            elif name == "count":
                values.append(np.zeros(w.shape, "int32"))
            else:
                values.append(grid(-0.5, 0.5, w.shape))
        layer.set_weights(values)


def base(k, weights, **options):
    model = k.applications.MobileNetV2(input_shape=(SIZE, SIZE, 3), alpha=ALPHA, include_top=False, weights=None, **options)
    model.set_weights(weights)
    return model


def with_padding_apart(model):
    """The same network with the first convolution's padding as a separate layer."""
    config = model.get_config()
    at = next(i for i, layer in enumerate(config["layers"]) if layer["name"] == "Conv1")
    conv = config["layers"][at]
    conv["config"]["padding"] = "valid"
    pad = tf_keras.layers.ZeroPadding2D(((0, 1), (0, 1)), name="Conv1_pad")
    config["layers"].insert(at, {
        "class_name": "ZeroPadding2D", "name": "Conv1_pad", "config": pad.get_config(),
        "inbound_nodes": conv["inbound_nodes"],
    })
    conv["inbound_nodes"] = [[["Conv1_pad", 0, 0, {}]]]
    padded = tf_keras.Model.from_config(config)
    padded.set_weights(model.get_weights())
    return padded


def teachable_machine(weights):
    features = tf_keras.Sequential([with_padding_apart(base(tf_keras, weights)), tf_keras.layers.GlobalAveragePooling2D()])
    head = [
        tf_keras.layers.Dense(100, activation="relu", input_shape=(1280,)),
        tf_keras.layers.Dense(3, activation="softmax", use_bias=False),
    ]
    model = tf_keras.Sequential([features, tf_keras.Sequential(head)])
    model.build((None, SIZE, SIZE, 3))
    draw(head, 1)
    return model


def labels(weights):
    L = keras.layers
    head = [L.GlobalAveragePooling2D(), L.Dropout(0.2), L.Dense(4, activation="sigmoid")]
    model = keras.Sequential([keras.Input((SIZE, SIZE, 3)), L.Rescaling(1 / 127.5, offset=-1), base(keras, weights), *head])
    draw(head, 2)
    return model


def deep(weights):
    L = keras.layers
    normal = L.Normalization()
    before = keras.Sequential([L.Resizing(SIZE, SIZE), L.RandomFlip("horizontal"), L.RandomRotation(0.2), normal])
    head = [
        L.BatchNormalization(), L.Dense(16), L.BatchNormalization(), L.ReLU(), L.Dropout(0.5),
        L.Dense(8, activation="elu"), L.BatchNormalization(), L.Dense(2, activation="softmax"),
    ]
    inputs = keras.Input((SIZE, SIZE, 3))
    x = before(inputs)
    x = base(keras, weights)(x, training=False)
    x = L.GlobalAveragePooling2D()(x)
    for layer in head:
        x = layer(x)
    model = keras.Model(inputs, x)
    draw(head, 3)
    normal.set_weights([np.float32([124, 116, 104]), np.float32([3400, 3300, 3450]), np.int32(0)])
    return model


def resizing(weights):
    L = keras.layers
    head = [L.AveragePooling2D(3), L.Flatten(), L.Dense(12, activation="tanh"), L.Dense(2, activation="sigmoid")]
    before = [L.Resizing(SIZE, SIZE), L.Rescaling(1 / 127.5, offset=-1)]
    model = keras.Sequential([keras.Input((None, None, 3)), *before, base(keras, weights), *head])
    draw(head, 4)
    return model


def logits(weights):
    L = keras.layers
    head = [L.GlobalAveragePooling2D(), L.Dense(3)]
    model = keras.Sequential([keras.Input((SIZE, SIZE, 3)), L.Rescaling(1 / 127.5, offset=-1), base(keras, weights), *head])
    draw(head, 5)
    model.compile(loss=keras.losses.BinaryCrossentropy(from_logits=True))
    return model


def pack_zip(path):
    with zipfile.ZipFile(path) as archive:
        parts = [(name, archive.read(name)) for name in archive.namelist()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for name, content in parts:
            archive.writestr(name, content)


def pack_h5(path):
    """Compresses the tensors of a file; HDF5 decompresses them transparently."""
    packed = path.with_suffix(".packed")
    with h5py.File(path) as old, h5py.File(packed, "w") as new:
        new.attrs.update(old.attrs)

        def copy(name, item):
            if isinstance(item, h5py.Dataset):
                options = {"compression": "gzip", "compression_opts": 9, "shuffle": True} if item.size > 4096 else {}
                new.create_dataset(name, data=item[()], **options)
            else:
                new.require_group(name).attrs.update(item.attrs)

        old.visititems(copy)
    packed.rename(path)


def main():
    folder, _ = common.arguments(__doc__, "keras_import")
    source = common.FIXTURES / "keras_mobilenetv2"
    plain = keras.applications.MobileNetV2(input_shape=(SIZE, SIZE, 3), alpha=ALPHA, include_top=False, weights=None)
    plain.load_weights(source / "keras3_base.weights.h5")
    weights = plain.get_weights()
    stored = load_file(source / "activations.safetensors")
    square = [stored["96x96/0/picture"], stored["96x96/1/picture"]]
    other = [stored["97x131/0/picture"]]

    out = {}
    for name, make, pictures, scaled in (
        ("teachable_machine/keras_model.h5", teachable_machine, square, True),
        ("labels.keras", labels, square, False),
        ("deep.keras", deep, square, False),
        ("resizing.keras", resizing, square + other, False),
        ("logits.keras", logits, square, False),
    ):
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        model = make(weights)
        model.save(path)
        (pack_h5 if path.suffix == ".h5" else pack_zip)(path)
        read = (tf_keras if scaled else keras).models.load_model(path, compile=False)
        values = []
        for pixels in pictures:
            x = pixels.astype(np.float32)[None]
            if pixels.shape[:2] != (SIZE, SIZE):
                # headstart continues with whole levels after resizing; this network is sensitive to the fractions.
                x = np.floor(np.asarray(read.layers[0](x)) + 0.5)
            values.append(np.asarray(read.predict(x / 127.5 - 1 if scaled else x, verbose=0))[0])
        if name == "logits.keras":
            values = [1 / (1 + np.exp(-v)) for v in values]
        keys = ["96x96/0/picture", "96x96/1/picture", "97x131/0/picture"][: len(pictures)]
        out[name] = {"pictures": keys, "probabilities": [common.numbers(np.float32(v)) for v in values]}
        print(name, path.stat().st_size, out[name]["probabilities"])
    (folder / "teachable_machine" / "labels.txt").write_text("0 Cat\n1 Dog, wet\n2 Nothing here\n")
    common.write_json(
        folder / "expected.json",
        {
            "script": "tools/reference/keras_import.py",
            "versions": common.versions("keras", "tf_keras", "tensorflow-cpu", "h5py", "numpy"),
            "models": out,
        },
    )


main()
