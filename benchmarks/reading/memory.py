"""Measures the memory of the processes that this process started."""

import pathlib
import threading

PROC = pathlib.Path("/proc")
INTERVAL = 0.02  # seconds between measurements


def descendants(pid):
    """Yields the processes that a process started, and recursively those that they started."""
    for children in PROC.glob(f"{pid}/task/*/children"):
        for child in read(children).split():
            yield child
            yield from descendants(child)


def read(path):
    """Reads a file; returns '' if its process has ended."""
    try:
        return path.read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def held(pid):
    """Returns the bytes that a process holds. Shared memory is divided among the processes (Linux's Pss)."""
    for line in read(PROC / pid / "smaps_rollup").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


class Watch:
    """A context manager that measures the memory of all descendants of this process.

    `peak` is the most that they held at once, in bytes. It uses processor time, so nothing may be timed meanwhile.
    """

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
