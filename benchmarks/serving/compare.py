"""headstart and a peer as HTTP servers on this machine, in turn:
`compare.py --headstart BIN --load BIN --network ONNX PHOTOGRAPHS`.

PHOTOGRAPHS is a folder of photographs, from which 64 JPEGs of about 500x375 pixels are made, as for
benchmarks/reading. The model is trained on the demo's pictures (5 classes, MobileNetV2 1.0 at 160). In each round,
every server is restarted, warmed up for 2 s and loaded with each number of connections. Memory is the proportional set
size of the server's processes at the end of the load.
"""

import argparse
import contextlib
import datetime
import json
import os
import pathlib
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

from PIL import Image

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
for folder in ["reading", "training"]:
    sys.path.append(str(HERE.parent / folder))

from picture_sets import photographs, with_noise  # noqa: E402
from pictures import crop  # noqa: E402

DEMO = ROOT / "crates/cli/assets/fashion-mnist"
CLASSES = ["Bag", "Coat", "Sandal", "Sneaker", "Trouser"]
CONNECTIONS = [1, 16]


def make_pictures(source, out, count=64):
    import numpy as np

    rng, generator = random.Random(0), np.random.default_rng(0)
    paths = photographs(source)
    rng.shuffle(paths)
    out.mkdir(parents=True)
    for index in range(count):
        picture = crop(Image.open(paths[index % len(paths)]).convert("RGB"), rng)
        with_noise(picture, 5, generator).save(out / f"{index:02}.jpg", quality=90)
    return sorted(out.iterdir())


def train(headstart, folder, name="model.safetensors", which=slice(0, 20)):
    pictures = folder / f"pictures-{name}"
    for label in CLASSES:
        (pictures / label).mkdir(parents=True)
        for path in sorted((DEMO / label).iterdir())[which]:
            shutil.copy(path, pictures / label)
    model = folder / name
    subprocess.run([headstart, "train", pictures, "--output", model, "--no-cache"], check=True, capture_output=True)
    return model


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(port):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise SystemExit("a server does not listen")


def family(pid):
    """A process and its descendants."""
    all_of = [pid]
    for parent in all_of:
        for thread in pathlib.Path(f"/proc/{parent}/task").iterdir():
            all_of += [int(child) for child in (thread / "children").read_text().split()]
    return all_of


def memory(pid):
    """The memory in MiB of a process and its descendants, with shared pages divided among them."""
    total = 0
    for member in family(pid):
        for line in pathlib.Path(f"/proc/{member}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024


class Server:
    def __init__(self, name, command, environment=None):
        self.name, self.command, self.environment = name, command, environment or {}

    @contextlib.contextmanager
    def running(self):
        port = free_port()
        command = [str(part).replace("PORT", str(port)) for part in self.command]
        process = subprocess.Popen(
            command, env={**os.environ, **self.environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            wait_for(port)
            yield port, process.pid
        finally:
            process.terminate()
            process.wait(30)


def load(tool, port, connections, seconds, pictures, broken=0, aborted=0):
    command = [tool, f"127.0.0.1:{port}", "/predict", connections, seconds, broken, aborted, *pictures]
    run = subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True)
    return json.loads(run.stdout)


def servers(arguments, model):
    uvicorn = [sys.executable, "-m", "uvicorn", "peer_fastapi:app", "--app-dir", HERE, "--workers", "2", "--port",
               "PORT", "--log-level", "warning"]
    network = {"NETWORK": str(arguments.network)}
    return [
        Server("headstart", [arguments.headstart, "serve", model, "--listen", "127.0.0.1:PORT"]),
        Server("FastAPI, uvicorn, ONNX Runtime, 2 workers", uvicorn, network),
        Server("the same, with Pillow's draft mode", uvicorn, {**network, "DRAFT": "1"}),
    ]


def cell(values, digits):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("photographs", type=pathlib.Path)
    for name in ["headstart", "load", "network"]:
        parser.add_argument(f"--{name}", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8)
    arguments = parser.parse_args()
    for name in ["headstart", "load", "network"]:
        setattr(arguments, name, getattr(arguments, name).resolve())
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        pictures = make_pictures(arguments.photographs, folder / "jpeg")
        found = {}
        for _ in range(arguments.rounds):
            for server in servers(arguments, train_once(arguments.headstart, folder)):
                with server.running() as (port, pid):
                    load(arguments.load, port, 4, 2, pictures)
                    for connections in CONNECTIONS:
                        result = load(arguments.load, port, connections, arguments.seconds, pictures)
                        assert not result["failed"], (server.name, result)
                        result["memory"] = memory(pid)
                        found.setdefault((server.name, connections), []).append(result)
                        print(server.name, connections, result, file=sys.stderr)
        size = sum(path.stat().st_size for path in pictures) / len(pictures) / 1000
    print(f"{datetime.date.today()}, {os.cpu_count()} cores; {len(pictures)} JPEGs of about 500x375, {size:.0f} KB each\n")
    print("| | connections | requests/s | p50 ms | p99 ms | MiB |\n|---|---|---|---|---|---|")
    for (name, connections), results in found.items():
        of = lambda key, digits: cell([result[key] for result in results], digits)  # noqa: E731
        print(f"| {name} | {connections} | {of('per_second', 0)} | {of('p50_ms', 1)} | {of('p99_ms', 1)} | {of('memory', 0)} |")


def train_once(headstart, folder):
    model = folder / "model.safetensors"
    return model if model.exists() else train(headstart, folder)


if __name__ == "__main__":
    main()
