"""What a single value must be like: by its kind, and by the rules that the table names."""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import urlsplit

from himaya.core.cybertip.table import Element
from himaya.core.cybertip.writing import FORBIDDEN, moment
from himaya.core.words import N_, Said

LARGEST = 2**63 - 1
_MAIL = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
LONG_LOCAL = 64


def wrong(element: Element, value: Any, now: datetime) -> str:
    """Why a value cannot stand there; empty where it can."""
    kind = element.type
    if kind in ("boolean", "flag"):
        return "" if isinstance(value, bool) else N_("it is yes or no")
    if kind in ("number", "decimal"):
        return _number(value, whole=kind == "number") or _ruled(element, value, now)
    if not isinstance(value, str):
        return N_("it is a text")
    if found := FORBIDDEN.search(value):
        return Said("it holds a character that XML cannot carry (U+{code})", code=f"{ord(found[0]):04X}")
    if element.choices and value not in element.choices:
        return N_("it is none of the values that NCMEC knows")
    if element.longest and len(value) > element.longest:
        n, most = len(value), element.longest
        return Said("it has {n} characters; at most {most} are taken", n=n, most=most)
    if kind == "moment" and not _is_moment(value):
        return N_("a time is written as 2026-11-29T14:30:00Z, with its zone")
    if kind == "day" and not _is_day(value):
        return N_("a day is written as 2026-11-29")
    return _ruled(element, value, now)


def _ruled(element: Element, value: Any, now: datetime) -> str:
    for rule in element.rules:
        name, _, facts = rule.partition("=")
        match name:
            case "past":
                why = _past(value, now)
            case "range":
                why = _range(value, facts)
            case _:
                why = _RULES[name](value)
        if why:
            return why
    return ""


def _number(value: Any, *, whole: bool) -> str:
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        return N_("it is a whole number") if whole else N_("it is a number")
    return "" if math.isfinite(value) and abs(value) <= LARGEST else N_("it is too large")


def _is_moment(text: str) -> bool:
    try:
        return bool(moment(text))
    except ValueError:
        return False


def _is_day(text: str) -> bool:
    try:
        return bool(_DAY.fullmatch(text) and date.fromisoformat(text))
    except ValueError:
        return False


def _past(value: str, now: datetime) -> str:
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:  # a day
        at = at.replace(tzinfo=UTC)
    return N_("it must be in the past") if at > now else ""


def _url(value: str) -> str:
    try:
        parts = urlsplit(value.strip())
        fine = bool(parts.scheme and parts.hostname) and not re.search(r"\s", value.strip())
    except ValueError:
        fine = False
    return "" if fine else N_("an address is written whole, with https:// or what else it begins with")


def _email(value: str) -> str:
    if len(value.partition("@")[0]) > LONG_LOCAL:
        return N_("before the @ it has more than 64 characters")
    return "" if _MAIL.fullmatch(value) else N_("it is no e-mail address")


def _phone(value: str) -> str:
    return "" if re.search(r"[0-9]", value) else N_("it is no telephone number")


def _address(value: str) -> str:
    try:
        return "" if "%" not in value and ipaddress.ip_address(value) else N_("it is no address (IPv4 or IPv6)")
    except ValueError:
        return N_("it is no address (IPv4 or IPv6)")


def _range(value: float, facts: str) -> str:
    least, most = map(int, facts.split("-"))
    return "" if least <= value <= most else Said("it lies between {least} and {most}", least=least, most=most)


def _report_number(value: int) -> str:
    return "" if value > 0 else N_("it is no number of a report")


def _calling_code(value: str) -> str:
    return "" if re.fullmatch(r"\+[0-9]{1,3}", value) else N_("it is written as +49")


def _digits(value: str) -> str:
    return "" if re.fullmatch(r"[0-9]+", value) else N_("it is made of digits")


_RULES: Mapping[str, Callable[[Any], str]] = {
    "url": _url, "email": _email, "phone": _phone, "address": _address, "report-number": _report_number,
    "calling-code": _calling_code, "digits": _digits,
}  # fmt: skip
