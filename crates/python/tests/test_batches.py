"""Batches of table rows, as Ray Data, Spark, Dask and pandas pass them."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import Pixels

import headstart


@pytest.fixture(scope="module")
def model(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> headstart.Model:
    return headstart.fit_folder(folder, cache=tmp_path_factory.mktemp("cache")).model


def objects(values: list[Any]) -> Any:
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def test_a_dict_of_columns_gets_features_and_reasons(paths: list[str]) -> None:
    extractor = headstart.FeatureExtractor()
    given: list[Any] = [*paths[:3], "nowhere.png", None]
    done = extractor({"path": objects(given), "id": np.arange(5)})
    assert list(done) == ["path", "id", "features", "error"]
    assert (done["features"][:3] == extractor.transform(paths[:3])).all()
    assert np.isnan(done["features"][3:]).all()
    assert done["error"][:3].tolist() == [None] * 3
    assert "No such file" in done["error"][3]
    assert "None is no picture" in done["error"][4]
    assert done["id"].tolist() == [0, 1, 2, 3, 4]


def test_pictures_themselves_are_not_handed_on(paths: list[str], arrays: Pixels) -> None:
    extractor = headstart.FeatureExtractor(cache=None)
    expected = extractor.transform(paths)
    files = objects([Path(path).read_bytes() for path in paths])
    of_files = extractor({"bytes": files, "path": objects(paths)})
    assert list(of_files) == ["path", "features", "error"]
    assert (of_files["features"] == expected).all()
    for images in [arrays, objects(list(arrays))]:
        of_arrays = extractor({"image": images})
        assert list(of_arrays) == ["features", "error"]
        assert (of_arrays["features"] == expected).all()
    asked = extractor({"bytes": files, "path": objects(paths)}, column="path", dtype="float16")
    assert list(asked) == ["bytes", "path", "features", "error"]
    assert (asked["features"] == expected.astype(np.float16)).all()


def test_a_data_frame_keeps_its_index(paths: list[str]) -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"path": [paths[0], "nowhere.png", paths[1]]}, index=[7, 5, 3])
    extractor = headstart.FeatureExtractor()
    done = extractor(frame)
    assert done.index.tolist() == [7, 5, 3]
    assert (done["features"][7] == extractor.transform(paths[:1])[0]).all()
    assert done["features"][5] is None
    assert "No such file" in done["error"][5]
    assert list(frame.columns) == ["path"]


@pytest.mark.parametrize("kind", ["Table", "RecordBatch"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_arrow_gets_lists_and_nulls(paths: list[str], kind: str, dtype: str) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    files: list[Any] = [b"no picture", *(Path(path).read_bytes() for path in paths[:2]), None]
    batch = getattr(pyarrow, kind).from_pydict({"content": files, "id": [1, 2, 3, 4]})
    extractor = headstart.FeatureExtractor(cache=None)
    done = extractor(batch, dtype=dtype)
    assert isinstance(done, getattr(pyarrow, kind))
    element = "float" if dtype == "float32" else "halffloat"
    assert [str(field.type) for field in done.schema] == ["int64", f"list<item: {element}>", "string"]
    rows = done["features"].to_pylist()
    assert [row is None for row in rows] == [True, False, False, True]
    assert (np.array(rows[1:3], dtype=dtype) == extractor.transform(paths[:2]).astype(dtype)).all()
    assert done["error"].to_pylist()[0] == "not a picture (text)"
    again = extractor(done.select([]).append_column("path", pyarrow.array(paths[:4]))) if kind == "Table" else None
    assert again is None or again.schema.names == ["path", "features", "error"]


def test_a_model_scores_batches(model: headstart.Model, paths: list[str]) -> None:
    expected = model.predict(paths)
    given = objects([*paths, b"text"])
    done = model({"item": given, "id": np.arange(37)}, probabilities=True)
    assert list(done) == ["id", "label", "score", "unknown", "probabilities", "error"]
    assert done["label"].tolist() == [*expected.labels, None]
    assert (done["probabilities"][:36] == expected.probabilities).all()
    assert (done["score"][:36] == expected.probabilities.max(axis=1)).all()
    assert expected.unknown is not None
    assert done["unknown"].tolist() == [*expected.unknown.tolist(), None]
    assert done["error"].tolist() == [None] * 36 + ["not a picture (text)"]
    # The columns of a batch do not depend on its rows.
    assert list(model({"item": given[36:]}, probabilities=True)) == list(done)[1:]


def test_a_model_is_made_of_its_file(model: headstart.Model, paths: list[str], tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    model.save(file)
    expected = model({"path": objects(paths)})
    for same in [headstart.Model(file), headstart.Model(file.read_bytes()), pickle.loads(pickle.dumps(model))]:
        assert same({"path": objects(paths)})["label"].tolist() == expected["label"].tolist()
    # A process that receives a model with each task compiles it once.
    assert pickle.loads(pickle.dumps(model)) is pickle.loads(pickle.dumps(model))


def test_a_classifier_scores_batches(paths: list[str], labels: list[str]) -> None:
    numbers = [{"Bag": 10, "Sneaker": 9, "Trouser": -1}[label] for label in labels]
    fitted = headstart.Classifier(unknown_rate=0.0).fit(paths, numbers)
    done = fitted({"path": objects(paths)}, probabilities=True)
    assert list(done) == ["path", "label", "score", "probabilities", "error"]
    assert done["label"].tolist() == [str(label) for label in fitted.predict(paths)]
    assert (done["probabilities"] == fitted.predict_proba(paths)).all()
    with pytest.raises(ValueError, match="not been fitted"):
        headstart.Classifier()({"path": objects(paths)})


def test_columns_that_make_no_sense_are_refused(model: headstart.Model) -> None:
    extractor = headstart.FeatureExtractor(cache=None)
    scorers: list[Any] = [extractor, model]
    for scorer in scorers:
        with pytest.raises(ValueError, match="which column has the pictures\\? There are: a, b; name it by column="):
            scorer({"a": objects([]), "b": objects([])})
        with pytest.raises(ValueError, match="there is no column 'c': there are a, b"):
            scorer({"a": objects([]), "b": objects([])}, column="c")
        with pytest.raises(TypeError, match="a batch is a dict of columns, .* not a list"):
            scorer(["a.jpg"])
        with pytest.raises(ValueError, match="X is an array of float32: give uint8"):
            scorer({"image": np.zeros((1, 4, 4, 3), dtype=np.float32)})
    with pytest.raises(ValueError, match="dtype='int8'"):
        extractor({"path": objects([])}, dtype="int8")


def test_a_class_that_an_engine_has_wrapped_keeps_its_parameters(paths: list[str]) -> None:
    class Wrapped(headstart.FeatureExtractor):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)

    wrapped = Wrapped("efficientnet-lite0", cache=None)
    assert wrapped.get_params() == headstart.FeatureExtractor("efficientnet-lite0", cache=None).get_params()
    assert wrapped({"path": objects(paths[:1])})["features"].shape == (1, 1280)


def test_an_engine_says_how_many_cores_there_are(paths: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    from headstart._batches import cores

    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert cores() == 1
    one = headstart.FeatureExtractor(cache=None)({"path": objects(paths)})
    monkeypatch.setenv("OMP_NUM_THREADS", "many")
    assert cores() is None
    all_cores = headstart.FeatureExtractor(cache=None)({"path": objects(paths)})
    assert (one["features"] == all_cores["features"]).all()
