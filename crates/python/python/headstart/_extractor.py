"""Features of pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import _headstart
from ._batches import Batch, cores
from ._estimator import DEFAULT_BASE, Estimator
from ._inputs import Errors, StrPath, invalid, is_lenient, pictures
from ._kept import Kept
from ._progress import Progress

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from typing_extensions import Self

_compiled: Kept[_headstart.Extractor] = Kept()
"""The bases compiled in this process."""


class Features:
    """Features of pictures, and the pictures that cannot be read.

    Attributes
    ----------
    values : ndarray of float32, shape (n, features)
        A row for each picture; NaN if the picture cannot be read.
    errors : dict of int to str
        Why pictures cannot be read, by index.
    """

    def __init__(self, values: npt.NDArray[np.float32], errors: dict[int, str]) -> None:
        self.values = values
        self.errors = errors

    def __repr__(self) -> str:
        count, width = self.values.shape
        unread = f", {len(self.errors)} unread" if self.errors else ""
        return f"<features of {count} pictures, {width} each{unread}>"


class FeatureExtractor(Estimator):
    """A frozen base as a transformer of pictures to features.

    Pictures are a list of paths, bytes of files or PIL pictures, a uint8 array ``[n, height, width, 3]``, or a column
    of a data frame. Nothing is learned, so fitting is optional. The object contains only its parameters: it is cheap
    to send to other processes, each of which compiles the base once.

    Parameters
    ----------
    base : str
        A bundled base: ``"mobilenetv2"`` or ``"efficientnet-lite0"``; or the architecture of ``weights``.
    weights : path, optional
        A file with the base's weights: Keras, PyTorch, safetensors, or a headstart model.
    weights_prefix : str, optional
        Prefix of the names of the weights, in a file that has several sets.
    input_size : int, optional
        Side in pixels of the square that pictures are resized to; by default the base's.
    resize : {"bilinear", "bicubic", "area", "tensorflow"}, optional
        How pictures are resampled; by default as the base requires.
    aspect : {"stretch", "crop", "pad"}, optional
        How pictures with another aspect ratio are fitted; by default as the base requires.
    cache : path, "auto" or None
        Folder of cached features; ``"auto"`` is the command's cache, ``None`` disables caching.
    memory : int, optional
        Memory limit in bytes for files and decoding, over all threads.
    threads : int, optional
        Number of threads; by default, as many as the machine runs at once.
    errors : {"raise", "report"}
        ``"raise"`` raises an error if a picture cannot be read; ``"report"`` returns a row of NaN.
    progress : bool, optional
        Whether to show progress with tqdm; by default, only on a terminal or in a notebook.

    Examples
    --------
    >>> import numpy as np
    >>> from headstart import FeatureExtractor
    >>> pictures = np.zeros((2, 32, 32, 3), dtype=np.uint8)
    >>> features = FeatureExtractor(cache=None).transform(pictures)
    >>> features.shape, str(features.dtype)
    ((2, 1280), 'float32')
    """

    # scikit-learn's clone copies the attribute of this name.
    _sklearn_output_config: dict[str, str] = {}

    def __init__(
        self,
        base: str = DEFAULT_BASE,
        *,
        weights: StrPath | None = None,
        weights_prefix: str | None = None,
        input_size: int | None = None,
        resize: str | None = None,
        aspect: str | None = None,
        cache: StrPath | None = "auto",
        memory: int | None = None,
        threads: int | None = None,
        errors: Errors = "raise",
        progress: bool | None = None,
    ) -> None:
        self.base = base
        self.weights = weights
        self.weights_prefix = weights_prefix
        self.input_size = input_size
        self.resize = resize
        self.aspect = aspect
        self.cache = cache
        self.memory = memory
        self.threads = threads
        self.errors = errors
        self.progress = progress

    def _native(self) -> _headstart.Extractor:
        options = self._options("threads", "errors", "progress")
        key = tuple(str(value) for value in options.values())
        return _compiled.get(key, lambda: _headstart.Extractor(options))

    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Check the parameters; there is nothing to learn."""
        is_lenient(self.errors)
        self._native()
        return self

    def extract(self, X: Any) -> Features:
        """Compute features, and report pictures that cannot be read, regardless of ``errors``.

        Examples
        --------
        >>> from headstart import FeatureExtractor
        >>> FeatureExtractor(cache=None).extract([b"no picture"]).errors
        {0: 'not a picture (text)'}
        """
        return self._extract(X, lenient=True)

    def _extract(self, X: Any, *, lenient: bool, threads: int | None = None) -> Features:
        given = pictures(X)
        with Progress(self.progress) as tell:
            values, unread = self._native().extract(given, lenient, self.threads or threads, tell)
        return Features(values, dict(unread))

    def __call__(self, batch: Any, column: str | None = None, dtype: str = "float32") -> Any:
        """Compute the features of a batch of table rows, as passed by Ray Data, Spark, Dask and pandas.

        A picture that cannot be read does not raise, regardless of ``errors``: its row reports the error. If
        ``threads`` is not set, and the engine announces how many cores it gives the process, that many threads are
        used.

        Parameters
        ----------
        batch : dict of columns, pandas data frame, or Arrow Table or RecordBatch
            With a column of paths, bytes of files, or pictures as arrays.
        column : str, optional
            Name of the picture column; by default the first that exists of ``image``, ``bytes``, ``content``, ``path``
            and ``item``.
        dtype : {"float32", "float16"}
            The type of the features.

        Returns
        -------
        a batch of the same type
            With the columns ``features`` and ``error``, the reason why a picture cannot be read. Without the pictures,
            unless they are paths.

        Examples
        --------
        >>> import numpy as np
        >>> from headstart import FeatureExtractor
        >>> batch = {"image": np.zeros((2, 32, 32, 3), dtype=np.uint8), "label": np.array(["a", "b"])}
        >>> done = FeatureExtractor(cache=None)(batch)
        >>> list(done), done["features"].shape
        (['label', 'features', 'error'], (2, 1280))
        """
        if dtype not in ("float32", "float16"):
            raise invalid(f'dtype={dtype!r}: it is "float32" or "float16"')
        table = Batch(batch, column)
        found = self._extract(table.pictures, lenient=True, threads=cores())
        reasons = [found.errors.get(row) for row in range(len(found.values))]
        values = found.values.astype(dtype, copy=False)
        return table.with_columns({"features": ("rows", values), "error": ("text", reasons)}, found.errors)

    def transform(self, X: Any) -> Any:
        """Compute the features of pictures, float32 ``[n, features]``.

        Returns
        -------
        ndarray, or the type of data frame set with :meth:`set_output`

        Raises
        ------
        ValueError
            If a picture cannot be read, unless ``errors="report"``.
        """
        values = self._extract(X, lenient=is_lenient(self.errors)).values
        container = self._sklearn_output_config.get("transform", "default")
        if container == "pandas":
            import pandas as pd

            return pd.DataFrame(values, columns=self.get_feature_names_out(), index=X.index if hasattr(X, "iloc") else None)
        if container == "polars":
            import polars as pl

            return pl.DataFrame(values, schema=self.get_feature_names_out().tolist())
        return values

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Compute the features of pictures."""
        return self.transform(X)

    def set_output(self, *, transform: str | None = None) -> Self:
        """Set what ``transform`` returns: ``"default"`` for an array, ``"pandas"`` or ``"polars"``."""
        if transform not in (None, "default", "pandas", "polars"):
            raise invalid(f'transform={transform!r}: it is "default", "pandas" or "polars"')
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}
        return self

    @property
    def n_features_out(self) -> int:
        """Number of features."""
        return self._native().features

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Return the names of the features: the base's name and a number."""
        import numpy as np

        names = [f"{self.base}_{index}" for index in range(self.n_features_out)]
        return np.array(names, dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        return self._tags("transformer")
