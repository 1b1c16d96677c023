"""Exceptions. Each message is one line that names the object concerned and, if possible, a
remedy."""

from __future__ import annotations


class Error(Exception):
    """An error of headstart.

    Each is also an instance of a built-in exception: ``ValueError``, ``FileNotFoundError``,
    ``PermissionError``, ``OSError`` or ``RuntimeError``.

    Attributes
    ----------
    kind : str
        What the caller can do about the error, such as ``"invalid_data"``.

    Examples
    --------
    >>> import headstart
    >>> try:
    ...     headstart.load("nowhere.safetensors")
    ... except FileNotFoundError as error:
    ...     print(error.kind)
    not_found
    """

    kind: str = "internal"


class InvalidError(Error, ValueError):
    """Invalid options, or data that cannot be used."""


class NotFoundError(Error, FileNotFoundError):
    """Nothing exists at a path."""


class AccessError(Error, PermissionError):
    """The operating system denies access to a file or folder."""


class FileError(Error, OSError):
    """Reading or writing a file fails, or the disk is full."""


class InternalError(Error, RuntimeError):
    """A bug in headstart or in code that it calls."""


_CLASSES: dict[str, type[Error]] = {
    "not_found": NotFoundError,
    "invalid_name": InvalidError,
    "invalid_input": InvalidError,
    "invalid_data": InvalidError,
    "unreadable_picture": InvalidError,
    "unsupported": InvalidError,
    "limit_exceeded": InvalidError,
    "out_of_space": FileError,
    "permission_denied": AccessError,
    "io": FileError,
}


def of_kind(kind: str, message: str) -> Error:
    """Create the exception for an error of the library."""
    error = _CLASSES.get(kind, InternalError)(message)
    error.kind = kind
    return error
