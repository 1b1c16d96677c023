"""Training on a folder of pictures, and its results."""

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
    """The result of training or evaluating a model.

    Notebooks show its metrics and plots.
    """

    def __init__(self, native: _headstart.Fit) -> None:
        self._native = native

    @property
    def model(self) -> Model:
        """The model."""
        return Model(self._native.model)

    @property
    def summary(self) -> dict[str, Any]:
        """The summary, equal to the output of the command's ``--json``."""
        summary: dict[str, Any] = json.loads(self._native.summary)
        return summary

    @property
    def evaluation(self) -> dict[str, Any] | None:
        """Metrics on pictures that were not trained on; ``None`` if there are none."""
        figures = self._native.evaluation
        return None if figures is None else json.loads(figures)

    @property
    def accuracy(self) -> float | None:
        """The accuracy on these pictures."""
        figures = self.evaluation
        return None if figures is None else float(figures["accuracy"])

    @property
    def warnings(self) -> list[str]:
        """Warnings for the owner of the pictures."""
        return list(self.summary["warnings"])

    @property
    def skipped(self) -> dict[str, str]:
        """Pictures that were skipped, with the reasons."""
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
        """Return the report as one HTML page, and write it to ``path``, if given.

        Parameters
        ----------
        path : path, optional
            File to write the page to.
        title : str, optional
            Title of the page.
        pictures : bool
            Whether to read pictures that are worth a look again and show them.
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
        File to write an HTML report to.
    threads : int, optional
        Number of threads; by default, as many as the machine runs at once.
    progress : bool, optional
        Whether to show progress with tqdm; by default, only on a terminal or in a notebook.
    **options
        The parameters of :class:`Classifier`, but a fifth is held out by default. Also ``validation``, ``folds``,
        ``label_from``, ``group_from``, ``label_column``, ``label_separator``, ``path_column``, ``multi_label``,
        ``duplicates``, ``export_split``, ``checkpoint`` and ``resume``, as for the command.

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
