"""Measures a step of fine-tuning in headstart and its peers in turn and prints a table: see run.sh.

Each measurement is a separate process, and a line of JSON on standard error. Rounds are interleaved, and every other
one is in reverse order. With --tutorial, Keras's whole tutorial is run at the end, and its output is printed. With
--suite bases, all layers of every base are trained.
"""

import argparse
import dataclasses
import json
import pathlib
import statistics
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.append(str(HERE.parent / "peers"))

import machine
from cases import BASES, MOBILENETV2, Network
from runners import Refused, output_of

THREADS = 2


@dataclasses.dataclass(frozen=True)
class Step:
    """A step of fine-tuning: a column of the table, or a row in the suite of all bases."""

    title: str
    network: Network
    first: int  # the first layer that is trained
    batch: int


SUITES = {
    "mobilenetv2": [
        Step("from layer 100", MOBILENETV2, 100, 32), Step("all layers", MOBILENETV2, 0, 32),
    ],
    "bases": [Step(network.title, network, 0, 8) for network in BASES],
}


def headstart(step, args):
    if args.headstart is None:
        raise Refused("not asked for")
    return [
        args.headstart, "bench", "--json", "--train", step.first, "--base", step.network.base,
        "--input-size", step.network.side, "--batch", step.batch, "--threads", THREADS,
        "--seconds", args.seconds,
    ]


def python(script, *flags):
    def command(step, args):
        return [
            sys.executable, "-W", "ignore", HERE / script, step.first, *flags,
            "--base", step.network.base, "--side", step.network.side, "--batch", step.batch,
            "--threads", THREADS, "--seconds", args.seconds,
        ]

    return command


ROWS = {
    "headstart": headstart,
    "Keras": python("steps.py"),
    "PyTorch": python("steps_torch.py"),
    "PyTorch, compiled": python("steps_torch.py", "--compile"),
}


def measure(row, step, args):
    """Milliseconds per picture, or None if the row refused; the reason goes to standard error."""
    try:
        command = [str(part) for part in ROWS[row](step, args)]
        found = json.loads(output_of(command, THREADS).splitlines()[-1])
    except Refused as refusal:
        print(f"{row}, {step.title}: {refusal}", file=sys.stderr)
        return None
    found = {name: found[name] for name in ("ms_per_image", "processors") if name in found}
    print(json.dumps({"row": row, "step": step.title, **found}), file=sys.stderr, flush=True)
    return found["ms_per_image"]


def cell(times):
    times = [time for time in times if time is not None]
    if not times:
        return "-"
    return f"{statistics.median(times):.2f} ({min(times):.2f} to {max(times):.2f})"


def table(steps, rows, measured):
    """Steps are columns."""
    yield f"| | {' | '.join(step.title for step in steps)} |"
    yield "|---|" + "---|" * len(steps)
    for row in rows:
        yield f"| {row} | {' | '.join(cell(measured[row, step]) for step in steps)} |"


def table_of_bases(steps, rows, measured):
    """Steps are rows; ratios are the median over the rounds."""
    peers = [row for row in rows if row != "headstart"]
    columns = [*rows, *(f"against {peer}" for peer in peers)]
    yield f"| | {' | '.join(columns)} |"
    yield "|---|" + "---|" * len(columns)
    for step in steps:
        cells = [cell(measured[row, step]) for row in rows]
        for peer in peers:
            pairs = zip(measured["headstart", step], measured[peer, step])
            ratios = [theirs / own for own, theirs in pairs if own and theirs]
            cells.append(f"{statistics.median(ratios):.2f}" if ratios else "-")
        yield f"| {step.title} | {' | '.join(cells)} |"


def main():
    parser = argparse.ArgumentParser(
        prog="run.sh", description="Compares fine-tuning with that of peers on this machine."
    )
    parser.add_argument("--headstart", help=argparse.SUPPRESS)
    parser.add_argument("--suite", choices=SUITES, default="mobilenetv2", help="[default: %(default)s]")
    parser.add_argument("--networks", metavar="TEXT", default="", help="only those with TEXT in their names")
    parser.add_argument("--rounds", type=int, default=5, help="[default: 5]")
    parser.add_argument("--seconds", type=float, default=10, help="for each [default: 10]")
    parser.add_argument("--tutorial", metavar="DIR", help="what pictures.py made; adds ten minutes")
    args = parser.parse_args()

    steps = [step for step in SUITES[args.suite] if args.networks in step.network.title]
    if not steps:
        parser.error(f"no network has {args.networks} in its name")
    bases = args.suite == "bases"
    rows = [row for row in ROWS if not (bases and row == "Keras")]
    cells = [(row, step) for step in steps for row in rows]
    measured = {each: [] for each in cells}
    for index in range(args.rounds):
        print(f"round {index + 1} of {args.rounds}", file=sys.stderr)
        for row, step in cells if index % 2 == 0 else reversed(cells):
            measured[row, step].append(measure(row, step, args))

    network = "all layers" if bases else f"{MOBILENETV2.title}"
    print(f"{machine.title()}: ms per picture of a training step, {network}, batch {steps[0].batch},")
    print(f"{THREADS} threads; the median over {args.rounds} rounds, the least and the most.\n")
    print("\n".join((table_of_bases if bases else table)(steps, rows, measured)))
    if args.tutorial:
        command = [sys.executable, str(HERE / "keras_tutorial.py"), args.tutorial]
        print("\n" + output_of(command, THREADS), end="")


if __name__ == "__main__":
    main()
