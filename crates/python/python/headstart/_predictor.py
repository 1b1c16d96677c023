"""Prediction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, overload

from . import _headstart
from ._batches import Batch, Kind, cores
from ._explain import Explanation
from ._inputs import Errors, StrPath, is_lenient, is_picture, pictures
from ._predictions import Prediction, Predictions
from ._progress import Progress

if TYPE_CHECKING:
    import numpy.typing as npt


class Predictor:
    """The part of :class:`Model` that processes pictures."""

    def __init__(self, native: _headstart.Model) -> None:
        self._native = native

    @property
    def classes(self) -> list[str]:
        """Names of the classes."""
        return self._native.classes

    @property
    def multi_label(self) -> bool:
        """Whether a picture can have any number of labels."""
        return self._native.multi_label

    @property
    def tells_unknown(self) -> bool:
        """Whether the model can detect that a picture belongs to none of the classes."""
        return self._native.tells_unknown

    @overload
    def predict(
        self,
        X: StrPath | bytes,
        *,
        coverage: float | None = ...,
        unknown: bool = ...,
        errors: Errors = ...,
        cache: StrPath | None = ...,
        threads: int | None = ...,
        progress: bool | None = ...,
    ) -> Prediction: ...
    @overload
    def predict(
        self,
        X: list[Any] | tuple[Any, ...],
        *,
        coverage: float | None = ...,
        unknown: bool = ...,
        errors: Errors = ...,
        cache: StrPath | None = ...,
        threads: int | None = ...,
        progress: bool | None = ...,
    ) -> Predictions: ...
    @overload
    def predict(
        self,
        X: Any,
        *,
        coverage: float | None = ...,
        unknown: bool = ...,
        errors: Errors = ...,
        cache: StrPath | None = ...,
        threads: int | None = ...,
        progress: bool | None = ...,
    ) -> Any: ...
    def predict(
        self,
        X: Any,
        *,
        coverage: float | None = None,
        unknown: bool = True,
        errors: Errors = "raise",
        cache: StrPath | None = "auto",
        threads: int | None = None,
        progress: bool | None = None,
    ) -> Any:
        """Classify a picture, or each of several.

        Parameters
        ----------
        X : path, bytes, PIL picture, array of uint8 [height, width, 3]; or a list or array of these
            The picture or pictures.
        coverage : float, optional
            Also return the smallest set of labels that contains the right one in this fraction of cases.
        unknown : bool
            Whether to report pictures that belong to none of the classes.
        errors : {"raise", "report"}
            ``"raise"`` raises an error if a picture cannot be read; ``"report"`` lists it in ``errors`` of the result.
        cache : path, "auto" or None
            Folder of cached features, which are read but not added.
        threads : int, optional
            Number of threads; by default, as many as the machine runs at once.
        progress : bool, optional
            Whether to show progress with tqdm; by default, only on a terminal or in a notebook.

        Returns
        -------
        Prediction or Predictions
            For one picture, or for several.

        Examples
        --------
        >>> import numpy as np
        >>> import headstart
        >>> model = headstart.load("efficientnet-lite0")
        >>> said = model.predict(np.zeros((2, 64, 64, 3), dtype=np.uint8))
        >>> said.probabilities.shape
        (2, 1000)
        >>> len(said[0].scores)
        1000
        """
        one = is_picture(X)
        given = [X] if one else pictures(X)
        lenient = is_lenient(errors) and not one
        options = {"coverage": coverage, "unknown": unknown, "cache": cache}
        with Progress(progress) as tell:
            said = self._native.predict(given, options, lenient, threads, tell)
        predictions = Predictions(self.classes, said)
        return predictions[0] if one else predictions

    def __call__(self, batch: Any, column: str | None = None, probabilities: bool = False) -> Any:
        """Classify the pictures in a batch of table rows, as passed by Ray Data, Spark, Dask and pandas.

        A picture that cannot be read does not raise: its row reports the error. If the engine announces how many cores
        it gives the process, that many threads are used.

        Parameters
        ----------
        batch : dict of columns, pandas data frame, or Arrow Table or RecordBatch
            With a column of paths, bytes of files, or pictures as arrays.
        column : str, optional
            Name of the picture column; by default the first that exists of ``image``, ``bytes``, ``content``, ``path``
            and ``item``.
        probabilities : bool
            Whether to add a column with the probability of each class, in the order of ``classes``.

        Returns
        -------
        a batch of the same type
            With the columns ``label`` (or ``labels``, for a multi-label model), ``score``, the probability of the
            likeliest label, ``unknown``, if the model can detect unknown pictures, and ``error``, the reason why a
            picture cannot be read. Without the pictures, unless they are paths.

        Examples
        --------
        >>> import headstart
        >>> model = headstart.load("efficientnet-lite0")
        >>> model({"bytes": [b"no picture"]})["error"].tolist()
        ['not a picture (text)']
        """
        return self._score(batch, column, probabilities, unknown=True)

    def _score(
        self,
        batch: Any,
        column: str | None,
        probabilities: bool,
        *,
        unknown: bool,
        in_order: Callable[[npt.NDArray[Any]], npt.NDArray[Any]] | None = None,
        cache: StrPath | None = None,
        threads: int | None = None,
    ) -> Any:
        """Return the predictions for a batch, with probabilities reordered by ``in_order``, if given."""
        table = Batch(batch, column)
        said: Predictions = self.predict(
            list(table.pictures),
            unknown=unknown,
            errors="report",
            cache=cache,
            threads=threads or cores(),
        )
        more: dict[str, tuple[Kind, Any]] = {}
        if self.multi_label:
            more["labels"] = ("texts", [None if one is None else one.labels for one in said])
        else:
            more["label"] = ("text", said.labels)
        best = [None if row in said.errors else max(scores) for row, scores in enumerate(said.probabilities.tolist())]
        more["score"] = ("number", best)
        if unknown and self.tells_unknown:
            more["unknown"] = ("flag", [None if one is None else one.unknown for one in said])
        if probabilities:
            more["probabilities"] = ("rows", said.probabilities if in_order is None else in_order(said.probabilities))
        more["error"] = ("text", [said.errors.get(row) for row in range(len(said))])
        return table.with_columns(more, said.errors)

    def explain(
        self,
        X: Any,
        classes: list[str] | None = None,
        *,
        threads: int | None = None,
        progress: bool | None = None,
    ) -> list[Explanation]:
        """Show which positions of pictures contribute to a class.

        Parameters
        ----------
        X : path, bytes, PIL picture, array of uint8 [height, width, 3]; or a list or array of these
            The picture or pictures.
        classes : list of str, optional
            The classes to explain; by default the predicted ones.

        Examples
        --------
        >>> import numpy as np
        >>> import headstart
        >>> picture = np.zeros((64, 64, 3), dtype=np.uint8)
        >>> [why] = headstart.load("efficientnet-lite0").explain(picture, ["teapot"])
        >>> bool(np.isclose(why.map.mean() + why.bias, why.logit, atol=1e-3))
        True
        """
        given = [X] if is_picture(X) else pictures(X)
        with Progress(progress) as tell:
            found, _ = _headstart.explain(self._native, given, classes or [], {}, False, threads, tell)
        return [Explanation(one) for one in found]
