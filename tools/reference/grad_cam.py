"""Grad-CAM (Selvaraju et al. 2017) with Keras's own gradients, as the reference for activation maps.

Makes in fixtures/grad_cam/:
  expected.json   for models of fixtures/keras_import, pictures of fixtures/keras_mobilenetv2 and every class:
                  the logit, and the map [height][width] before negative values are clipped

The target layer is the base's last activation. The map is the sum of its channels, each weighted by the mean over all
positions of the logit's gradient. The logit is the input of the softmax or sigmoid; for one of two classes under a
softmax, it is that class's logit minus the other's.

  python tools/reference/grad_cam.py
  (keras 3.15.1, tf_keras 2.21.0, tensorflow-cpu 2.21.0, numpy 2.4.6)
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
import tf_keras
from safetensors.numpy import load_file

import common

PICTURES = ["96x96/0/picture", "96x96/1/picture"]


def chain(k, model):
    """The layers of a sequential model, with nested Sequential models expanded."""
    for layer in model.layers:
        if isinstance(layer, k.layers.InputLayer):
            continue
        if isinstance(layer, k.Sequential):
            yield from chain(k, layer)
        else:
            yield layer


def maps(k, model, x):
    """(logit, map) for every class, for one picture [1, height, width, 3]."""
    layers = list(chain(k, model))
    at = next(i for i, layer in enumerate(layers) if isinstance(layer, k.Model))
    softmax = layers[-1].activation is k.activations.softmax
    layers[-1].activation = k.activations.linear
    for layer in layers[: at + 1]:
        x = layer(x, training=False)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x
        for layer in layers[at + 1 :]:
            y = layer(y, training=False)
        logits = [y[0, c] for c in range(y.shape[1])]
        if softmax and len(logits) == 2:
            logits = [logits[0] - logits[1], logits[1] - logits[0]]
    for logit in logits:
        weights = tf.reduce_mean(tape.gradient(logit, x)[0], axis=(0, 1))
        yield float(logit), tf.reduce_sum(x[0] * weights, axis=-1).numpy()


def main():
    folder, _ = common.arguments(__doc__, "grad_cam")
    stored = load_file(common.FIXTURES / "keras_mobilenetv2" / "activations.safetensors")
    out = {}
    for name, k, scaled in (
        ("teachable_machine/keras_model.h5", tf_keras, True),
        ("labels.keras", keras, False),
        ("deep.keras", keras, False),
        ("logits.keras", keras, False),
    ):
        out[name] = {}
        for picture in PICTURES:
            model = k.models.load_model(common.FIXTURES / "keras_import" / name, compile=False)
            x = stored[picture].astype(np.float32)[None]
            classes = maps(k, model, tf.constant(x / 127.5 - 1 if scaled else x))
            out[name][picture] = [
                {"logit": common.numbers(np.float32(logit)), "map": [common.numbers(row) for row in values]}
                for logit, values in classes
            ]
    common.write_json(
        folder / "expected.json",
        {
            "script": "tools/reference/grad_cam.py",
            "versions": common.versions("keras", "tf_keras", "tensorflow-cpu", "numpy"),
            "models": out,
        },
    )


main()
