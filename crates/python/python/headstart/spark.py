"""Features and predictions of pictures in PySpark's data frames.

Batches go through Arrow (``mapInArrow``); each Python worker compiles the base once. For a picture that cannot be
read, the column ``error`` has the reason. headstart must be installed on the executors.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from ._batches import picture_column
from ._extractor import FeatureExtractor
from ._model import Model, restored

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame

__all__ = ["features", "predict"]


def features(df: DataFrame, column: str | None = None, extractor: FeatureExtractor | None = None) -> DataFrame:
    """Compute the features of a column of pictures.

    Parameters
    ----------
    df : DataFrame
        With a column of bytes of files, or of paths that the executors can read.
    column : str, optional
        Name of the picture column; by default the first that exists of ``image``, ``bytes``, ``content``, ``path`` and
        ``item``.
    extractor : FeatureExtractor, optional
        The base and its parameters; by default those of ``FeatureExtractor(cache=None)``.

    Returns
    -------
    DataFrame
        With the columns ``features``, ``array<float>``, and ``error``. Without the pictures, unless they are paths.

    Examples
    --------
    >>> import headstart.spark
    >>> pictures = spark.read.format("binaryFile").load("pictures")  # doctest: +SKIP
    >>> headstart.spark.features(pictures).write.parquet("features")  # doctest: +SKIP
    """
    column = picture_column(df.columns, column)
    extract = FeatureExtractor(cache=None) if extractor is None else extractor

    def compute(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        return (extract(batch, column) for batch in batches)

    return _map(df, column, compute, "features array<float>, error string")


def predict(
    df: DataFrame, model: Model, column: str | None = None, probabilities: bool = False
) -> DataFrame:
    """Classify a column of pictures.

    Parameters
    ----------
    df : DataFrame
        With a column of bytes of files, or of paths that the executors can read.
    model : Model
        The model, which is sent to each executor once.
    column : str, optional
        Name of the picture column; as for :func:`features`.
    probabilities : bool
        Whether to add a column with the probability of each class, in the order of ``model.classes``.

    Returns
    -------
    DataFrame
        With the columns described in :meth:`headstart.Model.__call__`.
    """
    column = picture_column(df.columns, column)
    file = df.sparkSession.sparkContext.broadcast(model.to_bytes())

    def compute(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        own = restored(file.value)
        return (own(batch, column, probabilities) for batch in batches)

    found = ["labels array<string>" if model.multi_label else "label string", "score float"]
    if model.tells_unknown:
        found.append("unknown boolean")
    if probabilities:
        found.append("probabilities array<float>")
    return _map(df, column, compute, ", ".join([*found, "error string"]))


def _map(df: DataFrame, column: str, compute: Any, more: str) -> DataFrame:
    """Return a data frame with additional columns, without the pictures unless they are paths."""
    from pyspark.sql.types import StringType, StructType

    added: Any = StructType.fromDDL(more)
    left_out = set(added.names)
    if not isinstance(df.schema[column].dataType, StringType):
        left_out.add(column)
    kept = [field for field in df.schema.fields if field.name not in left_out]
    return df.mapInArrow(compute, StructType([*kept, *added.fields]))
