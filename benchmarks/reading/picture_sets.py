"""Makes the JPEG files for reading: `picture_sets.py PHOTOGRAPHS OUT`.

PHOTOGRAPHS is a folder of photographs, at any depth. OUT receives a folder for each of SETS: small
pictures, which are random crops, and large ones, which are upscaled photographs; the large ones are
written with one scan and progressive. Neither has as much detail as a camera's picture, so
sensor-like noise is added until a pixel takes about as many bits as in photographs, because
decoding time depends on that. The same photographs, counts and seed give the same pictures.
"""

import argparse
import dataclasses
import itertools
import pathlib
import random
import sys

import numpy as np
from PIL import Image

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "training"))

from pictures import SUFFIXES, crop

QUALITY = 90
BAND = 256  # number of rows to which noise is added at a time
FOLDER = "pictures"  # the folder within each set's folder: the label, where one is needed


@dataclasses.dataclass(frozen=True)
class PictureSet:
    """JPEG files of one kind, in a folder of that name."""

    name: str
    title: str
    size: tuple[int, int] | None = None  # None: crops of about 500x375
    noise: float = 0.0  # standard deviation in the middle of the range, in levels of 255
    share: float = 1.0  # fraction of the requested count


SMALL = PictureSet("small", "500x375", None, 5)
LARGE = [
    PictureSet("12mp", "12 MP", (4000, 3000), 12),
    PictureSet("48mp", "48 MP", (8000, 6000), 12, 1 / 3),
]
SCANS = {"baseline": False, "progressive": True}
SETS = [SMALL] + [
    dataclasses.replace(each, name=f"{each.name}-{scans}", title=f"{each.title}, {scans}")
    for each in LARGE for scans in SCANS
]


def photographs(folder):
    """The paths of all photographs in a folder and its subfolders."""
    found = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in SUFFIXES]
    if not found:
        raise SystemExit(f"no photographs ({', '.join(SUFFIXES)}) in {folder}")
    return found


def with_noise(picture, deviation, generator):
    """The picture with noise whose variance grows with brightness, as in a sensor."""
    pixels = np.asarray(picture)
    noisy = np.empty_like(pixels)
    for top in range(0, len(pixels), BAND):
        band = pixels[top : top + BAND].astype(np.float32)
        noise = generator.standard_normal(band.shape, dtype=np.float32)
        band += noise * (deviation * np.sqrt((band + 16) / 144))
        noisy[top : top + BAND] = band.clip(0, 255).round()
    return Image.fromarray(noisy)


def make(source, out, count, large, seed=0):
    """Writes all sets: `count` small pictures, `large` of 12 megapixels and a third of 48."""
    paths = photographs(source)
    random.Random(seed).shuffle(paths)
    for each in SETS:
        (out / each.name / FOLDER).mkdir(parents=True)

    def pictures(count):
        for index, path in zip(range(count), itertools.cycle(paths)):
            yield index, Image.open(path).convert("RGB")

    def write(each, index, picture, **options):
        picture.save(out / each / FOLDER / f"{index:06}.jpg", quality=QUALITY, **options)

    for index, picture in pictures(count):
        small = crop(picture, random.Random(f"{seed} {index}"))
        generator = np.random.default_rng([seed, index])
        write(SMALL.name, index, with_noise(small, SMALL.noise, generator))
    for each in LARGE:
        for index, picture in pictures(max(1, round(large * each.share))):
            generator = np.random.default_rng([seed, index])
            picture = picture.resize(each.size, Image.Resampling.BICUBIC)
            picture = with_noise(picture, each.noise, generator)
            for scans, progressive in SCANS.items():
                write(f"{each.name}-{scans}", index, picture, progressive=progressive)


def files(folder):
    """The pictures of a set, ordered by name."""
    return sorted(str(path) for path in (folder / FOLDER).iterdir())


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("photographs", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path, help="a folder that is new or empty")
    parser.add_argument("--count", type=int, default=2000, help="small ones [default: 2000]")
    parser.add_argument(
        "--large", type=int, default=48, help="of 12 MP; a third of 48 MP [default: 48]"
    )
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    make(args.photographs, args.out, args.count, args.large, args.seed)


if __name__ == "__main__":
    main()
