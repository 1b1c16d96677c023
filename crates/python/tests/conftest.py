"""Pictures for tests: those of the demo, which are included in the command."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

DEMO = Path(os.environ["HEADSTART_TEST_PICTURES"])
CLASSES = ("Bag", "Sneaker", "Trouser")

Pixels = npt.NDArray[np.uint8]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A separate cache for the test, used by the package and the command."""
    cache = tmp_path / "cache"
    monkeypatch.setenv("HEADSTART_CACHE", str(cache))
    return cache


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 12 pictures in each of three classes."""
    folder = tmp_path_factory.mktemp("pictures")
    for name in CLASSES:
        (folder / name).mkdir()
        for file in sorted((DEMO / name).iterdir())[:12]:
            shutil.copy(file, folder / name)
    return folder


@pytest.fixture(scope="session")
def paths(folder: Path) -> list[str]:
    """The pictures of the folder, in order."""
    return [str(file) for file in sorted(folder.glob("*/*"))]


@pytest.fixture(scope="session")
def labels(paths: list[str]) -> list[str]:
    """Their labels."""
    return [Path(path).parent.name for path in paths]


@pytest.fixture(scope="session")
def arrays(paths: list[str]) -> Pixels:
    """Their pixels."""
    from PIL import Image

    return np.stack([np.asarray(Image.open(path).convert("RGB")) for path in paths])


def command(*arguments: str | Path) -> list[dict[str, Any]]:
    """Run the package's command, and return its JSON output."""
    run = [sys.executable, "-m", "headstart", *map(str, arguments), "--json"]
    done = subprocess.run(run, capture_output=True, text=True, env=os.environ, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]
