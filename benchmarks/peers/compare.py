"""Measures headstart and its peers in turn on the same work and writes a table: see run.sh.

A case of a peer runs in a separate process with the number of threads of the case. Rounds are
interleaved, so that the machine's load affects all peers alike, and every other round is in reverse
order, so that no peer is always first; OpenVINO is always next to headstart.
"""

import argparse
import datetime
import os
import pathlib
import subprocess
import sys
import tempfile

import machine
from cases import SUITES
from report import report
from runners import HERE, PEERS, Refused, Setting

RESULTS = HERE.parent / "results"


def arguments():
    parser = argparse.ArgumentParser(
        prog="run.sh", description="Compares headstart with its peers on this machine.",
        epilog="A quick or partial run only prints; any other also writes to benchmarks/results.",
    )
    parser.add_argument("--headstart", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rust", required=True, help=argparse.SUPPRESS)
    parser.add_argument("--rounds", type=int, default=5, help="[default: 5]")
    parser.add_argument("--seconds", type=float, default=1.5, help="for each case [default: 1.5]")
    parser.add_argument("--quick", action="store_true", help="one round, half a second each")
    parser.add_argument(
        "--only", type=names, default=list(PEERS), metavar="NAME[,NAME]",
        help="only rows whose name starts so, in upper or lower case",
    )
    parser.add_argument(
        "--suite", choices=SUITES, default="mobilenetv2", help="[default: %(default)s]",
    )
    parser.add_argument(
        "--networks", default="", metavar="TEXT", help="only networks whose title holds the text",
    )
    args = parser.parse_args()
    if args.quick:
        args.rounds, args.seconds = 1, 0.5
    return args


def names(text):
    """The rows that `--only` selects."""
    starts = tuple(start.strip().lower() for start in text.split(","))
    for start in starts:
        if not any(name.lower().startswith(start) for name in PEERS):
            raise argparse.ArgumentTypeError(f"no row starts with {start!r}: {', '.join(PEERS)}")
    return [name for name in PEERS if name.lower().startswith(starts)]


def measure(case, row, setting):
    """The measurement, or None if the peer refused; the reason is printed to standard error."""
    try:
        return PEERS[row](case, setting)
    except Refused as refusal:
        print(f"{row}, {case}: {refusal}", file=sys.stderr)
        return None


def compare(tables, wanted, rounds, setting):
    """A list of measurements by round for each (case, row)."""
    cells = [cell for table in tables for cell in table.cells() if wanted(*cell)]
    measured = {cell: [] for cell in cells}
    for index in range(rounds):
        print(f"round {index + 1} of {rounds}", file=sys.stderr)
        for cell in cells if index % 2 == 0 else reversed(cells):
            measured[cell].append(measure(*cell, setting))
    return measured


def write_models(suite, folder):
    """Runs networks.py in a separate process, so that PyTorch's memory is released."""
    command = [sys.executable, "-W", "ignore", HERE / "networks.py", suite, folder]
    subprocess.run(command, check=True)


def main():
    args = arguments()
    tables = SUITES[args.suite]

    def wanted(case, row):
        return row in args.only and args.networks.lower() in case.network.title.lower()

    with tempfile.TemporaryDirectory() as folder:
        write_models(args.suite, folder)
        setting = Setting(args.headstart, args.rust, pathlib.Path(folder), args.seconds)
        measured = compare(tables, wanted, args.rounds, setting)
    today = datetime.date.today().isoformat()
    text = report(tables, measured, f"{today}, {machine.title()}", args.rounds, args.seconds)
    print(text, end="")
    if not args.quick and args.only == list(PEERS) and not args.networks:
        suite = "" if args.suite == "mobilenetv2" else f"-{args.suite}"
        path = RESULTS / f"{today}-{machine.slug()}{suite}.md"
        path.write_text(text)
        print(f"written to {os.path.relpath(path)}", file=sys.stderr)


if __name__ == "__main__":
    main()
