"""Tests a running server with real clients: checks their responses, and records their requests.

Starts `headstart serve` with a model trained on the demo's pictures, and sends requests with NVIDIA's
tritonclient[http], curl, a TensorFlow Serving request by urllib, and Prometheus's own parser. Responses must equal
`headstart predict --json`, to the bit. Makes in crates/serve/tests/fixtures/:
  triton_image.http          BYTES, binary in and out
  triton_image_json.http     BYTES as base64, JSON in and out
  triton_pixels.http         UINT8, two pictures, binary
  triton_classes.http        the likeliest classes, as strings
  curl_form.http             two files, by curl -F

  python tools/reference/serving.py HEADSTART
  (tritonclient 2.73.0, prometheus-client 0.26.0, numpy 2.4.6, pillow 13.0.0, curl 7.88.1)
"""

import base64
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

import numpy as np
import tritonclient.http as triton
from PIL import Image
from prometheus_client.openmetrics.parser import text_string_to_metric_families

ROOT = pathlib.Path(__file__).resolve().parents[2]
PICTURES = ROOT / "crates/cli/assets/fashion-mnist"
FIXTURES = ROOT / "crates/serve/tests/fixtures"
CLASSES = ["Bag", "Sneaker", "Trouser"]


class Recorder:
    """A proxy that forwards connections to a server, and records what the client sends on each."""

    def __init__(self, port):
        self.port = port
        self.sent = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.port))
            kept = bytearray()
            self.sent.append(kept)
            threading.Thread(target=self.pump, args=(client, server, kept), daemon=True).start()
            threading.Thread(target=self.pump, args=(server, client, bytearray()), daemon=True).start()

    @staticmethod
    def pump(source, target, kept):
        try:
            while chunk := source.recv(1 << 16):
                kept += chunk
                target.sendall(chunk)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def keep(self, name):
        """Writes what the client sent on the last connection."""
        (FIXTURES / f"{name}.http").write_bytes(bytes(self.sent[-1]))


def files():
    """One picture of each class that the model is not trained on."""
    return [sorted((PICTURES / name).iterdir())[50] for name in CLASSES]


def train(headstart, folder):
    """Trains a model of three classes, and returns it with the command's predictions."""
    for name in CLASSES:
        (folder / "pictures" / name).mkdir(parents=True)
        for path in sorted((PICTURES / name).iterdir())[:20]:
            shutil.copy(path, folder / "pictures" / name)
    model = folder / "shapes.safetensors"
    run = [headstart, "train", folder / "pictures", "--input-size", "32", "--output", model, "--no-cache"]
    subprocess.run(run, check=True, capture_output=True)
    predict = [headstart, "predict", model, *files(), "--json", "--no-cache"]
    lines = subprocess.run(predict, check=True, capture_output=True, text=True).stdout.splitlines()
    return model, [json.loads(line) for line in lines]


def start(headstart, model):
    """Starts a server on a free port."""
    server = subprocess.Popen(
        [headstart, "serve", model, "--listen", "127.0.0.1:0", "--json"], stdout=subprocess.PIPE, text=True
    )
    for line in server.stdout:
        event = json.loads(line)
        if event["message"] == "listening":
            threading.Thread(target=server.stdout.read, daemon=True).start()
            return server, int(event["address"].rsplit(":", 1)[1])
    raise SystemExit("the server did not start")


def scores_equal(scores, expected, classes):
    """Whether f32 scores in class order equal those in the command's JSON, to the bit."""
    given = dict(zip(classes, np.asarray(scores, np.float32)))
    return all(np.float32(value) == given[name] for name, value in expected["scores"].items())


def check_triton(recorder, expected):
    def infer(tensors, outputs, name):
        client = triton.InferenceServerClient(recorder.address)
        result = client.infer("shapes", tensors, outputs=outputs)
        recorder.keep(name)
        return result

    client = triton.InferenceServerClient(recorder.address)
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("shapes")
    assert client.get_server_metadata()["name"] == "headstart"
    assert client.get_model_repository_index()[0]["name"] == "shapes"
    assert client.get_model_metadata("shapes")["inputs"][0]["datatype"] == "BYTES"

    data = np.array([path.read_bytes() for path in files()], np.object_)
    image = triton.InferInput("image", [len(data)], "BYTES")
    image.set_data_from_numpy(data, binary_data=True)
    result = infer([image], None, "triton_image")
    for scores, label, answer in zip(result.as_numpy("scores"), result.as_numpy("label"), expected):
        assert scores_equal(scores, answer, CLASSES)
        assert label.decode() == (answer["label"] or "")
    assert [bool(one) for one in result.as_numpy("unknown")] == [answer["unknown"] for answer in expected]

    encoded = np.array([base64.b64encode(one) for one in data[:1]], np.object_)
    image = triton.InferInput("image", [1], "BYTES")
    image.set_data_from_numpy(encoded, binary_data=False)
    outputs = [triton.InferRequestedOutput("scores", binary_data=False)]
    result = infer([image], outputs, "triton_image_json")
    assert scores_equal(result.as_numpy("scores")[0], expected[0], CLASSES)

    pixels = np.stack([np.asarray(Image.open(path).convert("RGB")) for path in files()[:2]])
    tensor = triton.InferInput("pixels", pixels.shape, "UINT8")
    tensor.set_data_from_numpy(pixels)
    result = infer([tensor], [triton.InferRequestedOutput("scores")], "triton_pixels")
    for scores, answer in zip(result.as_numpy("scores"), expected):
        assert scores_equal(scores, answer, CLASSES)

    image = triton.InferInput("image", [1], "BYTES")
    image.set_data_from_numpy(data[:1])
    result = infer([image], [triton.InferRequestedOutput("scores", class_count=2)], "triton_classes")
    score, index, name = result.as_numpy("scores")[0][0].decode().split(":")
    assert (CLASSES[int(index)], name) == (next(iter(expected[0]["scores"])),) * 2 and float(score) > 0

    try:
        client.infer("cats", [image])
    except triton.InferenceServerException as error:
        assert "there is shapes" in str(error), error
    else:
        raise SystemExit("there are no cats")


def check_curl(recorder, expected):
    def curl(*arguments):
        run = ["curl", "--silent", "--show-error", "--fail-with-body", *arguments]
        return json.loads(subprocess.run(run, check=True, capture_output=True).stdout)

    address = f"http://{recorder.address}"
    for path, answer in zip(files(), expected):
        alone = {key: value for key, value in answer.items() if key != "path"}
        assert curl("--data-binary", f"@{path}", f"{address}/predict") == alone
    named = list(zip(["a/bag.png", "sneaker.png"], files(), expected))
    form = [argument for name, path, _ in named for argument in ("--form", f"picture=@{path};filename={name}")]
    answers = curl(*form, f"{address}/models/shapes/predict")["predictions"]
    assert answers == [{**answer, "path": name} for name, _, answer in named]
    recorder.keep("curl_form")
    return address


def check_tensorflow_serving(address, expected):
    instances = [{"b64": base64.b64encode(path.read_bytes()).decode()} for path in files()]
    body = json.dumps({"signature_name": "serving_default", "instances": instances}).encode()
    with urllib.request.urlopen(f"{address}/v1/models/shapes:predict", data=body) as response:
        answers = json.load(response)["predictions"]
    for answer, known in zip(answers, expected):
        assert scores_equal(answer["scores"], known, answer["classes"])
    with urllib.request.urlopen(f"{address}/v1/models/shapes") as response:
        assert json.load(response)["model_version_status"][0]["state"] == "AVAILABLE"


def check_prometheus(address):
    with urllib.request.urlopen(f"{address}/metrics") as response:
        families = {family.name: family for family in text_string_to_metric_families(response.read().decode())}
    assert families["headstart_request_duration_seconds"].type == "histogram"
    pictures = families["headstart_pictures"].samples[0]
    assert pictures.labels == {"model": "shapes"} and pictures.value > 10, pictures


def main():
    headstart = pathlib.Path(sys.argv[1]).resolve()
    FIXTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        model, expected = train(headstart, pathlib.Path(folder))
        server, port = start(headstart, model)
        try:
            recorder = Recorder(port)
            check_triton(recorder, expected)
            address = check_curl(recorder, expected)
            check_tensorflow_serving(address, expected)
            check_prometheus(address)
        finally:
            server.terminate()
            begun = time.monotonic()
            assert server.wait(30) == 0, "it did not end well"
            print(f"all clients agree; stopped in {time.monotonic() - begun:.2f} s")


if __name__ == "__main__":
    main()
