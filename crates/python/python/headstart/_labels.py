"""Conversion of labels for the native module."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ._inputs import invalid

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt


class Labels(NamedTuple):
    """Labels of pictures."""

    classes: npt.NDArray[Any]
    """The labels in order; for a matrix, the names or numbers of its columns."""
    learned: list[int]
    """Indices of the labels that occur: all, except that a matrix may have empty columns."""
    codes: list[int] | list[list[int]]
    """For each picture, the index in ``learned`` of its label; for a matrix, a list of such indices."""


def labels(y: Any, count: int) -> Labels:
    """Convert the labels of ``count`` pictures: one per picture, or a matrix of 0 and 1 with a column for each label.

    Raises
    ------
    ValueError
        If labels are invalid, or their number differs from ``count``.
    """
    import numpy as np

    if y is None:
        raise invalid("y is None: this estimator requires y to be passed, a label for each picture")
    values = np.asarray(y.toarray() if hasattr(y, "toarray") else y)
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim not in (1, 2) or (values.ndim == 2 and not _is_indicator(values)):
        shape = list(values.shape)
        raise invalid(
            f"y is an array of shape {shape}: give one label for each picture, or a matrix of 0 and 1 "
            "with a column for each label"
        )
    if len(values) != count:
        raise invalid(f"X has {count} pictures, and y {len(values)} labels")
    if values.ndim == 2:
        return _several(values, getattr(y, "columns", None))
    if values.dtype.kind == "O" and any(label is None or label != label for label in values):
        raise invalid("y holds labels that are missing")
    if values.dtype.kind == "f" and not (values == np.floor(values)).all():
        raise invalid("Unknown label type: y holds numbers that are not whole, which are no classes")
    try:
        classes, codes = np.unique(values, return_inverse=True)
    except TypeError:
        kinds = sorted({type(label).__name__ for label in values.tolist()})
        raise invalid(f"y holds labels of several types: {', '.join(kinds)}") from None
    if len(classes) < 2:
        given = f"one class, {classes.tolist()[0]!r}" if len(classes) else "no class"
        raise invalid(f"y has {given}: a classifier needs two")
    return Labels(classes, list(range(len(classes))), codes.tolist())


def _is_indicator(values: npt.NDArray[Any]) -> bool:
    """Return whether a matrix contains only 0 and 1."""
    import numpy as np

    return values.dtype.kind in "biuf" and bool(np.isin(values, (0, 1)).all())


def _several(values: npt.NDArray[Any], names: Any) -> Labels:
    import numpy as np

    classes = np.arange(values.shape[1]) if names is None else np.asarray(names)
    learned = np.flatnonzero(values.any(axis=0))
    if not len(learned):
        raise invalid("y is 0 throughout: no picture has a label")
    return Labels(classes, learned.tolist(), [np.flatnonzero(row).tolist() for row in values[:, learned]])
