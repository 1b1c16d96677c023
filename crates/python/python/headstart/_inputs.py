"""Conversion of arguments for the native module."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import Any, Literal, TypeAlias

from ._errors import InvalidError, of_kind

Errors: TypeAlias = Literal["raise", "report"]
StrPath: TypeAlias = "str | os.PathLike[str]"


def invalid(message: str) -> InvalidError:
    """Create the exception for an invalid value."""
    error = of_kind("invalid_input", message)
    assert isinstance(error, InvalidError)
    return error


def is_lenient(errors: str) -> bool:
    """Return whether unreadable pictures are reported instead of raised."""
    if errors not in ("raise", "report"):
        raise invalid(f'errors={errors!r}: it is "raise" or "report"')
    return errors == "report"


def is_picture(value: Any) -> bool:
    """Return whether a value is one picture, not several."""
    if isinstance(value, (str, bytes, bytearray, memoryview, os.PathLike)):
        return True
    if hasattr(value, "mode") and hasattr(value, "convert"):
        return True
    return getattr(value, "ndim", None) == 3 and hasattr(value, "dtype")


def pictures(values: Any) -> Sequence[Any]:
    """Convert a list, an array or a column of a data frame to a sequence of pictures.

    Raises
    ------
    TypeError
        If the value is not a collection of pictures.
    ValueError
        If an array has another shape or type than pictures have.
    """
    if is_picture(values):
        raise TypeError("X is one picture: give a list of pictures")
    if hasattr(values, "columns") and hasattr(values, "shape"):
        if values.shape[1] != 1:
            raise invalid(f"X has {values.shape[1]} columns: give the one with the pictures")
        values = values[values.columns[0]]
    for to_list in ("to_pylist", "to_list", "tolist"):
        # An array of pixels is kept.
        if getattr(values, "ndim", 1) < 2 and hasattr(values, to_list):
            found = getattr(values, to_list)()
            return found if isinstance(found, list) else [found]
    if hasattr(values, "dtype") and hasattr(values, "shape"):
        return _array(values)
    if isinstance(values, Iterable) and not isinstance(values, (set, frozenset, dict)):
        return values if isinstance(values, (list, tuple)) else list(values)
    raise TypeError(f"X is a {type(values).__name__}: give a list of pictures")


def _array(values: Any) -> Sequence[Any]:
    import numpy as np

    values = np.asarray(values)
    shape = values.shape
    if values.dtype.kind in "OUST" and values.ndim == 2 and shape[1] == 1:
        column: list[Any] = values[:, 0].tolist()
        return column
    if values.ndim != 4 or shape[3] != 3:
        extra = ": leave the fourth channel out" if values.ndim == 4 and shape[3] == 4 else ""
        given = f"X is an array of shape {list(shape)}"
        raise invalid(f"{given}: give RGB, [n, height, width, 3]{extra}")
    if values.dtype != np.uint8:
        how = ""
        if values.dtype.kind == "f":
            how = ', such as (255 * X).round().astype("uint8") where values are from 0 to 1'
        raise invalid(f"X is an array of {values.dtype}: give uint8, from 0 to 255{how}")
    rows: Sequence[Any] = values
    return rows


def weights_of(sample_weight: Any, count: int) -> list[float]:
    """Check and convert the weights of ``count`` pictures.

    Raises
    ------
    ValueError
        If weights are invalid, or their number differs from ``count``.
    """
    import numpy as np

    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.ndim != 1:
        raise invalid(f"sample_weight is an array of shape {list(weights.shape)}: give one weight for each picture")
    if len(weights) != count:
        raise invalid(f"X has {count} pictures, and sample_weight {len(weights)} weights")
    if not np.isfinite(weights).all() or (weights < 0).any():
        raise invalid("sample_weight holds what is no weight: give numbers from 0 on")
    if not weights.any():
        raise invalid("sample_weight is zero for every picture: nothing can be learned")
    found: list[float] = weights.tolist()
    return found
