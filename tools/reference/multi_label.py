"""Multi-label: reference results of scikit-learn's one-vs-rest heads and metrics, and of Keras's training.

Makes in fixtures/head/, from the features in data.safetensors (made by head.py):
  multi_label_sklearn.json  "sets": the classes of each of 120 samples, of 4;
                            "cases": OneVsRestClassifier(LogisticRegression), several C, with and without class weights
                            and sample weights, and the metrics of the heads on the training samples;
                            "rankings": average_precision_score for equal scores, and for all right and all wrong
  multi_label_keras.json    the loss of every epoch, binary accuracy, and final weights of a Dense layer with
                            BinaryCrossentropy(from_logits=True); Adam; with and without sample weights and label smoothing

Two commands, because scikit-learn and TensorFlow may need separate environments. The first makes the label sets:
  python tools/reference/multi_label.py sklearn     (scikit-learn 1.9.1, numpy 2.4.6, safetensors 0.8.0)
  python tools/reference/multi_label.py keras       (keras 3.15.1 on tensorflow-cpu 2.21.0)
The versions used are in each JSON file.
"""

import json
import os

import numpy as np

import common

N, D, CLASSES = 120, 24, 4
BATCH, EPOCHS = 32, 5


def data(folder):
    from safetensors.numpy import load_file

    return load_file(str(folder / "data.safetensors"))


def truth(x):
    """[120, 4] of 0 and 1: classes of a half, a third, a fifth and a twelfth of the samples, from features and
    chance."""
    rng = np.random.default_rng(20261128)
    scores = x.astype(np.float64) @ rng.normal(size=(D, CLASSES)) + 2.0 * rng.normal(size=(N, CLASSES))
    shares = np.array([1 / 2, 1 / 3, 1 / 5, 1 / 12])
    least = [np.quantile(scores[:, k], 1 - share) for k, share in enumerate(shares)]
    return (scores > least).astype(np.int64)


def sample_weights():
    return (1 + np.arange(N) * 7 % 5).astype(np.float64) / 2


def with_sklearn(folder):
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import accuracy_score, average_precision_score, f1_score, log_loss
    from sklearn.multiclass import OneVsRestClassifier

    stored = data(folder)
    x = (stored["x"].astype(np.float64) - stored["mean"]) / stored["scale"]
    y = truth(stored["x_standardised"])
    cases = []
    for weight, own, strengths in (
        (None, None, (0.01, 1.0, 10.0)),
        ("balanced", None, (0.1,)),
        ({0: 1.0, 1: 3.0}, None, (0.1,)),
        (None, sample_weights(), (0.1,)),
        ("balanced", sample_weights(), (0.1,)),
    ):
        for c in strengths:
            model = LogisticRegression(
                C=c, class_weight=weight, solver="newton-cholesky", tol=1e-13, max_iter=100000
            )
            if own is None:
                fitted = OneVsRestClassifier(model).fit(x, y).estimators_
            else:
                # OneVsRestClassifier does not pass sample weights on.
                from sklearn.base import clone

                fitted = [clone(model).fit(x, y[:, k], sample_weight=own) for k in range(CLASSES)]
            probabilities = np.stack([one.predict_proba(x)[:, 1] for one in fitted], 1)
            said = (probabilities >= 0.5).astype(int)
            cases.append(
                {
                    "C": c,
                    "class_weight": None if weight is None else weight if weight == "balanced" else [weight[1]] * CLASSES,
                    "sample_weight": None if own is None else common.numbers(own),
                    "coef": common.numbers(np.concatenate([one.coef_ for one in fitted])),
                    "intercept": common.numbers(np.concatenate([one.intercept_ for one in fitted])),
                    "probabilities": common.numbers(probabilities),
                    "log_loss": float(np.mean([log_loss(y[:, k], probabilities[:, k]) for k in range(CLASSES)])),
                    "average_precision": common.numbers(average_precision_score(y, probabilities, average=None)),
                    "mean_average_precision": float(average_precision_score(y, probabilities, average="macro")),
                    "f1": common.numbers(f1_score(y, said, average=None, zero_division=0.0)),
                    "micro_f1": float(f1_score(y, said, average="micro")),
                    "macro_f1": float(f1_score(y, said, average="macro", zero_division=0.0)),
                    "subset_accuracy": float(accuracy_score(y, said)),
                    "binary_accuracy": float((y == said).mean()),
                }
            )
            print({k: v for k, v in cases[-1].items() if k not in ("coef", "probabilities", "sample_weight")})
    rng = np.random.default_rng(7)
    rankings = []
    for n, levels, share in ((40, 5, 0.4), (200, 7, 0.1), (60, 1, 0.5), (300, 10**6, 0.3), (30, 4, 1.0)):
        scores = (rng.integers(0, levels, n) / levels).astype(np.float32)
        is_of_class = rng.random(n) < share
        rankings.append(
            {
                "scores": common.numbers(scores),
                "is_of_class": is_of_class.tolist(),
                "average_precision": float(average_precision_score(is_of_class, scores)),
            }
        )
    for is_of_class in ([True, True, False, False], [False, False, True, True]):
        scores = [0.9, 0.8, 0.3, 0.1]
        value = float(average_precision_score(is_of_class, scores))
        rankings.append({"scores": scores, "is_of_class": is_of_class, "average_precision": value})
    common.write_json(
        folder / "multi_label_sklearn.json",
        {
            "script": "tools/reference/multi_label.py sklearn",
            "versions": common.versions("scikit-learn", "numpy", "scipy"),
            "objective": "of each class, as in sklearn.json; figures at probabilities from 0.5 on; log_loss is the mean of the classes'",
            "sets": [np.flatnonzero(row).tolist() for row in y],
            "cases": cases,
            "rankings": rankings,
        },
    )


def with_keras(folder):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import tensorflow as tf

    stored = data(folder)
    x = stored["x_standardised"]
    sets = json.loads((folder / "multi_label_sklearn.json").read_text())["sets"]
    y = np.zeros((N, CLASSES), np.float32)
    for row, classes in enumerate(sets):
        y[row, classes] = 1
    rng = np.random.default_rng(3)
    kernel = (rng.normal(size=(D, CLASSES)) * 0.2).astype(np.float32)
    bias = np.array([0.1, -0.2, 0.05, 0.0], np.float32)
    cases = []
    for own, smoothing in ((None, 0.0), (sample_weights().astype(np.float32), 0.0), (None, 0.1)):
        model = keras.Sequential([keras.Input((D,)), keras.layers.Dense(CLASSES)])
        model.layers[-1].set_weights([kernel, bias])
        model.compile(
            keras.optimizers.Adam(1e-2),
            keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=smoothing),
            weighted_metrics=[],
        )
        history = model.fit(
            x, y, batch_size=BATCH, epochs=EPOCHS, shuffle=False, sample_weight=own, verbose=0
        )
        final = model.get_weights()
        logits = model(x).numpy()
        cases.append(
            {
                "sample_weight": None if own is None else common.numbers(own),
                "label_smoothing": smoothing,
                "epoch_losses": [float(v) for v in history.history["loss"]],
                "final_kernel": common.numbers(final[0]),
                "final_bias": common.numbers(final[1]),
                "final_binary_accuracy": float(
                    np.mean(keras.metrics.binary_accuracy(y, logits, threshold=0.0).numpy())
                ),
            }
        )
        print(own is not None, smoothing, cases[-1]["epoch_losses"], cases[-1]["final_binary_accuracy"])
    common.write_json(
        folder / "multi_label_keras.json",
        {
            "script": "tools/reference/multi_label.py keras",
            "versions": {**common.versions("keras", "numpy"), "tensorflow": tf.__version__},
            "batch": BATCH,
            "epochs": EPOCHS,
            "learning_rate": 0.01,
            "order": "as given; no dropout, no shuffle",
            "input": "x_standardised",
            "start_kernel": common.numbers(kernel),
            "start_bias": common.numbers(bias),
            "cases": cases,
        },
    )


common.command(__doc__, "head", {"sklearn": with_sklearn, "keras": with_keras})
