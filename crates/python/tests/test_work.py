"""Ctrl-C, and use from several threads and processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import command

import headstart

LONG = """
import signal
import numpy as np, headstart
signal.signal(signal.SIGINT, signal.default_int_handler)  # A background job's children ignore it.
X = np.random.default_rng(0).integers(0, 256, (20000, 24, 24, 3), dtype=np.uint8)
try:
    headstart.FeatureExtractor().transform(X)
except KeyboardInterrupt as interrupt:
    print("interrupted:", interrupt, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="signals are POSIX's")
def test_ctrl_c_ends_within_a_second_and_keeps_what_was_computed(own_cache: Path) -> None:
    run = subprocess.Popen([sys.executable, "-c", LONG], stdout=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not any(file.stat().st_size > 200_000 for file in own_cache.rglob("*") if file.is_file()):
        assert run.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    start = time.monotonic()
    run.send_signal(signal.SIGINT)
    said, _ = run.communicate(timeout=30)
    assert time.monotonic() - start < 1.0
    assert said == "interrupted: interrupted\n"
    [kept] = command("cache", "info")
    assert kept["entries"] > 20, "what was computed is kept"


def test_other_threads_run_meanwhile() -> None:
    turns, done = 0, threading.Event()

    def count() -> None:
        nonlocal turns
        while not done.is_set():
            turns += 1
            time.sleep(0.005)

    thread = threading.Thread(target=count)
    thread.start()
    X = np.random.default_rng(0).integers(0, 256, (200, 32, 32, 3), dtype=np.uint8)
    start = time.monotonic()
    headstart.FeatureExtractor(cache=None).transform(X)
    seconds = time.monotonic() - start
    done.set()
    thread.join()
    assert turns > 0.1 * seconds / 0.005


def test_several_threads_use_one_model(paths: list[str]) -> None:
    model = headstart.load("efficientnet-lite0")
    expected = model.predict(paths[:4]).probabilities
    found = []
    threads = [threading.Thread(target=lambda: found.append(model.predict(paths[:4]).probabilities)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert all((probabilities == expected).all() for probabilities in found)


def test_two_processes_share_a_cache(paths: list[str]) -> None:
    program = "import sys, headstart; print(float(headstart.FeatureExtractor().transform(sys.argv[1:]).sum()))"
    run = [sys.executable, "-c", program, *paths]
    both = [subprocess.Popen(run, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    said = {one.communicate(timeout=60)[0] for one in both}
    assert all(one.returncode == 0 for one in both)
    assert said == {f"{float(headstart.FeatureExtractor().transform(paths).sum())}\n"}
    [kept] = command("cache", "info")
    assert kept["entries"] >= 36


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_fork_goes_on(paths: list[str]) -> None:
    extractor = headstart.FeatureExtractor()
    expected = extractor.transform(paths)
    child = os.fork()
    if child == 0:
        same = bool((extractor.transform(paths) == expected).all())
        os._exit(0 if same else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    assert (extractor.transform(paths) == expected).all()


def test_what_progress_raises_ends_the_work() -> None:
    from headstart import _headstart

    def fail(what: str, done: int, total: int) -> None:
        raise RuntimeError(f"{what} of {total}")

    X = np.zeros((5000, 8, 8, 3), dtype=np.uint8)
    with pytest.raises(RuntimeError, match="Features of 5000"):
        _headstart.Extractor({"base": "mobilenetv2"}).extract(X, False, None, fail)  # type: ignore[arg-type]
