"""Filled forms: what is missing or wrong in a draft, by the form alone. Rules between fields are the channel's.

A draft comes from pages and from programs: whatever JSON its values are, it is said what is wrong, and nothing raised.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from himaya.core.filing import Draft, Form, FormField, Gap
from himaya.core.words import N_, Said, storable

MISSING = N_("It is missing, and the other side refuses a report without it.")
MISSED = N_("It is missing, and the other side refuses a report without it. {why}")
NO_FILES = N_("Files cannot go with this report.")
MOST = 1000
"""Of what may stand several times."""
MOMENT = (
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(T[0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2}))?"
)
"""A time with its offset, or a date, as it looks."""


def gaps(form: Form, draft: Draft) -> Iterator[Gap]:
    """What is missing or wrong by the form: required, kind, length, choice, one of several, and names it lacks."""
    yield from _group(form.report, draft.values, "report")
    for one in draft.files:
        if form.file is None:
            yield Gap(f"file:{one.key}", NO_FILES, True)
        else:
            yield from _group(form.file, one.values, f"file:{one.key}")


def ordered(found: Iterable[Gap]) -> tuple[Gap, ...]:
    """Once each, the blocking first."""
    return tuple(sorted(dict.fromkeys(found), key=lambda gap: not gap.blocks))


def is_empty(value: object) -> bool:
    """Whether nothing is stated by it."""
    return value is None or (isinstance(value, str) and not value.strip()) or value in ([], (), {})


def texts(value: object) -> tuple[str, ...]:
    """The texts of a field that may stand several times, whatever is there."""
    return tuple(one for one in listed(value) if isinstance(one, str) and one.strip())


def listed(value: object) -> tuple[Any, ...]:
    """What stands in a field that may stand several times; one thing alone counts as a list of one."""
    if is_empty(value):
        return ()
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def pruned(value: Any) -> Any:
    """The same without what is empty, however deep."""
    if isinstance(value, Mapping):
        kept = {str(name): pruned(one) for name, one in value.items()}
        return {name: one for name, one in kept.items() if not is_empty(one)}
    if isinstance(value, list | tuple):
        return [made for one in value if not is_empty(made := pruned(one))]
    return value


def moment(value: object) -> datetime | None:
    """A time in UTC: ISO 8601 with its offset, or a date, which begins at midnight; None: it is neither."""
    if not isinstance(value, str) or not re.fullmatch(MOMENT, value):
        return None
    try:
        found = datetime.fromisoformat(value)
        if len(value) == 10:
            return found.replace(tzinfo=UTC)
        return found.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _group(field: FormField, value: object, path: str) -> Iterator[Gap]:
    if not isinstance(value, Mapping):
        yield Gap(path, N_("It is no group of fields."), True)
        return
    known = {one.name: one for one in field.fields}
    for name in value:
        if name not in known:
            yield Gap(f"{path}/{str(name)[:80]}", N_("The form has no such field."), True)
    stated = [name for name in known if not is_empty(pruned(value.get(name)))]
    if field.one_of and len(stated) != 1:
        names = ", ".join(known)
        yield Gap(path, Said("Exactly one of these is stated: {names}.", names=names), True)
    for name, one in known.items():
        yield from _field(one, value.get(name), f"{path}/{name}")


def _field(field: FormField, value: object, path: str) -> Iterator[Gap]:
    if is_empty(pruned(value)):
        if field.required:
            yield Gap(path, Said(MISSED, why=field.why) if field.why else MISSING, True)
        elif field.suggested and field.why:
            yield Gap(path, field.why, False)
        return
    if not field.many:
        yield from _one(field, value, path)
        return
    if not isinstance(value, list | tuple):
        yield Gap(path, N_("It is no list."), True)
        return
    if len(value) > MOST:
        yield Gap(path, Said("There are more than {n}.", n=MOST), True)
    for number, one in enumerate(value[:MOST]):
        yield from _one(field, one, f"{path}/{number}")


def _one(field: FormField, value: object, path: str) -> Iterator[Gap]:
    if field.kind == "group":
        yield from _group(field, value, path)
    elif (why := _flaw(field, value)) is not None:
        yield Gap(path, why, True)


def _flaw(field: FormField, value: object) -> str | None:
    if field.kind == "flag":
        return None if isinstance(value, bool) else N_("It is neither yes nor no.")
    if field.kind == "number":
        return None if isinstance(value, int) and not isinstance(value, bool) else N_("It is no whole number.")
    if not isinstance(value, str):
        return N_("It is no text.")
    if not storable(value):
        return N_("It has characters that cannot be sent.")
    if field.kind == "choice":
        return None if any(value == one.value for one in field.choices) else N_("It is none of the choices.")
    if field.kind == "moment" and moment(value) is None:
        return N_("It is no time with its offset from UTC, and no date.")
    if field.longest and len(value) > field.longest:
        return Said("It has {n} characters; the other side takes {most}.", n=len(value), most=field.longest)
    return None
