"""Predictions for pictures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape
from typing import TYPE_CHECKING, overload

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from . import _headstart


class Prediction:
    """The prediction for a picture.

    Attributes
    ----------
    label : str or None
        The likeliest class; ``None`` if the picture is unknown or has no label.
    labels : list of str
        For a multi-label model, all labels, the likeliest first; otherwise ``[label]``.
    score : float or None
        The probability of ``label``.
    scores : dict of str to float
        The probability of each class, the likeliest first.
    unknown : bool or None
        Whether the picture belongs to none of the classes; ``None`` if the model cannot detect this.
    unknown_score : float or None
        The distance of the picture from those that the model knows.
    set : list of str or None
        The labels of the prediction set with the requested ``coverage``.
    """

    __slots__ = ("label", "labels", "score", "scores", "set", "unknown", "unknown_score")

    def __init__(
        self,
        scores: dict[str, float],
        labels: list[str],
        unknown: bool | None = None,
        unknown_score: float | None = None,
        set: list[str] | None = None,
    ) -> None:
        self.scores = scores
        self.labels = [] if unknown else labels
        self.label = self.labels[0] if self.labels else None
        self.score = None if self.label is None else scores[self.label]
        self.unknown = unknown
        self.unknown_score = unknown_score
        self.set = set

    def __repr__(self) -> str:
        if self.label is None:
            return "<Prediction: unknown>" if self.unknown else "<Prediction: no label>"
        labels = ", ".join(f"{label} {self.scores[label]:.3f}" for label in self.labels)
        return f"<Prediction: {labels}>"

    def _repr_html_(self) -> str:
        best = list(self.scores.items())[:5]
        rows = "".join(
            f"<tr><td style='text-align:left'>{escape(name)}</td><td>{score:.3f}</td>"
            f"<td><meter value='{score:.4f}'></meter></td></tr>"
            for name, score in best
        )
        unknown = "<p>of none of the classes</p>" if self.unknown else ""
        return f"{unknown}<table>{rows}</table>"


class Predictions(Sequence["Prediction | None"]):
    """Predictions for several pictures, individually and as arrays.

    Attributes
    ----------
    classes : list of str
        Names of the classes.
    probabilities : ndarray of float32, shape (n, classes)
        NaN for pictures that cannot be read.
    unknown : ndarray of bool or None
        Whether each picture belongs to none of the classes; ``None`` if the model cannot detect this.
    unknown_scores : ndarray of float32 or None
        The distance of each picture from those that the model knows.
    errors : dict of int to str
        Why pictures cannot be read, by index.
    """

    def __init__(self, classes: list[str], said: _headstart.Predicted) -> None:
        self.classes = classes
        self.probabilities: npt.NDArray[np.float32] = said.scores
        self.unknown: npt.NDArray[np.bool_] | None = said.unknown
        self.unknown_scores: npt.NDArray[np.float32] | None = said.unknown_scores
        self.errors = dict(said.unread)
        self._first: npt.NDArray[np.int64] = said.labels
        self._labels = said.label_sets
        self._sets = said.sets

    @property
    def labels(self) -> list[str | None]:
        """The likeliest class of each picture; ``None`` if it is unknown, has no label or cannot be read."""
        unknown = [False] * len(self) if self.unknown is None else self.unknown.tolist()
        first = zip(self._first.tolist(), unknown, strict=True)
        return [None if at < 0 or is_unknown else self.classes[at] for at, is_unknown in first]

    def indicator(self) -> npt.NDArray[np.int64]:
        """Return the labels as a matrix of 0 and 1 with a column for each class, as in scikit-learn."""
        import numpy as np

        matrix: npt.NDArray[np.int64] = np.zeros(self.probabilities.shape, dtype=np.int64)
        for row, own in enumerate([[at] if at >= 0 else [] for at in self._first.tolist()] if self._labels is None else self._labels):
            matrix[row, own] = 1
        return matrix

    def __len__(self) -> int:
        return len(self._first)

    @overload
    def __getitem__(self, index: int) -> Prediction | None: ...
    @overload
    def __getitem__(self, index: slice) -> list[Prediction | None]: ...
    def __getitem__(self, index: int | slice) -> Prediction | None | list[Prediction | None]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(f"there are {len(self)} predictions")
        index %= len(self)
        return None if index in self.errors else self._one(index)

    def __iter__(self) -> Iterator[Prediction | None]:
        return (self[index] for index in range(len(self)))

    def _one(self, index: int) -> Prediction:
        scores = self.probabilities[index].tolist()
        ranked = sorted(range(len(scores)), key=lambda at: -scores[at])
        labels = [int(self._first[index])] if self._labels is None else self._labels[index]

        def names(of: list[int]) -> list[str]:
            return [self.classes[at] for at in of]

        return Prediction(
            {self.classes[at]: scores[at] for at in ranked},
            names(labels),
            None if self.unknown is None else bool(self.unknown[index]),
            None if self.unknown_scores is None else float(self.unknown_scores[index]),
            None if self._sets is None else names(self._sets[index]),
        )

    def __repr__(self) -> str:
        unread = f", {len(self.errors)} unread" if self.errors else ""
        return f"<predictions of {len(self)} pictures{unread}>"

    def _repr_html_(self) -> str:
        most = 20
        rows = "".join(
            f"<tr><td>{index}</td><td style='text-align:left'>{self._cell(index)}</td></tr>"
            for index in range(min(len(self), most))
        )
        more = f"<p>and {len(self) - most} more</p>" if len(self) > most else ""
        return f"<table>{rows}</table>{more}"

    def _cell(self, index: int) -> str:
        said = self[index]
        if said is None:
            return f"<i>{escape(self.errors[index])}</i>"
        if said.label is None:
            return "<i>unknown</i>" if said.unknown else "<i>no label</i>"
        return ", ".join(f"{escape(label)} {said.scores[label]:.3f}" for label in said.labels)
