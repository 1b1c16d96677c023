"""Training on a folder of pictures, and how it went."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from . import _headstart
from ._inputs import StrPath
from ._model import Model
from ._notebook import frame
from ._progress import Progress


class FitResult:
    """How training or measuring a model went.

    Notebooks show its figures and plots.
    """

    def __init__(self, native: _headstart.Fit) -> None:
        self._native = native

    @property
    def model(self) -> Model:
        """What predicts."""
        return Model(self._native.model)

    @property
    def summary(self) -> dict[str, Any]:
        """What it came to: what the command says at its end with ``--json``."""
        summary: dict[str, Any] = json.loads(self._native.summary)
        return summary

    @property
    def evaluation(self) -> dict[str, Any] | None:
        """Figures on pictures that were not learned from; ``None`` without such pictures."""
        figures = self._native.evaluation
        return None if figures is None else json.loads(figures)

    @property
    def accuracy(self) -> float | None:
        """The share of these pictures that are classified right."""
        figures = self.evaluation
        return None if figures is None else float(figures["accuracy"])

    @property
    def warnings(self) -> list[str]:
        """What whoever owns the pictures should know."""
        return list(self.summary["warnings"])

    @property
    def skipped(self) -> dict[str, str]:
        """What was left out, with the reasons."""
        return {left_out["path"]: left_out["reason"] for left_out in self.summary["skipped"]}

    def page(
        self,
        path: StrPath | None = None,
        *,
        title: str | None = None,
        pictures: bool = True,
        threads: int | None = None,
        progress: bool | None = None,
    ) -> str:
        """Return the report as one page of HTML, and write it to a file, if one is given.

        Parameters
        ----------
        path : path, optional
            File to write the page to.
        title : str, optional
            What stands at the top.
        pictures : bool
            Whether pictures that are worth a look are read again and shown.
        """
        with Progress(progress) as tell:
            page = self._native.page(title, pictures, threads, tell)
        if path is not None:
            Path(path).write_text(page, encoding="utf-8")
        return page

    def __repr__(self) -> str:
        summary = self.summary
        classes = len(summary["classes"])
        accuracy = "" if self.accuracy is None else f", accuracy {self.accuracy:.3f}"
        done = f"{summary['train']} pictures" if "train" in summary else f"measured on {summary['pictures']} pictures"
        return f"<FitResult: {done}, {classes} classes{accuracy}>"

    def _repr_html_(self) -> str:
        return frame(self._native.page(None, False, None, None))


def fit_folder(
    source: StrPath,
    *,
    output: StrPath | None = None,
    report: StrPath | None = None,
    threads: int | None = None,
    progress: bool | None = None,
    **options: Any,
) -> FitResult:
    """Train a classifier on a folder of labelled pictures, as ``headstart train`` does.

    Parameters
    ----------
    source : path
        A folder with one folder of pictures per class, a manifest, an archive, or a Parquet file of pictures.
    output : path, optional
        File to write the model to.
    report : path, optional
        File to write a page to, to look at in a browser.
    threads : int, optional
        As many as the machine runs at once by default.
    progress : bool, optional
        Whether tqdm shows how it goes; where somebody sees it by default.
    **options
        Those of :class:`Classifier`, with a fifth held back by default; and ``validation``, ``folds``,
        ``label_from``, ``group_from``, ``label_column``, ``label_separator``, ``path_column``, ``multi_label``,
        ``duplicates``, ``export_split``, ``checkpoint`` and ``resume``, which are as for the command.

    Examples
    --------
    >>> import headstart
    >>> fitted = headstart.fit_folder("flowers", output="flowers.safetensors")  # doctest: +SKIP
    >>> fitted.model.predict("picture.jpg")  # doctest: +SKIP
    <Prediction: daisy 0.993>
    """
    options.setdefault("cache", "auto")
    with Progress(progress) as tell:
        fitted = FitResult(_headstart.fit_folder(source, {**options, "output": output}, threads, tell))
    if report is not None:
        fitted.page(report, title=Path(source).stem, threads=threads, progress=progress)
    return fitted
