"""Training the head: reference results of scikit-learn's logistic regression and Keras's optimizers.

Makes in fixtures/head/:
  data.safetensors  x [120, 24] f32, x_standardised [120, 24] f32, mean [24] f64, scale [24] f64,
                    y3 [120] i64 (3 classes), y2 [120] i64 (2 classes: y3 == 2 -> 1, else 0),
                    kernel3 [24, 3], bias3 [3], kernel1 [24, 1], bias1 [1] (f32, the initial values)
  sklearn.json      LogisticRegression(lbfgs), several C, 3 and 2 classes, with and without class weights
                    and sample weights
  keras.json        the loss of every step and the final weights; Adam, RMSprop, SGD; with and without class
                    weights and sample weights

Two commands, because scikit-learn and TensorFlow need separate environments. The first also makes the data:
  python tools/reference/head.py sklearn     (scikit-learn 1.9.1, numpy 2.4.6, safetensors 0.8.0)
  python tools/reference/head.py keras       (keras 3.15.1 on tensorflow-cpu 2.21.0)
The versions used are in each JSON file.
"""

import os

import numpy as np

import common

N, D = 120, 24
BATCH, EPOCHS = 32, 5


def make_data(folder):
    rng = np.random.default_rng(20240601)
    y3 = np.array([0] * 60 + [1] * 40 + [2] * 20)
    rng.shuffle(y3)
    centres = rng.normal(size=(3, D)) * 0.4
    x = np.maximum(centres[y3] + rng.normal(size=(N, D)), 0) * rng.uniform(0.3, 3.0, size=D)
    x[:, 17] = 0.0  # A dead feature, as real bases have: standard deviation zero, scale 1.
    x[:, 5] += 40.0  # A feature far from zero with a small spread: reveals cancellation.
    x = x.astype(np.float32)
    wide = x.astype(np.float64)
    mean, scale = wide.mean(0), wide.std(0)
    scale[scale < 1e-12] = 1.0
    tensors = {
        "x": x,
        "x_standardised": ((wide - mean) / scale).astype(np.float32),
        "mean": mean,
        "scale": scale,
        "y3": y3.astype(np.int64),
        "y2": (y3 == 2).astype(np.int64),
        "kernel3": (rng.normal(size=(D, 3)) * 0.2).astype(np.float32),
        "bias3": np.array([0.1, -0.2, 0.05], np.float32),
        "kernel1": (rng.normal(size=(D, 1)) * 0.2).astype(np.float32),
        "bias1": np.array([0.1], np.float32),
    }
    common.write_tensors(folder / "data.safetensors", tensors)


def sample_weights():
    """Weights from 1/2 to 5/2, uncorrelated with the labels."""
    return (1 + np.arange(N) * 7 % 5).astype(np.float32) / 2


def load_data(folder):
    from safetensors.numpy import load_file

    return load_file(str(folder / "data.safetensors"))


def with_sklearn(folder):
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import log_loss

    make_data(folder)
    data = load_data(folder)
    x = (data["x"].astype(np.float64) - data["mean"]) / data["scale"]
    own = sample_weights().astype(np.float64)
    cases = []
    for target in ("y3", "y2"):
        y = data[target]
        for weight, by_sample in ((None, None), ("balanced", None), (None, own), ("balanced", own)):
            for c in (0.1, 1.0, 10.0) if by_sample is None else (1.0,):
                settings = dict(C=c, class_weight=weight, max_iter=100000)
                model = LogisticRegression(solver="lbfgs", tol=1e-10, **settings)
                model.fit(x, y, sample_weight=by_sample)
                exact = LogisticRegression(solver="newton-cholesky", tol=1e-13, **settings)
                exact.fit(x, y, sample_weight=by_sample)
                probabilities = model.predict_proba(x)
                counts = np.bincount(y, weights=by_sample)
                balanced = counts.sum() / (len(counts) * counts)
                weights = (balanced if weight else np.ones(len(balanced)))[y]
                weights = weights * (1 if by_sample is None else by_sample)
                log_likelihood = np.log(probabilities[np.arange(len(y)), y])
                objective = 0.5 * (model.coef_**2).sum() - c * (weights * log_likelihood).sum()
                cases.append(
                    {
                        "target": target,
                        "classes": len(np.unique(y)),
                        "C": c,
                        "class_weight": weight,
                        "class_weights": common.numbers(balanced) if weight else None,
                        "sample_weight": None if by_sample is None else common.numbers(by_sample),
                        "coef": common.numbers(model.coef_),
                        "intercept": common.numbers(model.intercept_),
                        "log_loss": float(log_loss(y, probabilities)),
                        "accuracy": float(model.score(x, y)),
                        "objective": float(objective),
                        "probabilities_first_4": common.numbers(probabilities[:4]),
                        "iterations": int(model.n_iter_[0]),
                        "largest_difference_from_newton": float(
                            max(
                                np.abs(model.coef_ - exact.coef_).max(),
                                np.abs(
                                    (model.intercept_ - model.intercept_.mean() * (len(model.intercept_) > 1))
                                    - (exact.intercept_ - exact.intercept_.mean() * (len(exact.intercept_) > 1))
                                ).max(),
                            )
                        ),
                    }
                )
    common.write_json(
        folder / "sklearn.json",
        {
            "script": "tools/reference/head.py sklearn",
            "versions": common.versions("scikit-learn", "numpy", "scipy"),
            "objective": "0.5*sum(coef^2) + C*sum_i(class_weight[y_i] * sample_weight[i] * -ln p(y_i)); intercepts not penalised; "
            "3 classes: softmax, coef [3, 24]; 2 classes: sigmoid of one logit for class 1, coef [1, 24]. "
            "Inputs: (x - mean) / scale in f64. log_loss is the unweighted mean.",
            "cases": cases,
        },
    )
    for case in cases:
        print({k: v for k, v in case.items() if k not in ("coef", "probabilities_first_4", "sample_weight")})


def with_keras(folder):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import tensorflow as tf

    data = load_data(folder)
    x = data["x_standardised"]
    optimizers = {
        "adam": lambda: keras.optimizers.Adam(1e-2),
        "rmsprop": lambda: keras.optimizers.RMSprop(1e-2),
        "sgd": lambda: keras.optimizers.SGD(1e-1),
        "sgd_momentum": lambda: keras.optimizers.SGD(1e-1, momentum=0.9),
    }
    weights3 = {0: 0.5, 1: 1.0, 2: 2.0}
    weights1 = {0: 0.75, 1: 1.5}
    own = sample_weights()
    plans = [
        ("categorical", "adam", None, None),
        ("categorical", "adam", weights3, None),
        ("categorical", "rmsprop", None, None),
        ("categorical", "sgd", None, None),
        ("categorical", "sgd_momentum", None, None),
        ("binary", "adam", None, None),
        ("binary", "adam", weights1, None),
        ("binary", "rmsprop", None, None),
        ("categorical", "adam", None, own),
        ("binary", "adam", None, own),
    ]
    cases = []
    for kind, optimizer_name, class_weight, by_sample in plans:
        binary = kind == "binary"
        y = data["y2"] if binary else data["y3"]
        kernel, bias = (data["kernel1"], data["bias1"]) if binary else (data["kernel3"], data["bias3"])

        def build():
            model = keras.Sequential([keras.Input((D,)), keras.layers.Dense(kernel.shape[1])])
            model.layers[-1].set_weights([kernel, bias])
            loss = (
                keras.losses.BinaryCrossentropy(from_logits=True)
                if binary
                else keras.losses.CategoricalCrossentropy(from_logits=True)
            )
            return model, loss, optimizers[optimizer_name]()

        labels = y.astype(np.float32)[:, None] if binary else np.eye(3, dtype=np.float32)[y]
        row_weights = (
            np.array([class_weight[int(k)] for k in y], np.float32) if class_weight else np.ones(N, np.float32)
        )
        if by_sample is not None:
            row_weights = by_sample
        model, loss_function, optimizer = build()
        first_gradient, losses = None, []
        for _ in range(EPOCHS):
            for start in range(0, N, BATCH):
                part = slice(start, start + BATCH)
                with tf.GradientTape() as tape:
                    loss = loss_function(
                        labels[part], model(x[part], training=True), sample_weight=row_weights[part]
                    )
                gradients = tape.gradient(loss, model.trainable_variables)
                if first_gradient is None:
                    first_gradient = [g.numpy() for g in gradients]
                optimizer.apply(gradients, model.trainable_variables)
                losses.append(loss.numpy())
        final = model.get_weights()

        # The same with `fit`, which is what people use: it must give the same results as the steps above.
        fitted, loss_function, optimizer = build()
        fitted.compile(optimizer, loss_function)
        history = fitted.fit(
            x,
            labels,
            batch_size=BATCH,
            epochs=EPOCHS,
            shuffle=False,
            class_weight=class_weight,
            sample_weight=by_sample,
            verbose=0,
        )
        apart = max(np.abs(a - b).max() for a, b in zip(final, fitted.get_weights()))
        assert apart < 1e-5, apart
        cases.append(
            {
                "loss": kind,
                "optimizer": optimizer_name,
                "learning_rate": 0.1 if optimizer_name.startswith("sgd") else 0.01,
                "class_weight": [class_weight[k] for k in sorted(class_weight)] if class_weight else None,
                "sample_weight": None if by_sample is None else common.numbers(by_sample),
                "target": "y2" if binary else "y3",
                "start": ["kernel1", "bias1"] if binary else ["kernel3", "bias3"],
                "step_losses": common.numbers(np.array(losses, np.float32)),
                "epoch_losses_of_fit": [float(v) for v in history.history["loss"]],
                "first_kernel_gradient": common.numbers(first_gradient[0]),
                "first_bias_gradient": common.numbers(first_gradient[1]),
                "final_kernel": common.numbers(final[0]),
                "final_bias": common.numbers(final[1]),
                "final_logits_first_4": common.numbers(model(x[:4]).numpy()),
                "largest_difference_from_fit": float(apart),
            }
        )
        print(kind, optimizer_name, class_weight, by_sample is not None, losses[0], losses[-1], apart)
    adam, rmsprop = optimizers["adam"]().get_config(), optimizers["rmsprop"]().get_config()
    common.write_json(
        folder / "keras.json",
        {
            "script": "tools/reference/head.py keras",
            "versions": {**common.versions("keras", "numpy"), "tensorflow": tf.__version__},
            "batch": BATCH,
            "epochs": EPOCHS,
            "order": "as given: rows 0..31, 32..63, 64..95, 96..119; no dropout, no shuffle",
            "input": "x_standardised",
            "loss": "mean over the batch of class_weight[y]*sample_weight*loss, divided by the number of rows, not by the weights' sum",
            "adam": {k: adam[k] for k in ("beta_1", "beta_2", "epsilon", "amsgrad", "weight_decay")},
            "rmsprop": {k: rmsprop[k] for k in ("rho", "momentum", "epsilon", "centered")},
            "cases": cases,
        },
    )


common.command(__doc__, "head", {"sklearn": with_sklearn, "keras": with_keras})
