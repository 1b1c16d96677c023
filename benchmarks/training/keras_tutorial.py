"""TensorFlow's tutorial "Transfer learning and fine-tuning" on a folder: `keras_tutorial.py DIR`.

DIR is made by pictures.py. Trains MobileNetV2 1.0 at 160 with headstart's bundled weights: ten
epochs of the head, then ten more of everything from layer 100 on, with BatchNorm in inference mode.
Prints a line of JSON for each phase and one for the total: seconds, average number of busy
processors, accuracy and loss on the validation pictures, and the peak memory so far in MiB. An
epoch includes its validation, as in the tutorial. The final evaluation on the validation pictures,
for the printed metrics, counts only in the total.
"""

import argparse
import json
import os
import pathlib
import resource
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from safetensors.numpy import load_file

SIDE, BATCH = 160, 32
FROZEN = 100
RATE = 1e-4
ASSETS = pathlib.Path(__file__).resolve().parents[2] / "crates" / "bundled" / "assets"
WEIGHTS = ASSETS / f"mobilenetv2_1.00_{SIDE}.safetensors"


def base_with_weights():
    base = keras.applications.MobileNetV2(
        input_shape=(SIDE, SIDE, 3), include_top=False, weights=None
    )
    tensors = load_file(WEIGHTS)
    for layer in base.layers:
        layer.set_weights([tensors[f"{layer.name}/{weight.name}"] for weight in layer.weights])
    return base


def pictures(folder):
    found = keras.utils.image_dataset_from_directory(
        folder, label_mode="binary", image_size=(SIDE, SIDE), batch_size=BATCH, seed=0,
        verbose=False,
    )
    return found.prefetch(tf.data.AUTOTUNE)


def whole(base):
    augment = [keras.layers.RandomFlip("horizontal"), keras.layers.RandomRotation(0.2)]
    inputs = keras.Input((SIDE, SIDE, 3))
    x = keras.Sequential(augment)(inputs)
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(x)
    x = base(x, training=False)
    x = keras.layers.GlobalAveragePooling2D()(x)
    x = keras.layers.Dropout(0.2)(x)
    return keras.Model(inputs, keras.layers.Dense(1)(x))


def train(model, optimizer, learned, validated, epochs):
    """Trains; returns the seconds and the metrics on the validation pictures."""
    model.compile(
        optimizer, keras.losses.BinaryCrossentropy(from_logits=True),
        metrics=[keras.metrics.BinaryAccuracy(threshold=0, name="accuracy")],
    )
    start, busy = time.perf_counter(), time.process_time()
    model.fit(learned, validation_data=validated, epochs=epochs, verbose=0)
    seconds, busy = time.perf_counter() - start, time.process_time() - busy
    found = model.evaluate(validated, verbose=0, return_dict=True)
    return {
        "seconds": round(seconds, 1),
        "processors": round(busy / seconds, 2),
        "accuracy": round(found["accuracy"], 4),
        "loss": round(found["loss"], 4),
    }


def say(phase, found):
    unit = 1 if sys.platform == "darwin" else 1024  # of what the system calls the peak, in bytes
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    print(json.dumps({"phase": phase, **found, "peak_mib": round(peak)}), flush=True)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--epochs", type=int, default=10, help="of each phase [default: 10]")
    parser.add_argument("--threads", type=int, default=2, help="[default: 2]")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    tf.config.threading.set_inter_op_parallelism_threads(args.threads)
    keras.utils.set_random_seed(args.seed)

    start = time.perf_counter()
    base = base_with_weights()
    base.trainable = False
    model = whole(base)
    learned, validated = pictures(args.folder / "train"), pictures(args.folder / "validation")
    say("set up", {"seconds": round(time.perf_counter() - start, 1)})

    head = train(model, keras.optimizers.Adam(RATE), learned, validated, args.epochs)
    say("head", head)

    base.trainable = True
    for layer in base.layers[:FROZEN]:
        layer.trainable = False
    fine = train(model, keras.optimizers.RMSprop(RATE / 10), learned, validated, args.epochs)
    say("fine-tuning", fine)
    say("all", {"seconds": round(time.perf_counter() - start, 1), "accuracy": fine["accuracy"]})


main()
