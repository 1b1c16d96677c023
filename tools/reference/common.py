"""Shared by the reference scripts: pictures from a formula, sampling, versions, JSON.

Not a script. Imports only numpy and safetensors, so that it works in both the TensorFlow and the PyTorch environment.
"""

import argparse
import importlib.metadata
import json
import platform
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

FIXTURES = Path(__file__).resolve().parents[2] / "fixtures"
SAMPLES = 256


def arguments(description, subfolder="", extra=None):
    """Parses `--output DIR` (default: the repository's fixtures folder) and the options that `extra` adds.

    Returns the folder that this script writes to, which is created if needed, and the parsed arguments.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=FIXTURES, help="fixtures folder")
    if extra:
        extra(parser)
    parsed = parser.parse_args()
    folder = parsed.output / subfolder
    folder.mkdir(parents=True, exist_ok=True)
    return folder, parsed


def command(description, subfolder, makers):
    """Runs the one of `makers` whose name is on the command line, with the output folder.

    For scripts whose reference libraries need separate environments.
    """
    folder, parsed = arguments(
        description, subfolder, lambda parser: parser.add_argument("what", choices=list(makers))
    )
    makers[parsed.what](folder)


def versions(*packages):
    """`{"python": .., package: version}` of these packages."""
    found = {"python": platform.python_version()}
    for package in packages:
        found[package] = importlib.metadata.version(package)
    return found


def picture(height, width, seed):
    """A u8 picture [height, width, 3] computed with integers only, with many edges and details.

    With s = seed + 1, for each row y, column x, channel c:
        v = ((x*x*(2 + c) + y*y*(4 - c) + s*x*y) >> 5) + 37*c + 11*s*(x >> 3) + 7*(y >> 4)
        if ((x >> 4) + (y >> 3) + s) is odd: v = v + 96
        pixel = v mod 256
    """
    s = seed + 1
    y, x, c = np.meshgrid(
        np.arange(height, dtype=np.int64),
        np.arange(width, dtype=np.int64),
        np.arange(3, dtype=np.int64),
        indexing="ij",
    )
    v = ((x * x * (2 + c) + y * y * (4 - c) + s * x * y) >> 5) + 37 * c + 11 * s * (x >> 3) + 7 * (y >> 4)
    v = v + 96 * (((x >> 4) + (y >> 3) + s) & 1)
    return (v & 255).astype(np.uint8)


def sample_indices(count):
    """Flat indices floor(i*count/SAMPLES); all indices if there are at most SAMPLES."""
    if count <= SAMPLES:
        return np.arange(count)
    return np.arange(SAMPLES, dtype=np.int64) * count // SAMPLES


def sampled(array):
    """(samples f32, {"shape", "mean", "std", "max_abs"}) of an array; statistics in f64."""
    flat = np.asarray(array, np.float32).reshape(-1)
    wide = flat.astype(np.float64)
    statistics = {
        "shape": list(np.shape(array)),
        "mean": float(wide.mean()),
        "std": float(wide.std()),
        "max_abs": float(np.abs(wide).max()),
    }
    return np.ascontiguousarray(flat[sample_indices(flat.size)]), statistics


def numbers(array):
    """Nested lists of Python floats; an f32 becomes the shortest decimal that is read back as the same f32."""
    array = np.asarray(array)
    if array.ndim == 0:
        return float(str(array)) if array.dtype == np.float32 else float(array)
    return [numbers(row) for row in array]


def write_json(path, value):
    """Writes JSON with one line per element of the two outer levels: short, and readable in `git diff`."""

    def compact(v):
        return json.dumps(v, ensure_ascii=False, separators=(",", ":"))

    def level(v, depth):
        if depth == 0 or not isinstance(v, (dict, list)) or not v:
            return compact(v)
        if isinstance(v, dict):
            inner = [f"{compact(k)}:{level(x, depth - 1)}" for k, x in v.items()]
            return "{\n" + ",\n".join(inner) + "\n}"
        if not isinstance(v[0], (dict, list)):
            return compact(v)
        return "[\n" + ",\n".join(level(x, depth - 1) for x in v) + "\n]"

    Path(path).write_text(level(value, 4) + "\n", encoding="utf-8")


def write_tensors(path, tensors, metadata=None):
    """Writes a safetensors file; `metadata` values are strings."""
    path = Path(path)
    save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, str(path), metadata=metadata)
    path.chmod(0o644)
