#!/usr/bin/env python3
"""Says what is on pictures by a model that `headstart export --format keras` has written.

    python classify.py model.keras                    checks the model by the proof in it
    python classify.py model.keras photo.jpg ...      says what is on pictures

Takes Keras (with TensorFlow, PyTorch or JAX below it), NumPy and Pillow. To train on, after `load_model`:

    model.get_layer("mobilenetv2_1.00_160").trainable = True
    model.compile("rmsprop", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(...)      # pictures as u8 RGB; BatchNormalization keeps its statistics
"""

import io
import zipfile

import keras

RUNTIME = f"Keras {keras.__version__}"


def load(path):
    """The model's proof, and a function from pixels, u8 RGB [n, height, width, 3], to answers."""
    model = keras.saving.load_model(path)
    proof = io.BytesIO(zipfile.ZipFile(path).read("headstart/proof.npz"))
    return proof, lambda pixels: keras.ops.convert_to_numpy(model(pixels, training=False))
