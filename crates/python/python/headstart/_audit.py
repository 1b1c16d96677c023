"""Audits of folders of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import _headstart
from ._inputs import StrPath
from ._notebook import frame
from ._progress import Progress


class Finding:
    """A possible problem with pictures.

    Attributes
    ----------
    kind, title : str
        The kind of problem, as an identifier and as a readable title.
    severity : {"high", "medium", "low"}
        How serious it is.
    action, advice : str
        What to do, as one word and as a sentence.
    files : list of Path
        The files concerned.
    keep : Path or None
        Among copies, the file to keep.
    class_name : str or None
        The class that the files belong to, or should belong to.
    value : float or None
        The measured value.
    detail : str
        Further information.
    """

    def __init__(self, told: _headstart._Finding) -> None:
        kind, title, severity, action, advice, files, keep, class_name, value, detail = told
        self.kind = kind
        self.title = title
        self.severity = severity
        self.action = action
        self.advice = advice
        self.files = [Path(file) for file in files]
        self.keep = None if keep is None else self.files[keep]
        self.class_name = class_name
        self.value = value
        self.detail = detail

    def __repr__(self) -> str:
        files = ", ".join(file.name for file in self.files[:2])
        more = f" and {len(self.files) - 2} more" if len(self.files) > 2 else ""
        return f"<{self.kind}: {files}{more}>"


class Audit:
    """The result of :func:`audit`. Notebooks show it as a page.

    Attributes
    ----------
    pictures : int
        Number of readable pictures.
    counts : dict of str to int
        Number of readable pictures per class.
    findings : list of Finding
        The findings, the most important first.
    """

    def __init__(self, native: _headstart.Audit) -> None:
        self._native = native
        self.pictures = native.pictures
        self.counts = dict(native.counts)
        self.findings = [Finding(told) for told in native.findings()]

    def by_kind(self) -> dict[str, list[Finding]]:
        """The findings of each kind, the most important kind first."""
        kinds: dict[str, list[Finding]] = {}
        for finding in self.findings:
            kinds.setdefault(finding.kind, []).append(finding)
        return kinds

    def page(self, path: StrPath | None = None) -> str:
        """Return an HTML page with thumbnails, and write it to ``path``, if given."""
        page = self._native.page()
        if path is not None:
            Path(path).write_text(page, encoding="utf-8")
        return page

    def __repr__(self) -> str:
        return f"<Audit: {self.pictures} pictures, {len(self.findings)} findings>"

    def _repr_html_(self) -> str:
        return frame(self._native.page())


def audit(
    source: StrPath,
    *,
    threads: int | None = None,
    progress: bool | None = None,
    **options: Any,
) -> Audit:
    """Look for problems in a folder of labelled pictures. Nothing is changed.

    Parameters
    ----------
    source : path
        A folder with one folder of pictures per class, an archive of one, or a manifest; or unlabelled pictures.
    threads : int, optional
        Number of threads; by default, as many as the machine runs at once.
    progress : bool, optional
        Whether to show progress with tqdm; by default, only on a terminal or in a notebook.
    **options
        ``all_label_errors=True`` reports all probable label errors, not only the clear ones. Also ``label_from``,
        ``label_column``, ``path_column``, ``val_split``, ``random_state``, and the parameters of
        :class:`FeatureExtractor`.

    Examples
    --------
    >>> import headstart
    >>> for finding in headstart.audit("flowers").findings:  # doctest: +SKIP
    ...     print(finding.kind, finding.files)
    """
    return run(None, source, options, threads, progress)


def run(
    model: _headstart.Model | None,
    source: StrPath,
    options: dict[str, Any],
    threads: int | None,
    progress: bool | None,
) -> Audit:
    """Audit with the base of ``native``, or with the base in ``options`` if that is ``None``."""
    options.setdefault("cache", "auto")
    with Progress(progress) as tell:
        return Audit(_headstart.audit(source, model, options, threads, tell))
