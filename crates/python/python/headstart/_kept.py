"""What a process makes once and uses again."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")

_MOST = 4


class Kept(Generic[T]):
    """The few things that this process used last, by what they are made from.

    A fork makes its own: it must not write to its parent's files.
    """

    def __init__(self) -> None:
        self._things: dict[Hashable, T] = {}
        self._lock = threading.Lock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._unlock)

    def _unlock(self) -> None:
        # Whichever thread of the parent held it is not here.
        self._lock = threading.Lock()

    def get(self, key: Hashable, make: Callable[[], T]) -> T:
        """The thing of this key, made if it is not there."""
        key = (os.getpid(), key)
        with self._lock:
            found = self._things.pop(key) if key in self._things else make()
            self._things[key] = found
            while len(self._things) > _MOST:
                del self._things[next(iter(self._things))]
        return found
