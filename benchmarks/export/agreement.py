"""Compares the answers of exported models, run in their frameworks, with headstart's.

    python agreement.py pictures MODEL FOLDER OUT      pixels of FOLDER's pictures, and headstart's answers
    python agreement.py run RUNTIME FILE OUT           a runtime's answers to the same pixels, compared
    python agreement.py files SCRIPT FILE FOLDER OUT   answers of the script that headstart writes, from files

OUT is the folder that `pictures` fills. RUNTIME is onnxruntime, openvino, keras, torch, litert or mediapipe. Each
prints a line of JSON. `run.sh` runs all of them.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

HEADSTART = os.environ.get("HEADSTART", "headstart")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def predicted(model, paths):
    """headstart's probabilities, in the order of the classes by name."""
    command = [HEADSTART, "predict", model, "-", "-0", "--json", "--no-unknown"]
    names = b"\0".join(str(path).encode() for path in paths)
    lines = subprocess.run(command, input=names, capture_output=True, check=True).stdout.splitlines()
    answers = [json.loads(line) for line in lines]
    return {answer["path"]: answer["scores"] for answer in answers}


def pictures(model, folder, out):
    from PIL import Image

    out = Path(out)
    (out / "png").mkdir(parents=True, exist_ok=True)
    with open(model, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    description = json.loads(header["__metadata__"]["headstart"])
    size = (description["preprocessing"]["width"], description["preprocessing"]["height"])
    files = sorted(path for path in Path(folder).rglob("*") if path.is_file())[:500]
    pixels, paths = [], []
    for index, file in enumerate(files):
        picture = Image.open(file).convert("RGB").resize(size, Image.Resampling.BILINEAR)
        paths.append(out / "png" / f"{index:04}.png")
        picture.save(paths[-1])
        pixels.append(np.asarray(picture))
    classes = description["classes"]
    answers = predicted(model, paths)
    of_files = predicted(model, files)
    rows = lambda scores, of: np.array([[scores[str(path)][name] for name in classes] for path in of], np.float32)
    np.savez(out / "pixels.npz", pixels=np.stack(pixels), answers=rows(answers, paths),
             of_files=rows(of_files, files), files=[str(file) for file in files], classes=classes)
    print(json.dumps({"model": Path(model).name, "pictures": len(files)}))


def onnxruntime(file):
    import onnxruntime as runtime

    session = runtime.InferenceSession(file, providers=["CPUExecutionProvider"])
    return f"onnxruntime {runtime.__version__}", lambda x: session.run(None, {"pixels": x})[0]


def openvino(file):
    import openvino

    model = openvino.Core().compile_model(file, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return f"OpenVINO {openvino.__version__}", lambda x: model(x)[0]


def keras(file):
    import keras

    model = keras.saving.load_model(file)
    return f"Keras {keras.__version__}", lambda x: np.asarray(model(x, training=False))


def torch(file):
    """Runs the program that headstart writes, which defines the network."""
    import importlib.util

    import torch

    spec = importlib.util.spec_from_file_location("classify", os.environ["SCRIPT"])
    classify = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(classify)
    _, run = classify.load(file)
    return classify.RUNTIME, run


def litert(file):
    from importlib.metadata import version

    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(file)
    index = interpreter.get_input_details()[0]["index"]

    def run(pixels):
        interpreter.resize_tensor_input(index, pixels.shape)
        interpreter.allocate_tensors()
        interpreter.set_tensor(index, pixels)
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).copy()

    return f"LiteRT {version('ai-edge-litert')}", run


def mediapipe(file):
    import mediapipe
    from mediapipe.tasks.python import BaseOptions, vision

    classifier = vision.ImageClassifier.create_from_options(
        vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=file), max_results=-1))
    classes = list(np.load(Path(os.environ["OUT"]) / "pixels.npz")["classes"])

    def run(pixels):
        rows = []
        for picture in pixels:
            picture = mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(picture))
            found = classifier.classify(picture).classifications[0].categories
            scores = {category.category_name: category.score for category in found}
            rows.append([scores[name] for name in classes])
        return np.array(rows, np.float32)

    return f"MediaPipe {mediapipe.__version__}", run


def report(name, file, answers, expected, **more):
    same = float((answers.argmax(1) == expected.argmax(1)).mean())
    print(json.dumps({"runtime": name, "file": Path(file).name, "pictures": len(expected),
                      "same_first_percent": round(100 * same, 2),
                      "largest_difference": float(f"{np.abs(answers - expected).max():.2g}"), **more}))


def run(runtime, file, out):
    os.environ["OUT"] = out
    known = np.load(Path(out) / "pixels.npz")
    start = time.perf_counter()
    name, answer = globals()[runtime](file)
    loaded = time.perf_counter() - start
    # The last batch may be smaller, since the batch size is free.
    batches = [slice(i, i + 32) for i in range(0, len(known["pixels"]), 32)]
    answers = np.concatenate([answer(known["pixels"][batch]) for batch in batches])
    report(name, file, answers, known["answers"], load_s=round(loaded, 2))


def files(script, file, folder, out):
    known = np.load(Path(out) / "pixels.npz")
    names = b"\0".join(path.encode() for path in known["files"])
    command = [sys.executable, script, file, "--json", "-"]
    done = subprocess.run(command, input=names, capture_output=True, check=True).stdout
    answers = [json.loads(line) for line in done.splitlines()]
    scores = np.array([answer["scores"] for answer in answers if "scores" in answer], np.float32)
    report(f"{Path(script).name}, from files", file, scores, known["of_files"], proof=answers[0]["proof"])


if __name__ == "__main__":
    {"pictures": pictures, "run": run, "files": files}[sys.argv[1]](*sys.argv[2:])
