"""What came before: content that was screened earlier, and is on a list only now.

Where the operator chose to keep fingerprints (:mod:`himaya.screening.kept`) and the lists gain items, the worker
compares the new ones with what is kept and opens cases, with the occasion named by the change.

It goes step by step: cases and the place that was reached commit together, so that whatever is killed goes on there and
no case is opened twice; one worker is at it at a time. Before a change is looked at, :data:`SETTLED` seconds pass, by
which everything has been written that was screened without knowing of it (docs/decisions/0018).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from django.db import transaction

from himaya.cases.queries import already_seen
from himaya.core import clock, faults, registry, search
from himaya.core.config import config
from himaya.core.ports import Fingerprint
from himaya.lists import queries as lists
from himaya.screening import services
from himaya.screening.fingerprinting import Fingerprinted
from himaya.screening.models import Kept, KeptValue, Lookback

SETTLED = 5.0
"""Seconds between a change of the lists and the comparison: longer than counts wait and views may lag."""
ITEMS, VALUES = 100_000, 20_000
"""New items in memory at once; kept values that are compared with them in one step."""
EXACT = 5_000
"""New exact items that are looked up in one step."""
OPENED = 200
"""Contents for which cases are opened in one step."""
STEP = 500


# --- the comparison --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the comparison has come: all changes of the lists up to ``done`` of ``last`` were looked at."""

    done: int
    last: int


def standing() -> Standing:
    """How far it has come."""
    row, last = Lookback.objects.filter(pk=1).first(), lists.revision()
    return Standing(row.done if row else last, last)


def look() -> bool:
    """One step; True where there may be another. Called in every round of the worker."""
    if not config().keep_fingerprints_days:
        return False
    last = lists.revision()
    row = Lookback.objects.filter(pk=1).first()
    if row is None:  # what was on the lists when it was switched on was compared as it was screened
        Lookback.objects.bulk_create([Lookback(pk=1, done=last, goal=last)], ignore_conflicts=True)
        return False
    if row.done >= last and row.done == row.goal:
        return False
    with transaction.atomic():
        mine = Lookback.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=1).first()
        return mine is not None and _step(mine, last)


def _step(row: Lookback, last: int) -> bool:
    now = clock.now()
    if row.done == row.goal:
        row.goal, row.due = last, now + timedelta(seconds=SETTLED)
        row.exact = row.near = row.kept = 0
        row.save()
        return False
    if row.due and row.due > now and row.due - now <= timedelta(seconds=SETTLED):
        return False
    if not Kept.objects.exists() or not (_exact_step(row) or _near_step(row)):
        row.done = row.goal
    row.save()
    faults.point("screening.before_step")
    return True


def _gained(row: Lookback, *, exact: bool, after: int, most: int) -> list[lists.Gained]:
    """``exact``: of signals of which equal values match, composite ones among them: only their digest is kept."""
    kinds = registry.signals().items()
    names = [name for name, kind in kinds if (kind.exact or kind.composite) == exact and (exact or kind.bits == 256)]
    return lists.gained(row.done, row.goal, signals=names, after=after, most=most)


def _exact_step(row: Lookback) -> bool:
    """Look new exact items up among what is kept; False once all of them are."""
    items = _gained(row, exact=True, after=row.exact, most=EXACT)
    if not items:
        return False
    wanted: dict[str, list[str]] = defaultdict(list)
    for one in items:
        wanted[one.signal].append(one.value)
    there: dict[tuple[str, str], list[int]] = defaultdict(list)
    for signal, values in wanted.items():
        for start in range(0, len(values), STEP):
            rows = KeptValue.objects.filter(signal=signal, value__in=values[start : start + STEP])
            for value, kept in rows.values_list("value", "kept"):
                there[signal, value].append(kept)
    found: dict[int, None] = {}
    for one in items:
        found.update(dict.fromkeys(there.get((one.signal, one.value), ())))
        row.exact = one.id
        if len(found) >= OPENED:
            break
    _open(row, list(found))
    return True


def _near_step(row: Lookback) -> bool:
    """Compare some kept values with new perceptual items; False once all were."""
    items = _gained(row, exact=False, after=row.near, most=ITEMS)
    if not items:
        return False
    by_signal: dict[str, list[lists.Gained]] = defaultdict(list)
    for one in items:
        by_signal[one.signal].append(one)
    values = KeptValue.objects.filter(pk__gt=row.kept, signal__in=list(by_signal)).order_by("pk")
    chunk = list(values.values_list("pk", "kept", "signal", "value")[:VALUES])
    if not chunk:
        row.near, row.kept = items[-1].id, 0
        return True
    near: set[int] = set()
    for signal, new in by_signal.items():
        near |= _near(new, [(pk, value) for pk, _, of, value in chunk if of == signal])
    found: dict[int, None] = {}
    for pk, kept, *_ in chunk:
        row.kept = pk
        if pk in near:
            found[kept] = None
        if len(found) >= OPENED:
            break
    _open(row, list(found))
    return True


def _near(new: Sequence[lists.Gained], values: Sequence[tuple[int, str]]) -> set[int]:
    """Which values lie near a new item."""
    if not values:
        return set()
    radii = {one.list_id: one.radius for one in new}
    by_list = np.full(max(radii) + 1, 255, np.uint8)
    for list_id, radius in radii.items():
        by_list[list_id] = radius
    keys, groups = np.array([one.id for one in new], np.int64), np.array([one.list_id for one in new], np.uint16)
    index = search.build(keys, search.from_hex([one.value for one in new]), groups)
    answers = index.query_many(search.from_hex([value for _, value in values]), by_list, 1)
    return {pk for (pk, _), hits in zip(values, answers, strict=True) if hits}


def _open(row: Lookback, ids: list[int]) -> None:
    """Match what is kept as if it were screened now, and open cases for what is known."""
    if not ids:
        return
    kept = list(Kept.objects.filter(pk__in=ids).order_by("pk"))
    values: dict[int, list[KeptValue]] = defaultdict(list)
    for value in KeptValue.objects.filter(kept__in=ids).order_by("pk"):
        values[value.kept_id].append(value)
    read = [(one.place, _read(one, values[one.pk])) for one in kept]
    new = [
        (answer, source, one.at)
        for answer, source, one in zip(services.answer(read), read, kept, strict=True)
        if not already_seen(one.subject, answer.place, {match.item.id for match in answer.matches})
    ]
    if new:
        answers, sources, times = map(list, zip(*new, strict=True))
        services.settle_before(services.Looked(answers, sources), occasion=f"before:{row.goal}", times=times)


def _read(one: Kept, values: Sequence[KeptValue]) -> Fingerprinted | services.Value:
    signal, _, subject = one.subject.partition(":")
    if one.size is None:
        return services.Value(signal, subject, one.place)
    prints = tuple(Fingerprint(v.signal, v.value, v.quality, v.variant) for v in values)
    return Fingerprinted(one.size, subject, one.media_type, prints)
