"""Progress with tqdm, if it is installed."""

from __future__ import annotations

import sys
from typing import Any


class Progress:
    """A progress bar for each part of the work, which disappears when the work is done.

    Parameters
    ----------
    wanted : bool or None
        Whether to show a bar. ``None`` shows one on a terminal or in a notebook.
    """

    def __init__(self, wanted: bool | None) -> None:
        self._wanted = _is_seen() if wanted is None else wanted
        self._tqdm: Any = None
        self._bar: Any = None

    def __enter__(self) -> Progress | None:
        if not self._wanted:
            return None
        try:
            from tqdm.auto import tqdm
        except ImportError:
            return None
        self._tqdm = tqdm
        return self

    def __exit__(self, *_: object) -> None:
        self._close()

    def __call__(self, what: str, done: int, total: int) -> None:
        """Report that ``done`` of ``total`` items are done; ``total`` is 0 if it is unknown."""
        if self._bar is None or self._bar.desc != f"{what}: " or done < self._bar.n:
            self._close()
            self._bar = self._tqdm(total=total or None, desc=what, leave=False)
        self._bar.update(done - self._bar.n)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _is_seen() -> bool:
    return "ipykernel" in sys.modules or (sys.stderr is not None and sys.stderr.isatty())
