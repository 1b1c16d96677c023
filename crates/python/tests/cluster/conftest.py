"""A folder like those on clusters: pictures, some of which are broken."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from expected import Expected

DEMO = Path(os.environ["HEADSTART_TEST_PICTURES"])
CLASSES = ("Bag", "Sneaker", "Trouser")


@pytest.fixture(scope="session")
def expected(tmp_path_factory: pytest.TempPathFactory) -> Expected:
    folder = tmp_path_factory.mktemp("pictures")
    for name in CLASSES:
        (folder / name).mkdir()
        for file in sorted((DEMO / name).iterdir())[:20]:
            shutil.copy(file, folder / name)
    picture = next((folder / "Bag").iterdir()).read_bytes()
    (folder / "Bag" / "broken.png").write_bytes(picture[:200])
    (folder / "Sneaker" / "empty.png").write_bytes(b"")
    (folder / "Trouser" / "text.png").write_bytes(b"no picture at all")
    return Expected(folder, tmp_path_factory.mktemp("expected"))
