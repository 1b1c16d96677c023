"""The command, and the package with every type of input, give the same bits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Pixels, command
from PIL import Image

import headstart


def test_features_are_the_commands(folder: Path, paths: list[str], tmp_path: Path) -> None:
    file = tmp_path / "features.npy"
    command("features", folder, "--output", file)
    expected = np.load(file)
    features = headstart.FeatureExtractor().transform(paths)
    assert features.shape == expected.shape == (36, 1280)
    assert (features.view(np.uint32) == expected.view(np.uint32)).all()


@pytest.mark.parametrize("kind", ["bytes", "PathLike", "PIL", "array", "rows", "strided", "bytearray"])
def test_what_a_picture_is_given_as_changes_nothing(paths: list[str], arrays: Pixels, kind: str) -> None:
    kinds: dict[str, Callable[[], Any]] = {
        "bytes": lambda: [Path(path).read_bytes() for path in paths],
        "PathLike": lambda: [Path(path) for path in paths],
        "PIL": lambda: [Image.open(path) for path in paths],
        "array": lambda: arrays,
        "rows": lambda: list(arrays),
        "strided": lambda: np.ascontiguousarray(arrays[:, :, ::-1])[:, :, ::-1],
        "bytearray": lambda: [bytearray(Path(path).read_bytes()) for path in paths],
    }
    given = kinds[kind]()
    extractor = headstart.FeatureExtractor(cache=None)
    assert (extractor.transform(given) == extractor.transform(paths)).all()


def test_what_is_transparent_is_composed_as_of_files(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 50, 4), dtype=np.uint8)
    palette = Image.fromarray(pixels[..., :3]).quantize(8)
    palette.info["transparency"] = 3
    file = tmp_path / "picture.png"
    extractor = headstart.FeatureExtractor(cache=None)
    for picture in [Image.fromarray(pixels), Image.fromarray(pixels).convert("LA"), palette]:
        picture.save(file)
        assert (extractor.transform([picture]) == extractor.transform([file])).all()


def test_columns_of_tables_are_taken(paths: list[str]) -> None:
    pandas = pytest.importorskip("pandas")
    table = pandas.DataFrame({"path": paths, "other": 1})
    extractor = headstart.FeatureExtractor()
    expected = extractor.transform(paths)
    for column in [table["path"], table[["path"]], table["path"].to_numpy(), table[["path"]].to_numpy()]:
        assert (extractor.transform(column) == expected).all()


def test_predictions_are_the_commands(folder: Path, paths: list[str], tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    command("train", folder, "--output", model)
    expected = command("predict", model, folder, "--coverage", "0.8")
    said = headstart.load(model).predict(paths, coverage=0.8)
    assert len(said) == len(expected) == 36
    for one, line in zip(said, expected, strict=True):
        assert one is not None
        assert (one.label, one.unknown, one.set) == (line["label"], line["unknown"], line["set"])
        scores = {name: float(np.float32(score)) for name, score in line["scores"].items()}
        assert one.scores == scores
        assert list(one.scores) == list(scores)
        assert one.unknown_score == float(np.float32(line["unknown_score"]))


@pytest.mark.parametrize("options", [{}, {"head": "adam", "epochs": 3}, {"fine_tune_at": 150, "fine_tune_epochs": 1}])
def test_a_model_is_the_commands(folder: Path, tmp_path: Path, options: dict[str, Any]) -> None:
    by_command, by_package = tmp_path / "a.safetensors", tmp_path / "b.safetensors"
    given = [text for name, value in options.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    told = command("train", folder, "--output", by_command, *given)[-1]
    fitted = headstart.fit_folder(folder, output=by_package, **options)
    first, second = headstart.load(by_command), headstart.load(by_package)
    assert first.training is not None
    for model in [second, fitted.model]:
        own = {**(model.training or {}), "epochs": None, "fine_tune": None}
        assert own == {**first.training, "epochs": None, "fine_tune": None}
    if not options:
        # If a head is trained in epochs, the file records how long each took.
        assert by_command.read_bytes() == by_package.read_bytes() == fitted.model.to_bytes()
    summary = fitted.summary
    for name in ["val_accuracy", "val_loss", "train", "validation", "classes", "per_class", "skipped"]:
        assert summary[name] == told[name], name


def test_a_fit_on_pictures_learns_what_a_fit_on_their_folder_does(
    folder: Path, paths: list[str], labels: list[str]
) -> None:
    of_folder = headstart.fit_folder(folder, val_split=0.0).model
    classifier = headstart.Classifier().fit(paths, labels)
    expected = of_folder.predict(paths, unknown=False)
    assert (classifier.predict_proba(paths) == expected.probabilities).all()
    assert classifier.predict(paths).tolist() == expected.labels
    assert classifier.report_.accuracy is not None
