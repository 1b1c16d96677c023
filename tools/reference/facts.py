"""Makes the fixture of measured properties of pictures (crates/data/src/facts.rs).

    python tools/reference/facts.py crates/data/tests/fixtures

Needs Pillow, numpy and scipy; made with Pillow 13.0, numpy 2.4, scipy 1.17. Reads pictures made by
tools/reference/pictures.py. Writes a blurred, a grey and a dark picture to `facts/`, and `facts.tsv`: file, mean luma,
its deviation, fractions of black and of white, blur, colourfulness, and the cells of the thumbnail, separated by
commas.
"""

import struct
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter
from scipy.ndimage import uniform_filter1d

FIXTURES = Path(sys.argv[1])


def read(name):
    data = (FIXTURES / name).read_bytes()
    return Image.frombytes("RGB", struct.unpack("<II", data[:8]), data[8:])


def write(name, image):
    image = image.convert("RGB")
    (FIXTURES / name).write_bytes(struct.pack("<II", *image.size) + image.tobytes())


def blur(luma):
    """The blur metric of Crete et al. 2007, as published: filter, differences, and their loss."""
    worst = []
    for axis in (0, 1):
        filtered = uniform_filter1d(luma, 9, axis=axis)
        sharp, smooth = (np.abs(np.diff(f, axis=axis)) for f in (luma, filtered))
        # Positions at which the box filter of both neighbours is inside the picture.
        inside = [slice(None)] * 2
        inside[axis] = slice(4, luma.shape[axis] - 5)
        sharp, smooth = sharp[tuple(inside)], smooth[tuple(inside)]
        if sharp.sum() > 0:
            worst.append((sharp.sum() - np.maximum(0, sharp - smooth).sum()) / sharp.sum())
    return max(worst, default=1.0)


def colourfulness(rgb):
    r, g, b = np.moveaxis(rgb, -1, 0)
    rg, yb = r - g, (r + g) / 2 - b
    return np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())


def cells(luma):
    def parts(side):
        starts = [i * side // 16 for i in range(16)]
        return [slice(a, max((i + 1) * side // 16, a + 1)) for i, a in enumerate(starts)]

    height, width = luma.shape
    return [int(luma[y, x].mean() + 0.5) for y in parts(height) for x in parts(width)]


(FIXTURES / "facts").mkdir(exist_ok=True)
source = read("facts/source_61x47.rgb")
write("facts/blurred.rgb", source.filter(ImageFilter.GaussianBlur(3)))
write("facts/grey.rgb", source.convert("L"))
write("facts/dark.rgb", ImageEnhance.Brightness(source).enhance(0.1))
write("facts/flat.rgb", Image.new("RGB", (20, 20), (250, 251, 252)))
write("facts/striped.rgb", Image.fromarray(np.repeat(np.arange(0, 256, 8, np.uint8)[None], 24, 0)))
names = ["facts/source_61x47", "facts/source_40x70", "facts/61x47_to_50x30_bilinear_stretch"]
names += ["expected/jpeg_rgb.jpg", *(f"facts/{n}" for n in ("blurred", "grey", "dark", "flat", "striped"))]
with open(FIXTURES / "facts.tsv", "w", encoding="utf-8") as table:
    for name in names:
        image = read(f"{name}.rgb")
        luma = np.asarray(image.convert("L")).astype(np.float64)
        measures = [
            luma.mean(),
            luma.std(),
            (luma <= 8).mean(),
            (luma >= 247).mean(),
            blur(luma),
            colourfulness(np.asarray(image).astype(np.float64)),
        ]
        row = [f"{name}.rgb", *(f"{m:.6f}" for m in measures), ",".join(map(str, cells(luma)))]
        table.write("\t".join(row) + "\n")
