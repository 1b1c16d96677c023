"""Weights and pictures derived from their names, by the same rule as in `crates/engine/tests/seeded`.

Value `i` of the tensor `name` is the upper 24 bits of output `i` of splitmix64, seeded with the FNV-1a hash of the
name. Its scaling depends on the kind of tensor, given by the end of the name.
"""

import numpy as np

SAMPLES = 32


def uniform(name: str, count: int) -> np.ndarray:
    """Numbers in 0..1 with 24 bits each."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    with np.errstate(over="ignore"):
        z = np.uint64(seed) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / 2**24


def gain(base: str) -> float:
    """The gain of kernels: after many residual sums, values would exceed the range in which gates are sensitive."""
    return 2.0 if base.startswith("efficientnetv2") else 5.0


def tensor(name: str, shape: tuple[int, ...], fan_in: int, gain: float) -> np.ndarray:
    """A weight, in f32; for a kernel, `fan_in` is the number of inputs per output."""
    u = uniform(name, int(np.prod(shape)))
    end = name.replace("/", ".").rsplit(".", 1)[-1]
    if end in ("running_var", "moving_variance", "variance"):
        values = 0.5 + u
    elif end in ("running_mean", "moving_mean", "mean", "bias", "beta"):
        values = 0.5 * u - 0.25
    elif end == "layer_scale" or (end == "gamma" and ".blocks." in name):
        values = 0.2 + 0.4 * u
    elif end in ("count", "num_batches_tracked"):
        values = 0 * u
    elif len(shape) == 1:
        values = 0.6 + 0.8 * u
    else:
        values = (2 * u - 1) * np.sqrt(gain / fan_in)
    return values.astype(np.float32).reshape(shape)


def picture(height: int, width: int, index: int = 0) -> np.ndarray:
    """A u8 RGB picture."""
    u = uniform(f"picture/{index}", height * width * 3)
    return (u * 256).astype(np.uint8).reshape(height, width, 3)


def sampled(values: np.ndarray) -> np.ndarray:
    """Some evenly spaced values, then the mean and root mean square of all."""
    values = np.asarray(values, dtype=np.float64).ravel()
    n = len(values)
    picked = values if n <= SAMPLES else values[[i * n // SAMPLES for i in range(SAMPLES)]]
    picked = np.concatenate([picked, np.zeros(SAMPLES - len(picked))])
    return np.concatenate([picked, [values.mean(), np.sqrt((values**2).mean())]]).astype(np.float32)
