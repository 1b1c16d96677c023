#!/usr/bin/env python3
"""Reference values for scores of unknown pictures: neighbours, margin, energy, distance from the classes.

Needs numpy, scikit-learn, torch, pytorch-ood. Writes to `fixtures/trust`:

    python tools/reference/unknown.py

Features are drawn around one direction per class. Neighbours are scikit-learn's, energies pytorch-ood's, multi-label
energies PyTorch's. Distances are computed with NumPy from scikit-learn's shrunk covariance, or from its largest
eigenvalues if there are more features than directions; residuals are those of scikit-learn's PCA on its standardised
features; margins are computed with NumPy. Each score is in standard deviations of the pictures not trained on, clipped
at two of these below their mean. AUROC is scikit-learn's, the false positive rate pytorch-ood's.
"""

import numpy as np
import torch
from pytorch_ood.detector import EnergyBased
from pytorch_ood.metrics import OODMetrics
from sklearn.covariance import ShrunkCovariance
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler, normalize

from common import arguments, versions, write_json, write_tensors

DIRECTIONS, SHRINKAGE, PRINCIPAL, SUREST = 64, 0.3, 128, 2.0


def neighbours(seen, features):
    found = NearestNeighbors(n_neighbors=5, metric="cosine").fit(seen)
    return found.kneighbors(features)[0].mean(axis=1)


def margin(logits):
    ascending = np.sort(logits, axis=1)
    return ascending[:, -2] - ascending[:, -1]


def energy(logits):
    return EnergyBased.score(torch.tensor(logits.astype(np.float64))).numpy()


def joint_energy(logits):
    return -torch.nn.functional.softplus(torch.tensor(logits.astype(np.float64))).sum(dim=1).numpy()


def residual(seen, features):
    scaler = StandardScaler().fit(seen.astype(np.float64))
    seen, features = scaler.transform(seen), scaler.transform(features)
    directions = min(PRINCIPAL, len(seen) // 2, seen.shape[1] // 2)
    pca = PCA(n_components=directions, svd_solver="full").fit(seen)
    return np.linalg.norm(features - pca.inverse_transform(pca.transform(features)), axis=1)


def class_distance(seen, labels, features):
    seen, features = normalize(seen), normalize(features)
    means = np.stack([seen[labels == c].mean(axis=0) for c in np.unique(labels)])
    residuals = seen - means[labels]
    shrunk = ShrunkCovariance(shrinkage=SHRINKAGE / (1 + SHRINKAGE), assume_centered=True).fit(residuals)
    values, vectors = np.linalg.eigh(shrunk.covariance_ * (1 + SHRINKAGE))
    if len(values) > DIRECTIONS:
        values[:-DIRECTIONS] = values[:-DIRECTIONS].mean()
    whitened = (features[:, None] - means[None]) @ vectors / np.sqrt(values)
    return np.linalg.norm(whitened, axis=2).min(axis=1)


def main():
    folder, _ = arguments(__doc__, "trust")
    rng = np.random.default_rng(7)
    tensors, cases = {}, {}
    for name, n, dim, classes, units in [("few", 90, 24, 4, 4), ("wide", 150, 96, 2, 1)]:
        centres = rng.gamma(1.0, 1.0, (classes + 1, dim))
        centres[-1] = 0.75 * centres[:2].mean(axis=0) + 0.25 * centres[-1]
        spread = rng.gamma(0.4, 1.0, dim) + 0.1
        kernel = rng.normal(0, 0.4, (dim, units))

        def draw(labels):
            noise = rng.normal(0, 1.2, (len(labels), dim)) * spread
            return np.maximum(centres[labels] + noise, 0).astype(np.float32)

        labels = rng.integers(0, classes, n)
        features = {
            "seen": draw(labels),
            "known": draw(rng.integers(0, classes, 60)),
            "unknown": draw(np.full(40, classes)),
        }
        logits = {side: (x @ kernel).astype(np.float32) for side, x in features.items()}
        of_each = lambda side: np.hstack([0 * logits[side], logits[side]]) if units == 1 else logits[side]
        case = {"dim": dim, "labels": labels.tolist()}
        for part, of in [
            ("neighbours", lambda side: neighbours(features["seen"], features[side])),
            ("margin", lambda side: margin(of_each(side))),
            ("energy", lambda side: energy(of_each(side))),
            ("joint_energy", lambda side: joint_energy(logits[side])),
            ("class_distance", lambda side: class_distance(features["seen"], labels, features[side])),
            ("residual", lambda side: residual(features["seen"], features[side])),
        ]:
            known, unknown = of("known"), of("unknown")
            scale = lambda x: np.maximum((x - known.mean()) / known.std(), -SUREST)
            scores = np.round(np.concatenate([scale(known), scale(unknown)]), 5)
            truth = np.r_[np.zeros(len(known), int), np.ones(len(unknown), int)]
            metrics = OODMetrics()
            metrics.update(torch.tensor(scores), torch.tensor(np.where(truth == 1, -1, 0)))
            case[part] = {
                "scores": scores.tolist(),
                "auroc": float(roc_auc_score(truth, scores)),
                "fpr95": float(metrics.compute()["FPR95TPR"]),
            }
        cases[name] = case
        for side in features:
            tensors[f"{name}/{side}"] = features[side]
            tensors[f"{name}/{side}_logits"] = logits[side]
    packages = versions("numpy", "scikit-learn", "torch", "pytorch-ood")
    write_tensors(folder / "unknown.safetensors", tensors)
    write_json(folder / "unknown.json", {"versions": packages, "cases": cases})


if __name__ == "__main__":
    main()
