"""What is wrong with a folder of pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from . import _headstart
from ._inputs import StrPath
from ._notebook import frame
from ._progress import Progress


class Finding:
    """Something that may be wrong with pictures.

    Attributes
    ----------
    kind, title : str
        What it is, for programs and for people.
    severity : {"high", "medium", "low"}
        How much it matters.
    action, advice : str
        What to do, in a word and in a sentence.
    files : list of Path
        The files that it is about.
    keep : Path or None
        Of copies, the file that may stay.
    class_name : str or None
        The class that they belong to, or should.
    value : float or None
        What was measured.
    detail : str
        What else there is to say.
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
    """What :func:`audit` has found; notebooks show its page.

    Attributes
    ----------
    pictures : int
        Pictures that could be read.
    counts : dict of str to int
        How many of these each class has.
    findings : list of Finding
        The most important first.
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
        """Return a page of HTML with thumbnails, and write it to a file, if one is given."""
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
    """Look for what is wrong with a folder of labelled pictures; nothing is changed.

    Parameters
    ----------
    source : path
        A folder with one folder of pictures per class, an archive of one, or a manifest; or pictures without labels.
    threads : int, optional
        As many as the machine runs at once by default.
    progress : bool, optional
        Whether tqdm shows how it goes; where somebody sees it by default.
    **options
        ``all_label_errors=True`` for all probable label errors rather than the clear ones; and ``label_from``,
        ``label_column``, ``path_column``, ``val_split``, ``random_state``, and what :class:`FeatureExtractor` takes.

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
    """Audit by a model's base, or by one of its own."""
    options.setdefault("cache", "auto")
    with Progress(progress) as tell:
        return Audit(_headstart.audit(source, model, options, threads, tell))
