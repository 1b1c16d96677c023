#!/usr/bin/env python3
"""Classifies pictures with a model written by `headstart export --format onnx`.

    python classify.py model.onnx                     checks the model with the proof in the file
    python classify.py model.onnx photo.jpg ...       classifies pictures

Requires onnxruntime, NumPy and Pillow.
"""

import base64
import io

import onnxruntime

RUNTIME = f"onnxruntime {onnxruntime.__version__}"


def load(path):
    """Returns the model's proof, and a function from pixels, u8 RGB [n, height, width, 3], to answers."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    metadata = session.get_modelmeta().custom_metadata_map
    proof = io.BytesIO(base64.b64decode(metadata["headstart.proof"]))
    return proof, lambda pixels: session.run(None, {"pixels": pixels})[0]
