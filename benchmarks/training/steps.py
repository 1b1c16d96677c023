"""One step of fine-tuning in Keras: `steps.py FIRST` prints milliseconds a picture as JSON.

A step is forward, backward and update of MobileNetV2 1.0 at 160 with a head of one logit, on a
batch that lies in memory; BatchNorm uses its moving statistics. Layers from FIRST on are trained:
100, as in the tutorial, or 0, all. Weights are random: speed does not depend on them. XLA, which
Keras leaves off on CPUs, takes several times as long.
"""

import argparse
import json
import os
import pathlib
import sys
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "peers"))

from peers import Work, median_ms


def arguments(*flags):
    """The parsed arguments, with flags of these names, and the work that they describe."""
    parser = argparse.ArgumentParser()
    parser.add_argument("first", type=int, choices=[0, 100], help="first layer that is trained")
    for flag in flags:
        parser.add_argument(flag, action="store_true")
    parser.add_argument("--base", default="mobilenetv2", help="[default: %(default)s]")
    parser.add_argument("--side", type=int, default=160, help="of the pictures [default: 160]")
    parser.add_argument("--batch", type=int, default=32, help="[default: 32]")
    parser.add_argument("--threads", type=int, default=2, help="[default: 2]")
    parser.add_argument("--seconds", type=float, default=10, help="[default: 10]")
    args = parser.parse_args()
    return args, Work("", args.side, args.batch, args.threads, "f32", args.seconds)


def labels(work):
    """Zeros and ones in turn."""
    import numpy as np

    return (np.arange(work.batch) % 2).astype(np.float32)[:, None]


def say(step, work):
    """Measures, and prints what was found, with how many processors were had: fewer than there are
    threads if others use the machine."""
    start, busy = time.perf_counter(), time.process_time()
    ms = median_ms(step, work)
    processors = (time.process_time() - busy) / (time.perf_counter() - start)
    print(json.dumps({"ms_per_image": round(ms, 3), "processors": round(processors, 2)}))


def main():
    args, work = arguments()
    import keras
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(work.threads)
    tf.config.threading.set_inter_op_parallelism_threads(work.threads)
    shape = (work.side, work.side, 3)
    base = keras.applications.MobileNetV2(input_shape=shape, include_top=False, weights=None)
    for layer in base.layers[: args.first]:
        layer.trainable = False
    inputs = keras.Input(shape)
    x = keras.layers.GlobalAveragePooling2D()(base(inputs, training=False))
    model = keras.Model(inputs, keras.layers.Dense(1)(keras.layers.Dropout(0.2)(x)))
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    model.compile(keras.optimizers.RMSprop(1e-5), loss)
    pictures = tf.constant(work.pictures().transpose(0, 2, 3, 1))
    wanted = tf.constant(labels(work))
    say(lambda: model.train_on_batch(pictures, wanted), work)


if __name__ == "__main__":
    main()
