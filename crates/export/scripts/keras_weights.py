#!/usr/bin/env python3
"""Says what is on pictures by weights that `headstart export --format keras-weights` has written.

    python classify.py model.weights.h5                   checks the model by the proof beside it
    python classify.py model.weights.h5 photo.jpg ...     says what is on pictures

The model itself is built by `keras.applications`, and so this is for MobileNetV2 with a head of one dense
layer; a `.keras` file has any model with it. Takes Keras, NumPy and Pillow.
"""

import json

import keras
import numpy

RUNTIME = f"Keras {keras.__version__}"


def build(description):
    """The model to which the weights belong."""
    if description["architecture"] != "mobilenetv2" or description["hidden_layers"]:
        raise SystemExit("keras.applications has no such model: export it with --format keras")
    preprocessing, scaling = description["preprocessing"], description["preprocessing"]["scaling"]
    shape = (preprocessing["height"], preprocessing["width"], 3)
    pixels = keras.Input(shape, dtype="uint8", name="pixels")
    x = keras.layers.Rescaling(scaling["scale"], offset=scaling["offset"])(pixels)
    base = keras.applications.MobileNetV2(
        input_shape=shape, alpha=description["width"], include_top=False, weights=None)
    x = base(x, training=False)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dense(len(description["classes"]), name="predictions")(x)
    temperature = numpy.float32(description["temperature"] or [1])
    x = keras.layers.Rescaling((1 / temperature).tolist())(x)
    one = description["task"] == "single_label"
    return keras.Model(pixels, keras.layers.Activation("softmax" if one else "sigmoid")(x))


def load(path):
    """The model's proof, and a function from pixels, u8 RGB [n, height, width, 3], to answers."""
    proof = path.removesuffix(".weights.h5").removesuffix(".h5") + ".proof.npz"
    model = build(json.loads(numpy.load(proof)["description.json"]))
    model.load_weights(path)
    return proof, lambda pixels: keras.ops.convert_to_numpy(model(pixels, training=False))
