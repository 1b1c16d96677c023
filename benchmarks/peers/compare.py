"""Times MobileNetV2 1.0 at 160 x 160, without top, pooled, in headstart, OpenVINO, ONNX Runtime and
PyTorch: see run.sh.

Every case of every peer runs in a process of its own with as many threads as the case asks for.
The rounds are interleaved, so that all see the same weather on the machine; the table shows the
median over the rounds of the median within each.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

CASES = [(1, 1), (32, 1), (32, 2)]  # batch, threads
SIDE = 160


def export(path):
    """torchvision's MobileNetV2 with random weights: speed does not depend on them."""
    import torch
    import torchvision

    model = torchvision.models.mobilenet_v2()
    model.classifier = torch.nn.Identity()
    model.eval()
    torch.onnx.export(
        model, torch.zeros(1, 3, SIDE, SIDE), path, input_names=["x"], output_names=["y"],
        dynamic_axes={"x": {0: "n"}, "y": {0: "n"}}, dynamo=False,
    )


def timed(run, batch, seconds=2.0):
    for _ in range(3):
        run()
    times, start = [], time.perf_counter()
    while len(times) < 5 or time.perf_counter() - start < seconds:
        before = time.perf_counter()
        run()
        times.append(time.perf_counter() - before)
    return statistics.median(times) * 1e3 / batch


def openvino(path, batch, threads):
    import numpy as np
    import openvino as ov

    core = ov.Core()
    model = core.read_model(path)
    model.reshape([batch, 3, SIDE, SIDE])
    hints = {
        "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1, "INFERENCE_PRECISION_HINT": "f32",
        "PERFORMANCE_HINT": "LATENCY",
    }
    request = core.compile_model(model, "CPU", hints).create_infer_request()
    x = np.random.rand(batch, 3, SIDE, SIDE).astype(np.float32)
    return timed(lambda: request.infer({0: x}), batch)


def onnxruntime(path, batch, threads):
    import numpy as np
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    x = np.random.rand(batch, 3, SIDE, SIDE).astype(np.float32)
    return timed(lambda: session.run(None, {"x": x}), batch)


def pytorch(_, batch, threads):
    import torch
    import torchvision

    torch.set_num_threads(threads)
    model = torchvision.models.mobilenet_v2()
    model.classifier = torch.nn.Identity()
    model = model.eval().to(memory_format=torch.channels_last)
    x = torch.rand(batch, 3, SIDE, SIDE).to(memory_format=torch.channels_last)
    with torch.inference_mode():
        return timed(lambda: model(x), batch)


def headstart(binary, isa, batch, threads):
    command = [
        binary, "bench", "--json", "--isa", isa, "--batch", str(batch), "--threads", str(threads),
    ]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


PEERS = {"OpenVINO": openvino, "ONNX Runtime": onnxruntime, "PyTorch": pytorch}


def in_process(peer, path, batch, threads):
    command = [sys.executable, __file__, "--one", peer, path, str(batch), str(threads)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1])


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--headstart")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--one", nargs=4)
    args = parser.parse_args()
    if args.one:
        peer, path, batch, threads = args.one
        print(PEERS[peer](path, int(batch), int(threads)))
        return

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "mobilenetv2.onnx")
        export(path)
        times, shares = {}, {}
        for _ in range(args.rounds):
            for case in CASES:
                for isa in ["auto", "avx2", "portable"]:
                    name = "headstart" if isa == "auto" else f"headstart, {isa}"
                    report = headstart(args.headstart, isa, *case)
                    times.setdefault((name, case), []).append(report["ms_per_image"])
                    if isa == "auto":
                        shares.setdefault(case, []).append(report["share_of_peak"])
                for peer in PEERS:
                    times.setdefault((peer, case), []).append(in_process(peer, path, *case))

    print(f"MobileNetV2 1.0 at {SIDE} x {SIDE}, f32, ms a picture; {datetime.date.today()}, "
          f"{processor()}, {os.cpu_count()} cores, {args.rounds} rounds\n")
    print("| | " + " | ".join(f"batch {b}, {t} thread{'s' * (t > 1)}" for b, t in CASES) + " |")
    print("|---|" + "---|" * len(CASES))
    for name in dict.fromkeys(name for name, _ in times):
        cells = [f"{statistics.median(times[name, case]):.2f}" for case in CASES]
        print(f"| {name} | " + " | ".join(cells) + " |")
    cells = [f"{100 * statistics.median(shares[case]):.0f} %" for case in CASES]
    print("| headstart's share of the FMA peak | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
