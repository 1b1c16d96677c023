"""Training, auditing, explaining and exporting, and the display in notebooks."""

from __future__ import annotations

import json
import pickle
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Pixels, command

import headstart


@pytest.fixture(scope="module")
def fitted(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> headstart.FitResult:
    return headstart.fit_folder(folder, cache=tmp_path_factory.mktemp("cache"))


class Frame(HTMLParser):
    """The page in a frame."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.page = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag == "iframe"
        found = dict(attributes)
        assert found["sandbox"] == "allow-scripts"
        self.page = found["srcdoc"] or ""


def test_how_a_fit_went(fitted: headstart.FitResult) -> None:
    assert fitted.summary["train"] + fitted.summary["validation"] == 36
    assert fitted.evaluation is not None
    assert fitted.accuracy == fitted.evaluation["accuracy"] == fitted.summary["val_accuracy"]
    assert fitted.skipped == {}
    assert fitted.model.classes == ["Bag", "Sneaker", "Trouser"]
    assert repr(fitted).startswith(f"<FitResult: {fitted.summary['train']} pictures, 3 classes, accuracy ")
    page = Frame(fitted._repr_html_()).page
    assert "Accuracy" in page
    assert "Confusion matrix" in page
    assert "data:image/jpeg" not in page


def test_a_report_is_the_commands_page(folder: Path, tmp_path: Path) -> None:
    by_command, by_package = tmp_path / "a.html", tmp_path / "b.html"
    command("train", folder, "--output", tmp_path / "m.safetensors", "--report", by_command)
    headstart.fit_folder(folder, report=by_package)

    def pictures(page: Path) -> list[str]:
        text = page.read_text(encoding="utf-8")
        return [part.split('"')[0] for part in text.split("data:image/jpeg;base64,")[1:]]

    assert pictures(by_package) == pictures(by_command) != []


def test_an_audit_finds_what_the_commands_does(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "pictures").mkdir()
    for name in ["Bag", "Sneaker"]:
        (tmp_path / "pictures" / name).mkdir()
        for file in (folder / name).iterdir():
            (tmp_path / "pictures" / name / file.name).write_bytes(file.read_bytes())
    copy = next((tmp_path / "pictures" / "Bag").iterdir())
    (tmp_path / "pictures" / "Sneaker" / "copy.png").write_bytes(copy.read_bytes())
    (tmp_path / "pictures" / "Bag" / "broken.png").write_bytes(copy.read_bytes()[:100])
    expected = [line for line in command("audit", tmp_path / "pictures") if line["event"] == "finding"]
    audit = headstart.audit(tmp_path / "pictures")
    assert [finding.kind for finding in audit.findings] == [line["kind"] for line in expected]
    assert [[str(file) for file in finding.files] for finding in audit.findings] == [
        line["files"] for line in expected
    ]
    assert audit.findings[0].kind == "conflicting-labels"
    assert audit.counts == {"Bag": 12, "Sneaker": 13}
    shown = Frame(audit._repr_html_()).page
    assert "Copies with different labels" in shown
    assert "broken.png" in shown
    audit.page(tmp_path / "audit.html")
    assert "data:image/jpeg" in (tmp_path / "audit.html").read_text(encoding="utf-8")
    model = headstart.load("efficientnet-lite0")
    assert model.audit(tmp_path / "pictures").findings[0].kind == "conflicting-labels"


def test_an_explanation_is_the_commands(fitted: headstart.FitResult, paths: list[str], tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    fitted.model.save(model)
    told = command("explain", model, paths[0], "--output", tmp_path / "maps", "--raw", "--class", "Sneaker")
    [why] = fitted.model.explain(paths[0], ["Sneaker"])
    assert (why.map == np.load(told[0]["raw"])).all()
    assert (why.label, why.logit) == ("Sneaker", float(np.float32(told[0]["logit"])))
    assert why.overlay.dtype == np.uint8
    assert why.overlay.shape[2] == 3
    assert 'src="data:image/jpeg;base64,' in why._repr_html_()
    with pytest.raises(ValueError, match="did you mean Sneaker"):
        fitted.model.explain(paths[0], ["Sneakers"])
    several = fitted.model.explain(paths[:3])
    assert [one.index for one in several] == [0, 1, 2]


@pytest.mark.parametrize("format", ["onnx", "tflite", "pytorch", "keras", "web", "wasm"])
def test_an_export_is_the_commands(fitted: headstart.FitResult, tmp_path: Path, format: str) -> None:
    model = tmp_path / "model.safetensors"
    fitted.model.save(model)
    by_command, by_package = tmp_path / "a", tmp_path / "b"
    command("export", model, "--format", format, "--output", by_command)
    fitted.model.export(by_package, format)

    def files(path: Path) -> list[bytes]:
        return [file.read_bytes() for file in (sorted(path.iterdir()) if path.is_dir() else [path])]

    first, second = files(by_command), files(by_package)
    assert [len(file) for file in first] == [len(file) for file in second]
    if format != "keras":
        # Archives contain the time.
        assert first == second


def test_bad_exports_are_refused(fitted: headstart.FitResult, tmp_path: Path) -> None:
    cases: list[tuple[dict[str, Any], str]] = [
        ({"format": "caffe"}, "caffe"),
        ({"output": "words"}, 'output="words": it is "probabilities", "logits" or "features"'),
        ({"title": "Shoes"}, "title"),
        ({"proof": [b"text"]}, "not a picture"),
    ]
    for options, message in cases:
        with pytest.raises(ValueError, match=".") as raised:
            fitted.model.export(tmp_path / "file", **options)
        assert message in str(raised.value)
    with pytest.raises(OSError, match="nowhere"):
        fitted.model.export(tmp_path / "nowhere" / "file")


def test_fine_tuning_and_measuring(fitted: headstart.FitResult, folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "tuned.safetensors"
    before = fitted.model.to_bytes()
    tuned = fitted.model.fine_tune(folder, at=150, epochs=1, output=file)
    assert fitted.model.to_bytes() == before
    assert tuned.model.to_bytes() == file.read_bytes() != before
    assert tuned.summary["fine_tune"]["epochs"] == 1
    assert tuned.summary["classes"] == ["Bag", "Sneaker", "Trouser"]
    measured = tuned.model.evaluate(folder)
    told = command("evaluate", file, folder)[-1]
    assert measured.accuracy == told["accuracy"]
    assert measured.summary["pictures"] == 36
    assert "Accuracy" in Frame(measured._repr_html_()).page
    with pytest.raises(ValueError, match="classes|class"):
        headstart.load("efficientnet-lite0").fine_tune(folder, epochs=1)


def test_predictions_are_shown(fitted: headstart.FitResult, paths: list[str], arrays: Pixels) -> None:
    one = fitted.model.predict(paths[0])
    assert one.label == "Bag"
    assert list(one.scores)[0] == "Bag"
    assert repr(one) == f"<Prediction: Bag {one.score:.3f}>"
    assert "Bag" in one._repr_html_()
    many = fitted.model.predict(arrays)
    assert repr(many) == "<predictions of 36 pictures>"
    assert "and 16 more" in many._repr_html_()
    assert [said.label for said in many[:2] if said] == many.labels[:2]
    assert many[-1].label == many.labels[-1]
    with pytest.raises(IndexError):
        many[36]
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    unknown = fitted.model.predict(noise)
    if unknown.unknown:
        assert (unknown.label, repr(unknown)) == (None, "<Prediction: unknown>")


def test_models_can_be_pickled(fitted: headstart.FitResult, paths: list[str]) -> None:
    model = pickle.loads(pickle.dumps(fitted.model))
    assert (model.predict(paths).probabilities == fitted.model.predict(paths).probabilities).all()
    assert model.training == fitted.model.training
    assert json.dumps(model.training)
    assert "mobilenetv2" in repr(model)
    assert fitted.model.summary().startswith("Model: ")


def test_labels_of_several(folder: Path, tmp_path: Path) -> None:
    rows = [(file, file.parent.name) for file in sorted(folder.glob("*/*"))]
    table = tmp_path / "labels.csv"
    lines = [f"{file},{name}{'|dark' if index % 2 else ''}" for index, (file, name) in enumerate(rows)]
    table.write_text("path,label\n" + "\n".join(lines), encoding="utf-8")
    model = headstart.fit_folder(table, label_separator="|").model
    assert model.multi_label
    said = model.predict([str(file) for file, _ in rows[:4]], unknown=False)
    told = said[0]
    assert told is not None
    assert set(told.labels) <= {"Bag", "Sneaker", "Trouser", "dark"}


def test_progress_is_told(paths: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tqdm")
    X = np.random.default_rng(0).integers(0, 256, (100, 32, 32, 3), dtype=np.uint8)
    extractor = headstart.FeatureExtractor(cache=None, progress=True)
    extractor.transform(X)
    assert "Features" in capsys.readouterr().err
    extractor.set_params(progress=None).transform(X[:1])
    assert capsys.readouterr().err == ""
