#!/usr/bin/env python3
"""Reference values for the reliability of scores: temperatures, calibration metrics, prediction sets.

Needs numpy, scikit-learn, torch, torchmetrics, mapie. Writes to `fixtures/trust`:

    python tools/reference/trust.py

Logits are drawn to be overconfident, like those of networks. Temperatures are from scikit-learn's
`CalibratedClassifierCV(method="temperature")`; for multi-label, it is fitted to each label. The calibration error is
from torchmetrics, the Brier score from scikit-learn, and the adaptive error uses NumPy's `array_split`. Coverage and
mean size of prediction sets are from MAPIE's RAPS and APS on the same scores; multi-label sets are from its LAC on the
samples that have the label.
"""

import warnings

import numpy as np
import torch
from mapie.classification import SplitConformalClassifier
from mapie.conformity_scores import APSConformityScore, LACConformityScore, RAPSConformityScore
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import brier_score_loss, log_loss
from torchmetrics.functional.classification import binary_calibration_error, multiclass_calibration_error

from common import arguments, versions, write_json, write_tensors


def softmax(logits):
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def samples(rng, n, classes, confidence):
    """Labels, and informative logits that are `confidence` times too large."""
    labels = rng.integers(0, classes, n)
    logits = rng.normal(0, 1, (n, classes))
    logits[np.arange(n), labels] += rng.gamma(2.0, 1.0, n)
    return labels, (logits * confidence).astype(np.float32)


class Scores(ClassifierMixin, BaseEstimator):
    """A classifier whose features are its own logits (or probabilities)."""

    def __init__(self, of):
        self.of = of

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        self.is_fitted_ = True
        return self

    def decision_function(self, X):
        return X[:, 0] if X.shape[1] == 1 else X

    def predict_proba(self, X):
        return X if self.of == "probabilities" else softmax(X)

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


class Logits(Scores):
    predict_proba = None

    def predict(self, X):
        return self.classes_[X.argmax(axis=1)]


def temperature(logits, labels):
    base = FrozenEstimator(Logits("logits").fit(logits, labels))
    fitted = CalibratedClassifierCV(base, method="temperature").fit(logits, labels)
    found = 1.0 / float(fitted.calibrated_classifiers_[0].calibrators[0].beta_)
    # scikit-learn turns one logit z into two, -z and z, whose difference is twice as large.
    return found / 2 if logits.shape[1] == 1 else found


def adaptive(confidence, right):
    order = np.argsort(confidence, kind="stable")
    bins = [b for b in np.array_split(order, 15) if len(b)]
    return sum(len(b) * abs(confidence[b].mean() - right[b].mean()) for b in bins) / len(order)


def figures(probabilities, labels):
    classes = probabilities.shape[1]
    right = (probabilities.argmax(axis=1) == labels).astype(float)
    ece = multiclass_calibration_error(
        torch.tensor(probabilities), torch.tensor(labels), num_classes=classes, n_bins=15, norm="l1"
    )
    of = probabilities[:, 1] if classes == 2 else probabilities
    return {
        "ece": float(ece),
        "adaptive_ece": float(adaptive(probabilities.max(axis=1).astype(np.float64), right)),
        "brier": float(brier_score_loss(labels, of)),
        "log_loss": float(log_loss(labels, probabilities.astype(np.float64))),
    }


def main():
    folder, _ = arguments(__doc__, "trust")
    rng = np.random.default_rng(14)
    tensors, cases = {}, {}
    for name, n, classes, confidence in [
        ("five", 400, 5, 2.5),
        ("shy", 300, 3, 0.4),
        ("two", 300, 2, 3.0),
    ]:
        labels, logits = samples(rng, n, classes, confidence)
        if classes == 2:
            logits = logits[:, 1:] - logits[:, :1]
        found = temperature(logits, labels)
        full = np.hstack([np.zeros_like(logits), logits]) if classes == 2 else logits
        cases[name] = {
            "classes": classes,
            "labels": labels.tolist(),
            "temperature": found,
            "before": figures(softmax(full).astype(np.float32), labels),
            "after": figures(softmax(full.astype(np.float64) / found).astype(np.float32), labels),
        }
        tensors[f"{name}/logits"] = logits

    labels = rng.integers(0, 2, (300, 4))
    logits = (rng.normal(0, 1, (300, 4)) + 2 * labels - 1) * np.array([3.0, 1.0, 0.5, 6.0])
    logits = logits.astype(np.float32)
    found = [temperature(logits[:, k : k + 1], labels[:, k]) for k in range(4)]
    p = 1 / (1 + np.exp(-logits.astype(np.float64)))
    flat, truth = p.ravel().astype(np.float32), labels.ravel()
    # torchmetrics bins binary probabilities by that of class 1, as headstart does.
    cases["labels"] = {
        "has": labels.tolist(),
        "temperatures": found,
        "ece": float(binary_calibration_error(torch.tensor(flat), torch.tensor(truth), n_bins=15, norm="l1")),
        "adaptive_ece": float(adaptive(flat.astype(np.float64), truth.astype(float))),
        "brier": float(((flat.astype(np.float64) - truth) ** 2).mean()),
    }
    tensors["labels/logits"] = logits

    # Multi-label sets: for each label, MAPIE's for the samples that have it, as one of two classes.
    fit_rows, new_rows = slice(0, 200), slice(200, 300)
    cases["labels"]["sets"] = {}
    for coverage in [0.8, 0.9, 0.95]:
        found = np.zeros((100, 4), bool)
        for k in range(4):
            pair = np.stack([1 - p[:, k], p[:, k]], axis=1)
            has = np.flatnonzero(labels[fit_rows, k])
            mapie = SplitConformalClassifier(
                Scores("probabilities").fit(pair, labels[:, k]),
                confidence_level=coverage,
                conformity_score=LACConformityScore(),
                prefit=True,
            ).conformalize(pair[has], labels[has, k])
            found[:, k] = mapie.predict_set(pair[new_rows])[1][:, 1, 0]
        cases["labels"]["sets"][str(coverage)] = [np.flatnonzero(row).tolist() for row in found]

    # Prediction sets for overconfident scores.
    fit_labels, fit_logits = samples(rng, 500, 8, 1.8)
    new_labels, new_logits = samples(rng, 1500, 8, 1.8)
    fit_p, new_p = softmax(fit_logits), softmax(new_logits)
    sets = {"labels": fit_labels.tolist(), "new_labels": new_labels.tolist(), "mapie": {}}
    warnings.simplefilter("ignore")
    for name, score in [("aps", APSConformityScore), ("raps", RAPSConformityScore)]:
        for coverage in [0.8, 0.9, 0.95]:
            sizes, covered = [], []
            for seed in range(5):
                mapie = SplitConformalClassifier(
                    Scores("probabilities").fit(fit_p, fit_labels),
                    confidence_level=coverage,
                    conformity_score=score(),
                    prefit=True,
                    random_state=seed,
                ).conformalize(fit_p, fit_labels)
                _, found = mapie.predict_set(
                    new_p, conformity_score_params={"include_last_label": "randomized"}
                )
                found = found[:, :, 0]
                sizes.append(np.maximum(found.sum(axis=1), 1).mean())
                covered.append(found[np.arange(len(new_labels)), new_labels].mean())
            sets["mapie"][f"{name} {coverage}"] = {
                "size": float(np.mean(sizes)),
                "coverage": float(np.mean(covered)),
            }
    tensors["sets/probabilities"], tensors["sets/new"] = fit_p, new_p
    cases["sets"] = sets
    packages = versions("numpy", "scikit-learn", "torch", "torchmetrics", "mapie")
    write_tensors(folder / "trust.safetensors", tensors)
    write_json(folder / "trust.json", {"versions": packages, "cases": cases})


if __name__ == "__main__":
    main()
