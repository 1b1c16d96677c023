"""Resizing: results of Pillow, OpenCV, torchvision and Keras for the same pictures.

Makes in fixtures/resize/, one file per library:
  pillow.safetensors       bilinear and bicubic; stretch, crop (ImageOps.fit) and pad (ImageOps.pad)
  pillow_draft.safetensors JPEGs (`source/NAME`, bytes of the file) that draft() reduces, resized from the box that it
                           returns: `NAME/WxH/filter/fit`, bilinear and bicubic
  pillow_box.safetensors   area (BOX), if both sides shrink by whole factors
  opencv.safetensors       area (INTER_AREA), if neither side grows
  torchvision.safetensors  bilinear and bicubic, antialias=True; stretch
  keras.safetensors        tensorflow and area: image_dataset_from_directory with "bilinear", its default, and
                           "area"; stretch, crop (crop_to_aspect_ratio) and pad (pad_to_aspect_ratio)
Tensors are u8 [height, width, 3], RGB: `source/WxH`, and `WxH/WxH/filter/fit` for source, target, filter, fit. Real
numbers are rounded to the nearest level, halves up. Versions are in each file's metadata.

Three commands, because TensorFlow and PyTorch cannot share a process:
  python tools/reference/resize.py pillow       (pillow 13.0.0, opencv 5.0.0)
  python tools/reference/resize.py torchvision  (torch 2.15.0, torchvision 0.29.2)
  python tools/reference/resize.py keras        (keras 3.15.1 on tensorflow-cpu 2.21.0)
"""

import itertools
import os
import tempfile
from pathlib import Path

import numpy as np

import common

# Width, height: odd, portrait, the size of a target, a single pixel, and slivers.
SOURCES = [(61, 47), (40, 70), (16, 16), (1, 1), (120, 9), (5, 90)]
# Smaller and larger than the sources, in every aspect ratio.
TARGETS = [(16, 16), (31, 20), (27, 44), (1, 1)]
FITS = ["stretch", "crop", "pad"]
# A source, and targets that divide it.
WHOLE = (60, 48), [(20, 16), (15, 24), (60, 12), (1, 1)]


def name(size):
    return f"{size[0]}x{size[1]}"


def picture(size):
    return common.picture(size[1], size[0], seed=size[0])


def write(folder, library, sources, results, packages):
    tensors = {f"source/{name(size)}": picture(size) for size in sources} | results
    common.write_tensors(folder / f"{library}.safetensors", tensors, common.versions(*packages))


def resize(image, size, filter, box):
    """Resizes columns first, then rows: the order of Pillow up to release 12, and of torchvision. Later releases
    choose the order by the sizes, which is visible where a cubic overshoots."""
    left, top, right, bottom = box
    across = image.resize((size[0], image.height), filter, box=(left, 0, right, image.height))
    return across.resize(size, filter, box=(0, top, size[0], bottom))


def fit_box(size, target):
    """The box that ImageOps.fit uses, reported by a fake picture."""
    from PIL import Image, ImageOps

    class Told(Image.Image):
        def resize(self, size, resample=None, box=None, reducing_gap=None):
            self.box = box
            return self

    told = Told()
    told._size, told._mode = size, "RGB"
    ImageOps.fit(told, target, Image.Resampling.BILINEAR)
    return told.box


def fitted(size, target):
    """For each fit, the boxes of the source and of the target."""
    from PIL import Image, ImageOps

    yield "stretch", (0, 0, *size), (0, 0, *target)
    yield "crop", fit_box(size, target), (0, 0, *target)
    # Where ImageOps.pad puts a white picture; none if a side rounds to zero pixels.
    white = Image.new("L", size, 255)
    if min(ImageOps.contain(white, target).size):
        yield "pad", (0, 0, *size), ImageOps.pad(white, target).getbbox()


def put(image, target, filter, box, inner):
    from PIL import Image

    left, top, right, bottom = inner
    result = Image.new("RGB", target)
    result.paste(resize(image, (right - left, bottom - top), filter, box), (left, top))
    return np.asarray(result)


def pillow(folder):
    from PIL import Image

    filters = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}
    pillow_draft(folder, filters)

    results = {}
    for size in SOURCES:
        image = Image.fromarray(picture(size))
        for target in TARGETS:
            for fit, box, inner in fitted(size, target):
                for filter, resample in filters.items():
                    key = f"{name(size)}/{name(target)}/{filter}/{fit}"
                    results[key] = put(image, target, resample, box, inner)
    write(folder, "pillow", SOURCES, results, ["pillow", "numpy"])

    size, targets = WHOLE
    image = Image.fromarray(picture(size))
    boxes = {f"{name(size)}/{name(t)}/area/stretch": image.resize(t, Image.Resampling.BOX) for t in targets}
    write(folder, "pillow_box", [size], {k: np.asarray(v) for k, v in boxes.items()}, ["pillow", "numpy"])


def pillow_draft(folder, filters):
    """Sides that no divisor divides; upright and rotated, sequential and progressive."""
    import io

    from PIL import Image, ImageOps

    pixels = common.picture(61, 83, seed=3)
    # A pattern that reveals a shift by a fraction of a pixel.
    y, x = np.mgrid[:61, :83]
    wave = 55 * (np.sin(x / 3.1) + np.sin(y / 2.7))[..., None]
    image = Image.fromarray(np.clip(pixels / 3 + 85 + wave, 0, 255).astype(np.uint8))
    kinds = {"444": {"subsampling": 0}, "420": {"subsampling": 2}}
    kinds["progressive"] = {"progressive": True, "subsampling": 2}
    for orientation in range(2, 9):
        exif = Image.Exif()
        exif[0x112] = orientation
        kinds[f"orientation_{orientation}"] = {"subsampling": 0, "exif": exif}
    tensors = {}
    for kind, options in kinds.items():
        file = io.BytesIO()
        image.save(file, "JPEG", quality=92, **options)
        tensors[f"source/{kind}"] = np.frombuffer(file.getvalue(), np.uint8)
        # A half, a quarter and an eighth.
        for target in [(15, 12), (7, 6), (3, 2)]:
            reduced = Image.open(file)
            turned = int(reduced.getexif().get(0x112, 1)) > 4
            # A reducing gap of 2.
            ask = [2 * side for side in (target[::-1] if turned else target)]
            _, (_, _, right, bottom) = reduced.draft("RGB", ask)
            divisor = round(83 / right)
            assert (83 / divisor, 61 / divisor) == (right, bottom) and reduced.size != (83, 61)
            mark = Image.new("L", reduced.size)
            mark.putpixel((reduced.width - 1, reduced.height - 1), 255)
            mark.getexif()[0x112] = reduced.getexif().get(0x112, 1)
            left, top, _, _ = ImageOps.exif_transpose(mark).getbbox()
            upright = ImageOps.exif_transpose(reduced).convert("RGB")
            size = (61, 83) if turned else (83, 61)
            # The pixels of the last column and row beyond the picture are rotated with it.
            before = [
                upright.size[axis] - size[axis] / divisor if corner == 0 else 0
                for axis, corner in enumerate((left, top))
            ]
            for fit, box, inner in fitted(size, target):
                box = [v / divisor + before[i % 2] for i, v in enumerate(box)]
                for filter, resample in filters.items():
                    key = f"{kind}/{name(target)}/{filter}/{fit}"
                    tensors[key] = put(upright, target, resample, box, inner)
    common.write_tensors(folder / "pillow_draft.safetensors", tensors, common.versions("pillow", "numpy"))


def opencv(folder):
    import cv2

    results = {}
    for size in SOURCES:
        for target in TARGETS:
            # INTER_AREA uses another filter if a side grows.
            if target[0] <= size[0] and target[1] <= size[1]:
                resized = cv2.resize(picture(size), target, interpolation=cv2.INTER_AREA)
                results[f"{name(size)}/{name(target)}/area/stretch"] = resized
    write(folder, "opencv", SOURCES, results, ["opencv-python-headless", "numpy"])


def torchvision(folder):
    import torch
    from torchvision.transforms.v2 import functional as F

    results = {}
    for size in SOURCES:
        image = torch.from_numpy(picture(size)).permute(2, 0, 1)
        for width, height in TARGETS:
            for filter in ("bilinear", "bicubic"):
                interpolation = F.InterpolationMode(filter)
                resized = F.resize(image, [height, width], interpolation, antialias=True)
                key = f"{name(size)}/{width}x{height}/{filter}/stretch"
                results[key] = resized.permute(1, 2, 0).numpy()
    write(folder, "torchvision", SOURCES, results, ["torch", "torchvision", "numpy"])


def keras(folder):
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras as keras_
    import tensorflow as tf

    def loaded(pixels, target, method, fit):
        with tempfile.TemporaryDirectory() as pictures:
            png = tf.io.encode_png(pixels).numpy()
            (Path(pictures) / "picture.png").write_bytes(png)
            dataset = keras_.utils.image_dataset_from_directory(
                pictures,
                labels=None,
                image_size=(target[1], target[0]),
                interpolation=method,
                batch_size=None,
                shuffle=False,
                crop_to_aspect_ratio=fit == "crop",
                pad_to_aspect_ratio=fit == "pad",
                verbose=False,
            )
            (resized,) = dataset.as_numpy_iterator()
            return resized

    methods = {"tensorflow": "bilinear", "area": "area"}
    results = {}
    for size, target, fit in itertools.product(SOURCES, TARGETS, FITS):
        for filter, method in methods.items():
            try:
                resized = loaded(picture(size), target, method, fit)
            except tf.errors.InvalidArgumentError:
                # With padding, if a side of the picture would become shorter than a pixel.
                print(f"{name(size)} to {name(target)}: no {fit}")
                continue
            key = f"{name(size)}/{name(target)}/{filter}/{fit}"
            results[key] = np.floor(resized + 0.5).astype(np.uint8)
    write(folder, "keras", SOURCES, results, ["keras", "tensorflow-cpu", "numpy"])


def main():
    def extra(parser):
        parser.add_argument("library", choices=["pillow", "torchvision", "keras"])

    folder, parsed = common.arguments(__doc__, "resize", extra)
    if parsed.library == "pillow":
        pillow(folder)
        opencv(folder)
    else:
        {"torchvision": torchvision, "keras": keras}[parsed.library](folder)


if __name__ == "__main__":
    main()
