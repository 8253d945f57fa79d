"""Errors and times in the language of whoever reads them. Pages of every room show them in this way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import messages
from django.utils import dateformat
from django.utils.formats import number_format
from django.utils.translation import gettext

from himaya.core.words import filled, told

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from django.http import HttpRequest

    from himaya.core.errors import HimayaError


def translated(error: HimayaError) -> tuple[str, str]:
    """Message and remedy in the language of the request; facts that are texts of ours are translated, too."""
    facts = {name: told(value, gettext) for name, value in error.facts.items()}
    message = filled(gettext(error.template()), facts)
    return message, filled(gettext(error.remedy), facts) if error.remedy else ""


def sentence(error: HimayaError) -> str:
    """Message and remedy in one line."""
    return " ".join(filter(None, translated(error)))


def say(request: HttpRequest, error: HimayaError) -> None:
    """Show the error on the page that comes next. For acts that carry nothing a person typed."""
    messages.error(request, sentence(error))


def joined(parts: Iterable[str]) -> str:
    """Things one after the other, with the comma of the language."""
    return gettext(", ").join(parts)


def apart(name: object) -> str:
    """A name that runs in its own direction within a sentence (UAX 9: FSI, PDI)."""
    return f"\u2068{name}\u2069"


def number(n: int) -> str:
    """A number with the separators of the language, as templates write it."""
    return str(number_format(n))


def moment(at: datetime, *, to: str = "") -> str:
    """A time to the minute (or to ``seconds``): ``24 Nov 2026, 10:30 UTC``. Templates write ``{{ at|moment }}``."""
    return gettext("%(day)s, %(time)s UTC") % {"day": day(at), "time": f"{at:%H:%M:%S}" if to else f"{at:%H:%M}"}


def day(at: date) -> str:
    """A date: ``24 Nov 2026``. Templates write ``{{ at|day }}``."""
    return dateformat.format(at, "j M Y")
