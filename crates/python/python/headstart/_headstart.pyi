"""The package's native module."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias, final

import numpy as np
import numpy.typing as npt

__all__ = [
    "Audit",
    "audit",
    "main",
    "Explanation",
    "explain",
    "export",
    "Extractor",
    "evaluate",
    "fine_tune",
    "fit",
    "fit_folder",
    "Fit",
    "Model",
    "Predicted",
    "__version__",
]

__version__: str

_Progress: TypeAlias = Callable[[str, int, int], object] | None
_Unread: TypeAlias = list[tuple[int, str]]
_StrPath: TypeAlias = str | os.PathLike[str]
_Finding: TypeAlias = tuple[
    str, str, str, str, str, list[Path], int | None, str | None, float | None, str
]

def main(arguments: Sequence[str]) -> int: ...
def fit(
    pictures: Sequence[Any],
    labels: Sequence[int] | Sequence[Sequence[int]],
    names: Sequence[str],
    weights: Sequence[float] | None,
    options: dict[str, Any],
    lenient: bool,
    threads: int | None,
    progress: _Progress,
) -> tuple[Fit, list[int]]: ...
def fit_folder(
    source: _StrPath, options: dict[str, Any], threads: int | None, progress: _Progress
) -> Fit: ...
def fine_tune(
    model: Model, source: _StrPath, options: dict[str, Any], threads: int | None, progress: _Progress
) -> Fit: ...
def evaluate(
    model: Model, source: _StrPath, options: dict[str, Any], threads: int | None, progress: _Progress
) -> Fit: ...
def audit(
    source: _StrPath,
    model: Model | None,
    options: dict[str, Any],
    threads: int | None,
    progress: _Progress,
) -> Audit: ...
def explain(
    model: Model,
    pictures: Sequence[Any],
    classes: Sequence[str],
    options: dict[str, Any],
    lenient: bool,
    threads: int | None,
    progress: _Progress,
) -> tuple[list[Explanation], _Unread]: ...
def export(
    model: Model,
    path: _StrPath,
    format: str,
    options: dict[str, Any],
    threads: int | None,
    progress: _Progress,
) -> Path | None: ...

@final
class Audit:
    @property
    def counts(self) -> list[tuple[str, int]]: ...
    @property
    def pictures(self) -> int: ...
    def findings(self) -> list[_Finding]: ...
    def page(self) -> str: ...

@final
class Explanation:
    @property
    def index(self) -> int: ...
    @property
    def class_name(self) -> str: ...
    @property
    def score(self) -> float: ...
    @property
    def logit(self) -> float: ...
    @property
    def bias(self) -> float: ...
    @property
    def map(self) -> npt.NDArray[np.float32]: ...
    @property
    def overlay(self) -> npt.NDArray[np.uint8]: ...
    @property
    def uri(self) -> str: ...

@final
class Extractor:
    def __new__(cls, options: dict[str, Any]) -> Extractor: ...
    @property
    def features(self) -> int: ...
    def extract(
        self, pictures: Sequence[Any], lenient: bool, threads: int | None, progress: _Progress
    ) -> tuple[npt.NDArray[np.float32], _Unread]: ...

@final
class Fit:
    @property
    def model(self) -> Model: ...
    @property
    def summary(self) -> str: ...
    @property
    def evaluation(self) -> str | None: ...
    def page(
        self, title: str | None, pictures: bool, threads: int | None, progress: _Progress
    ) -> str: ...

@final
class Predicted:
    @property
    def scores(self) -> npt.NDArray[np.float32]: ...
    @property
    def labels(self) -> npt.NDArray[np.int64]: ...
    @property
    def label_sets(self) -> list[list[int]] | None: ...
    @property
    def unknown(self) -> npt.NDArray[np.bool_] | None: ...
    @property
    def unknown_scores(self) -> npt.NDArray[np.float32] | None: ...
    @property
    def sets(self) -> list[list[int]] | None: ...
    @property
    def unread(self) -> _Unread: ...

@final
class Model:
    @staticmethod
    def open(model: _StrPath) -> Model: ...
    @staticmethod
    def from_bytes(file: bytes) -> Model: ...
    def to_bytes(self) -> bytes: ...
    def save(self, path: _StrPath) -> None: ...
    @property
    def classes(self) -> list[str]: ...
    @property
    def multi_label(self) -> bool: ...
    @property
    def tells_unknown(self) -> bool: ...
    @property
    def base(self) -> tuple[str, int, int, int]: ...
    @property
    def training(self) -> str | None: ...
    def summary(self) -> str: ...
    def predict(
        self,
        pictures: Sequence[Any],
        options: dict[str, Any],
        lenient: bool,
        threads: int | None,
        progress: _Progress,
    ) -> Predicted: ...
