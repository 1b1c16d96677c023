"""Accuracy of the default head with 1, 2, 5 and 10 pictures per class, compared with scikit-learn's heads on the same
features: logistic regression with the best C, nearest class mean, and ridge with the best alpha, each on unchanged,
standardised and unit-length features. The best choice is made by the mean over the draws on the test pictures
themselves, so the peers do slightly better than anyone could achieve with them.

usage: few.py HEADSTART PICTURES... [--label-from REGEX] [--base BASE] [--draws 20] [--per-class 1,2,5,10]

PICTURES is a folder, one per data set. Classes with fewer than 15 distinct pictures are left out.
"""
import argparse
import csv
import json
import os
import re
import subprocess
import tempfile
import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.neighbors import NearestCentroid
from sklearn.preprocessing import StandardScaler, normalize

LEAST, MOST_TESTED = 15, 1000


def features(headstart, folder, base, where):
    """Paths and features of every picture."""
    file = os.path.join(where, "features.npy")
    command = [headstart, "features", folder, "--output", file] + (["--base", base] if base else [])
    subprocess.run(command, check=True, capture_output=True)
    with open(file + ".csv", newline="") as table:
        rows = list(csv.DictReader(table))
    return [os.path.join(folder, row["path"]) if not os.path.isabs(row["path"]) else row["path"] for row in rows], np.load(file)


def heads(train, y, test, truth):
    """The accuracy of each peer with each choice of parameters."""
    found = {}
    scaled = StandardScaler().fit(train)
    for name, a, b in [
        ("plain", train, test),
        ("standardised", scaled.transform(train), scaled.transform(test)),
        ("length 1", normalize(train), normalize(test)),
    ]:
        models = {f"logistic {name} C={c:g}": LogisticRegression(C=c, max_iter=300, tol=1e-3) for c in 10.0 ** np.arange(-4, 4)}
        models |= {f"ridge {name} alpha={alpha:g}": RidgeClassifier(alpha=alpha) for alpha in 10.0 ** np.arange(-3, 6)}
        models[f"centroid {name}"] = NearestCentroid()
        for choice, model in models.items():
            found[choice] = np.mean(model.fit(a, y).predict(b) == truth)
    return found


def headstart_accuracy(headstart, paths, labels, train, test, where):
    manifest, model = os.path.join(where, "list.csv"), os.path.join(where, "m.safetensors")
    with open(manifest, "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(["path", "label", "split"])
        out.writerows([paths[i], labels[i], "train"] for i in train)
        out.writerows([paths[i], labels[i], "validation"] for i in test)
    command = [headstart, "train", manifest, "--output", model, "--json", "--no-unknown", "--calibrate", "none"]
    command += ["--duplicates", "exact"] + BASE
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [json.loads(line) for line in said.splitlines()]
    done = [line for line in lines if line.get("event") == "done"][0]
    return done["val_accuracy"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("headstart")
    parser.add_argument("pictures", nargs="+")
    parser.add_argument("--label-from", default=r"([^/]+)/[^/]+$")
    parser.add_argument("--base")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--per-class", default="1,2,5,10")
    parser.add_argument("--save", help="a folder to keep features and labels in")
    args = parser.parse_args()
    global BASE
    BASE = ["--base", args.base] if args.base else []
    for folder in args.pictures:
        folder = os.path.abspath(folder)
        with tempfile.TemporaryDirectory() as where:
            paths, x = features(args.headstart, folder, args.base, where)
            labels = [re.search(args.label_from, os.path.relpath(path, folder))[1] for path in paths]
            _, first = np.unique(x.round(3), axis=0, return_index=True)
            kept = [i for i in sorted(first)]
            names, counts = np.unique([labels[i] for i in kept], return_counts=True)
            enough = set(names[counts >= LEAST])
            kept = [i for i in kept if labels[i] in enough]
            paths, labels, x = [paths[i] for i in kept], np.array([labels[i] for i in kept]), x[kept]
            if args.save:
                os.makedirs(args.save, exist_ok=True)
                np.savez(os.path.join(args.save, os.path.basename(folder) + ".npz"), x=x, y=labels)
            print(f"\n{os.path.basename(folder)}: {len(paths)} pictures, {len(enough)} classes")
            for per_class in map(int, args.per_class.split(",")):
                found = {}
                for draw in range(args.draws):
                    rng = np.random.default_rng(draw)
                    order = rng.permutation(len(paths))
                    train = [i for name in sorted(enough) for i in [j for j in order if labels[j] == name][:per_class]]
                    test = [i for i in order if i not in set(train)][:MOST_TESTED]
                    own = headstart_accuracy(args.headstart, paths, labels, train, test, where)
                    found.setdefault("headstart", []).append(own)
                    for kind, value in heads(x[train], labels[train], x[test], labels[test]).items():
                        found.setdefault(kind, []).append(value)
                means = {kind: np.mean(values) for kind, values in found.items()}
                of_kind = [[k for k in means if k.startswith(kind)] for kind in ("logistic", "ridge", "centroid")]
                peers = [max(kinds, key=means.get) for kinds in of_kind]
                best = max(peers, key=means.get)
                gaps = np.array(found["headstart"]) - np.array(found[best])
                line = "  ".join(f"{kind} {means[kind]:.3f}" for kind in ["headstart", *peers])
                error = gaps.std(ddof=1) / len(gaps) ** 0.5
                print(f"{per_class:3} a class: {line}  | {gaps.mean():+.3f} +- {error:.3f} to {best}", flush=True)


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    main()
