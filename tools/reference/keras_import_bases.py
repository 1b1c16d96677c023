"""Whole Keras models on the bases in keras.applications, for import: too large for the repository.

Writes FOLDER/NAME.keras and .h5 with weights from `seeded.py`, pictures, and Keras's predictions for them in
FOLDER/expected.json. A test imports them if HEADSTART_REAL_WEIGHTS names FOLDER's parent.
`python tools/reference/keras_import_bases.py FOLDER` (Keras 3.15, TensorFlow 2.21)
"""

import json
import os
import sys
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
from keras.src.applications import efficientnet

from seeded import picture, tensor

SIZE = 96
# Keras's name, and whether it is built as if with ImageNet weights, which adds a layer to EfficientNet.
BASES = {
    "mobilenet": ("MobileNet", False),
    "mobilenetv3_small": ("MobileNetV3Small", False),
    "mobilenetv3_large": ("MobileNetV3Large", False),
    "efficientnet_b0": ("EfficientNetB0", False),
    "efficientnet_b0_imagenet": ("EfficientNetB0", True),
    "efficientnetv2_s": ("EfficientNetV2S", False),
}


def seed(model):
    for weight in model.weights:
        shape = tuple(weight.shape)
        name = weight.path
        fan_in = int(np.prod(shape[:-1])) if len(shape) > 1 else 1
        if len(shape) == 4 and shape[3] == 1:
            fan_in = shape[0] * shape[1]
        weight.assign(tensor(name, shape, fan_in, 2.0))


def base_of(name, as_imagenet):
    function = getattr(keras.applications, name)
    options = {"include_top": False, "input_shape": (SIZE, SIZE, 3)}
    if not as_imagenet:
        return function(weights=None, **options)
    loading, keras.Model.load_weights = keras.Model.load_weights, lambda *_, **__: None
    fetching, efficientnet.file_utils.get_file = efficientnet.file_utils.get_file, lambda *_, **__: "nothing"
    base = function(weights="imagenet", **options)
    keras.Model.load_weights, efficientnet.file_utils.get_file = loading, fetching
    return base


def main(folder):
    folder.mkdir(parents=True, exist_ok=True)
    pictures = np.stack([picture(SIZE, SIZE, index) for index in range(2)])
    for index, pixels in enumerate(pictures):
        header = f"P6 {SIZE} {SIZE} 255\n".encode()
        (folder / f"picture_{index}.ppm").write_bytes(header + pixels.tobytes())
    expected = {}
    for name, (function, as_imagenet) in BASES.items():
        base = base_of(function, as_imagenet)
        outside = keras.Input((SIZE, SIZE, 3))
        inside = outside
        if function == "MobileNet":
            inside = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(outside)
        x = keras.layers.GlobalAveragePooling2D()(base(inside, training=False))
        model = keras.Model(outside, keras.layers.Dense(4, activation="softmax", name="answer")(x))
        seed(model)
        features = keras.Model(outside, x).predict(pictures.astype("float32"), verbose=0)
        # Scale the kernel so that logits have a useful spread.
        kernel, bias = model.get_layer("answer").get_weights()
        model.get_layer("answer").set_weights([kernel / max(features.std(), 1e-6), bias])
        for ending in ("keras", "h5"):
            model.save(folder / f"{name}.{ending}")
        expected[name] = model.predict(pictures.astype("float32"), verbose=0).tolist()
    whole = keras.applications.EfficientNetB0(weights=None, input_shape=(SIZE, SIZE, 3), classes=4)
    seed(whole)
    whole.save(folder / "efficientnet_b0_whole.keras")
    expected["efficientnet_b0_whole"] = whole.predict(pictures.astype("float32"), verbose=0).tolist()
    (folder / "expected.json").write_text(json.dumps(expected, indent=1))
    print({name: np.round(values, 3).tolist() for name, values in expected.items()})


main(Path(sys.argv[1]))
