"""Makes a data set as large as the tutorial's from photographs: `pictures.py SOURCE OUT`.

SOURCE contains a folder of photographs for each food group, named by letters: A to H are plants, M
to S animals. OUT receives train/{plant,animal} and validation/{plant,animal}: 2,000 and 1,000 JPEGs
of about 500x375 pixels, random crops. A photograph, all photographs with the same pixels, and all
their crops stay on one side. The same source and seed give the same pictures.
"""

import argparse
import collections
import hashlib
import pathlib
import random

from PIL import Image

CLASSES = {"plant": "ABCDEFGH", "animal": "MNOPQRS"}
COUNTS = {"train": 1000, "validation": 500}  # of each class
SIZE = (500, 375)
SPREAD = 0.05  # relative deviation of a picture's size from SIZE
SMALLEST = 0.6  # crop, as a fraction of the largest one that fits
SUFFIXES = (".jpg", ".jpeg", ".png")


def photographs(folder):
    """{digest of pixels: path} of all photographs in a folder."""
    found = {}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in SUFFIXES:
            picture = Image.open(path).convert("RGB")
            digest = hashlib.sha256(repr(picture.size).encode() + picture.tobytes()).hexdigest()
            found.setdefault(digest, path)
    return found


def by_class(source):
    """{class: paths of photographs}, each once, without those that belong to several classes."""
    found = {
        name: {k: path for group in groups for k, path in photographs(source / group).items()}
        for name, groups in CLASSES.items()
    }
    classes = collections.Counter(digest for each in found.values() for digest in each)
    return {
        name: [path for digest, path in each.items() if classes[digest] == 1]
        for name, each in found.items()
    }


def crop(picture, rng):
    """A random crop of a picture, with the aspect ratio of `SIZE`, resized to about that size."""
    scale = min(picture.width / SIZE[0], picture.height / SIZE[1]) * rng.uniform(SMALLEST, 1)
    width, height = SIZE[0] * scale, SIZE[1] * scale
    left, top = rng.uniform(0, picture.width - width), rng.uniform(0, picture.height - height)
    size = [round(side * rng.uniform(1 - SPREAD, 1 + SPREAD)) for side in SIZE]
    return picture.resize(size, Image.Resampling.BICUBIC, (left, top, left + width, top + height))


def write(paths, count, folder, rng):
    """Crops of the photographs in turn, until there are enough."""
    folder.mkdir(parents=True)
    for index in range(count):
        path = paths[index % len(paths)]
        picture = crop(Image.open(path).convert("RGB"), rng)
        picture.save(folder / f"{path.stem}_{index:04}.jpg", quality=90)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("source", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path, help="a folder that is new or empty")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    total = sum(COUNTS.values())
    for name, paths in by_class(args.source).items():
        rng = random.Random(f"{name} {args.seed}")
        rng.shuffle(paths)
        first = 0
        for side, count in COUNTS.items():
            after = first + round(len(paths) * count / total)
            write(paths[first:after], count, args.out / side / name, rng)
            print(f"{side}/{name}: {count} pictures of {len(paths[first:after])} photographs")
            first = after


if __name__ == "__main__":
    main()
