"""What is raised. Each message is one line that names the thing and the way out."""

from __future__ import annotations


class Error(Exception):
    """An error of headstart.

    Each is also of the built-in kind that programs catch: ``ValueError``, ``FileNotFoundError``,
    ``PermissionError``, ``OSError`` or ``RuntimeError``.

    Attributes
    ----------
    kind : str
        What can be done about it, such as ``"invalid_data"``.

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
    """Options that make no sense, or data that cannot be used."""


class NotFoundError(Error, FileNotFoundError):
    """Nothing is at a path."""


class AccessError(Error, PermissionError):
    """The system denies access to a file or folder."""


class FileError(Error, OSError):
    """The system fails to read or write, or the disk is full."""


class InternalError(Error, RuntimeError):
    """A fault of headstart, or of what was plugged into it."""


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
    """Make the exception for an error of the library."""
    error = _CLASSES.get(kind, InternalError)(message)
    error.kind = kind
    return error
