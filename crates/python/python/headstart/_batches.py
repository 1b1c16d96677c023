"""Batches of table rows, as Ray, Spark, Dask and pandas pass them, with a column of pictures."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ._inputs import invalid, pictures

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

# Usual names of the column, in order of preference: a file's bytes before its path.
_USUAL = ("image", "bytes", "content", "path", "item")

Kind: TypeAlias = Literal["rows", "text", "texts", "number", "flag"]
"""The kind of a column: rows of an array, or a list with a text, list of texts, number, truth value or None per
row."""


def picture_column(names: Sequence[str], column: str | None) -> str:
    """Return the name of the picture column: the one requested, or one with a usual name.

    Raises
    ------
    ValueError
        If there is no such column.
    """
    known = ", ".join(map(str, names))
    if column is None:
        for usual in _USUAL:
            if usual in names:
                return usual
        raise invalid(f"which column has the pictures? There are: {known}; name it by column=")
    if column not in names:
        raise invalid(f"there is no column {column!r}: there are {known}")
    return column


def cores() -> int | None:
    """Return the number of cores that the engine gives this process; Ray and Spark announce it for OpenMP."""
    said = os.environ.get("OMP_NUM_THREADS", "")
    return int(said) if said.isdigit() and int(said) > 0 else None


class Batch:
    """Rows of a table: a dict of columns, a pandas data frame, or an Arrow Table or RecordBatch.

    Attributes
    ----------
    pictures : sequence
        The values of the picture column.
    """

    def __init__(self, batch: Any, column: str | None) -> None:
        self._batch = batch
        if isinstance(batch, Mapping):
            names = list(batch)
        elif _is_arrow(batch):
            names = batch.schema.names
        elif hasattr(batch, "columns") and hasattr(batch, "iloc"):
            names = list(batch.columns)
        else:
            kinds = "a dict of columns, a pandas data frame, or a Table or RecordBatch of Arrow"
            raise TypeError(f"a batch is {kinds}, not a {type(batch).__name__}")
        self._column = picture_column(names, column)
        self._names = names
        values = batch[self._column]
        self.pictures = pictures(values)

    def with_columns(self, more: dict[str, tuple[Kind, Any]], missing: Collection[int]) -> Any:
        """Return a batch of the same type with additional columns. The picture column is dropped unless it has paths.

        Parameters
        ----------
        more : dict of str to (kind, values)
            The additional columns.
        missing : collection of int
            Rows without a result.
        """
        left_out = [*more] if self._are_paths() else [*more, self._column]
        kept = {name: self._batch[name] for name in self._names if name not in left_out}
        if isinstance(self._batch, Mapping):
            return {**kept, **{name: _plain(*column) for name, column in more.items()}}
        if _is_arrow(self._batch):
            import pyarrow as pa

            own = {name: _arrow(*column, missing) for name, column in more.items()}
            return type(self._batch).from_pydict({**kept, **own}, schema=self._schema(pa, kept, own))
        frame = self._batch[list(kept)].copy()
        for name, (kind, values) in more.items():
            listed = [None if row in missing else one for row, one in enumerate(values)] if kind == "rows" else values
            frame[name] = type(frame.index.to_series())(listed, index=frame.index, dtype=object)
        return frame

    def _schema(self, pa: Any, kept: dict[str, Any], own: dict[str, Any]) -> Any:
        fields = [self._batch.schema.field(name) for name in kept]
        return pa.schema([*fields, *(pa.field(name, array.type) for name, array in own.items())])

    def _are_paths(self) -> bool:
        if _is_arrow(self._batch):
            return "string" in str(self._batch.schema.field(self._column).type)
        return all(one is None or isinstance(one, (str, os.PathLike)) for one in self.pictures)


def _is_arrow(batch: Any) -> bool:
    return type(batch).__module__.split(".")[0] == "pyarrow" and hasattr(batch, "schema")


def _plain(kind: Kind, values: Any) -> npt.NDArray[Any]:
    """Return a column as a NumPy array with one element per row."""
    import numpy as np

    if kind == "rows":
        rows: npt.NDArray[Any] = values
        return rows
    if kind == "number":
        return np.array([np.nan if one is None else one for one in values], dtype=np.float32)
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def _arrow(kind: Kind, values: Any, missing: Collection[int]) -> Any:
    import pyarrow as pa

    if kind == "rows":
        return _arrow_lists(values, missing)
    types = {"text": pa.string(), "texts": pa.list_(pa.string()), "number": pa.float32(), "flag": pa.bool_()}
    return pa.array(values, types[kind])


def _arrow_lists(values: npt.NDArray[np.floating[Any]], missing: Collection[int]) -> Any:
    """Return rows as lists, with null for rows without a result."""
    import numpy as np
    import pyarrow as pa

    count, width = values.shape
    is_missing = np.zeros(count + 1, dtype=bool)
    is_missing[list(missing)] = True
    ends = np.concatenate([[0], np.cumsum(np.where(is_missing[:-1], 0, width))]).astype(np.int32)
    flat = pa.array(values[~is_missing[:-1]].reshape(-1))
    return pa.ListArray.from_arrays(pa.array(ends, mask=is_missing), flat)
