"""A small cache of objects per process."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")

_MOST = 4


class Kept(Generic[T]):
    """A cache of the few objects used most recently, by key.

    A forked process makes its own objects, because it must not write to its parent's files.
    """

    def __init__(self) -> None:
        self._things: dict[Hashable, T] = {}
        self._lock = threading.Lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._unlock)

    def _unlock(self) -> None:
        # A thread of the parent that held the lock does not exist here.
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """Return the object with this key, creating it with ``make`` if needed."""
        key = (os.getpid(), key)
        with self._lock:
            found = self._things.pop(key) if key in self._things else make()
            self._things[key] = found
            while len(self._things) > _MOST:
                del self._things[next(iter(self._things))]
        return found
