# The code below is the same for all formats.

import json
import sys

import numpy as np
from PIL import Image, ImageOps


def prepared(path, preprocessing):
    """Reads a picture and prepares it for the model: upright, on white, at the model's size; u8 RGB."""
    picture = ImageOps.exif_transpose(Image.open(path))
    if picture.mode.startswith(("I", "F")):
        # 16 bits per channel.
        picture = Image.fromarray((np.asarray(picture).astype(np.float64) / 257 + 0.5).astype(np.uint8))
    if "A" in picture.getbands() or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture)
    picture = picture.convert("RGB")
    to = (preprocessing["width"], preprocessing["height"])
    if picture.size == to:
        return np.asarray(picture)
    interpolation, fit = preprocessing["interpolation"], preprocessing["fit"]
    if interpolation in ("bilinear", "bicubic"):
        how = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}[interpolation]
        fits = {"stretch": Image.Image.resize, "crop": ImageOps.fit, "pad": ImageOps.pad}[fit]
        return np.asarray(fits(picture, to, how))
    return as_keras(np.asarray(picture), to, interpolation, fit)


def as_keras(pixels, to, interpolation, fit):
    """Resizes as Keras's image_dataset_from_directory does, and rounds to integer levels."""
    (height, width), (to_width, to_height) = pixels.shape[:2], to
    inner_width, inner_height, left, top = to_width, to_height, 0, 0
    f32 = np.float32
    if fit == "crop":
        part_width = max(1, min(width, int(f32(height * to_width) / f32(to_height))))
        part_height = max(1, min(height, int(f32(width * to_height) / f32(to_width))))
        x, y = (width - part_width) // 2, (height - part_height) // 2
        pixels = pixels[y : y + part_height, x : x + part_width]
        height, width = part_height, part_width
    elif fit == "pad":
        ratio = max(f32(width) / f32(to_width), f32(height) / f32(to_height))
        wide, high = f32(width) / ratio, f32(height) / ratio
        inner_width, inner_height = max(1, min(int(wide), to_width)), max(1, min(int(high), to_height))
        left, top = int((f32(to_width) - wide) / 2), int((f32(to_height) - high) / 2)
    shares = {"area": area_shares, "tensorflow": bilinear_shares}[interpolation]
    across, down = shares(width, inner_width), shares(height, inner_height)
    rows = np.einsum("yh,hwc->ywc", down, pixels.astype(np.float64))
    levels = np.einsum("xw,ywc->yxc", across, rows)
    out = np.zeros((to_height, to_width, 3), np.uint8)
    out[top : top + inner_height, left : left + inner_width] = np.floor(levels + 0.5).clip(0, 255)
    return out


def area_shares(size, to):
    """The weights [to, size] for resizing a line: the share of each output pixel that an input pixel covers."""
    edges = np.arange(to + 1) * (size / to)
    before, after = np.arange(size), np.arange(1, size + 1)
    covered = np.minimum(edges[1:, None], after) - np.maximum(edges[:-1, None], before)
    return covered.clip(0) / (size / to)


def bilinear_shares(size, to):
    """The weights [to, size] for resizing a line by bilinear interpolation."""
    middle = (np.arange(to, dtype=np.float32) + 0.5) * np.float32(size / to) - np.float32(0.5)
    below, weight = np.floor(middle), middle - np.floor(middle)
    shares = np.zeros((to, size))
    first = below.clip(0, size - 1).astype(int)
    second = np.ceil(middle).clip(0, size - 1).astype(int)
    np.add.at(shares, (np.arange(to), first), 1 - weight)
    np.add.at(shares, (np.arange(to), second), weight)
    return shares


def checked(proof, run):
    """Compares the model's answers to the pictures of its proof with headstart's."""
    answers, expected = run(proof["pictures"]), proof["answers"]
    return {
        "runtime": RUNTIME,
        "pictures": len(expected),
        "same_first": int((answers.argmax(1) == expected.argmax(1)).sum()),
        "largest_difference": float(np.abs(answers - expected).max()),
        "largest": float(np.abs(expected).max()),
    }


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--json"]
    for_programs = "--json" in sys.argv[1:]
    if not arguments or arguments[0] in ("-h", "--help"):
        sys.exit(__doc__.strip())
    path, pictures = arguments[0], arguments[1:]
    if pictures == ["-"]:
        # Paths on standard input, each terminated by a NUL.
        pictures = [name for name in sys.stdin.buffer.read().decode("utf-8", "surrogateescape").split("\0") if name]
    proof, run = load(path)
    proof = np.load(proof)
    description = json.loads(proof["description.json"])
    classes = description["classes"]
    if for_programs or not pictures:
        found = checked(proof, run)
        if for_programs:
            print(json.dumps({"proof": found}))
        else:
            same, all_of_them = found["same_first"], found["pictures"]
            print(f"{RUNTIME}: {same} of {all_of_them} pictures of the proof have the same first answer, "
                  f"which differ by {found['largest_difference']:.1e} at most")
            sys.exit(same < all_of_them)
    failed = False
    for picture in pictures:
        try:
            pixels = prepared(picture, description["preprocessing"])
        except Exception as error:
            print(f"{picture}: {error}", file=sys.stderr)
            failed = True
            if for_programs:
                print(json.dumps({"path": picture, "error": str(error)}))
            continue
        scores = run(pixels[None])[0]
        if for_programs:
            print(json.dumps({"path": picture, "scores": [float(score) for score in scores]}))
        elif description["output"] == "features":
            print(f"{picture}: {' '.join(f'{value:.6g}' for value in scores)}")
        else:
            best = np.argsort(-scores)[:3]
            print(f"{picture}: {', '.join(f'{classes[i]} {scores[i]:.3f}' for i in best)}")
    sys.exit(failed)


if __name__ == "__main__":
    main()
