"""Invalid arguments are reported in one line, with a remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Pixels
from PIL import Image

import headstart
from headstart._progress import Progress


def zeros(*shape: int, dtype: Any = np.uint8) -> Any:
    return np.zeros(shape, dtype=dtype)


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ("a.jpg", TypeError, "X is one picture: give a list of pictures"),
        (zeros(4, 4, 3), TypeError, "X is one picture: give a list of pictures"),
        ([None], TypeError, "X[0]: None is no picture: give a path, the bytes of a file"),
        ([b"", 3], TypeError, "X[1]: int is no picture: give a path"),
        (7, TypeError, "X is a int: give a list of pictures"),
        ({"a"}, TypeError, "X is a set: give a list of pictures"),
        (zeros(2, 4, 4, 3, dtype=float), ValueError, 'X is an array of float64: give uint8, from 0 to 255, such as (255 * X)'),
        (zeros(2, 4, 4, 3, dtype=np.int64), ValueError, "X is an array of int64: give uint8, from 0 to 255"),
        (zeros(2, 4, 4, 4), ValueError, "give RGB, [n, height, width, 3]: leave the fourth channel out"),
        (zeros(2, 4, 4), TypeError, "X is one picture"),
        (zeros(2, 4), ValueError, "X is an array of shape [2, 4]: give RGB, [n, height, width, 3]"),
        ([zeros(4, 4, 4)], ValueError, "X[0]: an array of shape [4, 4, 4] is no picture: give RGB, [height, width, 3]"),
        ([zeros(4, 4, 3, dtype=float)], ValueError, "X[0]: an array of float64: give uint8, from 0 to 255, such as"),
        ([zeros(0, 4, 3)], ValueError, "X[0]: an array of shape [0, 4, 3] is no picture"),
        ([Image.new("F", (4, 4))], ValueError, "X[0]: a PIL picture of mode F: convert it to RGB"),
        ([b"text"], ValueError, "X[0]: not a picture (text)"),
        (["nowhere.jpg"], FileNotFoundError, "nowhere.jpg: "),
    ],
)
def test_what_is_no_picture_is_refused(given: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind) as raised:
        headstart.FeatureExtractor(cache=None).transform(given)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (["a", "b", "a"], "X has 4 pictures, and y 3 labels"),
        (["a", "a", "a", "a"], "y has one class, 'a': a classifier needs two"),
        (["a", None, "b", "b"], "y holds labels that are missing"),
        ([0.5, 1.5, 0.5, 1.5], "Unknown label type: y holds numbers that are not whole"),
        (["a", 1, "a", 1], "y holds labels of several types: int, str"),
        ([["a", "b"]] * 4, "y is an array of shape [4, 2]: give one label for each picture, or a matrix of 0 and 1"),
        ([[0, 1], [2, 0], [1, 1], [0, 0]], "y is an array of shape [4, 2]: give one label for each picture, or"),
        ([[0, 1], [0, 1], [0, 1]], "X has 4 pictures, and y 3 labels"),
        ([[0, 0], [0, 0], [0, 0], [0, 0]], "y is 0 throughout: no picture has a label"),
        (["a", " a", "b", "b"], "y: there are two labels that are both written"),
        (["\t", "a", "b", "b"], "y: "),
        (None, "requires y to be passed"),
    ],
)
def test_labels_that_make_no_sense_are_refused(y: Any, message: str) -> None:
    X = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), dtype=np.uint8)
    with pytest.raises(ValueError, match=".") as raised:
        headstart.Classifier(cache=None).fit(X, np.array(y, dtype=object) if y and 1 in y else y)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"base": "resnet"}, "resnet"),
        ({"head": "svm"}, 'head="svm": it is "lbfgs" or "adam"'),
        ({"epochs": 3}, 'epochs requires head="adam"'),
        ({"head": "adam", "strength": 1.0}, 'strength requires head="lbfgs"'),
        ({"strength": -1.0}, "strength"),
        ({"fine_tune_at": "block_99"}, "block_99"),
        ({"optimizer": "sgd"}, "optimizer requires fine_tune_at"),
        ({"resize": "nearest"}, 'resize="nearest": '),
        ({"unknown_rate": 2.0}, "unknown_rate: 2 is no share of pictures below 1"),
        ({"errors": "ignore"}, "errors='ignore': it is \"raise\" or \"report\""),
    ],
)
def test_options_that_make_no_sense_are_refused(
    options: dict[str, Any], message: str, arrays: Pixels, labels: list[str]
) -> None:
    with pytest.raises(headstart.Error, match=".") as raised:
        headstart.Classifier(**options).fit(arrays, labels)
    assert isinstance(raised.value, ValueError)
    assert message in str(raised.value)


def test_options_of_another_type_are_refused(arrays: Pixels, labels: list[str], folder: Path) -> None:
    with pytest.raises(TypeError, match="strength='much': it cannot be a str"):
        headstart.Classifier(strength="much").fit(arrays, labels)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="there is no option val_spilt"):
        headstart.fit_folder(folder, val_spilt=0.5)


def test_a_broken_picture_costs_its_row(
    paths: list[str], labels: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = Path(paths[0]).read_bytes()[:200]
    X: list[Any] = [*paths, broken, None, "nowhere.png"]
    found = headstart.FeatureExtractor().extract(X)
    assert list(found.errors) == [36, 37, 38]
    assert "None is no picture" in found.errors[37]
    assert np.isnan(found.values[36:]).all()
    assert (found.values[:36] == headstart.FeatureExtractor().transform(paths)).all()

    classifier = headstart.Classifier(errors="report")
    with pytest.warns(UserWarning, match="left out") as warned:
        classifier.fit(X, [*labels, "Bag", "Bag", "Bag"])
    assert len(warned) == 3
    assert (classifier.predict_proba(paths) == headstart.Classifier().fit(paths, labels).predict_proba(paths)).all()
    assert classifier.predict(X)[35:].tolist() == ["Trouser", None, None, None]
    told: list[str] = []
    monkeypatch.setattr(Progress, "__enter__", lambda self: lambda what, done, total: told.append(what))
    several: list[dict[str, Any]] = [{}, {"fine_tune_at": 150, "fine_tune_epochs": 1}]
    for options in several:
        with pytest.raises(ValueError, match=r"X\[36\]: ") as raised:
            headstart.Classifier(**options).fit(X[:37], [*labels, "Bag"])
        assert "\n" not in str(raised.value)
    assert not {"Strengths", "Head", "Fine-tuning"} & set(told), "nothing is trained"
    said = classifier.model_.predict(X, errors="report")
    assert said[36] is None
    assert list(said.errors) == [36, 37, 38]
    assert said.labels[36:] == [None] * 3


def test_errors_are_of_pythons_kinds(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    with pytest.raises(FileNotFoundError, match="no such file") as raised:
        headstart.load(file)
    assert isinstance(raised.value, headstart.NotFoundError)
    assert raised.value.kind == "not_found"
    file.write_bytes(b"no model")
    with pytest.raises(ValueError, match=r"model\.safetensors is not a weight file") as unfit:
        headstart.load(file)
    assert isinstance(unfit.value, headstart.InvalidError)
    model = headstart.load("efficientnet-lite0")
    with pytest.raises(OSError, match="nowhere"):
        model.save(tmp_path / "nowhere" / "model.safetensors")
