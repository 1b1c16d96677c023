"""Makes the picture fixtures of crates/data: small files in every format and mode, with the pixels that Pillow
decodes.

    python tools/reference/pictures.py crates/data/tests/fixtures

Needs Pillow with pillow-jxl-plugin 1.3.8, numpy and OpenCV (which writes samplings that Pillow does not). Expected
pixels are `.rgb` files: width and height as little-endian u32, then 8-bit RGB rows. `decode.tsv` lists file, expected
pixels, and the largest and mean differences allowed. `reduced.tsv` lists the same for JPEGs decoded in full and at a
half, a quarter or an eighth of the size, with the divisor after the file.
"""

import io
import struct
import sys
import tempfile
import zlib
from pathlib import Path

import cv2
import numpy as np
import pillow_jxl  # noqa: F401 (Pillow knows JPEG XL by it)
from PIL import Image, ImageOps, PngImagePlugin

W, H = 13, 9
LOSSLESS = (0, 0.0)
# Full-resolution chroma at quality 95: decoders differ only by the rounding of the inverse DCT and of the colour
# conversion.
JPEG = (3, 1.0)
# Halved chroma, interpolated in the same way.
SUBSAMPLED = (4, 1.0)


def photo(w=W, h=H, channels=3):
    """Smooth, asymmetric along both axes, and different in every channel."""
    y, x = np.mgrid[0:h, 0:w].astype(np.float64)
    planes = [
        255 * x / (w - 1),
        255 * y / (h - 1),
        127.5 + 127.5 * np.sin(x / w * 5 + y / h * 3),
        255 * (x + y) / (w + h - 2),
    ]
    return np.stack([np.rint(p).astype(np.uint8) for p in planes[:channels]], axis=-1)


def detailed(w, h):
    """Smooth colour with noise and hard edges."""
    rng = np.random.default_rng(7)
    base = photo(w, h).astype(np.int32) + rng.integers(-40, 40, (h, w, 3))
    base[h // 3 : h // 2, w // 4 : w // 2] = [255, 0, 128]
    return np.clip(base, 0, 255).astype(np.uint8)


def detailed_cmyk(w, h):
    return np.concatenate([detailed(w, h), detailed(w, h)[..., 1:2] // 2 + 60], -1)


def write_rgb(path, image):
    assert image.mode == "RGB"
    path.write_bytes(struct.pack("<II", *image.size) + image.tobytes())


def on_white(image):
    """RGB of a decoded picture, its transparency composed on white."""
    image = image.convert("RGBA")
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=image.getchannel("A"))
    return white


def to_rgb(data):
    image = Image.open(io.BytesIO(data))
    image.load()
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        high = (np.asarray(image).astype(np.uint16) >> 8).astype(np.uint8)
        return Image.fromarray(high).convert("RGB")
    if image.mode == "La":
        image = image.convert("LA")
    if "A" in image.getbands() or "transparency" in image.info:
        return on_white(image)
    return image.convert("RGB")


def encode(image, format, **options):
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def of_jpeg(pixels):
    """A JPEG losslessly recompressed as JPEG XL."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.jpg"
        Image.fromarray(pixels).save(path, "JPEG", quality=95, subsampling=0)
        return encode(Image.open(path), "JXL", lossless_jpeg=True)


def png16(samples):
    """A 16-bit PNG of shape (h, w, channels); Pillow writes only greyscale ones."""
    h, w, c = samples.shape
    colour = {1: 0, 2: 4, 3: 2, 4: 6}[c]
    rows = b"".join(b"\0" + samples[y].astype(">u2").tobytes() for y in range(h))

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", w, h, 16, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def high_byte(samples):
    """The result of `to_rgb` for `png16(samples)`, computed without a decoder."""
    eight = (samples >> 8).astype(np.uint8)
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[samples.shape[2]]
    image = Image.fromarray(eight.squeeze() if samples.shape[2] == 1 else eight, mode)
    return on_white(image) if "A" in mode else image.convert("RGB")


def adobe_transform(data, value):
    """The same JPEG with another colour transform in its Adobe segment."""
    at = data.index(b"Adobe") + 11
    return data[:at] + bytes([value]) + data[at + 1 :]


def without_segment(data, marker):
    at = data.index(bytes([0xFF, marker]))
    length = struct.unpack(">H", data[at + 2 : at + 4])[0]
    return data[:at] + data[at + 2 + length :]


def tiff(entries, data):
    """A TIFF of one directory of (tag, type, values), little-endian; values that do not fit follow it. Data begins at
    8."""
    entries = sorted(entries)
    start = 8 + len(data)
    rest_at = start + 2 + 12 * len(entries) + 4
    directory, rest = struct.pack("<H", len(entries)), b""
    for tag, kind, values in entries:
        body = struct.pack(f"<{len(values)}{'?B?HI'[kind]}", *values)
        place = body.ljust(4, b"\0") if len(body) <= 4 else struct.pack("<I", rest_at + len(rest))
        rest += body if len(body) > 4 else b""
        directory += struct.pack("<HHI", tag, kind, len(values)) + place
    return b"II*\0" + struct.pack("<I", start) + data + directory + b"\0\0\0\0" + rest


def samples_tiff(samples, bits, photometric, *more):
    """A TIFF of one strip of samples, shape (h, w, channels), packed with `bits` bits each."""
    h, w, channels = samples.shape
    if bits < 8:
        ones = np.unpackbits(samples.astype(np.uint8)[..., None], axis=-1)[..., 8 - bits :]
        data = np.packbits(ones.reshape(h, -1), axis=-1).tobytes()
    else:
        data = samples.astype(f"<u{bits // 8}").tobytes()
    return strip_tiff(data, (w, h), [bits] * channels, photometric, *more)


def strip_tiff(data, size, bits, photometric, *more):
    entries = {
        256: (4, [size[0]]),
        257: (4, [size[1]]),
        258: (3, bits),
        259: (3, [1]),
        262: (3, [photometric]),
        273: (4, [8]),
        277: (3, [len(bits)]),
        278: (4, [size[1]]),
        279: (4, [len(data)]),
    }
    entries |= {tag: (kind, values) for tag, kind, values in more}
    return tiff([(tag, *rest) for tag, rest in entries.items()], data)


def planar_tiles(samples):
    """A TIFF of 16 x 16 tiles, with a plane per sample, little-endian."""
    h, w, channels = samples.shape
    padded = np.pad(samples, ((0, -h % 16), (0, -w % 16), (0, 0)))
    tiles = [
        zlib.compress(padded[y : y + 16, x : x + 16, c].tobytes())
        for c in range(channels)
        for y in range(0, h, 16)
        for x in range(0, w, 16)
    ]
    places = np.cumsum([8] + [len(tile) for tile in tiles])[:-1].tolist()
    entries = [(256, 4, [w]), (257, 4, [h]), (258, 3, [8] * channels), (259, 3, [8]), (262, 3, [2]), (277, 3, [channels])]
    entries += [(284, 3, [2]), (322, 4, [16]), (323, 4, [16]), (324, 4, places), (325, 4, [len(tile) for tile in tiles])]
    return tiff(entries, b"".join(tiles))


def subsampled(samples, h, v):
    """YCbCr in which h x v pixels share Cb and Cr (TIFF 6.0, section 21)."""
    rows, columns, _ = samples.shape
    padded = np.pad(samples, ((0, -rows % v), (0, -columns % h), (0, 0)), mode="edge")
    out = b""
    for y in range(0, rows, v):
        for x in range(0, columns, h):
            unit = padded[y : y + v, x : x + h]
            out += unit[..., 0].tobytes() + unit[0, 0, 1:].tobytes()
    return out


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def decode_cases():
    rgb = Image.fromarray(photo())
    rgba = Image.fromarray(photo(channels=4), "RGBA")
    grey = rgb.convert("L")
    grey_alpha = rgba.convert("LA")
    palette = rgb.quantize(16)
    bits = rgb.convert("1")
    cmyk = Image.fromarray(photo(channels=4), "CMYK")
    large = Image.fromarray(photo(37, 29))
    wide = np.stack([np.full((H, W), v, np.uint16) for v in (0, 0, 0, 0)], -1)
    for c in range(4):
        wide[..., c] = photo(channels=4)[..., c].astype(np.uint16) * 257 + 91 * c
    full = {"quality": 95, "subsampling": 0}

    yield "jpeg_rgb.jpg", encode(rgb, "JPEG", **full), JPEG
    yield "jpeg_grey.jpg", encode(grey, "JPEG", quality=95), JPEG
    yield "jpeg_progressive.jpg", encode(rgb, "JPEG", progressive=True, **full), JPEG
    yield "jpeg_progressive_grey.jpg", encode(grey, "JPEG", progressive=True, quality=95), JPEG
    yield "jpeg_restarts.jpg", encode(large, "JPEG", restart_marker_blocks=2, **full), JPEG
    yield "jpeg_420.jpg", encode(large, "JPEG", quality=95, subsampling=2), SUBSAMPLED
    yield "jpeg_422.jpg", encode(large, "JPEG", quality=95, subsampling=1), SUBSAMPLED
    yield "jpeg_progressive_420.jpg", encode(large, "JPEG", quality=95, subsampling=2, progressive=True), SUBSAMPLED
    yield "jpeg_stored_rgb.jpg", encode(rgb, "JPEG", keep_rgb=True, quality=95), JPEG
    cmyk_jpeg = encode(cmyk, "JPEG", quality=95)
    yield "jpeg_cmyk_adobe.jpg", cmyk_jpeg, JPEG
    yield "jpeg_cmyk_plain.jpg", without_segment(cmyk_jpeg, 0xEE), JPEG
    yield "jpeg_ycck.jpg", adobe_transform(cmyk_jpeg, 2), JPEG
    yield "jpeg_trailing_bytes.jpg", encode(rgb, "JPEG", **full) + b"trailing \xff\xd8 bytes", JPEG
    for n in range(1, 9):
        yield f"jpeg_orientation_{n}.jpg", encode(rgb, "JPEG", exif=exif(n), **full), JPEG
    yield "misnamed.txt", encode(rgb, "JPEG", **full), JPEG

    yield "png_rgb.png", encode(rgb, "PNG"), LOSSLESS
    yield "png_grey.png", encode(grey, "PNG"), LOSSLESS
    yield "png_grey_alpha.png", encode(grey_alpha, "PNG"), LOSSLESS
    yield "png_rgba.png", encode(rgba, "PNG"), LOSSLESS
    yield "png_palette.png", encode(palette, "PNG"), LOSSLESS
    yield "png_palette_transparent.png", encode(palette, "PNG", transparency=3), LOSSLESS
    yield "png_palette_alphas.png", encode(palette, "PNG", transparency=bytes(range(0, 256, 16))), LOSSLESS
    yield "png_rgb_transparent.png", encode(rgb, "PNG", transparency=tuple(int(v) for v in photo()[4, 6])), LOSSLESS
    yield "png_bits.png", encode(bits, "PNG"), LOSSLESS
    yield "png_orientation_6.png", encode(rgb, "PNG", exif=exif(6)), LOSSLESS
    for channels, name in ((1, "grey"), (2, "grey_alpha"), (3, "rgb"), (4, "rgba")):
        # For the grey picture with alpha, the second plane is alpha.
        samples = wide[..., [0, 3]] if channels == 2 else wide[..., :channels]
        yield f"png_16_{name}.png", png16(samples), LOSSLESS, high_byte(samples)

    for name, data in orientations(rgb):
        yield name, data, LOSSLESS if name.endswith("png") else JPEG

    yield "pnm_rgb.ppm", encode(rgb, "PPM"), LOSSLESS
    yield "pnm_grey.pgm", encode(grey, "PPM"), LOSSLESS
    yield "pnm_bits.pbm", encode(large.convert("1"), "PPM"), LOSSLESS
    yield from pnms(wide)

    yield "jxl_rgb.jxl", encode(rgb, "JXL", lossless=True), LOSSLESS
    yield "jxl_grey.jxl", encode(grey, "JXL", lossless=True), LOSSLESS
    yield "jxl_rgba.jxl", encode(rgba, "JXL", lossless=True), LOSSLESS
    yield "jxl_grey_alpha.jxl", encode(grey_alpha, "JXL", lossless=True), LOSSLESS
    yield "jxl_lossy.jxl", encode(Image.fromarray(detailed(60, 40)), "JXL", quality=90), JPEG
    # Pillow's plug-in reconstructs the JPEG; JPEG XL itself reconstructs coefficients closer to zero.
    yield "jxl_of_jpeg.jxl", of_jpeg(detailed(60, 40)), (20, 3.0)

    yield "gif_one.gif", encode(palette, "GIF"), LOSSLESS
    second = Image.fromarray(255 - photo()).quantize(16)
    animation = encode(palette, "GIF", save_all=True, append_images=[second], duration=50)
    yield "gif_animated.gif", animation, LOSSLESS
    yield "gif_transparent.gif", encode(palette, "GIF", transparency=5), LOSSLESS

    yield "bmp_rgb.bmp", encode(rgb, "BMP"), LOSSLESS
    yield "bmp_grey.bmp", encode(grey, "BMP"), LOSSLESS
    yield "bmp_palette.bmp", encode(palette, "BMP"), LOSSLESS
    yield "bmp_bits.bmp", encode(bits, "BMP"), LOSSLESS

    yield "tiff_rgb.tif", encode(rgb, "TIFF"), LOSSLESS
    yield "tiff_lzw.tif", encode(rgb, "TIFF", compression="tiff_lzw"), LOSSLESS
    yield "tiff_deflate.tif", encode(rgb, "TIFF", compression="tiff_adobe_deflate"), LOSSLESS
    yield "tiff_grey.tif", encode(grey, "TIFF"), LOSSLESS
    yield "tiff_rgba.tif", encode(rgba, "TIFF"), LOSSLESS
    yield "tiff_bits.tif", encode(bits, "TIFF"), LOSSLESS
    yield "tiff_cmyk.tif", encode(cmyk, "TIFF"), LOSSLESS
    yield "tiff_16_grey.tif", encode(Image.fromarray(wide[..., 0]), "TIFF"), LOSSLESS
    yield "tiff_orientation_8.tif", encode(rgb, "TIFF", tiffinfo={274: 8}), LOSSLESS
    yield "tiff_palette.tif", encode(palette, "TIFF"), LOSSLESS
    yield "tiff_grey_alpha.tif", encode(grey_alpha, "TIFF"), LOSSLESS
    yield "tiff_ycbcr.tif", encode(rgb.convert("YCbCr"), "TIFF"), (1, 0.5)
    # Fractions are truncated, and values outside 0 to 255 are clipped.
    floats = Image.fromarray(photo()[..., 0].astype(np.float32) * 1.1 - 12.3)
    yield "tiff_float.tif", encode(floats, "TIFF"), LOSSLESS
    yield "tiff_float_predicted.tif", encode(floats, "TIFF", compression="tiff_adobe_deflate", tiffinfo={317: 3}), LOSSLESS
    yield "tiff_int.tif", encode(Image.fromarray(photo()[..., 0].astype(np.int32) * 2 - 100), "TIFF"), LOSSLESS
    yield "tiff_16_big.tif", encode(Image.fromarray(wide[..., 0].astype(">u2")), "TIFF"), LOSSLESS
    wide_bits = large.convert("1")
    for name, options in {
        "group3": {},
        "group4": {},
        "tiff_ccitt": {},
        "packbits": {},
        "tiff_lzw": {},
    }.items():
        yield f"tiff_bits_{name}.tif", encode(wide_bits, "TIFF", compression=name, **options), LOSSLESS
    yield "tiff_bits_group3_2d.tif", encode(wide_bits, "TIFF", compression="group3", tiffinfo={292: 1}), LOSSLESS
    yield "tiff_bits_group3_bytes.tif", encode(wide_bits, "TIFF", compression="group3", tiffinfo={292: 4}), LOSSLESS
    yield "tiff_bits_strips.tif", encode(wide_bits, "TIFF", compression="group4", tiffinfo={278: 7}), LOSSLESS
    yield "tiff_bits_inverted.tif", encode(wide_bits, "TIFF", compression="group4", tiffinfo={262: 0}), LOSSLESS
    yield "tiff_grey_inverted.tif", encode(grey, "TIFF", tiffinfo={262: 0}), LOSSLESS
    yield "tiff_zstd.tif", encode(large, "TIFF", compression="zstd", tiffinfo={278: 8}), LOSSLESS
    yield "tiff_predicted.tif", encode(rgb, "TIFF", compression="tiff_lzw", tiffinfo={317: 2}), LOSSLESS
    yield "tiff_16_predicted.tif", encode(Image.fromarray(wide[..., 0]), "TIFF", compression="tiff_lzw", tiffinfo={317: 2}), LOSSLESS
    yield "tiff_jpeg.tif", encode(large, "TIFF", compression="jpeg", quality=95), SUBSAMPLED
    yield "tiff_jpeg_strips.tif", encode(large, "TIFF", compression="jpeg", quality=95, tiffinfo={278: 16}), SUBSAMPLED
    yield "tiff_jpeg_grey.tif", encode(grey, "TIFF", compression="jpeg", quality=95), JPEG
    yield "tiff_jpeg_ycbcr.tif", encode(large.convert("YCbCr"), "TIFF", compression="jpeg", quality=95), SUBSAMPLED
    digits = photo()[..., :1] // 16
    for bits in (1, 2, 4):
        few = digits >> (4 - bits)
        yield f"tiff_grey_{bits}.tif", samples_tiff(few, bits, 1), LOSSLESS
        yield f"tiff_grey_{bits}_inverted.tif", samples_tiff(few, bits, 0), LOSSLESS
        colours = [(320, 3, [(i * 9973 + 517) % 65536 for i in range(3 << bits)])]
        yield f"tiff_palette_{bits}.tif", samples_tiff(few, bits, 3, *colours), LOSSLESS
    reversed_bits = np.packbits(np.unpackbits(photo()[..., :1], axis=-1)[..., ::-1], axis=-1)
    yield "tiff_reversed.tif", samples_tiff(reversed_bits, 8, 1, (266, 3, [2])), LOSSLESS
    for kind, name in ((0, "nothing"), (1, "multiplied"), (2, "alpha")):
        for channels, photometric, colours in ((2, 1, "grey"), (4, 2, "rgb")):
            samples = photo(channels=4)[..., -channels:]
            if kind == 1:
                samples = np.minimum(samples, samples[..., -1:])
            yield f"tiff_{colours}_{name}.tif", samples_tiff(samples, 8, photometric, (338, 3, [kind])), LOSSLESS
    yield "tiff_rgb_16.tif", samples_tiff(wide[..., :3], 16, 2), LOSSLESS
    yield "tiff_cmyk_16.tif", samples_tiff(wide, 16, 5), LOSSLESS
    yield "tiff_planes.tif", planar_tiles(photo(37, 29)), LOSSLESS
    chroma = np.asarray(large.convert("YCbCr"))
    for h, v in ((2, 2), (2, 1), (4, 1)):
        data = zlib.compress(subsampled(chroma, h, v))
        more = [(259, 3, [8]), (530, 3, [h, v])]
        yield f"tiff_ycbcr_{h}{v}.tif", strip_tiff(data, (37, 29), [8] * 3, 6, *more), (2, 0.7)
    packet = b'<x tiff:Orientation="6"/>'
    yield "tiff_xmp_6.tif", samples_tiff(photo(), 8, 2, (700, 1, list(packet))), LOSSLESS
    yield "tiff_pages.tif", encode(rgb, "TIFF", save_all=True, append_images=[second.convert("RGB")]), LOSSLESS

    yield "webp_lossless.webp", encode(rgb, "WEBP", lossless=True), LOSSLESS
    yield "webp_alpha.webp", encode(rgba, "WEBP", lossless=True, exact=True), LOSSLESS
    # Chroma is halved: the two decoders interpolate it equally, up to rounding.
    yield "webp_lossy.webp", encode(large, "WEBP", quality=95), (6, 1.5)
    yield "webp_lossy_alpha.webp", encode(Image.fromarray(photo(37, 29, 4), "RGBA"), "WEBP", quality=95), (6, 1.5)
    yield "webp_orientation_5.webp", encode(rgb, "WEBP", lossless=True, exif=exif(5)), LOSSLESS
    yield "webp_animated.webp", encode(rgb, "WEBP", lossless=True, save_all=True, append_images=[second.convert("RGB")]), LOSSLESS


def orientations(image):
    """Pictures that specify their orientation in all the ways that Pillow supports."""

    def text(keyword, body, **options):
        info = PngImagePlugin.PngInfo()
        info.add_text(keyword, body, **options)
        return info

    def itxt(keyword, body, **options):
        info = PngImagePlugin.PngInfo()
        info.add_itxt(keyword, body, **options)
        return info

    def packet(n, form='tiff:Orientation="%d"'):
        return f"<rdf:Description tiff:Make='x' {form % n}/>"

    element = "><tiff:Orientation>%d</tiff:Orientation><x"
    other = Image.Exif()
    other[0x010F] = "maker"
    digits = exif(6).tobytes().hex()
    lines = "\n".join(digits[i : i + 72] for i in range(0, len(digits), 72))
    profile = f"\nexif\n{len(digits) // 2:8}\n{lines}\n"
    for name, info, options in (
        ("profile", text("Raw profile type exif", profile), {}),
        ("profile_packed", text("Raw profile type exif", profile, zip=True), {}),
        ("profile_international", itxt("Raw profile type exif", profile, zip=True), {}),
        ("profile_and_exif", text("Raw profile type exif", profile), {"exif": exif(3)}),
        ("profile_app1", text("Raw profile type APP1", profile), {}),
        ("xmp", itxt("XML:com.adobe.xmp", packet(8)), {}),
        ("xmp_packed", itxt("XML:com.adobe.xmp", packet(8), zip=True), {}),
        ("xmp_element", itxt("XML:com.adobe.xmp", packet(5, element)), {}),
        ("xmp_spaced", itxt("XML:com.adobe.xmp", packet(5, "tiff:Orientation = '%d'")), {}),
        ("xmp_after_exif", itxt("XML:com.adobe.xmp", packet(8)), {"exif": exif(1)}),
        ("xmp_after_no_orientation", itxt("XML:com.adobe.xmp", packet(8)), {"exif": exif(0)}),
        ("xmp_after_other_exif", itxt("XML:com.adobe.xmp", packet(8)), {"exif": other}),
    ):
        yield f"png_orientation_{name}.png", encode(image, "PNG", pnginfo=info, **options)
    full = {"quality": 95, "subsampling": 0}
    for name, options in (
        ("xmp", {"xmp": packet(6).encode()}),
        ("xmp_element", {"xmp": packet(7, element).encode()}),
        ("xmp_after_exif", {"xmp": packet(6).encode(), "exif": exif(3)}),
        ("xmp_after_other_exif", {"xmp": packet(6).encode(), "exif": other}),
    ):
        yield f"jpeg_orientation_{name}.jpg", encode(image, "JPEG", **full, **options)
    yield "webp_orientation_xmp.webp", encode(image, "WEBP", lossless=True, xmp=packet(6).encode())


def pnms(wide):
    """Netpbm's formats in variants that Pillow reads but does not write, and PAM, which it does not read."""

    def plain(samples):
        return "\n".join(" ".join(str(v) for v in row.ravel()) for row in samples).encode()

    def high(samples, most, white=65535):
        scaled = np.rint(samples.astype(np.float64) / most * white).astype(np.uint16)
        return Image.fromarray((scaled >> 8).astype(np.uint8)).convert("RGB")

    size = b"%d %d" % (W, H)
    rgb, grey = photo(), photo()[..., 0]
    ones = (grey > 100).astype(np.uint8)
    commented = b"# made by hand\r\n%d\t# the width\n%d\n" % (W, H)
    yield "pnm_plain_bits.pbm", b"P1\n" + size + b"\n" + plain(ones).replace(b" ", b""), LOSSLESS
    yield "pnm_plain_grey.pgm", b"P2 " + commented + b"255\n# pixels\n" + plain(grey), LOSSLESS
    yield "pnm_plain_rgb.ppm", b"P3\n" + size + b"\n255\n" + plain(rgb), LOSSLESS
    yield "pnm_plain_100.ppm", b"P3\n" + size + b"\n100\n" + plain(rgb // 3), LOSSLESS
    yield "pnm_commented.ppm", b"P6\n" + commented + b"255\n" + rgb.tobytes(), LOSSLESS
    yield "pnm_100.pgm", b"P5\n" + size + b" 100\n" + (grey // 2).tobytes(), LOSSLESS
    yield "pnm_100.ppm", b"P6\n" + size + b" 100\n" + (rgb // 2).tobytes(), LOSSLESS
    big = wide[..., :3].astype(">u2")
    yield "pnm_16.ppm", b"P6\n" + size + b" 65535\n" + big.tobytes(), LOSSLESS
    yield "pnm_12.ppm", b"P6\n" + size + b" 4095\n" + (big // 16).astype(">u2").tobytes(), LOSSLESS
    yield "pnm_16.pgm", b"P5\n" + size + b" 65535\n" + big[..., 0].tobytes(), LOSSLESS, high(big[..., 0], 65535)
    twelve = (big[..., 0] // 16).astype(">u2")
    yield "pnm_12.pgm", b"P5\n" + size + b" 4095\n" + twelve.tobytes(), LOSSLESS, high(twelve, 4095)
    yield "pnm_plain_12.pgm", b"P2\n" + size + b" 4095\n" + plain(twelve), LOSSLESS, high(twelve, 4095)
    for channels, kind in ((1, "GRAYSCALE"), (2, "GRAYSCALE_ALPHA"), (3, "RGB"), (4, "RGB_ALPHA")):
        samples = photo(channels=4)[..., [0, 3]] if channels == 2 else photo(channels=4)[..., :channels]
        header = f"P7\n# a comment\nWIDTH {W}\nHEIGHT {H}\nDEPTH {channels}\nMAXVAL 255\nTUPLTYPE {kind}\nENDHDR\n"
        mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[channels]
        yield f"pnm_{kind.lower()}.pam", header.encode() + samples.tobytes(), LOSSLESS, on_white(Image.frombytes(mode, (W, H), samples.tobytes()))


# The rounding of the inverse DCT and of the colour conversion.
REDUCED = (3, 0.6)
# If chroma is smaller along one axis only, libjpeg interpolates it before taking the mean; the pictures are smooth.
MEANS = (6, 0.8)
# In the block where data ran out, libjpeg also invents bands that the scan does not code.
RAN_OUT = (16, 0.6)


def reduced_cases():
    rgb = Image.fromarray(detailed(75, 53))
    for name, image, allowed, options in (
        ("444", rgb, REDUCED, {"subsampling": 0}),
        ("420", rgb, REDUCED, {"subsampling": 2}),
        ("grey", rgb.convert("L"), REDUCED, {}),
        ("restarts", rgb, REDUCED, {"restart_marker_blocks": 3}),
        ("progressive", rgb, REDUCED, {"progressive": True}),
        ("progressive_444", rgb, REDUCED, {"progressive": True, "subsampling": 0}),
        ("progressive_restarts", rgb, REDUCED, {"progressive": True, "restart_marker_blocks": 3}),
        ("cmyk", Image.fromarray(detailed_cmyk(75, 53), "CMYK"), REDUCED, {}),
        ("rgb", rgb, REDUCED, {"keep_rgb": True}),
        ("coarse", rgb, REDUCED, {"quality": 20}),
        ("orientation_6", rgb, REDUCED, {"exif": exif(6)}),
    ):
        yield f"{name}.jpg", encode(image, "JPEG", **{"quality": 90, **options}), allowed, draft
    restarts = {"quality": 90, "restart_marker_blocks": 3}
    plain = encode(rgb, "JPEG", **restarts)
    progressive = encode(rgb, "JPEG", progressive=True, **restarts)
    for name, change in RESTARTS_CHANGED.items():
        yield f"restart_{name}.jpg", restarts_changed(plain, change), REDUCED, draft
        yield f"progressive_restart_{name}.jpg", restarts_changed(progressive, change), RAN_OUT, draft
    yield "several_scans.jpg", several_scans(detailed(75, 53)), REDUCED, draft
    for name, sampling in (("422", 0x211111), ("440", 0x121111), ("411", 0x411111)):
        options = [cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, sampling]
        data = cv2.imencode(".jpg", photo(96, 64), options)[1].tobytes()
        assert Image.open(io.BytesIO(data)).layer[0][1:3] == (sampling >> 20, sampling >> 16 & 15)
        yield f"{name}.jpg", data, MEANS, means


# Changes to the restart markers of a scan, each of which is 0xFF and its number.
RESTARTS_CHANGED = {
    "missing": lambda markers: [*markers[:2], b"", *markers[3:]],
    "last_missing": lambda markers: [*markers[:-1], b""],
    "doubled": lambda markers: [*markers[:2], markers[2] * 2, *markers[3:]],
    "swapped": lambda markers: [*markers[:1], markers[2], markers[1], *markers[3:]],
    "misnumbered": lambda markers: [*markers[:2], b"\xff\xd7", *markers[3:]],
    "damaged": lambda markers: [*markers[:2], b"\xff\x35", *markers[3:]],
    "behind_garbage": lambda markers: [b"garbage\0\xff\0\xff\x01\xff\xff" + marker for marker in markers],
}


def restarts_changed(data, change):
    """A JPEG in which `change` replaces the restart markers of every scan."""
    at = [i for i in range(data.index(b"\xff\xda"), len(data) - 1) if data[i] == 0xFF and data[i + 1] & 0xF8 == 0xD0]
    # A scan begins with marker number 0.
    scans = [[]]
    for before, i in zip([None, *at], at):
        if before is not None and data[i + 1] == 0xD0 and data[before + 1] != 0xD7:
            scans.append([])
        scans[-1].append(i)
    out, end = b"", 0
    for scan in scans:
        for i, marker in zip(scan, change([data[i : i + 2] for i in scan])):
            out, end = out + data[end:i] + marker, i + 2
    return out + data[end:]


def several_scans(samples):
    """A sequential JPEG with one scan per component, assembled from a JPEG of each component."""

    def segments(data):
        at = 2
        while data[at + 1] != 0xDA:
            length = 2 + int.from_bytes(data[at + 2 : at + 4], "big")
            yield data[at : at + length]
            at += length
        yield data[at:-2]

    scans, head = b"", b""
    for n in range(3):
        grey = encode(Image.fromarray(samples[..., n]), "JPEG", quality=90)
        head = b""
        for segment in segments(grey):
            if segment[1] == 0xC0:
                ids = b"".join(bytes([n + 1, 0x11, 0]) for n in range(3))
                head += b"\xff\xc0\0\x11" + segment[4:9] + b"\3" + ids
            elif segment[1] == 0xDA:
                scans += segment[:5] + bytes([n + 1]) + segment[6:]
            else:
                head += segment
    return b"\xff\xd8" + head + scans + b"\xff\xd9"


def blocks():
    """A JPEG whose blocks have one colour each, and these colours."""
    colours = detailed(9, 7) // 2 + 64
    grey = Image.fromarray(colours).convert("L")
    large = grey.resize((72, 56), Image.Resampling.NEAREST)
    return encode(large, "JPEG", quality=100), grey.convert("RGB")


def draft(data, divisor):
    """libjpeg's result when it decodes at reduced size."""
    image = Image.open(io.BytesIO(data))
    width, height = image.size
    image.draft(None, (width // divisor, height // divisor))
    assert image.size == (-(-width // divisor), -(-height // divisor))
    return ImageOps.exif_transpose(image).convert("RGB")


def means(data, divisor):
    """Means of the fully decoded picture. libjpeg never reduces a component along one axis only."""
    return Image.open(io.BytesIO(data)).reduce(divisor)


def main(out):
    for folder in ("decode", "expected", "reduced"):
        (out / folder).mkdir(parents=True, exist_ok=True)

    rows = []
    for name, data, (largest, mean), *expected in decode_cases():
        (out / "decode" / name).write_bytes(data)
        image = expected[0] if expected else to_rgb(data)
        write_rgb(out / "expected" / f"{name}.rgb", image)
        rows.append(f"{name}\t{name}.rgb\t{largest}\t{mean}")
    (out / "decode.tsv").write_text("\n".join(rows) + "\n")

    rows = []
    for name, data, (largest, mean), reduced in reduced_cases():
        (out / "reduced" / name).write_bytes(data)
        for divisor in (1, 2, 4, 8):
            expected = f"{name}_{divisor}.rgb"
            write_rgb(out / "reduced" / expected, reduced(data, divisor))
            rows.append(f"{name}\t{divisor}\t{expected}\t{largest}\t{mean}")
    data, colours = blocks()
    (out / "reduced" / "blocks.jpg").write_bytes(data)
    write_rgb(out / "reduced" / "blocks.rgb", colours)
    (out / "reduced.tsv").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
