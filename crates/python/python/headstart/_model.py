"""Models."""

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
    """A base with a head, and the names of the classes, as returned by :func:`load` and by training.

    Models can be pickled; a pickle is as large as the model's file. A process that restores the same model several
    times compiles it once.

    Parameters
    ----------
    model : path or bytes
        A file written by headstart, its bytes, or the name of a bundled model.
    """

    def __init__(self, model: StrPath | bytes | _headstart.Model) -> None:
        if isinstance(model, bytes):
            model = _headstart.Model.from_bytes(model)
        elif not isinstance(model, _headstart.Model):
            model = _headstart.Model.open(os.fspath(model))
        super().__init__(model)

    @property
    def training(self) -> dict[str, Any] | None:
        """The record of training from the model's file; ``None`` if headstart did not train it."""
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
        """Export the model to another framework.

        Parameters
        ----------
        path : path
            File to write to; a folder for ``"wasm"``.
        format : {"onnx", "keras", "keras-weights", "pytorch", "tflite", "web", "wasm"}
            The format.
        output : {"probabilities", "logits", "features"}, optional
            The output of the exported computation.
        proof : list or array of pictures, optional
            Pictures to store in the file with the model's answers; by default, pictures generated for this.
        int8 : list or array of pictures, optional
            Calibration pictures for quantising weights and activations to 8-bit integers.
        names : {"torchvision", "timm"}, optional
            The naming of PyTorch's weights.
        weights : {"int16", "int8"}, optional
            How ``"web"`` and ``"wasm"`` store weights.
        title, about : str, optional
            Texts on the page of ``"web"``.

        Returns
        -------
        str or None
            The file with the proof, if that is a separate file.

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
        """Fine-tune the top of the base on a folder of labelled pictures. This model is not changed.

        Parameters
        ----------
        source : path
            Pictures of the model's classes, as for :func:`fit_folder`. Pictures that were held out before are held out
            again.
        at : str or int
            The first layer to train, by its name or index.
        output : path, optional
            File to write the model to.
        **options
            ``epochs``, ``learning_rate``, ``batch_size`` and the other fine-tuning parameters of :class:`Classifier`,
            ``checkpoint`` and ``resume``.

        Returns
        -------
        FitResult
            The result, with the new model.
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
        """Evaluate the model on a folder of labelled pictures.

        Parameters
        ----------
        source : path
            As for :func:`fit_folder`.
        unknown : path, optional
            A folder of pictures that belong to none of the classes.
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
        """Look for problems in a folder of pictures, using this model's base; see :func:`audit`."""
        return _audit.run(self._native, source, options, threads, progress)

    def save(self, path: StrPath) -> None:
        """Write the model to a file atomically.

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
    """Return the model with these bytes, reusing one that this process already has."""
    from hashlib import blake2b

    return _restored.get(blake2b(file).digest(), lambda: Model(file))


def load(model: StrPath) -> Model:
    """Load a model file, or a bundled model by name.

    Parameters
    ----------
    model : path or str
        A file written by headstart, or ``"efficientnet-lite0"``.

    Raises
    ------
    FileNotFoundError
        If there is no such file or bundled model.
    ValueError
        If the file is damaged, is not a model, or was written by a newer version.

    Examples
    --------
    >>> import headstart
    >>> headstart.load("efficientnet-lite0")
    <Model: 1000 classes, efficientnet-lite0 at 224 x 224>
    """
    return Model(model)
