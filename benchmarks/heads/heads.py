"""Heads from feature files: headstart compared with scikit-learn's LogisticRegression.

    python heads.py make ROWS CLASSES FILE.npy [--dtype f2] [--width 1280]
    python heads.py parquet FILE.npy FILE.parquet
    python heads.py headstart FILE [--headstart COMMAND] [--strength C] [MORE OPTIONS OF train]
    python heads.py sklearn FILE.npy [--strength C] [--tolerance T]
    python heads.py compare FILE.npy MODEL.safetensors SKLEARN.npz --strength C

`make` draws features similar to those of a network: 64 directions shared by all rows, a centre per class, and noise,
clipped at 0 and 6. `headstart` and `sklearn` print the time of the fit and the peak resident memory of the process.
`compare` computes scikit-learn's objective (C times the sum of losses + half the squared norm of the coefficients, on
standardised features) in f64 for both, block by block.

scikit-learn's time is that of the fit alone, without reading the file; headstart's is that of the whole command.
Needs NumPy, scikit-learn, pyarrow and safetensors.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np

BLOCK = 8192


def make(arguments):
    generator = np.random.default_rng(1)
    width, classes = arguments.width, arguments.classes
    shared = generator.normal(0, 1 / 8, (64, width)).astype("f4")
    centres = generator.normal(0.4, 0.12, (classes, width)).astype("f4")
    out = np.lib.format.open_memmap(arguments.file, "w+", arguments.dtype, (arguments.rows, width))
    with open(arguments.file + ".csv", "w") as table:
        table.write("label,split\n")
        for start in range(0, arguments.rows, BLOCK):
            n = min(BLOCK, arguments.rows - start)
            labels = generator.integers(0, classes, n)
            x = generator.standard_normal((n, 64), "f4") @ shared + centres[labels]
            x += 0.3 * generator.standard_normal((n, width), "f4")
            out[start : start + n] = np.clip(x, 0, 6)
            side = ["train", "validation"] if arguments.split else ["", ""]
            held = generator.random(n) < 0.1
            table.writelines(f"c{label:04d},{side[int(h)]}\n" for label, h in zip(labels, held))
    out.flush()


def parquet(arguments):
    import pyarrow as pa
    import pyarrow.parquet as pq

    x = np.load(arguments.file, mmap_mode="r")
    labels = read_table(arguments.file)[0]
    kind = {2: pa.float16(), 4: pa.float32()}[x.dtype.itemsize]
    schema = pa.schema([("label", pa.string()), ("features", pa.list_(kind, x.shape[1]))])
    with pq.ParquetWriter(arguments.output, schema, use_dictionary=["label"]) as writer:
        for start in range(0, len(x), BLOCK):
            block = np.array(x[start : start + BLOCK])
            flat = pa.array(block.reshape(-1), kind)
            lists = pa.FixedSizeListArray.from_arrays(flat, x.shape[1])
            writer.write_table(pa.table([pa.array(labels[start : start + BLOCK]), lists], schema=schema))


def read_table(file):
    lines = open(file + ".csv").read().splitlines()[1:]
    labels, sides = zip(*(line.split(",") for line in lines))
    return list(labels), np.array([side != "validation" for side in sides])


def memory_of(command):
    """Runs a command; returns its seconds and peak resident memory in MB."""
    with tempfile.NamedTemporaryFile("r") as said:
        start = time.perf_counter()
        run = subprocess.run(["/usr/bin/time", "-f", "%M", "-o", said.name, *command], capture_output=True, text=True)
        seconds = time.perf_counter() - start
        if run.returncode:
            sys.exit(run.stderr)
        return run.stdout, seconds, int(said.read().split()[-1]) / 1000


def headstart(arguments, more):
    command = [arguments.headstart, "train", "--features", arguments.file, "-o", arguments.output, "--json"]
    if arguments.file.endswith(".npy"):
        command += ["--base", "mobilenetv2"]
    if arguments.strength:
        command += ["--strength", str(arguments.strength)]
    out, seconds, megabytes = memory_of(command + more)
    done = [json.loads(line) for line in out.splitlines()][-1]
    print(json.dumps({"whole_s": round(seconds, 2), "head_s": round(done["seconds"]["head"], 2),
                      "before_s": round(done["seconds"]["features"], 2), "peak_mb": round(megabytes),
                      "strength": done["strength"], "val_accuracy": done["val_accuracy"]}))


def standardised(file):
    x = np.load(file).astype("f4")
    labels, train = read_table(file)
    x, labels = x[train], np.array(labels)[train]
    mean, deviation = x.mean(0, dtype="f8"), x.std(0, dtype="f8")
    x -= mean.astype("f4")
    x /= deviation.astype("f4")
    return x, labels


def sklearn(arguments):
    from sklearn.linear_model import LogisticRegression

    x, labels = standardised(arguments.file)
    model = LogisticRegression(C=arguments.strength, tol=arguments.tolerance, max_iter=10_000)
    start = time.perf_counter()
    model.fit(x, labels)
    seconds = time.perf_counter() - start
    np.savez(arguments.output, coefficients=model.coef_, intercepts=model.intercept_)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
    print(json.dumps({"fit_s": round(seconds, 2), "peak_mb": round(peak), "steps": int(model.n_iter_[0])}))


def objective(blocks, coefficients, intercepts, strength):
    loss = 0.0
    for x, labels in blocks():
        z = x @ coefficients.T + intercepts
        top = z.max(1, keepdims=True)
        loss += float((np.log(np.exp(z - top).sum(1)) + top[:, 0] - z[np.arange(len(z)), labels]).sum())
    return strength * loss + 0.5 * float((coefficients**2).sum())


def compare(arguments):
    from safetensors import safe_open

    x = np.load(arguments.file, mmap_mode="r")
    names, train = read_table(arguments.file)
    classes, labels = np.unique(names, return_inverse=True)
    sums, squares, n = 0.0, 0.0, int(train.sum())
    for start in range(0, len(x), BLOCK):
        block = np.array(x[start : start + BLOCK], "f8")[train[start : start + BLOCK]]
        sums, squares = sums + block.sum(0), squares + (block**2).sum(0)
    mean = sums / n
    deviation = np.sqrt(squares / n - mean**2)

    def blocks():
        for start in range(0, len(x), BLOCK):
            own = train[start : start + BLOCK]
            block = np.array(x[start : start + BLOCK], "f8")[own]
            yield (block - mean) / deviation, labels[start : start + BLOCK][own]

    with safe_open(arguments.model, "numpy") as file:
        tensors = {name: file.get_tensor(name).astype("f8") for name in file.keys() if "head" in name or "predictions" in name}
    kernel = next(t for t in tensors.values() if t.shape == (x.shape[1], len(classes)))
    bias = next(t for t in tensors.values() if t.shape == (len(classes),))
    ours = kernel.T * deviation, bias + mean @ kernel
    theirs = np.load(arguments.other)
    theirs = theirs["coefficients"], theirs["intercepts"]
    values = [objective(blocks, *each, arguments.strength) for each in (ours, theirs)]
    print(json.dumps({"headstart": values[0], "sklearn": values[1], "relative": values[0] / values[1] - 1}))


parser = argparse.ArgumentParser()
commands = parser.add_subparsers(required=True)
one = commands.add_parser("make")
one.add_argument("rows", type=int)
one.add_argument("classes", type=int)
one.add_argument("file")
one.add_argument("--dtype", default="<f2")
one.add_argument("--width", type=int, default=1280)
one.add_argument("--split", action="store_true", help="give a tenth to the validation side")
one.set_defaults(run=lambda a, _: make(a))
one = commands.add_parser("parquet")
one.add_argument("file")
one.add_argument("output")
one.set_defaults(run=lambda a, _: parquet(a))
one = commands.add_parser("headstart")
one.add_argument("file")
one.add_argument("--headstart", default="headstart")
one.add_argument("--output", default=os.path.join(tempfile.gettempdir(), "head.safetensors"))
one.add_argument("--strength", type=float)
one.set_defaults(run=headstart)
one = commands.add_parser("sklearn")
one.add_argument("file")
one.add_argument("--output", default=os.path.join(tempfile.gettempdir(), "sklearn.npz"))
one.add_argument("--strength", type=float, default=0.01)
one.add_argument("--tolerance", type=float, default=1e-4)
one.set_defaults(run=lambda a, _: sklearn(a))
one = commands.add_parser("compare")
one.add_argument("file")
one.add_argument("model")
one.add_argument("other")
one.add_argument("--strength", type=float, required=True)
one.set_defaults(run=lambda a, _: compare(a))
arguments, more = parser.parse_known_args()
arguments.run(arguments, more)
