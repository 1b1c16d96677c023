"""The accuracy of trained heads with features in reduced precision, beside f32.

usage: heads.py HEADSTART PICTURES... [--bases mobilenetv2,efficientnet-lite0] [--precisions f32,int8] [--seeds 5]

Each of PICTURES is a folder with one folder per class (benchmarks/effort/sets.py makes some). Every picture is
predicted once for each seed, by a head trained on the other four fifths. The seeds, and with them the folds, are the
same in each precision, so the differences are paired.
"""
import argparse
import json
import os
import statistics
import subprocess
import tempfile


def accuracy(headstart: str, folder: str, base: str, precision: str, seed: int, where: str) -> float:
    """Of all pictures in five folds, in per cent."""
    model, cache = os.path.join(where, "model.safetensors"), os.path.join(where, "cache")
    command = [headstart, "train", folder, "--base", base, "--precision", precision, "--seed", str(seed), "--folds", "5"]
    command += ["--calibrate", "none", "--no-unknown", "--cache-dir", cache, "--json", "--output", model]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    events = [json.loads(line) for line in said.splitlines()]
    classes = next(event for event in events if event["event"] == "done")["per_class"].values()
    right = sum(each["recall"] * each["support"] for each in classes)
    return 100 * right / sum(each["support"] for each in classes)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("headstart")
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--bases", default="mobilenetv2,efficientnet-lite0")
    parser.add_argument("--precisions", default="f32,int8")
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    precisions = args.precisions.split(",")
    print("| base | pictures | " + " | ".join(precisions) + " | difference |")
    print("|---|---|" + "---:|" * (len(precisions) + 1))
    for base in args.bases.split(","):
        for folder in args.pictures:
            with tempfile.TemporaryDirectory() as where:
                found = {
                    precision: [accuracy(args.headstart, folder, base, precision, seed, where) for seed in range(args.seeds)]
                    for precision in precisions
                }
            means = [f"{statistics.mean(values):.2f}" for values in found.values()]
            gaps = [last - first for first, last in zip(found[precisions[0]], found[precisions[-1]])]
            error = statistics.stdev(gaps) / len(gaps) ** 0.5 if len(gaps) > 1 else 0.0
            name = os.path.basename(os.path.normpath(folder))
            print(f"| {base} | {name} | {' | '.join(means)} | {statistics.mean(gaps):+.2f} +- {error:.2f} |", flush=True)


main()
