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
"""Bases that this process has compiled."""


class Features:
    """Features of pictures, and which pictures cannot be read.

    Attributes
    ----------
    values : ndarray of float32, shape (n, features)
        A row for each picture; NaN where it cannot be read.
    errors : dict of int to str
        Why a picture cannot be read, by its index.
    """

    def __init__(self, values: npt.NDArray[np.float32], errors: dict[int, str]) -> None:
        self.values = values
        self.errors = errors

    def __repr__(self) -> str:
        count, width = self.values.shape
        unread = f", {len(self.errors)} unread" if self.errors else ""
        return f"<features of {count} pictures, {width} each{unread}>"


class FeatureExtractor(Estimator):
    """A frozen base as a transformer: from pictures to features.

    It takes a list of paths, of files' bytes, of PIL pictures, or a uint8 array ``[n, height, width, 3]``; a data
    frame's column, too. Nothing is learned, so it need not be fitted. It holds its parameters alone: it is cheap
    to send to other processes, each of which compiles the base once.

    Parameters
    ----------
    base : str
        A bundled base: ``"mobilenetv2"`` or ``"efficientnet-lite0"``; or the architecture of ``weights``.
    weights : path, optional
        A file with the base's weights: Keras's, PyTorch's, safetensors, or a model of headstart.
    weights_prefix : str, optional
        What the names of the weights to take begin with, in a file that has several sets.
    input_size : int, optional
        Side of the square that pictures are resized to, in pixels; the base's own by default.
    resize : {"bilinear", "bicubic", "area", "tensorflow"}, optional
        How pictures are resampled; the base's own way by default.
    aspect : {"stretch", "crop", "pad"}, optional
        How pictures of another aspect ratio are made to fit; the base's own way by default.
    cache : path, "auto" or None
        Folder where features are kept; ``"auto"`` is the command's; ``None`` keeps none.
    memory : int, optional
        Bytes that files and decoding may take, all threads together.
    threads : int, optional
        As many as the machine runs at once by default.
    errors : {"raise", "report"}
        Whether a picture that cannot be read raises, or has a row of NaN.
    progress : bool, optional
        Whether tqdm shows how it goes; where somebody sees it by default.

    Examples
    --------
    >>> import numpy as np
    >>> from headstart import FeatureExtractor
    >>> pictures = np.zeros((2, 32, 32, 3), dtype=np.uint8)
    >>> features = FeatureExtractor(cache=None).transform(pictures)
    >>> features.shape, str(features.dtype)
    ((2, 1280), 'float32')
    """

    # Under the name by which scikit-learn's clones keep it.
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
        """Compute features, and tell of pictures that cannot be read, whatever ``errors`` says.

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
        """Compute the features of a batch of a table, as Ray Data, Spark, Dask and pandas hand them on.

        A picture that cannot be read costs its row, whatever ``errors`` says. Where the engine says how many
        cores it gives a process, so many threads are used unless ``threads`` says otherwise.

        Parameters
        ----------
        batch : dict of columns, pandas data frame, or Table or RecordBatch of Arrow
            With a column of paths, of files' bytes, or of pictures as arrays.
        column : str, optional
            Which column has the pictures; by default the first there is of ``image``, ``bytes``, ``content``,
            ``path`` and ``item``.
        dtype : {"float32", "float16"}
            What features are rounded to.

        Returns
        -------
        a batch of the same kind
            With the columns ``features`` and ``error``, which says why a picture cannot be read; without the
            pictures, unless they are paths.

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
        ndarray, or the data frame that :meth:`set_output` asked for

        Raises
        ------
        ValueError
            When a picture cannot be read, unless ``errors="report"``.
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
        """Say what ``transform`` returns: ``"default"`` for an array, ``"pandas"`` or ``"polars"``."""
        if transform not in (None, "default", "pandas", "polars"):
            raise invalid(f'transform={transform!r}: it is "default", "pandas" or "polars"')
        if transform is not None:
            self._sklearn_output_config = {"transform": transform}
        return self

    @property
    def n_features_out(self) -> int:
        """Length of a row of features."""
        return self._native().features

    def get_feature_names_out(self, input_features: Any = None) -> npt.NDArray[np.object_]:
        """Names of the features: the base's, with a number."""
        import numpy as np

        names = [f"{self.base}_{index}" for index in range(self.n_features_out)]
        return np.array(names, dtype=object)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __sklearn_tags__(self) -> Any:
        return self._tags("transformer")
