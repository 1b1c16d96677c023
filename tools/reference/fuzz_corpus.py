"""Makes the small files of the initial fuzzing corpus, in fuzz/corpus/{decode,weights,model_file}.

    python tools/reference/fuzz_corpus.py fuzz/corpus [model.safetensors]

Pictures in variants that are not in crates/data/tests/fixtures/decode, weight files of a few tensors, and the header
of the given model. Needs Pillow 13.0, h5py 3.14, torch 2.15, safetensors 0.8. Files whose names begin with `found_`
were found by fuzzing, and are not changed.
"""

import io
import json
import struct
import sys
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import torch
from PIL import Image, ImageCms
from safetensors.torch import save as save_safetensors

from pictures import RESTARTS_CHANGED, photo, restarts_changed, strip_tiff, tiff

W, H = 11, 7


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


# --- PNG -------------------------------------------------------------------------------------------


def png_chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(header, rows, *chunks):
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", struct.pack(">IIBBBBB", *header))
        + b"".join(png_chunk(*chunk) for chunk in chunks)
        + png_chunk(b"IDAT", zlib.compress(rows, 9))
        + png_chunk(b"IEND", b"")
    )


def adam7(pixels):
    """The rows of the seven passes, unfiltered. PNG specification, 8.2."""
    rows = b""
    for x, y, dx, dy in [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]:
        for row in pixels[y::dy, x::dx]:
            if row.size:
                rows += b"\0" + row.tobytes()
    return rows


def pngs():
    pixels = photo(W, H)
    yield "interlaced.png", png((W, H, 8, 2, 0, 0, 1), adam7(pixels))
    grey = pixels[..., :1]
    for filter in range(1, 5):
        rows = b"".join(bytes([filter]) + row.tobytes() for row in grey)
        yield f"filter_{filter}.png", png((W, H, 8, 0, 0, 0, 0), rows)
    for bits in (2, 4):
        rows = b"".join(b"\0" + bytes((row[: W * bits // 8 + 1, 0]).tolist()) for row in pixels)
        palette = (b"PLTE", bytes(range(3 << bits)))
        yield f"palette_{bits}.png", png((W, H, bits, 3, 0, 0, 0), rows, palette, (b"tRNS", b"\0\x80"))
    text = [(b"tEXt", b"key\0value"), (b"zTXt", b"key\0\0" + zlib.compress(b"value")), (b"gAMA", b"\0\0\xb1\x8f")]
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    yield "chunks.png", png((W, H, 8, 2, 0, 0, 0), rows, *text)
    frames = [Image.fromarray(photo(W, H)), Image.fromarray(255 - photo(W, H))]
    yield "animated.png", saved(frames[0], "PNG", save_all=True, append_images=frames[1:])


# --- BMP -------------------------------------------------------------------------------------------


def bmp(width, height, bits, compression, data, palette=b"", masks=b""):
    offset = 14 + 40 + len(masks) + len(palette)
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(data), 0, 0, len(palette) // 4, 0)
    return b"BM" + struct.pack("<IHHI", offset + len(data), 0, 0, offset) + info + masks + palette + data


def bmps():
    colours = b"".join(bytes([i * 16, 255 - i * 16, i * 7, 0]) for i in range(16))
    # A run, absolute pixels with padding, a delta to the right and up, end of line, and end of picture.
    rle8 = bytes([5, 1, 0, 3, 1, 2, 3, 0, 0, 0, 0, 2, 1, 1, 4, 9, 0, 0, 11, 4, 0, 1])
    yield "rle8.bmp", bmp(W, H, 8, 1, rle8, colours)
    yield "rle4.bmp", bmp(W, H, 4, 2, rle8, colours)
    words = (np.arange(W * H, dtype="<u2") * 771).reshape(H, W)
    rows = np.pad(words, ((0, 0), (0, W % 2))).tobytes()
    yield "555.bmp", bmp(W, H, 16, 0, rows)
    yield "565.bmp", bmp(W, H, 16, 3, rows, masks=struct.pack("<III", 0xF800, 0x07E0, 0x001F))
    yield "top_down.bmp", bmp(W, -H, 16, 0, rows)
    yield "alpha.bmp", saved(Image.fromarray(photo(W, H, 4), "RGBA"), "BMP")
    core = struct.pack("<IHHHH", 12, 8, 2, 1, 1) + bytes([0, 0, 0, 255, 255, 255])
    yield "os2.bmp", b"BM" + struct.pack("<IHHI", 32 + 8, 0, 0, 32) + core + b"\xa5\0\0\0\x5a\0\0\0"


# --- TIFF ------------------------------------------------------------------------------------------


def tiffs():
    rgb, grey = Image.fromarray(photo(W, H)), Image.fromarray(photo(W, H)[..., 0])
    for compression in ("packbits", "jpeg", "tiff_adobe_deflate", "tiff_lzw"):
        yield f"{compression}.tif", saved(rgb, "TIFF", compression=compression)
    for compression in ("group3", "group4", "tiff_ccitt"):
        yield f"{compression}.tif", saved(grey.convert("1"), "TIFF", compression=compression)
    yield "predictor.tif", saved(rgb, "TIFF", compression="tiff_lzw", tiffinfo={317: 2})
    yield "float.tif", saved(grey.convert("F"), "TIFF")
    yield "palette.tif", saved(grey.convert("P"), "TIFF")
    yield "big.tif", saved(grey, "TIFF", big_tiff=True)
    planes = np.moveaxis(photo(W, H), -1, 0)
    base = [(256, 4, [W]), (257, 4, [H]), (262, 3, [2]), (277, 3, [3]), (258, 3, [8, 8, 8])]
    strips = [(273, 4, [8 + i * W * H for i in range(3)]), (278, 4, [H]), (279, 4, [W * H] * 3)]
    yield "planes.tif", tiff(base + strips + [(259, 3, [1]), (284, 3, [2])], planes.tobytes())
    tiles = zlib.compress(np.pad(photo(W, H), ((0, 9), (0, 5), (0, 0))).tobytes())
    tiling = [(322, 4, [16]), (323, 4, [16]), (324, 4, [8]), (325, 4, [len(tiles)])]
    yield "tiled.tif", tiff(base + tiling + [(259, 3, [8])], tiles)


# --- JPEG, GIF, WebP -------------------------------------------------------------------------------


def others():
    large = Image.fromarray(photo(40, 24))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    progressive = saved(large, "JPEG", quality=60, progressive=True, subsampling=2, restart_marker_blocks=2)
    yield "progressive_restarts.jpg", progressive
    for name, change in RESTARTS_CHANGED.items():
        options = {"restart_marker_blocks": 2, "quality": 60, "subsampling": 0, "progressive": name == "doubled"}
        yield f"restart_{name}.jpg", restarts_changed(saved(large, "JPEG", **options), change)
    plain = saved(large, "JPEG", quality=60, subsampling=0)
    yield "arithmetic.jpg", plain.replace(b"\xff\xc0", b"\xff\xc9", 1)
    yield "lossless.jpg", plain.replace(b"\xff\xc0", b"\xff\xc3", 1)
    yield "comment.jpg", saved(large, "JPEG", quality=30, comment=b"words", icc_profile=profile[:200])
    for tall in (0x14, 0x41, 0x12, 0x44):
        at = plain.index(b"\xff\xc0") + 11
        yield f"sampling_{tall:02x}.jpg", plain[:at] + bytes([tall]) + plain[at + 1 :]
    frames = [Image.fromarray(photo(W, H)).convert("P"), Image.fromarray(255 - photo(W, H)).convert("P")]
    yield "interlaced.gif", saved(large.convert("P"), "GIF", interlace=1)
    yield "disposed.gif", saved(frames[0], "GIF", save_all=True, append_images=frames[1:], disposal=2, transparency=3)
    extended = {"icc_profile": profile[:100], "exif": Image.Exif().tobytes(), "xmp": b"<x/>"}
    yield "extended.webp", saved(large, "WEBP", quality=20, **extended)
    yield "alpha_filtered.webp", saved(Image.fromarray(photo(40, 24, 4), "RGBA"), "WEBP", quality=5, alpha_quality=40)
    yield "palette.webp", saved(frames[0].convert("RGB").quantize(4).convert("RGB"), "WEBP", lossless=True)
    moving = [Image.fromarray(photo(W, H, 4), "RGBA"), Image.fromarray(255 - photo(W, H, 4), "RGBA")]
    yield "animated.webp", saved(moving[0], "WEBP", quality=30, save_all=True, append_images=moving[1:])
    yield "opening.qoi", b"qoif\0\0\0\x01\0\0\0\x01\x03\0"
    yield "text.txt", b"no picture"


def hostile():
    """Files that claim too much memory, or omit required data."""
    data = zlib.compress(photo(W, H).tobytes())
    packed = [(259, 3, [8])]
    yield "hostile_tile.tif", strip_tiff(data, (W, H), [8] * 3, 2, *packed, (322, 4, [1 << 31]), (323, 4, [1 << 31]), (324, 4, [8]))
    yield "hostile_rows.tif", strip_tiff(data, (W, H), [8] * 3, 2, *packed, (278, 4, [0]))
    yield "hostile_samples.tif", strip_tiff(data, (W, H), [8], 2, *packed, (277, 3, [65535]))
    yield "hostile_side.tif", strip_tiff(data, (W, 60000), [8] * 3, 2, *packed)
    yield "hostile_subsampling.tif", strip_tiff(data, (W, H), [8] * 3, 6, *packed, (530, 3, [0, 3]))
    yield "hostile_palette.tif", strip_tiff(data, (W, H), [8], 3, *packed, (320, 3, [1, 2, 3]))
    yield "hostile_subsampled.tif", strip_tiff(data, (W, H), [8] * 3, 6, *packed, (530, 3, [4, 4]))
    yield "hostile_predictor.tif", strip_tiff(data, (W, H), [32], 1, *packed, (317, 3, [3]), (339, 3, [3]))
    # A window of 2 TB before an empty block.
    window = b"\x28\xb5\x2f\xfd\x00\xf8\x01\x00\x00"
    yield "hostile_window.tif", strip_tiff(window, (W, H), [8] * 3, 2, (259, 3, [50000]))
    for name, compression in (("rle", 2), ("group3", 3), ("group4", 4)):
        for fill in (b"\0", b"\xff", b"\x35", b"\x2a"):
            yield f"hostile_{name}_{fill.hex()}.tif", strip_tiff(fill * 40, (300, 20), [1], 0, (259, 3, [compression]))
    rows = b"".join(b"\0" + row.tobytes() for row in photo(W, H))
    bomb = b"Raw profile type exif\0\0" + zlib.compress(b"0" * (3 << 20), 9)
    yield "hostile_profile.png", png((W, H, 8, 2, 0, 0, 0), rows, (b"zTXt", bomb))
    yield "hostile_exif.png", png((W, H, 8, 2, 0, 0, 0), rows, (b"eXIf", b"II*\0\xff\xff\xff\xff"))
    yield "hostile_side.ppm", b"P6 4000000000 4000000000 255\n" + bytes(100)
    yield "hostile_zeros.ppm", b"P3 " + b"0" * 400
    yield "hostile_maximum.pgm", b"P2 2 2 0\n1 1 1 1"
    yield "hostile_comment.pbm", b"P1#" * 100
    yield "hostile_rows.pam", b"P7\nWIDTH 3\nHEIGHT 3\nDEPTH 200\nMAXVAL 255\nENDHDR\n" + bytes(30)


# --- weights ---------------------------------------------------------------------------------------


def layer(name, kind, before, **config):
    inbound = [{"args": [{"class_name": "__keras_tensor__", "config": {"keras_history": [before, 0, 0]}}], "kwargs": {}}]
    config = {"name": name, **config}
    return {"class_name": kind, "name": name, "config": config, "inbound_nodes": inbound if before else []}


def keras_config():
    layers = [
        layer("input", "InputLayer", None, batch_shape=[None, 32, 32, 3]),
        layer("rescaling", "Rescaling", "input", scale=1 / 127.5, offset=-1),
        layer("Conv1", "Conv2D", "rescaling", filters=2, kernel_size=[3, 3], strides=[2, 2], padding="same", use_bias=False),
        layer("pool", "GlobalAveragePooling2D", "Conv1"),
        layer("dense", "Dense", "pool", units=2, activation="softmax"),
    ]
    ends = {"input_layers": [["input", 0, 0]], "output_layers": [["dense", 0, 0]]}
    return json.dumps({"class_name": "Functional", "config": {"name": "small", "layers": layers, **ends}})


def h5(fill, **options):
    out = io.BytesIO()
    with h5py.File(out, "w", **options) as file:
        fill(file)
    return out.getvalue()


def keras_h5(file):
    file.attrs["model_config"] = keras_config()
    group = file.create_group("model_weights")
    group.attrs["layer_names"] = np.array([b"Conv1", b"dense"])
    shapes = {"Conv1": {"kernel": (3, 3, 3, 2)}, "dense": {"kernel": (2, 2), "bias": (2,)}}
    for name, weights in shapes.items():
        inner = group.create_group(name)
        inner.attrs["weight_names"] = np.array([f"{name}/{weight}:0".encode() for weight in weights])
        for weight, shape in weights.items():
            inner[f"{name}/{weight}:0"] = np.full(shape, 0.25, np.float32)
    file.create_group("optimizer_weights")["iteration"] = np.int64(3)


def keras_weights(file):
    for name, count in (("conv2d", 1), ("dense", 2)):
        for i in range(count):
            file[f"layers/{name}/vars/{i}"] = np.full((2, 2), 0.5, np.float32)


def stored(file):
    """Tensors in every storage format of HDF5."""
    values = np.arange(24, dtype=np.float32).reshape(4, 6)
    for name, options in {
        "plain": {},
        "gzip": {"compression": "gzip", "shuffle": True},
        "lzf": {"compression": "lzf"},
        "checked": {"fletcher32": True, "chunks": (2, 4)},
        "grown": {"maxshape": (None, None), "chunks": (3, 3)},
        "scaled": {"scaleoffset": 2},
    }.items():
        file.create_dataset(name, data=values, **options)
    file.create_dataset("half", data=values.astype(np.float16))
    file.create_dataset("big", data=values.astype(">f8"))
    file.create_dataset("scalar", data=np.float32(2))
    file.create_dataset("empty", shape=(0, 3), dtype=np.float32)
    file.create_dataset("unwritten", shape=(3,), dtype=np.float32, fillvalue=7)
    file.create_dataset("counter", data=np.int64(5))
    file.create_dataset("words", data=["one", "two"])
    file.create_dataset("pairs", data=np.zeros(2, [("a", "<f4"), ("b", "<i2")]))
    file["again"] = file["plain"]
    file["soft"] = h5py.SoftLink("/plain")
    file["away"] = h5py.ExternalLink("other.h5", "/plain")
    loop = file.create_group("loop")
    loop["loop"] = loop


def many(file):
    """More links and attributes than fit in a header."""
    group = file.create_group("many", track_order=True)
    for i in range(12):
        group[f"w{i}"] = np.float32(i)
        group.attrs[f"a{i}"] = i


def zipped(entries, compression):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return out.getvalue()


def pth(value, **options):
    out = io.BytesIO()
    torch.save(value, out, **options)
    return out.getvalue()


def weights():
    yield "keras.h5", h5(keras_h5)
    yield "latest.h5", h5(keras_h5, libver="latest")
    yield "keras.weights.h5", h5(keras_weights)
    # Its groups form a cycle.
    yield "refused_stored.h5", h5(stored)
    yield "refused_stored_latest.h5", h5(stored, libver="latest")
    yield "many_latest.h5", h5(many, libver="latest")
    entries = {"metadata.json": "{}", "config.json": keras_config(), "model.weights.h5": h5(keras_weights)}
    yield "stored.keras", zipped(entries, zipfile.ZIP_STORED)
    yield "deflated.keras", zipped(entries, zipfile.ZIP_DEFLATED)
    values = torch.arange(12, dtype=torch.float32).reshape(3, 4)
    tensors = {
        "features.0.0.weight": values,
        "turned": values.T,
        "part": values[1:, ::2],
        "half": values.half(),
        "brain": values.bfloat16(),
        "double": values.double(),
        "count": torch.tensor(3),
        "flags": torch.tensor([True]),
        "none": torch.empty(0, 2),
    }
    yield "state_dict.pth", pth(tensors)
    yield "legacy.pth", pth(tensors, _use_new_zipfile_serialization=False)
    nested = {"epoch": 3, "state_dict": {"a.weight": torch.nn.Parameter(values)}, "args": [("x", 1.5, None, "é")]}
    yield "checkpoint.pth", pth(nested)
    yield "protocol_4.pth", pth(nested, pickle_protocol=4)
    plain = {name: value.contiguous() for name, value in tensors.items()}
    yield "tensors.safetensors", save_safetensors(plain, {"headstart.architecture": "mobilenetv2"})


def headers(model):
    """Headers of the model file: complete, and with a description that does not match."""
    content = Path(model).read_bytes()
    header = content[8 : 8 + int.from_bytes(content[:8], "little")].rstrip(b" ")
    yield "whole.json", header
    entries = json.loads(header)
    few = {name: entries[name] for name in list(entries)[:3]}
    yield "few.json", json.dumps(few).encode()


def main(out, model=None):
    corpora = {"decode": [*pngs(), *bmps(), *tiffs(), *others(), *hostile()], "weights": [*weights()]}
    if model:
        corpora["model_file"] = [*headers(model)]
    for target, files in corpora.items():
        folder = Path(out) / target
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files:
            (folder / name).write_bytes(content)


if __name__ == "__main__":
    main(*sys.argv[1:])
