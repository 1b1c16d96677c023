"""Features of a folder of pictures: the command, and Ray Data and PySpark with headstart and torchvision, in turns.

    python compare.py FOLDER [--count 3000] [--rounds 3] [--few 600]

Prints a table for benchmarks/results. For each case: pictures per second over the job (from when the engine has
started until Parquet is written), over the whole process including its start, and marginal, from the difference
between jobs of all pictures and of a few; and the peak memory of all its processes together (Pss), from a separate run
that is not timed.
"""

import argparse
import datetime
import json
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

here = pathlib.Path(__file__).resolve().parent
sys.path += [str(here.parent / "peers"), str(here.parent / "reading")]

import machine  # noqa: E402
from memory import Watch  # noqa: E402

# The cases: a name, then the engine, the workers and how pictures are passed, or the threads of the command.
CASES = {
    "`headstart features`, 2 threads": (None, 2, None),
    "`headstart features`, 1 thread": (None, 1, None),
    "Ray Data, 2 workers, bytes": ("ray", 2, "bytes"),
    "Ray Data, 2 workers, paths": ("ray", 2, "paths"),
    "Ray Data, 1 worker, paths": ("ray", 1, "paths"),
    "Ray Data with torchvision, 2 workers, paths": ("ray-torchvision", 2, "paths"),
    "PySpark `local[2]`, bytes": ("spark", 2, "bytes"),
    "PySpark `local[2]`, paths": ("spark", 2, "paths"),
    "PySpark `local[1]`, paths": ("spark", 1, "paths"),
}


def run(case, folder, count):
    """Seconds of the job and of the whole process."""
    engine, workers, of = CASES[case]
    with tempfile.TemporaryDirectory() as work:
        out = pathlib.Path(work, "out")
        if engine is None:
            some = pathlib.Path(work, "pictures")
            some.mkdir()
            for file in files(folder)[:count]:
                (some / file.name).symlink_to(file)
            command = ["headstart", "features", str(some), "--output", f"{out}.parquet", "--no-cache"]
            command += ["--threads", str(workers)]
        else:
            command = [sys.executable, str(here / "jobs.py"), engine, str(workers), str(folder), str(out), str(count), of]
        start = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True)
        whole = time.perf_counter() - start
        if done.returncode:
            sys.exit(f"{case}: {done.stderr[-3000:]}")
        if engine is None:
            return whole, whole
        said = json.loads(done.stdout.splitlines()[-1])
        assert said["rows"] == said["features"] == count, said
        return said["seconds"], whole


def files(folder):
    return sorted(path.resolve() for path in folder.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--count", type=int, default=3000)
    parser.add_argument("--few", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", help="cases whose names contain this")
    arguments = parser.parse_args()
    if not shutil.which("headstart"):
        sys.exit("headstart is not on the path: it comes with the Python package")
    cases = [case for case in CASES if not arguments.only or arguments.only in case]
    count = min(arguments.count, len(files(arguments.folder)))
    all_jobs, few_jobs, wholes = ({case: [] for case in cases} for _ in range(3))
    for turn in range(arguments.rounds):
        for case in cases:
            job, whole = run(case, arguments.folder, count)
            few, _ = run(case, arguments.folder, min(arguments.few, count // 2))
            all_jobs[case].append(job)
            few_jobs[case].append(few)
            wholes[case].append(whole)
            print(f"round {turn + 1}: {case}: {job:.2f} s, few {few:.2f} s, whole {whole:.2f} s", file=sys.stderr, flush=True)
    peaks = {}
    for case in cases:
        with Watch() as watch:
            run(case, arguments.folder, count)
        peaks[case] = watch.peak / 2**20
    print(f"{datetime.date.today()}, {machine.title()}; {count} JPEGs, medians of {arguments.rounds} interleaved rounds\n")
    print("| | pictures/s, job | whole process | further ones | memory, MiB |")
    print("|---|---:|---:|---:|---:|")
    for case in cases:
        job, few, whole = (statistics.median(each[case]) for each in (all_jobs, few_jobs, wholes))
        further = (count - min(arguments.few, count // 2)) / max(job - few, 1e-9)
        print(f"| {case} | {count / job:.0f} | {count / whole:.0f} | {further:.0f} | {peaks[case]:.0f} |")


main()
