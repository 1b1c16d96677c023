"""Ray Data gives the same bits as the command, whatever the partitions, and if workers die."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from expected import Expected, die_once, run

import headstart

ray = pytest.importorskip("ray")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    yield
    ray.shutdown()


def files(expected: Expected, blocks: int) -> Any:
    return ray.data.read_binary_files(str(expected.folder), include_paths=True, override_num_blocks=blocks)


def paths(expected: Expected) -> Any:
    return ray.data.from_items([{"path": str(path)} for path in sorted(expected.folder.glob("*/*"))])


@pytest.mark.parametrize(("blocks", "size", "batch_format"), [(1, 64, "numpy"), (7, 5, "numpy"), (3, 8, "pyarrow")])
def test_features_of_files_are_the_commands(expected: Expected, blocks: int, size: int, batch_format: str) -> None:
    extract = headstart.FeatureExtractor(cache=None)
    done = files(expected, blocks).map_batches(extract, batch_size=size, batch_format=batch_format)
    expected.check_features(done.take_all())


def test_features_of_paths_and_by_actors_are_the_commands(expected: Expected) -> None:
    options = {"cache": None, "threads": 1}
    done = paths(expected).map_batches(
        headstart.FeatureExtractor,
        fn_constructor_kwargs=options,
        batch_size=4,
        compute=ray.data.ActorPoolStrategy(size=2),
    )
    expected.check_features(done.take_all())


def test_features_of_arrays_are_the_packages(expected: Expected) -> None:
    arrays = np.random.default_rng(0).integers(0, 256, (40, 24, 32, 3), dtype=np.uint8)
    extract = headstart.FeatureExtractor(cache=None)
    numbered = ray.data.from_items([{"image": pixels, "id": index} for index, pixels in enumerate(arrays)])
    rows = sorted(numbered.repartition(5).map_batches(extract, batch_size=3).take_all(), key=lambda row: row["id"])
    assert (np.stack([row["features"] for row in rows]) == extract.transform(arrays)).all()


def test_a_killed_task_loses_nothing(expected: Expected, tmp_path: Path) -> None:
    extract, marker = headstart.FeatureExtractor(cache=None), tmp_path / "killed"

    def dying(batch: Any) -> Any:
        done = extract(batch)
        die_once(marker)
        return done

    rows = files(expected, 6).map_batches(dying, batch_size=5).take_all()
    assert marker.exists()
    expected.check_features(rows)


def test_a_killed_actor_loses_nothing(expected: Expected, tmp_path: Path) -> None:
    marker = tmp_path / "killed"

    class Dying(headstart.Model):
        def __call__(self, batch: Any, column: str | None = None, probabilities: bool = False) -> Any:
            done = super().__call__(batch, column, probabilities)
            die_once(marker)
            return done

    rows = paths(expected).map_batches(
        Dying,
        fn_constructor_args=[str(expected.model)],
        batch_size=5,
        compute=ray.data.ActorPoolStrategy(size=2),
    )
    expected.check_scores(rows.take_all())
    assert marker.exists()


def test_scores_of_an_actor_are_the_commands(expected: Expected) -> None:
    done = files(expected, 4).map_batches(
        headstart.Model,
        fn_constructor_args=[str(expected.model)],
        batch_size=6,
        # Another core reads the files.
        compute=ray.data.ActorPoolStrategy(size=1),
    )
    expected.check_scores(done.take_all())
    by_tasks = files(expected, 4).map_batches(headstart.load(expected.model), batch_size=6)
    expected.check_scores(by_tasks.take_all())


def test_a_fitted_classifier_scores(expected: Expected) -> None:
    given = sorted(map(str, expected.folder.glob("*/*.png")))
    with pytest.warns(UserWarning, match="left out"):
        fitted = headstart.Classifier(errors="report", cache=None).fit(given, [Path(path).parent.name for path in given])
    rows = paths(expected).map_batches(fitted, batch_size=9).take_all()
    labels = {row["path"]: row["label"] for row in rows}
    assert [labels[path] for path in given] == fitted.predict(given).tolist()


@pytest.mark.parametrize("batch_format", ["numpy", "pyarrow"])
def test_a_head_is_trained_on_what_a_cluster_has_written(expected: Expected, tmp_path: Path, batch_format: str) -> None:
    def labelled(batch: Any) -> Any:
        return {**batch, "label": np.array([Path(path).parent.name for path in batch["path"]])}

    extract = headstart.FeatureExtractor(cache=None)
    done = files(expected, 5).map_batches(labelled).map_batches(extract, batch_size=8, batch_format=batch_format)
    done.filter(lambda row: row["error"] is None).write_parquet(str(tmp_path / "features"))
    model = tmp_path / "model.safetensors"
    pattern = tmp_path / "features" / "*.parquet"
    told = run("train", "--features", pattern, "--base", "mobilenetv2", "--val-split", "0", "--output", model)[-1]
    assert told["train"] == 60
    given = sorted(expected.features)
    labels = headstart.load(model).predict(given, unknown=False).labels
    right = [label == Path(path).parent.name for label, path in zip(labels, given, strict=True)]
    assert sum(right) > 0.9 * len(given)
