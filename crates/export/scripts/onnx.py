#!/usr/bin/env python3
"""Says what is on pictures by a model that `headstart export --format onnx` has written.

    python classify.py model.onnx                     checks the model by the proof in it
    python classify.py model.onnx photo.jpg ...       says what is on pictures

Takes onnxruntime, NumPy and Pillow.
"""

import base64
import io

import onnxruntime

RUNTIME = f"onnxruntime {onnxruntime.__version__}"


def load(path):
    """The model's proof, and a function from pixels, u8 RGB [n, height, width, 3], to answers."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    proof = io.BytesIO(base64.b64decode(metadata["headstart.proof"]))
    return proof, lambda pixels: session.run(None, {"pixels": pixels})[0]
