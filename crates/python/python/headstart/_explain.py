"""Explanations of predictions."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from . import _headstart


class Explanation:
    """A map of how much each position of a picture contributes to a class. Notebooks show it over the picture.

    Attributes
    ----------
    index : int
        Index of the picture.
    label : str
        The class.
    score : float
        The probability of the class.
    logit, bias : float
        The logit is the mean of the map plus the bias.
    map : ndarray of float32, shape (height, width)
        Evidence for the class if positive, against it if negative.
    overlay : ndarray of uint8, shape (height, width, 3)
        The picture with the map over it.
    """

    def __init__(self, native: _headstart.Explanation) -> None:
        self.index = native.index
        self.label = native.class_name
        self.score = native.score
        self.logit = native.logit
        self.bias = native.bias
        self.map: npt.NDArray[np.float32] = native.map
        self.overlay: npt.NDArray[np.uint8] = native.overlay
        self._uri = native.uri

    def __repr__(self) -> str:
        height, width = self.map.shape
        return f"<Explanation: {self.label} {self.score:.3f}, {height} x {width}>"

    def _repr_html_(self) -> str:
        shown = f"{escape(self.label)} {self.score:.3f}"
        return f'<figure><img src="{self._uri}" alt="{shown}"><figcaption>{shown}</figcaption></figure>'
