"""Models: what predicts."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, overload

from . import _audit, _headstart
from ._explain import Explanation
from ._inputs import Errors, StrPath, is_lenient, is_picture, pictures
from ._predictions import Prediction, Predictions
from ._progress import Progress

if TYPE_CHECKING:
    from ._fit import FitResult


class Model:
    """A base with a head, and the names of the classes: what :func:`load` and training return.

    Models can be pickled, and are then as large as their files.
    """

    def __init__(self, native: _headstart.Model) -> None:
        self._native = native

    @property
    def classes(self) -> list[str]:
        """Names of the classes."""
        return self._native.classes

    @property
    def multi_label(self) -> bool:
        """Whether a picture may have any number of labels."""
        return self._native.multi_label

    @property
    def training(self) -> dict[str, Any] | None:
        """How it was trained, as its file tells; ``None`` if not by headstart."""
        record = self._native.training
        return None if record is None else json.loads(record)

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
        """Say what is on a picture, or on each of several.

        Parameters
        ----------
        X : path, bytes, PIL picture, array of uint8 [height, width, 3]; or a list or array of these
            What to look at.
        coverage : float, optional
            Also answer with the smallest set of labels that contains the right one in this share of cases.
        unknown : bool
            Whether a picture may be of none of the classes.
        errors : {"raise", "report"}
            Whether a picture that cannot be read raises, or is told in ``errors`` of the result.
        cache : path, "auto" or None
            Folder where features are looked up; none are added.
        threads : int, optional
            As many as the machine runs at once by default.
        progress : bool, optional
            Whether tqdm shows how it goes; where somebody sees it by default.

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

    def explain(
        self,
        X: Any,
        classes: list[str] | None = None,
        *,
        threads: int | None = None,
        progress: bool | None = None,
    ) -> list[Explanation]:
        """Show which places of pictures speak for a class.

        Parameters
        ----------
        X : path, bytes, PIL picture, array of uint8 [height, width, 3]; or a list or array of these
            What to look at.
        classes : list of str, optional
            The classes to explain; those that the model answers with by default.

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

    def export(
        self,
        path: StrPath,
        format: str = "onnx",
        *,
        output: str | None = None,
        proof: Any = None,
        int8: Any = None,
        names: str | None = None,
        weights: str | None = None,
        title: str | None = None,
        about: str | None = None,
        threads: int | None = None,
        progress: bool | None = None,
    ) -> str | None:
        """Write the model for another framework.

        Parameters
        ----------
        path : path
            File to write to; a folder for ``"wasm"``.
        format : {"onnx", "keras", "pytorch", "tflite", "web", "wasm"}
            Which framework.
        output : {"probabilities", "logits", "features"}, optional
            Where the file's computation ends.
        proof : list or array of pictures, optional
            Pictures that go into the file with the answers to them; drawn ones by default.
        int8 : list or array of pictures, optional
            Pictures by which weights and values become whole numbers of 8 bits.
        names : {"torchvision", "timm"}, optional
            Whose names PyTorch's weights have.
        weights : {"int16", "int8"}, optional
            How ``"web"`` and ``"wasm"`` keep weights.
        title, about : str, optional
            What the page of ``"web"`` says.

        Returns
        -------
        str or None
            The file of the proof, where that is not within the file.

        Examples
        --------
        >>> import os, tempfile
        >>> import headstart
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "model.onnx")
        ...     headstart.load("efficientnet-lite0").export(path)
        ...     os.path.getsize(path) > 10_000_000
        True
        """
        options = {
            "output": output,
            "proof": None if proof is None else pictures(proof),
            "int8": None if int8 is None else pictures(int8),
            "names": names,
            "weights": weights,
            "title": title,
            "about": about,
        }
        with Progress(progress) as tell:
            beside = _headstart.export(self._native, path, format, options, threads, tell)
        return None if beside is None else os.fspath(beside)

    def fine_tune(
        self,
        source: StrPath,
        at: str | int = 100,
        *,
        output: StrPath | None = None,
        threads: int | None = None,
        progress: bool | None = None,
        **options: Any,
    ) -> FitResult:
        """Train the top of the base, too, on a folder of labelled pictures; this model stays as it is.

        Parameters
        ----------
        source : path
            Pictures of the model's classes, as for :func:`fit_folder`. Those that were held back before stay so.
        at : str or int
            The first layer that trains, by its name or index.
        output : path, optional
            File to write the model to.
        **options
            ``epochs``, ``learning_rate``, ``batch_size`` and what else :class:`Classifier` has for fine-tuning,
            ``checkpoint`` and ``resume``.

        Returns
        -------
        FitResult
            How it went, with the new model.
        """
        from ._fit import FitResult

        options.setdefault("cache", "auto")
        for name in ("epochs", "learning_rate"):
            if name in options:
                options[f"fine_tune_{name}"] = options.pop(name)
        options = {**options, "fine_tune_at": at, "output": output}
        with Progress(progress) as tell:
            return FitResult(_headstart.fine_tune(self._native, source, options, threads, tell))

    def evaluate(
        self,
        source: StrPath,
        *,
        unknown: StrPath | None = None,
        threads: int | None = None,
        progress: bool | None = None,
        **options: Any,
    ) -> FitResult:
        """Measure the model on a folder of labelled pictures.

        Parameters
        ----------
        source : path
            As for :func:`fit_folder`.
        unknown : path, optional
            A folder of pictures of none of the classes.
        **options
            ``label_from``, ``label_column``, ``label_separator``, ``path_column`` and ``cache``.
        """
        from ._fit import FitResult

        options = {"cache": "auto", **options, "unknown": unknown}
        with Progress(progress) as tell:
            return FitResult(_headstart.evaluate(self._native, source, options, threads, tell))

    def audit(
        self,
        source: StrPath,
        *,
        threads: int | None = None,
        progress: bool | None = None,
        **options: Any,
    ) -> _audit.Audit:
        """Look for what is wrong with a folder of pictures, by this model's base; see :func:`audit`."""
        return _audit.run(self._native, source, options, threads, progress)

    def save(self, path: StrPath) -> None:
        """Write the model to a file, whole or not at all.

        Examples
        --------
        >>> import os, tempfile
        >>> import headstart
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = os.path.join(folder, "model.safetensors")
        ...     headstart.load("efficientnet-lite0").save(path)
        ...     len(headstart.load(path).classes)
        1000
        """
        self._native.save(path)

    def to_bytes(self) -> bytes:
        """Return the bytes of the model's file, which :meth:`from_bytes` reads."""
        return self._native.to_bytes()

    @classmethod
    def from_bytes(cls, file: bytes) -> Model:
        """Read a model from the bytes of its file."""
        return cls(_headstart.Model.from_bytes(file))

    def summary(self) -> str:
        """Return Keras's table of the base's layers, with their shapes and parameters.

        Examples
        --------
        >>> import headstart
        >>> print(headstart.load("efficientnet-lite0").summary().splitlines()[0])
        Model: "efficientnet-lite0"
        """
        return self._native.summary()

    def __reduce__(self) -> tuple[Any, ...]:
        return (Model.from_bytes, (self.to_bytes(),))

    def __repr__(self) -> str:
        name, height, width, _ = self._native.base
        return f"<Model: {len(self.classes)} classes, {name} at {height} x {width}>"


def load(model: StrPath) -> Model:
    """Load a model file, or the bundled model of this name.

    Parameters
    ----------
    model : path or str
        A file that headstart has written, or ``"efficientnet-lite0"``.

    Raises
    ------
    FileNotFoundError
        When there is neither.
    ValueError
        When the file is damaged, is no model, or was written by a newer version.

    Examples
    --------
    >>> import headstart
    >>> headstart.load("efficientnet-lite0")
    <Model: 1000 classes, efficientnet-lite0 at 224 x 224>
    """
    return Model(_headstart.Model.open(os.fspath(model)))
