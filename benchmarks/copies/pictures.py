"""Makes pictures for the search for copies: `pictures.py PHOTOGRAPHS OUT [COUNT]`.

PHOTOGRAPHS is a folder of photographs, at any depth. OUT receives COUNT (24,000) overlapping pictures of 200x200:
parts of the photographs, rotated, recoloured, some mirrored. Every fortieth has a copy: saved at quality 30, mirrored,
brightened, or cropped to 95 %. The same photographs and count give the same pictures. Made with Pillow 13.0.
"""

import pathlib
import random
import sys

from PIL import Image, ImageEnhance, ImageOps

SIDE = 200
CLASSES = 20
COPIED = 40


def part(picture, r):
    """A part of a photograph, varied so that two parts are hardly ever copies of each other."""
    width, height = picture.size
    share, aspect = r.uniform(0.3, 0.9), r.uniform(0.8, 1.25)
    w = min(width, int(width * share * aspect**0.5))
    h = min(height, int(height * share / aspect**0.5))
    x, y = r.randint(0, width - w), r.randint(0, height - h)
    picture = picture.crop((x, y, x + w, y + h)).resize((SIDE, SIDE), Image.BICUBIC)
    if r.random() < 0.5:
        picture = ImageOps.mirror(picture)
    fill = tuple(r.randrange(256) for _ in range(3))
    picture = picture.rotate(r.uniform(-25, 25), Image.BICUBIC, fillcolor=fill)
    picture = ImageEnhance.Brightness(picture).enhance(r.uniform(0.7, 1.3))
    picture = ImageEnhance.Color(picture).enhance(r.uniform(0.3, 1.6))
    return ImageEnhance.Contrast(picture).enhance(r.uniform(0.7, 1.3))


def copy(picture, kind):
    """A copy, and the quality at which to save it."""
    if kind == 0:
        return picture, 30
    if kind == 1:
        return ImageOps.mirror(picture), 90
    if kind == 2:
        return ImageEnhance.Brightness(picture).enhance(1.2), 90
    edge = SIDE // 40
    inner = picture.crop((edge, edge, SIDE - edge, SIDE - edge))
    return inner.resize((SIDE, SIDE), Image.BICUBIC), 90


def main(photographs, out, count=24_000):
    paths = sorted(pathlib.Path(photographs).rglob("*.jp*g"))
    if not paths:
        raise SystemExit(f"no photographs in {photographs}")
    for number in range(int(count)):
        at = number % len(paths)
        with Image.open(paths[at]) as photograph:
            picture = part(photograph.convert("RGB"), random.Random(number))
        folder = pathlib.Path(out) / f"{at % CLASSES:02}"
        folder.mkdir(parents=True, exist_ok=True)
        picture.save(folder / f"{number:06}.jpg", quality=92)
        if number % COPIED == 0:
            copied, quality = copy(picture, number // COPIED % 4)
            copied.save(folder / f"{number:06}-copy.jpg", quality=quality)


main(*sys.argv[1:])
