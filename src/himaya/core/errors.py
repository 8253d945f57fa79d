"""Errors that a person can act on.

An exception's docstring is its message: a ``str.format`` template over the facts it was raised with. A face (page,
API, command line) shows the message and the remedy; it never invents a text of its own. Programming errors stay plain
Python exceptions and are not caught by faces.
"""

from __future__ import annotations

import copyreg
import inspect
import re
from typing import Any

from himaya.core.words import N_, Said, filled


class HimayaError(Exception):
    """Something went wrong."""

    remedy: str = ""
    """What to do about it, as a template over the same facts."""
    status: int = 400
    """The HTTP status that a face answers with (RFC 9110)."""
    exit_code: int = 2
    """The exit status of a command that ends with this error."""

    def __init__(self, **facts: object) -> None:
        self.facts = facts
        super().__init__(filled(self.template(), facts))

    def __reduce__(self) -> tuple[Any, ...]:
        """As it is, to another process: it is not made anew from its message."""
        return copyreg.__newobj__, (type(self), *self.args), self.__dict__  # type: ignore[attr-defined]

    @classmethod
    def template(cls) -> str:
        """The message before its facts are filled in: the key under which it is translated."""
        return " ".join(inspect.cleandoc(cls.__doc__ or "").split())

    @classmethod
    def code(cls) -> str:
        """A stable name for machines, from the class name: ``UnknownList`` gives ``unknown-list``."""
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "-", cls.__name__).lower()

    def said(self) -> Said:
        """The message with its facts apart, so that whoever shows it within another text can translate it."""
        return Said(self.template(), **self.facts)

    def advice(self) -> Said:
        """The remedy in the same way."""
        return Said(self.remedy, **self.facts)

    def diagnostics(self) -> str:
        """Message and remedy, for a terminal or a log."""
        remedy = self.remedy.format(**self.facts)
        return f"{self}\n{remedy}" if remedy else str(self)


def in_words(error: BaseException) -> str:
    """What was raised, as a text of ours where it is one (an exception's first argument): it can be translated then."""
    if isinstance(error, HimayaError):
        return error.said()
    if isinstance(error, OSError) and error.strerror:
        return Said(error.strerror)
    return error.args[0] if error.args and isinstance(error.args[0], Said) else str(error)


SYSTEM = (
    N_("No such file or directory"),
    N_("Permission denied"),
    N_("Is a directory"),
    N_("Not a directory"),
    N_("Input/output error"),
    N_("No space left on device"),
    N_("Read-only file system"),
)
"""What the system says of files most often, for the catalogue."""


class UnknownPlugin(HimayaError):
    """There is no {kind} plug-in named {name!r}; there are: {known}."""

    status = 404


class DuplicatePlugin(HimayaError):
    """Two {kind} plug-ins are named {name!r}: {first} and {second}."""

    remedy = "Remove one of the two packages, or rename its plug-in."
    status = 500


class BadSignal(HimayaError):
    """{value!r} is no {signal} value: {why}."""

    status = 422


class NotHashable(HimayaError):
    """No {signal} can be computed: {why}."""

    status = 422


class BadCursor(HimayaError):
    """The cursor {cursor!r} was not given out by this server."""

    remedy = "Start again without a cursor, and pass on next_cursor as it was answered."
    status = 422


class Flawed(HimayaError):
    """Several things in the request are wrong."""

    status = 422

    def __init__(self, errors: list[dict[str, str]], **facts: object) -> None:
        self.errors = errors
        """What is wrong, as ``where`` and ``why``; a long list may be cut, ``facts`` tell the full number."""
        super().__init__(**facts)
