"""Models: what predicts."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from . import _audit, _headstart
from ._inputs import StrPath, pictures
from ._kept import Kept
from ._predictor import Predictor
from ._progress import Progress

if TYPE_CHECKING:
    from ._fit import FitResult


class Model(Predictor):
    """A base with a head, and the names of the classes: what :func:`load` and training return.

    Models can be pickled, and are then as large as their files; a process that restores one several times compiles it
    once.

    Parameters
    ----------
    model : path or bytes
        A file that headstart has written, its bytes, or the name of a bundled model.
    """

    def __init__(self, model: StrPath | bytes | _headstart.Model) -> None:
        if isinstance(model, bytes):
            model = _headstart.Model.from_bytes(model)
        elif not isinstance(model, _headstart.Model):
            model = _headstart.Model.open(os.fspath(model))
        super().__init__(model)

    @property
    def training(self) -> dict[str, Any] | None:
        """How it was trained, as its file tells; ``None`` if not by headstart."""
        record = self._native.training
        return None if record is None else json.loads(record)

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
        return cls(file)

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
        return (restored, (self.to_bytes(),))

    def __repr__(self) -> str:
        name, height, width, _ = self._native.base
        return f"<Model: {len(self.classes)} classes, {name} at {height} x {width}>"


_restored: Kept[Model] = Kept()


def restored(file: bytes) -> Model:
    """The model of a file's bytes, which this process may have already."""
    from hashlib import blake2b

    return _restored.get(blake2b(file).digest(), lambda: Model(file))


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
    return Model(model)
