"""Measures how fast headstart and its peers compute features from files: see run.sh.

Each measurement is a separate process. Rounds are interleaved, and every other one is in reverse
order. The memory of a process and its children is measured in an additional round, which is not
timed.
"""

import argparse
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import textwrap
import time

import numpy as np
from PIL import Image, features

import picture_sets
from memory import Watch

HERE = pathlib.Path(__file__).resolve().parent
PEERS = HERE.parent / "peers"
sys.path.append(str(PEERS))

import machine
import report
from cases import MOBILENETV2
from runners import Refused, output_of

THREADS = 2
PACKAGES = {
    "OpenVINO": "openvino", "Pillow": "pillow", "timm": "timm", "PyTorch": "torch",
    "torchvision": "torchvision", "Keras": "keras", "TensorFlow": "tensorflow-cpu",
}
EXPLANATION = [
    "`benchmarks/reading/run.sh`: from JPEG files, which the system has in memory, to the features "
    f"of {MOBILENETV2.title}, f32, {THREADS} cores; the median over {{rounds}} round{{s}}, the "
    "least and the most. {versions}.",
    "headstart's time is that of the whole process, which writes the features to a file; a peer's "
    "is from its first file to its last feature, without the start of processes, compiling and "
    "the first pictures. Speeds against the peers are taken within each round. Memory is the most "
    "that a process and its children held at once, in a run that was not timed.",
]


def headstart(folder, args, scratch):
    """Seconds of the whole process."""
    output = scratch / "features.npy"
    command = [
        args.headstart, "features", folder, "--no-cache", "--json", "--output", output,
        "--base", MOBILENETV2.base, "--input-size", MOBILENETV2.side, "--threads", THREADS,
    ]
    start = time.perf_counter()
    output_of([str(part) for part in command], THREADS)
    seconds = time.perf_counter() - start
    wanted = len(picture_sets.files(folder))
    found = len(np.load(output, mmap_mode="r"))
    if found != wanted:
        raise Refused(f"{found} features of {wanted} pictures")
    return seconds


def reader(function):
    """Runs the function with this name in readers.py; returns its seconds."""

    def run(folder, args, scratch):
        work = {
            "folder": str(folder / picture_sets.FOLDER), "model": str(scratch / MOBILENETV2.file),
            "threads": THREADS,
        }
        script = str(HERE / "readers.py")
        command = [sys.executable, "-W", "ignore", script, function, json.dumps(work)]
        return float(output_of(command, THREADS).split()[-1])

    return run


DRAFT = {
    "OpenVINO, Pillow's draft mode, decoded in threads": reader("openvino_threads"),
    "OpenVINO, Pillow's draft mode, decoded in processes": reader("openvino_processes"),
    "OpenVINO, Pillow's draft mode, a process a core": reader("openvino_each"),
}
LARGE_ROWS = {"headstart": headstart} | DRAFT
ROWS = LARGE_ROWS | {
    "OpenVINO, Pillow, decoded in processes": reader("openvino_full"),
    "PyTorch, timm, torchvision's decoder": reader("pytorch"),
    "Keras": reader("keras"),
}


def arguments():
    parser = argparse.ArgumentParser(
        prog="run.sh", description="Compares headstart with its peers on pictures in files.",
        epilog="A quick or partial run only prints; any other also writes to benchmarks/results.",
    )
    parser.add_argument("--headstart", required=True, help=argparse.SUPPRESS)
    parser.add_argument(
        "pictures", type=pathlib.Path, help="what picture_sets.py made, or is to make there"
    )
    parser.add_argument(
        "--from", dest="photographs", type=pathlib.Path, metavar="PHOTOGRAPHS",
        help="make the pictures first, of the photographs in that folder",
    )
    parser.add_argument("--count", type=int, default=2000, help="small ones [default: 2000]")
    parser.add_argument(
        "--large", type=int, default=48, help="of 12 MP; a third of 48 MP [default: 48]"
    )
    parser.add_argument("--rounds", type=int, default=5, help="[default: 5]")
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument(
        "--only", type=str.lower, default="", metavar="NAME", help="only rows whose name starts so"
    )
    args = parser.parse_args()
    if args.quick:
        args.rounds = 1
    if args.photographs and args.pictures.exists():
        parser.error(f"{args.pictures} is there: leave --from out, or name another folder")
    if not args.photographs and not args.pictures.is_dir():
        parser.error(f"no folder {args.pictures}: --from PHOTOGRAPHS makes it")
    return args


def measure(each, row, args, scratch):
    """Seconds, or None if the row refused; the reason is printed to standard error."""
    try:
        seconds = ROWS[row](args.pictures / each.name, args, scratch)
    except Refused as refusal:
        print(f"{row}, {each.title}: {refusal}", file=sys.stderr)
        return None
    print(f"{row}, {each.title}: {seconds:.2f} s", file=sys.stderr, flush=True)
    return seconds


def read_all(folder):
    """Loads the files into the system's cache; returns their number and the bits per pixel."""
    files = picture_sets.files(folder)
    size, pixels = 0, 0
    for path in files:
        size += len(pathlib.Path(path).read_bytes())
        with Image.open(path) as picture:
            pixels += picture.width * picture.height
    return len(files), 8 * size / pixels


def compare(args, scratch):
    """{(set, row): (seconds by round, peak bytes)} and {set: the result of `read_all`}."""
    cells = [
        (each, row) for each in picture_sets.SETS
        for row in (ROWS if each is picture_sets.SMALL else LARGE_ROWS)
        if row.lower().startswith(args.only)
    ]
    found = {each: read_all(args.pictures / each.name) for each in picture_sets.SETS}
    times, peaks = {cell: [] for cell in cells}, {}
    for index in range(args.rounds):
        print(f"round {index + 1} of {args.rounds}", file=sys.stderr)
        for cell in cells if index % 2 == 0 else reversed(cells):
            times[cell].append(measure(*cell, args, scratch))
    print("memory", file=sys.stderr)
    for cell in cells:
        with Watch() as watch:
            measure(*cell, args, scratch)
        peaks[cell] = watch.peak
    return {cell: (times[cell], peaks[cell]) for cell in cells}, found


def spread(values, digits):
    """The median, and the range from lowest to highest, or a dash."""
    if not values:
        return "-"
    values = statistics.median(values), min(values), max(values)
    middle, least, most = (f"{each:,.{digits}f}" for each in values)
    return f"{middle} ({least} to {most})"


def table(each, measured, count):
    yield "| | pictures/s | headstart's speed against it | MiB |"
    yield "|---|---|---|---|"
    ours, _ = measured.get((each, "headstart"), ([], 0))
    for row in ROWS:
        if (each, row) in measured:
            times, peak = measured[each, row]
            speeds = [count / seconds for seconds in times if seconds]
            ratios = [their / our for our, their in zip(ours, times) if our and their]
            against = "" if row == "headstart" else spread(ratios, 2)
            digits = 0 if each is picture_sets.SMALL else 1
            yield report.row(row, [spread(speeds, digits), against, f"{peak / 2**20:,.0f}"])


def text_of(args, title, measured, found):
    """All tables."""
    versions = report.installed(PACKAGES) | {"libjpeg-turbo": features.version("libjpeg_turbo")}
    words = {
        "rounds": args.rounds, "s": "s" * (args.rounds > 1),
        "versions": ", ".join(f"{name} {version}" for name, version in versions.items()),
    }
    parts = [f"# Reading, {title}\n"]
    for paragraph in EXPLANATION:
        parts.append(textwrap.fill(paragraph.format(**words), 100, break_on_hyphens=False) + "\n")
    for each, (count, bits) in found.items():
        body = list(table(each, measured, count))
        parts.append(f"## {count:,} pictures of {each.title}, {bits:.1f} bits a pixel\n")
        parts.append("\n".join(body) + "\n")
    return "\n".join(parts)


def main():
    args = arguments()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    if args.photographs:
        picture_sets.make(args.photographs, args.pictures, args.count, args.large)
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-W", "ignore", PEERS / "networks.py", "mobilenetv2", folder]
        subprocess.run(command, check=True)
        measured, found = compare(args, pathlib.Path(folder))
    today = datetime.date.today().isoformat()
    text = text_of(args, f"{today}, {machine.title()}", measured, found)
    print(text, end="")
    if not args.quick and not args.only:
        path = HERE.parent / "results" / f"{today}-{machine.slug()}-reading.md"
        path.write_text(text)
        print(f"written to {os.path.relpath(path)}", file=sys.stderr)


if __name__ == "__main__":
    main()
