"""The command's output for a folder of pictures, some of which are broken, and a way to kill a worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


class Expected:
    """The command's results by path."""

    def __init__(self, folder: Path, work: Path) -> None:
        self.folder = folder
        self.model = work / "model.safetensors"
        run("train", folder, "--output", self.model)
        run("features", folder, "--output", work / "features.npy")
        rows: npt.NDArray[np.float32] = np.load(work / "features.npy")
        with open(work / "features.npy.csv", encoding="utf-8") as table:
            places = [line.split(",")[0] for line in table.read().splitlines()[1:]]
        self.features = dict(zip(places, rows, strict=True))
        said = [line for line in run("predict", self.model, folder) if "scores" in line]
        self.said = {line["path"]: line for line in said}

    def check_features(self, rows: list[dict[str, Any]], unlisted: Sequence[str] = ()) -> None:
        """Fail unless these are the features of all pictures, bit for bit, and the reasons for the broken ones.

        Files with names in ``unlisted`` are expected to be missing, because the engine does not list them.
        """
        files = [str(file) for file in self.folder.glob("*/*") if file.name not in unlisted]
        assert sorted(place(row["path"]) for row in rows) == sorted(files)
        good = [row for row in rows if row["error"] is None]
        assert sorted(place(row["path"]) for row in good) == sorted(self.features)
        for row in good:
            own = np.asarray(row["features"], dtype=np.float32)
            assert (own.view(np.uint32) == self.features[place(row["path"])].view(np.uint32)).all()
        self.check_broken(rows, unlisted)

    def check_scores(self, rows: list[dict[str, Any]], unlisted: Sequence[str] = ()) -> None:
        """Fail unless these are the command's predictions for all pictures."""
        assert len(rows) == len(list(self.folder.glob("*/*"))) - len(unlisted)
        good = [row for row in rows if row["error"] is None]
        assert sorted(place(row["path"]) for row in good) == sorted(self.said)
        for row in good:
            line = self.said[place(row["path"])]
            assert (row["label"], row["unknown"]) == (line["label"], line["unknown"])
            assert row["score"] == np.float32(max(line["scores"].values()))
        self.check_broken(rows, unlisted)

    def check_broken(self, rows: list[dict[str, Any]], unlisted: Sequence[str]) -> None:
        reasons = {Path(row["path"]).name: row["error"] for row in rows if row["error"] is not None}
        assert sorted([*reasons, *unlisted]) == ["broken.png", "empty.png", "text.png"]
        assert reasons["text.png"] == "not a picture (text)"


def place(path: str) -> str:
    """Return a path without the scheme that Spark prepends."""
    return path.removeprefix("file:")


def run(*arguments: str | Path) -> list[dict[str, Any]]:
    """Run the command, and return its JSON output."""
    command = [sys.executable, "-m", "headstart", *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    # The exit status reports that there were broken pictures.
    assert done.stdout, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def die_once(marker: Path) -> None:
    """Kill this process, like a machine that fails, unless that has already been done."""
    try:
        marker.touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)
