"""Extracts the demo's pictures from Fashion-MNIST.

Writes 100 pictures of each of the 10 classes, drawn from the 60,000 training pictures with a fixed
seed, as 28 x 28 greyscale PNG files to crates/cli/assets/fashion-mnist/CLASS/NUMBER.png, where NUMBER is the
picture's index in the original file.

    python tools/reference/fashion_mnist.py FOLDER

FOLDER contains train-images-idx3-ubyte.gz and train-labels-idx1-ubyte.gz, as installed by Debian's package
dataset-fashion-mnist. Needs NumPy and Pillow. With --all OTHER, every picture of both files (also t10k-*) is written
to OTHER instead, for experiments and measurements.
"""

import argparse
import gzip
import pathlib
import shutil

import numpy as np
from PIL import Image

CLASSES = [
    "T-shirt", "Trouser", "Pullover", "Dress", "Coat",
    "Sandal", "Shirt", "Sneaker", "Bag", "Ankle_boot",
]
PER_CLASS = 100
SEED = 20170825
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def read(folder, name):
    with gzip.open(folder / f"{name}-images-idx3-ubyte.gz") as file:
        images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    with gzip.open(folder / f"{name}-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    return images, labels


def save(folder, images, labels, indices, prefix=""):
    for index in indices:
        target = folder / CLASSES[labels[index]]
        target.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(images[index])
        image.save(target / f"{prefix}{index:05d}.png", optimize=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--all", type=pathlib.Path)
    args = parser.parse_args()
    images, labels = read(args.folder, "train")
    if args.all:
        save(args.all, images, labels, range(len(labels)))
        images, labels = read(args.folder, "t10k")
        save(args.all, images, labels, range(len(labels)), "t")
        return
    output = REPOSITORY / "crates" / "cli" / "assets" / "fashion-mnist"
    shutil.rmtree(output, ignore_errors=True)
    random = np.random.default_rng(SEED)
    for label in range(len(CLASSES)):
        chosen = random.choice(np.flatnonzero(labels == label), PER_CLASS, replace=False)
        save(output, images, labels, sorted(chosen))


if __name__ == "__main__":
    main()
