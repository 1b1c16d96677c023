"""Why a model says what it says."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from . import _headstart


class Explanation:
    """How much each place of a picture speaks for a class; notebooks show the picture with the map on it.

    Attributes
    ----------
    index : int
        Which of the pictures it is of.
    label : str
        The class.
    score : float
        Its probability.
    logit, bias : float
        The logit is the mean of the map plus the bias.
    map : ndarray of float32, shape (height, width)
        What speaks for the class, and below 0 against it.
    overlay : ndarray of uint8, shape (height, width, 3)
        The picture with the map on it.
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
