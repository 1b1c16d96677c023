"""Optimizers, clipping, averages, schedules and soft losses: reference results of Keras and PyTorch.

Makes in fixtures/optimizers/:
  keras.json    two variables, kernel [4, 3] and bias [3], and their gradients over 12 steps, the same for
                every case; for each case the options of an optimizer and the variables after steps 1, 2 and 12;
                the rates of CosineDecay; cross-entropies with label smoothing and sample weights, and their
                gradients
  pytorch.json  the rates of OneCycleLR

Two commands, because TensorFlow and PyTorch do not share a process well:
  python tools/reference/optimizers.py keras    (keras 3.15.1 on tensorflow-cpu)
  python tools/reference/optimizers.py pytorch  (torch 2.15.0)
The versions used are in each JSON file.
"""

import os

import numpy as np

import common

STEPS = 12
SHOWN = [1, 2, STEPS]
LEARNING_RATE = 0.01


def start_and_gradients():
    rng = np.random.default_rng(20240602)
    start = [rng.normal(size=(4, 3)), rng.normal(size=3)]
    # Gradients with a constant drift whose size changes from step to step, with some zeros.
    drift = [rng.normal(size=(4, 3)) * 0.5, rng.normal(size=3) * 0.5]
    size = 10.0 ** rng.uniform(-1.5, 0.7, size=STEPS)
    gradients = []
    for step in range(STEPS):
        kernel = (drift[0] + rng.normal(size=(4, 3))) * size[step]
        bias = (drift[1] + rng.normal(size=3)) * size[step]
        kernel[1, 1] = 0.0
        gradients.append([kernel.astype(np.float32), bias.astype(np.float32)])
    return [v.astype(np.float32) for v in start], gradients


# name: (Keras's class, options)
CASES = {
    "sgd": ("SGD", {}),
    "sgd momentum": ("SGD", {"momentum": 0.9}),
    "sgd nesterov": ("SGD", {"momentum": 0.9, "nesterov": True}),
    "sgd decay": ("SGD", {"momentum": 0.9, "weight_decay": 0.05}),
    "rmsprop": ("RMSprop", {}),
    "rmsprop momentum": ("RMSprop", {"momentum": 0.8}),
    "rmsprop centered": ("RMSprop", {"centered": True}),
    "rmsprop everything": (
        "RMSprop",
        {"rho": 0.8, "momentum": 0.5, "epsilon": 1e-3, "centered": True, "weight_decay": 0.05},
    ),
    "adam": ("Adam", {}),
    "adam options": ("Adam", {"beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}),
    "adam decay": ("Adam", {"weight_decay": 0.05}),
    "adamw": ("AdamW", {}),
    "adamw without bias": ("AdamW", {"weight_decay": 0.3, "exclude": ["bias"]}),
    "sgd clipvalue": ("SGD", {"clipvalue": 0.25}),
    "sgd clipnorm": ("SGD", {"clipnorm": 0.5}),
    "sgd global_clipnorm": ("SGD", {"global_clipnorm": 0.75}),
    "adam global_clipnorm decay": ("Adam", {"global_clipnorm": 0.75, "weight_decay": 0.05}),
    "sgd ema": ("SGD", {"use_ema": True, "ema_momentum": 0.9}),
    "adam ema": ("Adam", {"use_ema": True}),
}


def with_keras(folder):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import tensorflow as tf

    start, gradients = start_and_gradients()
    cases = []
    for name, (kind, options) in CASES.items():
        variables = [keras.Variable(v, name=n) for v, n in zip(start, ("kernel", "bias"))]
        options = dict(options)
        exclude = options.pop("exclude", None)
        optimizer = getattr(keras.optimizers, kind)(LEARNING_RATE, **options)
        if exclude:
            optimizer.exclude_from_weight_decay(var_names=exclude)
        shown, averages = [], []
        for step, gradient in enumerate(gradients, 1):
            optimizer.apply([tf.constant(g) for g in gradient], variables)
            if step in SHOWN:
                shown.append([common.numbers(v.numpy().reshape(-1)) for v in variables])
                if optimizer.use_ema:
                    moving = optimizer._model_variables_moving_average
                    averages.append([common.numbers(v.numpy().reshape(-1)) for v in moving])
        config = optimizer.get_config()
        kept = ("momentum", "nesterov", "rho", "beta_1", "beta_2", "epsilon", "centered", "weight_decay")
        kept += ("clipnorm", "clipvalue", "global_clipnorm", "ema_momentum")
        cases.append(
            {
                "name": name,
                "optimizer": kind.lower(),
                "options": {k: config[k] for k in kept if config.get(k) is not None},
                "bias_decays": exclude is None,
                "variables": shown,
                "averages": averages,
            }
        )

    schedules = []
    for warmup, alpha, total in ((0, 0.0, 10), (0, 0.1, 25), (5, 0.0, 20), (7, 0.05, 40)):
        with_warmup = {"warmup_target": 0.02, "warmup_steps": warmup} if warmup else {}
        schedule = keras.optimizers.schedules.CosineDecay(
            0.0 if warmup else 0.02, total - warmup, alpha=alpha, **with_warmup
        )
        steps = list(range(total + 3))
        rates = [common.numbers(np.asarray(schedule(step))) for step in steps]
        schedules.append(
            {"warmup_steps": warmup, "alpha": alpha, "peak": 0.02, "total": total, "rates": rates}
        )

    rng = np.random.default_rng(7)
    losses = []
    for classes in (2, 3, 5):
        units = 1 if classes == 2 else classes
        logits = (rng.normal(size=(6, units)) * 3).astype(np.float32)
        labels = rng.integers(0, classes, size=6)
        mixed = rng.uniform(size=(6, units))
        mixed = (mixed if classes == 2 else mixed / mixed.sum(1, keepdims=True)).astype(np.float32)
        one_hot = labels[:, None] if classes == 2 else np.eye(classes)[labels]
        weights = np.array([0.5, 1, 2, 0, 3, 1], np.float32)
        for smoothing in (0.0, 0.1, 0.3):
            for kind, targets in (("labels", one_hot), ("mixed", mixed)):
                for sample_weights in (None, weights):
                    loss = (
                        keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=smoothing)
                        if classes == 2
                        else keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=smoothing)
                    )
                    z = tf.constant(logits)
                    with tf.GradientTape() as tape:
                        tape.watch(z)
                        value = loss(targets.astype(np.float32), z, sample_weight=sample_weights)
                    losses.append(
                        {
                            "classes": classes,
                            "smoothing": smoothing,
                            "labels": labels.tolist() if kind == "labels" else None,
                            "targets": common.numbers(mixed.reshape(-1)) if kind == "mixed" else None,
                            "weights": None if sample_weights is None else common.numbers(weights),
                            "logits": common.numbers(logits.reshape(-1)),
                            "loss": common.numbers(value.numpy()),
                            "gradient": common.numbers(tape.gradient(value, z).numpy().reshape(-1)),
                        }
                    )

    common.write_json(
        folder / "keras.json",
        {
            "script": "tools/reference/optimizers.py keras",
            "versions": {**common.versions("keras", "numpy"), "tensorflow": tf.__version__},
            "learning_rate": LEARNING_RATE,
            "steps_shown": SHOWN,
            "start": [common.numbers(v.reshape(-1)) for v in start],
            "gradients": [[common.numbers(g.reshape(-1)) for g in both] for both in gradients],
            "cases": cases,
            "cosine_decay": schedules,
            "losses": losses,
        },
    )


def with_pytorch(folder):
    import torch

    cases = []
    for options in (
        {"total_steps": 1},
        {"total_steps": 10},
        {"total_steps": 33},
        {"total_steps": 20, "pct_start": 0.5, "div_factor": 10.0, "final_div_factor": 100.0},
        {"total_steps": 8, "pct_start": 0.0},
        {"total_steps": 8, "pct_start": 1.0},
    ):
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], 0.1)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.02, cycle_momentum=False, **options)
        rates = [schedule.get_last_lr()[0]]
        for _ in range(options["total_steps"] - 1):
            optimizer.step()
            schedule.step()
            rates.append(schedule.get_last_lr()[0])
        total = options.pop("total_steps")
        cases.append({"options": options, "peak": 0.02, "total": total, "rates": rates})
    common.write_json(
        folder / "pytorch.json",
        {
            "script": "tools/reference/optimizers.py pytorch",
            "versions": common.versions("torch"),
            "cases": cases,
        },
    )


common.command(__doc__, "optimizers", {"keras": with_keras, "pytorch": with_pytorch})
