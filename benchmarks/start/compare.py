"""Time from the start of `headstart predict` to its answer, for several builds in turn.

usage: compare.py MODEL PICTURE BINARY... [--rounds 30] [--option=OPTION]

Prints medians for each binary: the time to the answer and to the end of the process, processor time, page faults, and
the largest memory. Run it with a priority that no other process has (`chrt -f 50`, `nice -n -15`).
"""

import argparse
import os
import statistics
import time


def run(command):
    """Runs a command. Returns the ms to its first output, to its end and of processors, page faults, and MiB."""
    answer, output = os.pipe()
    start = time.perf_counter()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=[(os.POSIX_SPAWN_DUP2, output, 1)])
    os.close(output)
    if not os.read(answer, 4096):
        raise SystemExit(f"{' '.join(command)} answered nothing")
    first = time.perf_counter() - start
    _, status, usage = os.wait4(pid, 0)
    end = time.perf_counter() - start
    os.close(answer)
    if status != 0:
        raise SystemExit(f"{' '.join(command)} failed")
    processor = usage.ru_utime + usage.ru_stime
    return first * 1e3, end * 1e3, processor * 1e3, usage.ru_minflt, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("model")
    parser.add_argument("picture")
    parser.add_argument("binaries", nargs="+")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--option", action="append", default=[], help="an option of the command")
    args = parser.parse_args()
    runs = {binary: [] for binary in args.binaries}
    for index in range(args.rounds + 1):
        for binary, own in runs.items():
            measured = run([binary, "predict", args.model, args.picture, *args.option])
            if index > 0:  # The first round reads files into memory.
                own.append(measured)
    for binary, own in runs.items():
        first, end, processor, faults, memory = (statistics.median(values) for values in zip(*own))
        fastest = min(values[0] for values in own)
        print(
            f"{binary}: answer {first:.1f} ms (fastest {fastest:.1f}), end {end:.1f} ms, processor "
            f"{processor:.1f} ms, {faults:.0f} page faults, {memory:.1f} MiB"
        )


main()
