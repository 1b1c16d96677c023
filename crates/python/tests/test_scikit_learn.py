"""scikit-learn's requirements on estimators."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Pixels
from sklearn.base import clone, is_classifier
from sklearn.calibration import CalibratedClassifierCV
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_is_fitted, validate_data

import headstart


# Checks that are expected to fail, with the reasons.
EXCEPTIONS = {
    "check_sample_weight_equivalence_on_dense_data": (
        "strength and temperature are chosen by folds, in which copies of a picture stay together: pictures that are "
        "repeated are divided otherwise than pictures with weights"
    ),
}


def classifier(**options: Any) -> headstart.Classifier:
    return headstart.Classifier(unknown_rate=0.0, **options)


def painted(X: Any) -> Pixels:
    """Draw rows of numbers as pictures, with a grey field for each number."""
    side = int(np.ceil(np.sqrt(X.shape[1])))
    grey = (255 / (1 + np.exp(-X))).round().astype(np.uint8)
    fields = np.zeros((len(X), side * side), dtype=np.uint8)
    fields[:, : X.shape[1]] = grey
    large = np.kron(fields.reshape(-1, side, side), np.ones((1, 16, 16), dtype=np.uint8))
    return np.repeat(large[..., None], 3, axis=3)


class OfRows:
    """A mixin that adapts an estimator of pictures to scikit-learn's checks, which use rows of numbers."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.input_tags.two_d_array, tags.input_tags.string = True, False
        return tags


class RowClassifier(OfRows, headstart.Classifier):
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> RowClassifier:
        X, y = validate_data(self, X, y, multi_output=np.asarray(y).shape[1:] > (1,))
        super().fit(painted(X), y, sample_weight)
        return self

    def _said(self, X: Any) -> Any:
        check_is_fitted(self)
        return super()._said(painted(validate_data(self, X, reset=False)))


class RowExtractor(OfRows, headstart.FeatureExtractor):
    def fit(self, X: Any = None, y: Any = None) -> RowExtractor:
        validate_data(self, X)
        super().fit()
        return self

    def transform(self, X: Any) -> Any:
        return super().transform(painted(validate_data(self, X, reset=False)))

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        return self.fit(X, y).transform(X)


@pytest.mark.parametrize("estimator", [headstart.Classifier(), headstart.FeatureExtractor()])
@pytest.mark.filterwarnings("ignore:.*requires input")
def test_estimators_are_sound(estimator: Any) -> None:
    check_estimator(estimator)


@pytest.mark.filterwarnings("ignore:.*does not inherit from", "ignore:.*SCIPY_ARRAY_API", "ignore:.*failed because")
@pytest.mark.parametrize("estimator", [RowClassifier(unknown_rate=0.0, input_size=64), RowExtractor(input_size=64)])
def test_scikit_learns_checks_pass_on_rows_painted_as_pictures(estimator: Any) -> None:
    done = check_estimator(estimator, expected_failed_checks=EXCEPTIONS)
    assert sum(check["status"] == "passed" for check in done) > 40


def test_scores_of_folds(paths: list[str], labels: list[str]) -> None:
    scores = cross_val_score(classifier(), paths, labels, cv=3)
    assert scores.shape == (3,)
    assert scores.mean() > 0.8


def test_a_search_over_parameters(arrays: Pixels, labels: list[str]) -> None:
    search = GridSearchCV(classifier(), {"strength": [1e-3, 1.0], "calibrate": [True, False]}, cv=2)
    search.fit(arrays, labels)
    assert search.best_score_ > 0.8
    assert search.best_estimator_.get_params()["strength"] in (1e-3, 1.0)


def test_calibration_by_folds(arrays: Pixels, labels: list[str]) -> None:
    calibrated = CalibratedClassifierCV(classifier(calibrate=False), cv=2)
    probabilities = calibrated.fit(arrays, labels).predict_proba(arrays)
    assert probabilities.shape == (36, 3)
    assert np.allclose(probabilities.sum(axis=1), 1.0)


def test_pipelines_of_features_and_a_head(paths: list[str], labels: list[str]) -> None:
    pipeline = make_pipeline(headstart.FeatureExtractor(), LogisticRegression(max_iter=1000))
    assert cross_val_score(pipeline, paths, labels, cv=3).mean() > 0.9
    names = pipeline[:1].get_feature_names_out()
    assert (len(names), names[0]) == (1280, "mobilenetv2_0")
    table = clone(pipeline[0].set_output(transform="pandas")).fit_transform(paths)
    assert table.shape == (36, 1280)
    assert table.columns[0] == "mobilenetv2_0"


def test_labels_keep_their_type_and_order(arrays: Pixels, labels: list[str]) -> None:
    numbers = {"Bag": 10, "Sneaker": 9, "Trouser": -1}
    y = np.array([numbers[label] for label in labels])
    fitted = classifier().fit(arrays, y)
    assert fitted.classes_.tolist() == [-1, 9, 10]
    assert fitted.classes_.dtype == y.dtype
    assert (fitted.predict(arrays) == y).mean() > 0.9
    # The model's own order is by name: -1, 10, 9.
    assert fitted.model_.classes == ["-1", "10", "9"]
    assert (fitted.classes_[fitted.predict_proba(arrays).argmax(axis=1)] == fitted.predict(arrays)).all()
    folded = cross_val_predict(classifier(), arrays, y, cv=2, method="predict_proba")
    assert (fitted.classes_[folded.argmax(axis=1)] == y).mean() > 0.8


def test_several_labels_a_picture(arrays: Pixels, labels: list[str]) -> None:
    y = MultiLabelBinarizer().fit_transform([[label, "dark"] if at % 2 else [label] for at, label in enumerate(labels)])
    y[0] = 0
    fitted = classifier().fit(arrays, y)
    assert fitted.classes_.tolist() == [0, 1, 2, 3]
    assert fitted.model_.multi_label
    found = fitted.predict(arrays)
    assert found.shape == y.shape
    assert (found[:, :3] == y[:, :3]).mean() > 0.9
    assert fitted.score(arrays, y) == (found == y).all(axis=1).mean()
    probabilities = fitted.predict_proba(arrays)
    assert probabilities.shape == y.shape
    assert not np.allclose(probabilities.sum(axis=1), 1.0)
    again = pickle.loads(pickle.dumps(fitted))
    assert (again.predict(arrays) == found).all()
    # Eleven labels, whose order by name differs from that by number.
    wide = np.zeros((36, 11), dtype=np.uint8)
    wide[:, 10], wide[:, 2:5] = y[:, 0], y[:, 1:]
    wide[np.arange(11), np.arange(11)] = 1
    assert (classifier().fit(arrays, wide).predict(arrays)[:, 10] == wide[:, 10]).mean() > 0.9
    # In the folds, some labels occur in no picture.
    assert cross_val_score(classifier(), arrays, y, cv=2).shape == (2,)
    half = classifier().fit(arrays[:18], y[:18])
    assert half.classes_.tolist() == [0, 1, 2, 3]
    assert half.predict_proba(arrays).shape == y.shape
    assert not half.predict(arrays)[:, 2].any()
    done = fitted({"image": arrays})
    assert [len(own) for own in done["labels"]] == found.sum(axis=1).tolist()


def test_labels_of_a_table_have_its_names(paths: list[str], labels: list[str]) -> None:
    pandas = pytest.importorskip("pandas")
    y = pandas.get_dummies(pandas.Series(labels))
    fitted = classifier(errors="report").fit(paths, y)
    assert fitted.classes_.tolist() == ["Bag", "Sneaker", "Trouser"]
    found = fitted.predict([*paths[:1], b"no picture"])
    assert np.isnan(found[1]).all()
    assert found[0].tolist() == [1.0, 0.0, 0.0]


def test_clones_and_pickles(paths: list[str], labels: list[str]) -> None:
    fitted = classifier(strength=0.5).fit(paths, labels)
    unfitted = clone(fitted)
    assert unfitted.get_params() == fitted.get_params()
    assert not hasattr(unfitted, "model_")
    assert is_classifier(fitted)
    assert repr(fitted) == "Classifier(strength=0.5, unknown_rate=0.0)"
    again = pickle.loads(pickle.dumps(fitted))
    assert (again.predict_proba(paths) == fitted.predict_proba(paths)).all()
    assert again.score(paths, labels) == fitted.score(paths, labels)
    assert len(pickle.dumps(headstart.FeatureExtractor())) < 1000


def test_a_pickle_of_another_version(paths: list[str], labels: list[str]) -> None:
    fitted = classifier().fit(paths, labels)
    state = fitted.__getstate__()
    older = {"version": "0.0.1", "state": {k: v for k, v in state["state"].items() if k != "average"}}
    restored = headstart.Classifier.__new__(headstart.Classifier)
    restored.__setstate__(older)
    assert restored.average is None
    assert (restored.predict(paths) == fitted.predict(paths)).all()
    newer = {"version": "9.0.0", "state": {**state["state"], "quantum": True}}
    with pytest.raises(ValueError, match=r"pickled by headstart 9\.0\.0, and .* does not know quantum"):
        headstart.Classifier.__new__(headstart.Classifier).__setstate__(newer)
    with pytest.raises(ValueError, match="no pickle of a Classifier"):
        headstart.Classifier.__new__(headstart.Classifier).__setstate__({})


def test_weights_of_pictures_count(paths: list[str], labels: list[str]) -> None:
    weights = [0.0 if label == "Bag" else 1.0 for label in labels]
    fitted = classifier(strength=1.0).fit(paths, labels, sample_weight=weights)
    found = set(fitted.predict(paths))
    assert found == {"Sneaker", "Trouser"}
    with pytest.raises(ValueError, match="X has 36 pictures, and sample_weight 1 weights"):
        classifier().fit(paths, labels, sample_weight=[1.0])


def test_nothing_is_imported_that_is_not_needed(tmp_path: Path) -> None:
    program = (
        "import sys, headstart; headstart.Classifier().set_params(strength=1.0); "
        "print(sorted({'sklearn', 'tqdm', 'PIL', 'pandas', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
