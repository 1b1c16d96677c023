"""Turns a folder of labelled pictures into a classifier by transfer learning.

>>> import headstart
>>> sorted(name for name in headstart.__all__ if name[0].isupper())[:3]
['AccessError', 'Audit', 'Classifier']
"""

from ._audit import Audit, Finding, audit
from ._classifier import Classifier
from ._errors import (
    AccessError,
    Error,
    FileError,
    InternalError,
    InvalidError,
    NotFoundError,
)
from ._explain import Explanation
from ._extractor import FeatureExtractor, Features
from ._fit import FitResult, fit_folder
from ._headstart import __version__
from ._model import Model, load
from ._predictions import Prediction, Predictions

__all__ = [
    "AccessError",
    "Audit",
    "Classifier",
    "Error",
    "Explanation",
    "FeatureExtractor",
    "Features",
    "FileError",
    "Finding",
    "FitResult",
    "InternalError",
    "InvalidError",
    "Model",
    "NotFoundError",
    "Prediction",
    "Predictions",
    "__version__",
    "audit",
    "fit_folder",
    "load",
]
