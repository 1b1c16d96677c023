"""A classifier with scikit-learn's interface."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from . import _headstart
from ._errors import InvalidError
from ._estimator import DEFAULT_BASE, Estimator
from ._fit import FitResult
from ._inputs import Errors, StrPath, invalid, is_lenient, pictures, weights_of
from ._labels import labels
from ._model import Model
from ._predictions import Predictions
from ._progress import Progress

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from typing_extensions import Self


class NotFittedError(InvalidError, AttributeError):
    """The estimator has not been fitted yet."""


class Classifier(Estimator):
    """A pre-trained base with a head that is trained on its features.

    Pictures are a list of paths, bytes of files or PIL pictures, a uint8 array ``[n, height, width, 3]``, or a column
    of a data frame. It works wherever scikit-learn's classifiers do.

    Parameters
    ----------
    base : str
        A bundled base: ``"mobilenetv2"`` or ``"efficientnet-lite0"``; or the architecture of ``weights``.
    head : {"lbfgs", "adam"}
        How the head is trained: by regularised logistic regression, or in epochs as in Keras's tutorial.
    fine_tune_at : str or int, optional
        Afterwards, fine-tune the base from this layer on, given by its name or index.
    strength : float, optional
        Strength C of ``"lbfgs"``; chosen on the data by default.
    balance : bool
        Whether to weight pictures so that all classes have equal weight.
    epochs, learning_rate, dropout : optional
        Parameters of ``"adam"``.
    batch_size, early_stop, label_smoothing : optional
        Parameters of ``"adam"`` and of fine-tuning.
    fine_tune_epochs, fine_tune_learning_rate, optimizer, weight_decay, clip_norm, layer_decay, average : optional
        Parameters of fine-tuning, as for the command.
    augment : {"none", "tutorial", "standard", "strong"}
        How pictures are augmented.
    views : int, optional
        Number of augmented views of each picture, which are computed once; 0 for new ones in every epoch.
    val_split : float
        Fraction of each class that is held out for evaluation.
    calibrate : bool
        Whether to calibrate probabilities.
    unknown_rate : float, optional
        Fraction of pictures of the known classes that the model may reject as unknown.
    random_state : int
        Seed of all randomness.
    weights, weights_prefix, input_size, resize, aspect, cache, memory, threads, progress
        As for :class:`FeatureExtractor`.
    errors : {"raise", "report"}
        ``"raise"`` raises an error if a picture cannot be read. ``"report"`` leaves such pictures out of training with
        a warning, and predicts ``None`` with probabilities NaN for them.

    Attributes
    ----------
    classes_ : ndarray, shape (classes,)
        The labels in order; for a matrix, the names or numbers of its columns.
    model_ : Model
        The trained model, which can be saved for the command and other programs.
    report_ : FitResult
        The course of training; not kept by pickling.

    Examples
    --------
    >>> import numpy as np
    >>> from headstart import Classifier
    >>> random = np.random.default_rng(0)
    >>> dark = random.integers(0, 90, (6, 32, 32, 3), dtype=np.uint8)
    >>> bright = random.integers(160, 256, (6, 32, 32, 3), dtype=np.uint8)
    >>> X, y = np.concatenate([dark, bright]), ["dark"] * 6 + ["bright"] * 6
    >>> classifier = Classifier(cache=None).fit(X, y)
    >>> classifier.predict(X[:1]).tolist()
    ['dark']
    >>> classifier.score(X, y)
    1.0
    """

    _estimator_type = "classifier"

    def __init__(
        self,
        base: str = DEFAULT_BASE,
        head: str = "lbfgs",
        fine_tune_at: str | int | None = None,
        *,
        strength: float | None = None,
        balance: bool = False,
        epochs: int | None = None,
        learning_rate: float | None = None,
        batch_size: int | None = None,
        dropout: float | None = None,
        early_stop: int | None = None,
        label_smoothing: float | None = None,
        fine_tune_epochs: int | None = None,
        fine_tune_learning_rate: float | None = None,
        optimizer: str | None = None,
        weight_decay: float | None = None,
        clip_norm: float | None = None,
        layer_decay: float | None = None,
        average: float | None = None,
        augment: str = "none",
        views: int | None = None,
        val_split: float = 0.0,
        calibrate: bool = True,
        unknown_rate: float | None = None,
        random_state: int | None = 0,
        weights: StrPath | None = None,
        weights_prefix: str | None = None,
        input_size: int | None = None,
        resize: str | None = None,
        aspect: str | None = None,
        cache: StrPath | None = "auto",
        memory: int | None = None,
        threads: int | None = None,
        errors: Errors = "raise",
        progress: bool | None = None,
    ) -> None:
        self.base = base
        self.head = head
        self.fine_tune_at = fine_tune_at
        self.strength = strength
        self.balance = balance
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.dropout = dropout
        self.early_stop = early_stop
        self.label_smoothing = label_smoothing
        self.fine_tune_epochs = fine_tune_epochs
        self.fine_tune_learning_rate = fine_tune_learning_rate
        self.optimizer = optimizer
        self.weight_decay = weight_decay
        self.clip_norm = clip_norm
        self.layer_decay = layer_decay
        self.average = average
        self.augment = augment
        self.views = views
        self.val_split = val_split
        self.calibrate = calibrate
        self.unknown_rate = unknown_rate
        self.random_state = random_state
        self.weights = weights
        self.weights_prefix = weights_prefix
        self.input_size = input_size
        self.resize = resize
        self.aspect = aspect
        self.cache = cache
        self.memory = memory
        self.threads = threads
        self.errors = errors
        self.progress = progress

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on labelled pictures.

        Parameters
        ----------
        X : list or array of pictures
            See the class.
        y : array-like, shape (n,) or (n, labels)
            A label for each picture: strings or integers. For multi-label training, a matrix of 0 and 1 with a column
            for each label; a label that no picture has is never predicted.
        sample_weight : array-like, shape (n,), optional
            The weight of each picture.
        """
        lenient = is_lenient(self.errors)
        given = pictures(X)
        learned = labels(y, len(given))
        weights = None if sample_weight is None else weights_of(sample_weight, len(given))
        options = self._options("threads", "errors", "progress")
        with Progress(self.progress) as tell:
            fit, order = _headstart.fit(
                given,
                learned.codes,
                [str(label) for label in learned.classes[learned.learned].tolist()],
                weights,
                options,
                lenient,
                self.threads,
                tell,
            )
        self.classes_ = learned.classes
        self.report_ = FitResult(fit)
        self.model_ = self.report_.model
        # The index of each label in the model's classes; -1 for a label that is never predicted.
        places = dict(zip(learned.learned, order, strict=True))
        self._order_ = [places.get(at, -1) for at in range(len(learned.classes))]
        for path, reason in self.report_.skipped.items():
            warnings.warn(f"{path}: left out ({reason})", stacklevel=2)
        return self

    def _fitted(self) -> Model:
        if not hasattr(self, "model_"):
            raise NotFittedError("this Classifier has not been fitted yet: call fit first")
        return self.model_

    def _said(self, X: Any) -> Predictions:
        said: Predictions = self._fitted().predict(
            pictures(X),
            unknown=False,
            errors=self.errors,
            cache=self.cache,
            threads=self.threads,
            progress=self.progress,
        )
        return said

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """Return the likeliest label of each picture; for a multi-label model, a matrix as in ``fit``."""
        import numpy as np

        said = self._said(X)
        found: npt.NDArray[Any]
        if self.model_.multi_label:
            found = self._in_order(said.indicator())
            if said.errors:
                found = found.astype(np.float64)
                found[list(said.errors)] = np.nan
            return found
        probabilities = self._in_order(said.probabilities)
        unread = np.isnan(probabilities[:, 0])
        found = self.classes_[np.where(unread[:, None], 0.0, probabilities).argmax(axis=1)]
        if unread.any():
            found = found.astype(object)
            found[unread] = None
        return found

    def predict_proba(self, X: Any) -> npt.NDArray[np.float32]:
        """Return the probability of each class, float32 ``[n, classes]`` in the order of ``classes_``."""
        return self._in_order(self._said(X).probabilities)

    def _in_order(self, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Reorder columns from the model's classes to ``classes_``."""
        if self._order_ == list(range(values.shape[1])):
            return values
        found: npt.NDArray[Any] = values[:, self._order_]
        # Multiplying keeps rows of NaN.
        found[:, [at < 0 for at in self._order_]] *= 0
        return found

    def __call__(self, batch: Any, column: str | None = None, probabilities: bool = False) -> Any:
        """Classify the pictures in a batch of table rows; see :meth:`Model.__call__`.

        ``label`` is one of ``classes_`` as a string. As in :meth:`predict`, no picture is reported as unknown.
        """
        return self._fitted()._score(
            batch,
            column,
            probabilities,
            unknown=False,
            in_order=self._in_order,
            cache=self.cache,
            threads=self.threads,
        )

    def predict_log_proba(self, X: Any) -> npt.NDArray[np.float32]:
        """Return the logarithms of the probabilities."""
        import numpy as np

        with np.errstate(divide="ignore"):
            logarithms: npt.NDArray[np.float32] = np.log(self.predict_proba(X))
        return logarithms

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy; for a multi-label model, a picture counts as correct if all its labels are."""
        import numpy as np

        found = self.predict(X)
        expected = np.asarray(y.toarray() if hasattr(y, "toarray") else y)
        expected = expected.reshape(-1) if found.ndim == 1 else expected
        if len(found) != len(expected):
            raise invalid(f"X has {len(found)} pictures, and y {len(expected)} labels")
        is_right = found == expected
        return float(np.average(is_right if found.ndim == 1 else is_right.all(axis=1), weights=sample_weight))

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        state["state"].pop("report_", None)
        return state

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Any:
        return self._tags("classifier")
