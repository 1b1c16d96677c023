#!/usr/bin/env python3
"""Says what is on pictures by a model that `headstart export --format tflite` has written.

    python classify.py model.tflite                     checks the model by the proof in it
    python classify.py model.tflite photo.jpg ...       says what is on pictures

Takes LiteRT (ai-edge-litert, or the tensorflow that has it in it), NumPy and Pillow.
"""

import io
import zipfile

try:
    import ai_edge_litert
    from ai_edge_litert.interpreter import Interpreter

    RUNTIME = f"LiteRT {getattr(ai_edge_litert, '__version__', '')}".strip()
except ModuleNotFoundError:
    import tensorflow

    Interpreter, RUNTIME = tensorflow.lite.Interpreter, f"TensorFlow Lite {tensorflow.__version__}"


def load(path):
    """The model's proof, and a function from pixels, u8 RGB [n, height, width, 3], to answers."""
    interpreter = Interpreter(path)
    (pixels_in,), (answers_out,) = interpreter.get_input_details(), interpreter.get_output_details()

    def run(pixels):
        interpreter.resize_tensor_input(pixels_in["index"], pixels.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(pixels_in["index"], pixels)
        interpreter.invoke()
        return interpreter.get_tensor(answers_out["index"]).copy()

    return io.BytesIO(zipfile.ZipFile(path).read("headstart/proof.npz")), run
