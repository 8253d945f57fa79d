"""Places in a draft: ``incident/platform``, ``accounts/0/emails/1``. Free of Django.

Names are those of the form; what may stand several times is counted from 0. The place behind the last one adds.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said, storable

if TYPE_CHECKING:
    from himaya.core.filing import FormField

MOST = 10_000
"""Of what may stand several times."""
TRUE, FALSE = ("true", "yes", "1", "on"), ("false", "no", "0", "off")


class NoSuchField(HimayaError):
    """A draft of this form has no {path!r}: {why}."""

    status = 422


class BadFieldValue(HimayaError):
    """{path} cannot be {given!r}: {why}."""

    status = 422


def find_field(group: FormField, path: str) -> tuple[FormField, bool]:
    """The field at a path below ``group``, and whether the path names one of several.

    Raises:
        NoSuchField: the form has no such place.
    """
    here, counted = group, True
    for part in path.split("/"):
        if here.many and not counted:
            if not part.isascii() or not part.isdigit() or len(part) > 5:
                raise NoSuchField(path=path[:200], why=N_("there may be several: their number comes next"))
            counted = True
            continue
        found = next((one for one in here.fields if one.name == part), None)
        if found is None:
            known = ", ".join(one.name for one in here.fields) or "-"
            raise NoSuchField(path=path[:200], why=Said("after {name} there are: {known}", name=here.name, known=known))
        here, counted = found, False
    return here, here.many and counted


def value_at(values: Any, path: str) -> Any:
    """What stands at a path; None where nothing does."""
    here = values
    for part in path.split("/"):
        if isinstance(here, Mapping):
            here = here.get(part)
        elif isinstance(here, list) and part.isdigit() and int(part) < len(here):
            here = here[int(part)]
        else:
            return None
    return here


def with_value(values: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy of ``values`` with another value at a path that the form has; None takes away what stands there.

    Groups and lists on the way are made; what becomes empty is taken away, too.

    Raises:
        NoSuchField: it is further than one behind the last of several.
    """
    whole = copy.deepcopy(dict(values))
    _put(whole, path.split("/"), value, path)
    return whole


def _put(here: Any, parts: list[str], value: Any, path: str) -> None:
    key, rest = parts[0], parts[1:]
    if isinstance(here, list):
        number = int(key)
        if number > len(here) or number >= MOST:
            raise NoSuchField(path=path[:200], why=Said("the next one is number {n}", n=len(here)))
        if number == len(here):
            if value is None:
                return
            here.append(_empty(rest))
        _put_item(here, number, rest, value, path)
        return
    if not rest:
        if value is None:
            here.pop(key, None)
        else:
            here[key] = value
        return
    if key not in here:
        if value is None:
            return
        here[key] = _empty(rest)
    _put(here[key], rest, value, path)
    if here[key] in ({}, []):
        del here[key]


def _put_item(here: list[Any], number: int, rest: list[str], value: Any, path: str) -> None:
    if rest:
        _put(here[number], rest, value, path)
        if here[number] in ({}, []):
            del here[number]
    elif value is None:
        del here[number]
    else:
        here[number] = value


def _empty(rest: list[str]) -> Any:
    return [] if rest and rest[0].isdigit() else {}


def read_value(field: FormField, text: str, *, path: str, one: bool = False) -> Any:
    """A value of a field from text: what it means by its kind; None where it is empty. A group, or several at once, is
    written as JSON.

    Raises:
        BadFieldValue: it is none.
    """
    text = text.replace("\r\n", "\n").strip()
    if not text:
        return None
    if field.kind == "group" or (field.many and not one):
        try:
            return checked(field, json.loads(text), path=path, one=one)
        except ValueError as error:
            raise BadFieldValue(path=path, given=text[:40], why=N_("it is written as JSON")) from error
    return _plain(field, text, path)


def _plain(field: FormField, text: str, path: str) -> Any:
    if not storable(text):
        raise BadFieldValue(path=path, given=text[:40], why=N_("it holds a character that cannot be kept"))
    if field.kind == "flag":
        if text.lower() not in TRUE + FALSE:
            raise BadFieldValue(path=path, given=text[:40], why=N_("it is true or false"))
        return text.lower() in TRUE
    if field.kind == "number":
        try:
            return int(text) if text.lstrip("-").isdigit() else _finite(text)
        except ValueError as error:
            raise BadFieldValue(path=path, given=text[:40], why=N_("it is no number")) from error
    if field.kind == "moment":
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as error:
            raise BadFieldValue(
                path=path, given=text[:40], why=N_("a time is written as 2026-11-29T14:30:00Z")
            ) from error
        if moment.tzinfo is None:
            raise BadFieldValue(path=path, given=text[:40], why=N_("it lacks the zone: Z, or +01:00"))
        return moment.isoformat()
    if field.choices and text not in {one.value for one in field.choices}:
        known = ", ".join(one.value for one in field.choices[:40])
        raise BadFieldValue(path=path, given=text[:40], why=Said("there are: {known}", known=known))
    return text


def _finite(text: str) -> float:
    number = float(text)
    if number != number or number in (float("inf"), float("-inf")):
        raise ValueError
    return number


def checked(field: FormField, value: Any, *, path: str, one: bool = False) -> Any:
    """``value``, given as JSON, as it can stand in a field.

    Raises:
        BadFieldValue, NoSuchField: something of it cannot.
    """
    if value is None:
        return None
    if field.many and not one:
        if not isinstance(value, list) or len(value) > MOST:
            raise BadFieldValue(path=path, given=str(value)[:40], why=N_("several are given as a list"))
        return [checked(field, each, path=f"{path}/{n}", one=True) for n, each in enumerate(value)]
    if field.kind == "group":
        if not isinstance(value, dict):
            raise BadFieldValue(path=path, given=str(value)[:40], why=N_("a group is given as an object"))
        made = {}
        for name, each in value.items():
            part, _ = find_field(field, name) if "/" not in name else (None, False)
            if part is None:
                raise NoSuchField(path=f"{path}/{name}"[:200], why=N_("a name has no stroke"))
            if each is not None:
                made[name] = checked(part, each, path=f"{path}/{name}")
        return made
    if isinstance(value, bool):
        return _plain(field, "true" if value else "false", path)
    if isinstance(value, int | float):
        return _plain(field, str(value), path)
    if not isinstance(value, str):
        raise BadFieldValue(path=path, given=str(value)[:40], why=N_("it is one value"))
    return _plain(field, value.strip(), path) if value.strip() else None


def leaves(values: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every single value with its path, in order."""
    if isinstance(values, Mapping):
        for name, each in values.items():
            yield from leaves(each, f"{path}/{name}" if path else name)
    elif isinstance(values, list):
        for number, each in enumerate(values):
            yield from leaves(each, f"{path}/{number}")
    elif values is not None:
        yield path, values
