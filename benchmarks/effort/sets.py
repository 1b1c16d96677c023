"""Folders of pictures, one folder per class, from data sets in package registries.

usage: sets.py FOLDER [--stamps DIR]

fashion: the first 2,000 of Fashion-MNIST (Debian's dataset-fashion-mnist); digits: scikit-learn's 1,797; stamps: the
PNGs of eight folders of Debian's tuxpaint-stamps-default (GPL-2), unpacked to DIR.
"""
import argparse
import gzip
import shutil
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

FASHION = Path("/usr/share/datasets/fashion-mnist")
STAMPS = ["animals", "food", "household", "plants", "seasonal", "symbols", "town", "vehicles"]


def put(root, label, name, pixels):
    folder = root / str(label)
    folder.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(folder / f"{name}.png")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--stamps", type=Path)
    args = parser.parse_args()
    read = lambda name, skip: np.frombuffer(gzip.open(FASHION / f"train-{name}-ubyte.gz").read()[skip:], np.uint8)
    pictures, labels = read("images-idx3", 16).reshape(-1, 28, 28), read("labels-idx1", 8)
    for index in range(2000):
        put(args.folder / "fashion", labels[index], index, pictures[index])
    digits = load_digits()
    for index, label in enumerate(digits.target):
        put(args.folder / "digits", label, index, (digits.images[index] * 15.9).astype(np.uint8))
    for name in STAMPS if args.stamps else []:
        (args.folder / "stamps" / name).mkdir(parents=True, exist_ok=True)
        for path in (args.stamps / "usr/share/tuxpaint/stamps" / name).rglob("*.png"):
            if "_mirror" not in path.name and "_flip" not in path.name:
                shutil.copy(path, args.folder / "stamps" / name / path.name)


main()
