"""PySpark gives the same bits as the command, whatever the partitions, and if workers die."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from expected import Expected, die_once, run

import headstart

pytest.importorskip("pyspark")

import headstart.spark  # noqa: E402


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    from pyspark.sql import SparkSession

    # A failed task is tried up to four times.
    builder: Any = SparkSession.builder
    session = (
        builder.master("local[2,4]")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.execution.arrow.maxRecordsPerBatch", "8")
        .getOrCreate()
    )
    session.sparkContext.setLogLevel("OFF")
    yield session
    session.stop()


# Spark itself skips empty files.
EMPTY = ("empty.png",)


def files(spark: Any, expected: Expected, parts: int) -> Any:
    read = spark.read.format("binaryFile").option("recursiveFileLookup", True).load(str(expected.folder))
    return read.select("path", "content").repartition(parts)


def rows(df: Any) -> list[dict[str, Any]]:
    return [row.asDict() for row in df.collect()]


@pytest.mark.parametrize("parts", [1, 2, 9])
def test_features_are_the_commands(spark: Any, expected: Expected, parts: int) -> None:
    done = headstart.spark.features(files(spark, expected, parts))
    assert done.columns == ["path", "features", "error"]
    expected.check_features(rows(done), EMPTY)


def test_features_of_paths_are_the_commands(spark: Any, expected: Expected) -> None:
    paths = [(str(path), index) for index, path in enumerate(sorted(expected.folder.glob("*/*")))]
    df = spark.createDataFrame(paths, "path string, id int")
    done = headstart.spark.features(df, "path", headstart.FeatureExtractor(cache=None, threads=1))
    assert done.columns == ["path", "id", "features", "error"]
    expected.check_features(rows(done))


def test_scores_are_the_commands(spark: Any, expected: Expected) -> None:
    model = headstart.load(expected.model)
    done = headstart.spark.predict(files(spark, expected, 3), model, probabilities=True)
    assert done.columns == ["path", "label", "score", "unknown", "probabilities", "error"]
    found = rows(done)
    expected.check_scores(found, EMPTY)
    for row in found:
        if row["error"] is None:
            assert max(row["probabilities"]) == row["score"]


def test_a_killed_worker_loses_nothing(spark: Any, expected: Expected, tmp_path: Path) -> None:
    marker = tmp_path / "killed"

    class Dying(headstart.FeatureExtractor):
        def __call__(self, batch: Any, column: str | None = None, dtype: str = "float32") -> Any:
            done = super().__call__(batch, column, dtype)
            die_once(marker)
            return done

    done = headstart.spark.features(files(spark, expected, 4), extractor=Dying(cache=None))
    expected.check_features(rows(done), EMPTY)
    assert marker.exists()


def test_a_head_is_trained_on_what_a_cluster_has_written(spark: Any, expected: Expected, tmp_path: Path) -> None:
    from pyspark.sql import functions

    done = headstart.spark.features(files(spark, expected, 3))
    label = functions.element_at(functions.split("path", "/"), -2)
    done.filter("error is null").withColumn("label", label).write.parquet(str(tmp_path / "features"))
    model = tmp_path / "model.safetensors"
    pattern = tmp_path / "features" / "*.parquet"
    told = run("train", "--features", pattern, "--base", "mobilenetv2", "--val-split", "0", "--output", model)[-1]
    assert told["train"] == 60
    given = sorted(expected.features)
    labels = headstart.load(model).predict(given, unknown=False).labels
    right = [label == Path(path).parent.name for label, path in zip(labels, given, strict=True)]
    assert sum(right) > 0.9 * len(given)


def test_columns_that_make_no_sense_are_refused(spark: Any) -> None:
    df = spark.createDataFrame([("a", 1)], "name string, id int")
    with pytest.raises(ValueError, match="which column has the pictures\\? There are: name, id"):
        headstart.spark.features(df)
    with pytest.raises(ValueError, match="there is no column 'picture': there are name, id"):
        headstart.spark.features(df, "picture")
