"""Starts a process for each case of each peer.

A runner takes a `Case` and a `Setting` and returns a `Measured`. It raises `Refused` with the
reason if the peer cannot run the case.
"""

import dataclasses
import json
import os
import pathlib
import subprocess
import sys

from peers import Work

HERE = pathlib.Path(__file__).resolve().parent
THREAD_VARIABLES = [
    "OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS",
    "RTEN_NUM_THREADS", "TF_NUM_INTRAOP_THREADS",
]
ENVIRONMENT = {
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "KERAS_BACKEND": "tensorflow",
}


@dataclasses.dataclass(frozen=True)
class Setting:
    """Settings of the whole run."""

    headstart: str  # the binary
    rust: str  # the binary of rust/
    models: pathlib.Path  # the folder that networks.py wrote to
    seconds: float  # of measurement in each process


@dataclasses.dataclass(frozen=True)
class Measured:
    ms: float  # per picture
    share: float | None = None  # fraction of the FMA peak


class Refused(Exception):
    """The peer does not support this case, or failed."""


def output_of(command, threads, variables={}):
    """The standard output of a command; all usual variables for the number of threads are set."""
    threads = {name: str(threads) for name in THREAD_VARIABLES}
    environment = os.environ | ENVIRONMENT | threads | variables
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        raise Refused(reason(done.stderr) or f"exit status {done.returncode}")
    return done.stdout


def reason(text):
    """The most informative line of an error message: the first one marked as an error, or the
    last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    marked = [line for line in lines if line.lower().startswith("error")]
    return (marked or lines[-1:] or [""])[0]


def headstart(isa):
    def run(case, setting):
        network = case.network
        command = [
            setting.headstart, "bench", "--json", "--base", network.base,
            "--input-size", network.side, "--isa", isa, "--batch", case.batch,
            "--threads", case.threads, "--precision", case.precision,
            "--seconds", setting.seconds,
        ]
        if network.width != 1.0:
            command += ["--width", network.width]
        report = json.loads(output_of([str(part) for part in command], case.threads))
        return Measured(report["ms_per_image"], report["share_of_peak"])

    return run


def python(function, variables={}):
    """Runs the function with this name in peers.py, with such environment variables."""

    def run(case, setting):
        work = Work(
            str(setting.models / case.network.file), case.network.side, case.batch, case.threads,
            case.precision, setting.seconds,
        )
        text = json.dumps(dataclasses.asdict(work))
        command = [sys.executable, str(HERE / "peers.py"), function, text]
        return Measured(float(output_of(command, case.threads, variables).split()[-1]))

    return run


def rust(peer):
    def run(case, setting):
        model = setting.models / case.network.file
        command = [setting.rust, peer, model, case.batch, case.threads, setting.seconds]
        return Measured(float(output_of([str(part) for part in command], case.threads)))

    return run


PEERS = {
    "headstart": headstart("auto"),
    "headstart on avx2": headstart("avx2"),
    "headstart on portable": headstart("portable"),
    "OpenVINO": python("openvino"),
    "OpenVINO on avx2": python("openvino", {"ONEDNN_MAX_CPU_ISA": "AVX2"}),
    "OpenVINO by streams": python("openvino_streams"),
    "ONNX Runtime": python("onnxruntime"),
    "TensorFlow": python("tensorflow"),
    "TensorFlow frozen": python("tensorflow_frozen"),
    "PyTorch": python("pytorch"),
    "rten": rust("rten"),
    "tract": rust("tract"),
}
