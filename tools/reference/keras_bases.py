"""Outputs of Keras's networks with weights from `seeded.py`, layer by layer at two sizes, and their layers with and
without a classifier: `fixtures/bases/NAME.safetensors`.

Keras 3 on TensorFlow in f32. `python tools/reference/keras_bases.py [NAME ...]`
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np
from keras.src.applications import efficientnet
from safetensors.numpy import save_file

from seeded import gain, picture, sampled, tensor

FIXTURES = Path(__file__).parents[2] / "fixtures" / "bases"
SIZES = [(64, 64), (75, 98)]
BASES = {
    "mobilenetv1": keras.applications.MobileNet,
    "mobilenetv3-small": keras.applications.MobileNetV3Small,
    "mobilenetv3-large": keras.applications.MobileNetV3Large,
    "efficientnet-b0": keras.applications.EfficientNetB0,
    "efficientnet-b1": keras.applications.EfficientNetB1,
    "efficientnet-b2": keras.applications.EfficientNetB2,
    "efficientnet-b3": keras.applications.EfficientNetB3,
    "efficientnetv2-s": keras.applications.EfficientNetV2S,
}
# Input sides of networks with and without a classifier, if they differ from 224.
INPUTS = {"efficientnet-b1": 240, "efficientnet-b2": 260, "efficientnet-b3": 300, "efficientnetv2-s": 384}
# Networks whose layers are listed individually; for others there are only totals.
LISTED = ["mobilenetv1", "mobilenetv3-small", "mobilenetv3-large", "efficientnet-b0"]

# With `weights="imagenet"`, B0 to B3 have an additional layer. The weights themselves are ours.
efficientnet.file_utils.get_file = lambda *_, **__: ""


def build(name: str, size: tuple[int, int], top: bool) -> keras.Model:
    keras.utils.clear_session()
    weights = "imagenet" if name.startswith("efficientnet-b") else None
    load, keras.Model.load_weights = keras.Model.load_weights, lambda *_: None
    try:
        return BASES[name](weights=weights, include_top=top, input_shape=(*size, 3))
    finally:
        keras.Model.load_weights = load


def seed(model: keras.Model, base: str) -> None:
    for variable in model.variables:
        shape = tuple(variable.shape)
        is_depthwise = len(shape) == 4 and shape[3] == 1
        fan_in = shape[0] * shape[1] if is_depthwise else int(np.prod(shape[:-1]))
        values = tensor(variable.path, shape, fan_in, gain(base))
        if variable.path.endswith("count"):
            values = values.astype(np.int32)
        variable.assign(values)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


def scaled(name: str, pixels: np.ndarray) -> np.ndarray:
    """What `preprocess_input` does. Except for MobileNetV1, it is a part of the network."""
    return pixels / 127.5 - 1.0 if name == "mobilenetv1" else pixels


def main(asked: list[str]) -> None:
    FIXTURES.mkdir(parents=True, exist_ok=True)
    for name in BASES:
        if asked and name not in asked:
            continue
        names, rows, about = [], [], {}
        for size in SIZES:
            model = build(name, size, False)
            seed(model, name)
            layers = [layer for layer in model.layers if layer.output.ndim == 4][1:]
            kept = layers if name != "efficientnetv2-s" else layers[::3] + layers[-1:]
            outputs = keras.Model(model.inputs, [layer.output for layer in kept])
            pixels = scaled(name, picture(*size).astype(np.float32))
            values = outputs([pixels[None]], training=False)
            for layer, value in zip(kept, values):
                names.append(f"{size[0]}x{size[1]}/{layer.name}")
                rows.append(sampled(np.asarray(value)[0]))
            names.append(f"{size[0]}x{size[1]}/features")
            rows.append(sampled(np.asarray(values[-1])[0].mean((0, 1))))
        for top in (False, True):
            model = build(name, (INPUTS.get(name, 224),) * 2, top)
            about["with top" if top else "without top"] = {
                "name": model.name,
                "layers": [
                    [layer.name, type(layer).__name__, list(layer.output.shape), layer.count_params()]
                    for layer in model.layers
                ]
                if name in LISTED
                else len(model.layers),
                "total": model.count_params(),
                "trainable": int(sum(np.prod(v.shape) for v in model.trainable_variables)),
            }
        values = np.stack(rows)
        metadata = {"names": json.dumps(names), "networks": json.dumps(about)}
        metadata["made by"] = f"tools/reference/keras_bases.py, keras {keras.__version__}"
        path = FIXTURES / f"{name}.safetensors"
        save_file({"values": values}, path, metadata)
        print(name, path.stat().st_size, "rms", values[:, -1].min(), values[:, -1].max())


main(sys.argv[1:])
