"""Measures a step of fine-tuning in headstart and its peers in turn and prints a table: see run.sh.

Each measurement is a process of its own and a line of JSON on standard error. The rounds are
interleaved, and every other one goes backwards. With --tutorial the whole of Keras's tutorial is
run at the end, and its lines are printed.
"""

import argparse
import json
import pathlib
import statistics
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "peers"))

import machine
from runners import Refused, output_of

THREADS = 2
COLUMNS = {"from layer 100": 100, "all layers": 0}  # the first layer that is trained


def headstart(first, args):
    if args.headstart is None:
        raise Refused("not asked for")
    return [
        args.headstart, "bench", "--json", "--train", first, "--base", "mobilenetv2",
        "--input-size", 160, "--batch", 32, "--threads", THREADS, "--seconds", args.seconds,
    ]


def python(script, *flags):
    def command(first, args):
        return [
            sys.executable, "-W", "ignore", HERE / script, first, *flags,
            "--threads", THREADS, "--seconds", args.seconds,
        ]

    return command


ROWS = {
    "headstart": headstart,
    "Keras": python("steps.py"),
    "PyTorch": python("steps_torch.py"),
    "PyTorch, compiled": python("steps_torch.py", "--compile"),
}


def measure(row, first, args):
    """Milliseconds a picture, or None if the row refused; why is said on standard error."""
    try:
        command = [str(part) for part in ROWS[row](first, args)]
        found = json.loads(output_of(command, THREADS).splitlines()[-1])
    except Refused as refusal:
        print(f"{row}, first layer {first}: {refusal}", file=sys.stderr)
        return None
    print(json.dumps({"row": row, "first": first, **found}), file=sys.stderr, flush=True)
    return found["ms_per_image"]


def cell(times):
    times = [time for time in times if time is not None]
    if not times:
        return "-"
    return f"{statistics.median(times):.2f} ({min(times):.2f} to {max(times):.2f})"


def main():
    parser = argparse.ArgumentParser(
        prog="run.sh", description="Compares fine-tuning with that of peers on this machine."
    )
    parser.add_argument("--headstart", help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5, help="[default: 5]")
    parser.add_argument("--seconds", type=float, default=10, help="for each [default: 10]")
    parser.add_argument("--tutorial", metavar="DIR", help="what pictures.py made; adds ten minutes")
    args = parser.parse_args()

    cells = [(row, first) for first in COLUMNS.values() for row in ROWS]
    measured = {each: [] for each in cells}
    for index in range(args.rounds):
        print(f"round {index + 1} of {args.rounds}", file=sys.stderr)
        for row, first in cells if index % 2 == 0 else reversed(cells):
            measured[row, first].append(measure(row, first, args))

    print(f"{machine.title()}: ms a picture of a step of MobileNetV2 1.0 at 160, batch 32,")
    print(f"{THREADS} threads; the median over {args.rounds} rounds, the least and the most.\n")
    print(f"| | {' | '.join(COLUMNS)} |")
    print("|---|" + "---|" * len(COLUMNS))
    for row in ROWS:
        found = [cell(measured[row, first]) for first in COLUMNS.values()]
        print(f"| {row} | {' | '.join(found)} |")
    if args.tutorial:
        command = [sys.executable, str(HERE / "keras_tutorial.py"), args.tutorial]
        print("\n" + output_of(command, THREADS), end="")


if __name__ == "__main__":
    main()
