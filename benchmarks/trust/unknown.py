#!/usr/bin/env python3
"""Measures how well pictures of none of the classes are detected, and how many known ones are rejected.

    python benchmarks/trust/unknown.py HEADSTART FOLDER [--far DIR ...] [--seeds 5] [--train 0.75] [--base NAME]

FOLDER has a folder of pictures per class. For each seed and each class, a model is trained on a fraction of the
pictures of all other classes (a fifth of them held out). It is tested on the rest of these and on the pictures of the
class left out: the AUROC of headstart's score, compared with MSP and energy from the same head's logits, and with
pytorch-ood's KNN (5), Mahalanobis and ViM, and a Mahalanobis with a shrunk covariance, fitted to the same features.
For each seed, a model of all classes is tested on pictures that it was not trained on (the fraction rejected, when 5 %
is requested) and on those below each DIR (AUROC, compared with the same peers). Needs numpy, scikit-learn, torch,
pytorch-ood and safetensors. Copies are left out.
"""

import argparse
import csv
import json
import os
import subprocess
import tempfile
import warnings
from pathlib import Path

import numpy as np
import torch
from pytorch_ood.detector import KNN, Mahalanobis, ViM
from safetensors.numpy import load_file
from scipy.special import logsumexp, softmax
from sklearn.metrics import roc_auc_score

warnings.simplefilter("ignore")
torch.set_num_threads(1)


def shrunk_mahalanobis(features, labels, asked, shrinkage=0.3):
    means = np.stack([features[labels == k].mean(axis=0) for k in np.unique(labels)])
    residuals = features - means[labels]
    values, vectors = np.linalg.eigh(residuals.T @ residuals / len(features))
    by = vectors / np.sqrt(values + shrinkage * values.mean())
    distances = [(((asked - mean) @ by) ** 2).sum(axis=1) for mean in means]
    return np.min(distances, axis=0)


def peers(model, features, labels, asked):
    """Scores of the tested pictures; higher means more likely unknown."""
    weights = load_file(model)
    kernel, bias = weights["head/kernel"], weights["head/bias"]
    if kernel.shape[1] == 1:
        kernel, bias = np.hstack([0 * kernel, kernel]), np.r_[0.0, bias].astype(np.float32)
    logits = asked.astype(np.float64) @ kernel + bias
    seen, classes, new = torch.tensor(features), torch.tensor(labels), torch.tensor(asked)
    vim = ViM(lambda x: x, min(512, len(features) // 2), torch.tensor(kernel.T), torch.tensor(bias))
    distance = Mahalanobis(lambda x: x).fit_features(seen, classes)
    return {
        "MSP": -softmax(logits, axis=1).max(axis=1),
        "energy": -logsumexp(logits, axis=1),
        "KNN": KNN(lambda x: x, k=5).fit_features(seen, classes).predict_features(new).numpy(),
        "Mahalanobis": distance.predict_features(new).numpy(),
        "shrunk Mahalanobis": shrunk_mahalanobis(features.astype(np.float64), labels, asked),
        "ViM": vim.fit_features(seen, classes).predict_features(new).numpy(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("headstart", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--far", type=Path, nargs="*", default=[])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--train", type=float, default=0.75, help="share to train on")
    parser.add_argument("--base", default="mobilenetv2")
    parser.add_argument("--cache", type=Path, help="folder of the feature cache, to be kept")
    options = parser.parse_args()
    names = sorted(entry.name for entry in options.folder.iterdir() if entry.is_dir())
    files = [(f, k) for k, name in enumerate(names) for f in sorted((options.folder / name).iterdir())]
    labels = np.array([k for _, k in files])
    work = Path(tempfile.mkdtemp())
    cache = options.cache or work / "cache"

    def run(*args):
        done = subprocess.run(
            [options.headstart, *map(str, args), "--cache-dir", cache, "--json"],
            check=True, capture_output=True, text=True,
        )
        return json.loads(done.stdout.splitlines()[-1])

    run("features", options.folder, "--base", options.base, "-o", work / "f.npy")
    with open(work / "f.npy.csv") as rows:
        paths = ["/".join(row["path"].split("/")[-2:]) for row in csv.DictReader(rows)]
    place = {path: row for row, path in enumerate(paths)}
    features = np.load(work / "f.npy")
    features = features[[place[f"{path.parent.name}/{path.name}"] for path, _ in files]]
    # Keep only the first of several copies: a picture whose copy was trained on is not unseen.
    first = np.sort(np.unique(features, axis=0, return_index=True)[1])
    files, labels, features = [files[i] for i in first], labels[first], features[first]

    far_features = {}
    for other in options.far:
        run("features", other, "--base", options.base, "-o", work / "far.npy")
        far_features[other.name] = np.load(work / "far.npy")

    def folder(name, pictures):
        for i in pictures:
            path, k = files[i]
            (work / name / names[k]).mkdir(parents=True, exist_ok=True)
            os.symlink(path.resolve(), work / name / names[k] / path.name)
        return work / name

    model = work / "model.safetensors"
    aurocs, away, far = {}, [], {}
    for seed in range(options.seeds):
        rng = np.random.default_rng(seed)
        is_train = np.zeros(len(files), bool)
        for k in range(len(names)):
            own = rng.permutation(np.flatnonzero(labels == k))
            is_train[own[: round(len(own) * options.train)]] = True
        for out in [None, *range(len(names))]:
            tag = f"{seed}-{out}"
            train = np.flatnonzero(is_train & (labels != out))
            test = np.flatnonzero(~is_train & (labels != out))
            run("train", folder(f"train{tag}", train), "-o", model, "--seed", seed, "--base", options.base)
            known = folder(f"test{tag}", test)
            if out is None:
                found = run("evaluate", model, known)
                away.append(found["turned_away"] / found["pictures"])
                for other in options.far:
                    found = run("evaluate", model, known, "--unknown-dir", other)
                    own = far.setdefault(other.name, {})
                    own.setdefault("headstart", []).append(found["unknown_auroc"])
                    asked = np.r_[features[test], far_features[other.name]]
                    truth = np.arange(len(asked)) >= len(test)
                    for name, score in peers(model, features[train], labels[train], asked).items():
                        own.setdefault(name, []).append(roc_auc_score(truth, score))
                continue
            left_out = np.flatnonzero(labels == out)
            found = run("evaluate", model, known, "--unknown-dir", folder(f"out{tag}", left_out))
            aurocs.setdefault("headstart", []).append(found["unknown_auroc"])
            numbers = np.unique(labels[train], return_inverse=True)[1]
            scores = peers(model, features[train], numbers, features[np.r_[test, left_out]])
            truth = np.r_[np.zeros(len(test)), np.ones(len(left_out))]
            for name, score in scores.items():
                aurocs.setdefault(name, []).append(roc_auc_score(truth, score))
        mean = " ".join(f"{name} {np.mean(found):.4f}" for name, found in aurocs.items())
        print(f"seed {seed}: {mean}; turned away {away[-1]:.4f}", *(f"{k} {v['headstart'][-1]:.4f}" for k, v in far.items()), flush=True)
    shares = " ".join(f"{share:.3f}" for share in away)
    print(f"known pictures turned away: {np.mean(away):.4f} ({shares})")
    for kind, scores in far.items():
        found = " ".join(f"{name} {np.mean(found):.4f}" for name, found in scores.items())
        print(f"AUROC of {kind}: {found} (headstart from {min(scores['headstart']):.4f})")


if __name__ == "__main__":
    main()
