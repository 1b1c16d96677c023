"""Display in notebooks."""

from __future__ import annotations

from html import escape


def frame(page: str, height: int = 520) -> str:
    """Return a page in a frame, isolated from the notebook's own styles and scripts."""
    return (
        f'<iframe srcdoc="{escape(page, quote=True)}" sandbox="allow-scripts" '
        f'style="width:100%;height:{height}px;border:0"></iframe>'
    )
