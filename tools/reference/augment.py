"""Reference results of Keras, PyTorch, torchvision and Pillow for augmentation with given angles, crops and factors.

Makes in fixtures/augment/ (P is a picture's height x width, as in 24x32):
  keras.safetensors        picture_P and one tensor for each case, all u8 [height, width, 3]
  keras.json               rotation: RandomRotation with a range of this one angle; flipped first if so marked
  torchvision.safetensors  as above
  torchvision.json         sampled:      torch's grid_sample (bilinear, reflection, align_corners=False, f64)
                                         with a grid that applies rotation, crop and flip step by step
                           resized_crop: torchvision's resized_crop, bilinear, antialias=False
                           adjusted:     torchvision's adjust_* and Pillow's ImageEnhance
Angles are in radians, counter-clockwise; a crop is left, top, width, height. Real numbers are rounded to the nearest
level, halves up, unless the library itself returns integers.

Two commands, because TensorFlow and PyTorch cannot share a process:
  python tools/reference/augment.py keras        (keras 3.15.1 on tensorflow-cpu 2.21.0)
  python tools/reference/augment.py torchvision  (torch 2.15.0, torchvision 0.29.2, pillow 13.0.0)
The versions used are in each JSON file.
"""

import math
import os

import numpy as np

import common

# Both sides even, both odd, one of each, and one so long that it is reflected more than once.
SIZES = [(24, 32), (23, 31), (24, 17), (5, 40)]


def picture(size):
    return common.picture(*size, seed=3)


def rounded(array):
    return np.clip(np.floor(np.asarray(array, np.float64) + 0.5), 0, 255).astype(np.uint8)


def write(folder, name, packages, cases, tensors):
    pictures = {f"picture_{h}x{w}": picture((h, w)) for h, w in SIZES}
    common.write_tensors(folder / f"{name}.safetensors", pictures | tensors)
    common.write_json(
        folder / f"{name}.json",
        {"script": f"tools/reference/augment.py {name}", "versions": common.versions(*packages)} | cases,
    )


def with_keras(folder):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras

    cases, tensors = [], {}
    for h, w in SIZES:
        for degrees in (72, -72, 36.5, -8, 0.5, 91):
            for flip in (False, True):
                pixels = picture((h, w)).astype(np.float32)
                if flip:
                    pixels = pixels[:, ::-1]
                layer = keras.layers.RandomRotation((degrees / 360, degrees / 360))
                name = f"rotation_{len(cases)}"
                tensors[name] = rounded(layer(pixels[None], training=True)[0])
                cases.append(
                    {"name": name, "height": h, "width": w, "flip": flip, "angle": math.radians(degrees)}
                )
    write(folder, "keras", ["keras", "tensorflow-cpu", "numpy"], {"rotation": cases}, tensors)


def with_torchvision(folder):
    import torch
    from PIL import Image, ImageEnhance
    from torchvision.transforms import functional

    tensors, sampled, resized, adjusted = {}, [], [], []

    def channels_first(pixels):
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))

    def grid(h, w, flip, angle, crop):
        left, top, crop_width, crop_height = crop
        y, x = torch.meshgrid(
            torch.arange(h, dtype=torch.float64), torch.arange(w, dtype=torch.float64), indexing="ij"
        )
        x, y = x - (w - 1) / 2, y - (h - 1) / 2
        x, y = math.cos(angle) * x - math.sin(angle) * y, math.sin(angle) * x + math.cos(angle) * y
        x, y = x + (w - 1) / 2, y + (h - 1) / 2
        # Pixel areas, from the outer edge of the first to that of the last.
        x, y = left + (x + 0.5) / w * crop_width, top + (y + 0.5) / h * crop_height
        if flip:
            x = w - x
        return torch.stack([2 * x / w - 1, 2 * y / h - 1], dim=-1)[None]

    for h, w in SIZES:
        pixels = channels_first(picture((h, w)))
        crops = [
            (0, 0, w, h),
            (w // 3, 1, w // 2, h - 1),
            (w - w // 3, h - h // 2, w // 3, h // 2),
            (0, h // 3, max(w // 7, 1), 1),
        ]
        for crop in crops:
            left, top, crop_width, crop_height = crop
            name = f"resized_crop_{len(resized)}"
            out = functional.resized_crop(
                pixels, top, left, crop_height, crop_width, [h, w], antialias=False
            )
            tensors[name] = out.numpy().transpose(1, 2, 0)
            resized.append({"name": name, "height": h, "width": w, "crop": crop})
            for flip, angle in ((False, 0.0), (True, 0.0), (False, 0.26), (True, -0.2)):
                name = f"sampled_{len(sampled)}"
                out = torch.nn.functional.grid_sample(
                    pixels[None].to(torch.float64),
                    grid(h, w, flip, angle, crop),
                    mode="bilinear",
                    padding_mode="reflection",
                    align_corners=False,
                )
                tensors[name] = rounded(out[0].numpy().transpose(1, 2, 0))
                sampled.append(
                    {"name": name, "height": h, "width": w, "flip": flip, "angle": angle, "crop": crop}
                )

    enhancers = {
        "brightness": ImageEnhance.Brightness,
        "contrast": ImageEnhance.Contrast,
        "saturation": ImageEnhance.Color,
    }
    h, w = SIZES[1]
    for kind, enhancer in enhancers.items():
        for factor in (0.6, 0.83, 1.0, 1.17, 1.4):
            adjust = getattr(functional, f"adjust_{kind}")
            results = {
                "torchvision": adjust(channels_first(picture((h, w))), factor).numpy().transpose(1, 2, 0),
                "pillow": np.asarray(enhancer(Image.fromarray(picture((h, w)))).enhance(factor)),
            }
            for library, pixels in results.items():
                name = f"adjusted_{len(adjusted)}"
                tensors[name] = pixels
                adjusted.append(
                    {"name": name, "height": h, "width": w, "kind": kind, "factor": factor, "by": library}
                )

    packages = ["torch", "torchvision", "pillow", "numpy"]
    cases = {"sampled": sampled, "resized_crop": resized, "adjusted": adjusted}
    write(folder, "torchvision", packages, cases, tensors)


common.command(__doc__, "augment", {"keras": with_keras, "torchvision": with_torchvision})
