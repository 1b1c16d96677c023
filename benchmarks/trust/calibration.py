#!/usr/bin/env python3
"""Measures the calibration of scores, on pictures that nothing was learned from.

    python benchmarks/trust/calibration.py HEADSTART FOLDER [--seeds 5] [--train 0.6] [--base NAME]

FOLDER has a folder of pictures per class. For each seed, a fraction of the pictures is used for training, of which a
fifth is held out; the rest is used for testing. Measures the expected calibration error (15 bins) of headstart's
scores without calibration, with it, and with scikit-learn's temperature scaling, fitted to the logits of the same
held-out pictures; and how often the sets of `predict --coverage 0.9` contain the right label, compared with MAPIE's
RAPS or APS.
Needs numpy, scikit-learn and mapie.
"""

import argparse
import json
import os
import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy as np
from mapie.classification import SplitConformalClassifier
from mapie.conformity_scores import APSConformityScore, RAPSConformityScore
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.base import BaseEstimator, ClassifierMixin

warnings.simplefilter("ignore")


def ece(p, labels, bins=15):
    confidence, right = p.max(axis=1), p.argmax(axis=1) == labels
    index = np.clip(np.ceil(confidence * bins).astype(int), 1, bins) - 1
    parts = [(index == b) for b in range(bins)]
    return sum(abs(confidence[i].sum() - right[i].sum()) for i in parts) / len(labels)


def temperature(logits, labels):
    """scikit-learn's method: minimises the negative log-likelihood over the logarithm of the inverse temperature,
    bounded."""

    def loss(log_beta):
        return -log_softmax(np.exp(log_beta) * logits, axis=1)[np.arange(len(labels)), labels].mean()

    return 1 / np.exp(minimize_scalar(loss, bounds=(-10, 10), method="bounded").x)


class Scores(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.arange(X.shape[1])
        self.is_fitted_ = True
        return self

    def predict_proba(self, X):
        return X

    def predict(self, X):
        return X.argmax(axis=1)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("headstart", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--train", type=float, default=0.6, help="share to train on")
    parser.add_argument("--base", default="mobilenetv2")
    options = parser.parse_args()
    classes = sorted(entry.name for entry in options.folder.iterdir() if entry.is_dir())
    files = [(f, k) for k, name in enumerate(classes) for f in sorted((options.folder / name).iterdir())]
    work = Path(tempfile.mkdtemp())
    cache = work / "cache"

    def run(*args, lines=False):
        done = subprocess.run(
            [options.headstart, *map(str, args), "--cache-dir", cache, "--json"],
            check=True, capture_output=True, text=True,
        )
        return [json.loads(line) for line in done.stdout.splitlines()] if lines else None

    # Fills the cache, so that predicting finds the features there.
    run("features", options.folder, "--base", options.base, "-o", work / "features.npy")

    def scores(model, pictures, *more):
        listing = work / "list.txt"
        listing.write_text("".join(f"{path}\n" for path in pictures))
        with open(listing) as names:
            done = subprocess.run(
                [options.headstart, "predict", model, "-", "--cache-dir", cache, "--json", *more],
                check=True, capture_output=True, text=True, stdin=names,
            )
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        p = np.array([[a["scores"][name] for name in classes] for a in answers], dtype=np.float64)
        sets = [[classes.index(name) for name in a["set"]] for a in answers if "set" in a]
        return p, sets

    rows = []
    for seed in range(options.seeds):
        rng = np.random.default_rng(seed)
        is_train = np.zeros(len(files), bool)
        for k in range(len(classes)):
            own = [i for i, (_, label) in enumerate(files) if label == k]
            rng.shuffle(own)
            is_train[own[: max(2, round(len(own) * options.train))]] = True
        folder = work / f"train{seed}"
        for i in np.flatnonzero(is_train):
            path, k = files[i]
            (folder / classes[k]).mkdir(parents=True, exist_ok=True)
            os.symlink(path.resolve(), folder / classes[k] / path.name)
        models = {}
        for how in ["none", "temperature"]:
            models[how] = work / f"{how}{seed}.safetensors"
            run("train", folder, "-o", models[how], "--calibrate", how, "--seed", seed, "--base", options.base)
        raw = models["none"].read_bytes()
        header = json.loads(raw[8 : 8 + int.from_bytes(raw[:8], "little")])
        held_back = json.loads(header["__metadata__"]["headstart"])["training"]["validation"]
        names = {f"{classes[k]}/{path.name}": (path, k) for path, k in files}
        held = [names["/".join(name.split("/")[-2:])] for name in held_back]
        test = [files[i] for i in np.flatnonzero(~is_train)]
        labels = np.array([k for _, k in test])
        held_labels = np.array([k for _, k in held])
        held_p, _ = scores(models["none"], [p for p, _ in held])
        plain, _ = scores(models["none"], [p for p, _ in test])
        ours, sets = scores(models["temperature"], [p for p, _ in test], "--coverage", "0.9")
        held_logits, logits = np.log(held_p + 1e-12), np.log(plain + 1e-12)
        found = temperature(held_logits, held_labels)
        theirs = softmax(logits / found, axis=1)
        mapie = SplitConformalClassifier(
            Scores().fit(held_p, held_labels), confidence_level=0.9, prefit=True, random_state=seed,
            # With few pictures, RAPS cannot split off a fifth for its penalty.
            conformity_score=RAPSConformityScore() if len(held) >= 10 * len(classes) else APSConformityScore(),
        ).conformalize(softmax(held_logits / found, axis=1), held_labels)
        _, their_sets = mapie.predict_set(theirs, conformity_score_params={"include_last_label": "randomized"})
        their_sets = their_sets[:, :, 0]
        rows.append([
            (plain.argmax(axis=1) == labels).mean(),
            ece(plain, labels), ece(ours, labels), ece(theirs, labels),
            np.mean([label in found for label, found in zip(labels, sets)]),
            np.mean([len(found) for found in sets]),
            their_sets[np.arange(len(labels)), labels].mean(),
            np.maximum(their_sets.sum(axis=1), 1).mean(),
        ])
        print(f"seed {seed}: {len(test)} tested, {len(held)} held back " + " ".join(f"{x:.4f}" for x in rows[-1]), flush=True)
    mean = np.mean(rows, axis=0)
    print("accuracy {:.3f}; ECE {:.4f} plain, {:.4f} ours, {:.4f} scikit-learn's".format(*mean[:4]))
    print("coverage of sets {:.3f} with {:.2f} labels; MAPIE's {:.3f} with {:.2f}".format(*mean[4:]))


if __name__ == "__main__":
    main()
