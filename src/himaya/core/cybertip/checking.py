"""What is missing or wrong in a draft: by the table, and by what the documentation says beside it.

Nothing that the schema refuses passes: what is found here blocks where the other side would refuse the report, and is
advice where it would merely be worth less.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from himaya.core import clock
from himaya.core.cybertip import between
from himaya.core.cybertip.labels import SUGGESTED, why_of
from himaya.core.cybertip.rules import wrong
from himaya.core.cybertip.table import Addition, Element, each, file_details, is_absent, report
from himaya.core.filing import Draft, DraftFile, Gap
from himaya.core.words import N_, Said


def gaps(draft: Draft, *, additions: tuple[Addition, ...] = (), in_agreement: bool = False) -> tuple[Gap, ...]:
    """Everything that is missing or wrong, the blocking first.

    Args:
        draft: the report and its files.
        additions: elements beside those of the table.
        in_agreement: whether this firm has signed the agreement on the industry's hash sharing.
    """
    now = clock.now()
    found = [*_within(report(additions), draft.values, "report", now), *between.of_report(draft)]
    batched = not is_absent(draft.values.get("batchedReport"))
    for file in draft.files:
        found += _of_file(file, additions, now, batched=batched, in_agreement=in_agreement)
    if batched:  # what may not be there is not missed
        found = [gap for gap in found if gap.blocks]
    once = dict.fromkeys(found)
    return tuple(sorted(once, key=lambda gap: not gap.blocks))


def _of_file(
    file: DraftFile, additions: tuple[Addition, ...], now: datetime, *, batched: bool, in_agreement: bool
) -> Iterator[Gap]:
    path = f"file:{file.key}"
    if not file.sent:
        why = N_("The file is not sent: NCMEC learns of it only what the report says in words.")
        yield Gap(path, why, blocks=False)
        return
    yield from _within(file_details(additions), file.values, path, now)
    yield from between.of_file(file, path, batched=batched)
    if not in_agreement and not is_absent(file.values.get("industryClassification")):
        why = N_("Only firms that have signed the agreement on the industry's hash sharing state a class.")
        yield Gap(f"{path}/industryClassification", why, blocks=False)


def _within(element: Element, value: Any, path: str, now: datetime) -> Iterator[Gap]:
    """What is wrong with one group, and with all that lies in it."""
    if not isinstance(value, Mapping):
        yield Gap(path, N_("it is a group of fields"), blocks=True)
        return
    for name, one in value.items():
        if element.child(name) is None and not is_absent(one):
            yield Gap(f"{path}/{name}", N_("there is no such field here"), blocks=True)
    there = [child for child in element.children if list(each(child, value.get(child.name)))]
    if element.choice and len(there) != 1:
        yield Gap(path, N_("exactly one of its kinds is filled"), blocks=True)
    for child in element.children:
        yield from _child(child, value.get(child.name), f"{path}/{child.name}", now)


def _child(child: Element, value: Any, path: str, now: datetime) -> Iterator[Gap]:
    found = list(each(child, value))
    if not found and child.required:
        if child.plain:
            yield Gap(path, Said("It is needed. {why}", why=why_of(child)), blocks=True)
        else:
            yield from _within(child, {}, f"{path}/0" if child.many else path, now)
    elif not found and f"{child.parent}/{child.name}" in SUGGESTED:
        yield Gap(path, Said("It is empty. {why}", why=why_of(child)), blocks=False)
    if found and child.many and not isinstance(value, list | tuple):
        yield Gap(path, N_("it is a list"), blocks=True)
        return
    for place, one in found:
        if not child.plain:
            yield from _within(child, one, path + place, now)
        elif why := wrong(child, one, now):
            yield Gap(path + place, why, blocks=True)
