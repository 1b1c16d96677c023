"""Measures the memory of the processes started by this one."""

import pathlib
import threading

PROC = pathlib.Path("/proc")
INTERVAL = 0.02  # seconds between samples


def descendants(pid):
    """The processes that a process started, and their descendants."""
    for children in PROC.glob(f"{pid}/task/*/children"):
        for child in read(children).split():
            yield child
            yield from descendants(child)


def read(path):
    """The content of a file, or '' if its process has ended."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def held(pid):
    """The bytes that a process holds; shared memory is divided among its users (Linux's Pss)."""
    for line in read(PROC / pid / "smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


class Watch:
    """A context that samples all descendants of this process; `peak` is the most bytes that they
    held at once. It uses some processor time, so nothing must be timed meanwhile."""

    def __enter__(self):
        self.peak = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()

    def _look(self):
        while not self._ended.wait(INTERVAL):
            self.peak = max(self.peak, sum(held(pid) for pid in descendants("self")))
