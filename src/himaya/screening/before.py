"""What came before: content that was screened earlier, and is on a list only now.

Where the operator chose to keep fingerprints (:mod:`himaya.screening.kept`) and the lists gain items, one of them is
switched on or its radius grows, the worker compares the items that match since then with what is kept and opens cases,
with the occasion named by the change.

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
from himaya.cases.services import BEFORE
from himaya.core import clock, faults, frames, registry, search
from himaya.core.config import config
from himaya.core.overlap import Side
from himaya.lists import queries as lists
from himaya.screening import again, changes, services
from himaya.screening import kept as keeping
from himaya.screening.models import Kept, KeptValue, Lookback

SETTLED = 5.0
"""Seconds between a change of the lists and the comparison: longer than counts wait and views may lag."""
ITEMS, VALUES = 100_000, 20_000
"""New items in memory at once; kept values that are compared with them in one step."""
EXACT = 5_000
"""New exact items that are looked up in one step."""
NEW_VIDEOS, VIDEOS = 200, 50
"""As ``ITEMS`` and ``VALUES``, of videos: the frames of a long one take some hundred thousand bytes."""
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
        _begin(row, PHASES[0])
        row.save()
        return False
    if row.due and row.due > now and row.due - now <= timedelta(seconds=SETTLED):
        return False
    if not Kept.objects.exists() or not _advance(row):
        row.done = row.goal
    row.save()
    faults.point("screening.before_step")
    return True


def _advance(row: Lookback) -> bool:
    """Do something of the phase that it is in, or of a later one; False once all is done."""
    while not _STEPS[row.phase](row):
        if row.phase == PHASES[-1]:
            return False
        _begin(row, PHASES[PHASES.index(row.phase) + 1])
    return True


def _begin(row: Lookback, phase: str) -> None:
    row.phase, row.item, row.hand, row.kept = phase, 0, 0, 0


def _signals(phase: str) -> list[str]:
    """The signals whose items are compared in a phase."""
    kinds = registry.signals().items()
    if phase == "frames":
        return [name for name, kind in kinds if kind.composite]
    exact = phase == "exact"
    return [name for name, kind in kinds if not kind.composite and kind.exact == exact and (exact or kind.bits == 256)]


def _gained(row: Lookback, *, most: int) -> list[lists.Gained]:
    return lists.gained(row.done, row.goal, signals=_signals(row.phase), after=row.item, most=most)


def _in_hand(row: Lookback, *, most: int) -> list[lists.Gained]:
    """New items that all kept values are streamed past. None joins them on the way: it would have missed some."""
    found = _gained(row, most=most)
    if row.kept:
        return [one for one in found if one.id <= row.hand]
    row.hand = found[-1].id if found else row.item
    return found


def _exact_step(row: Lookback) -> bool:
    """Look new exact items up among what is kept; False once all of them are."""
    items = _gained(row, most=EXACT)
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
        row.item = one.id
        if len(found) >= OPENED:
            break
    _open(row, list(found))
    return True


def _near_step(row: Lookback) -> bool:
    """Compare some kept values with new perceptual items; False once all were."""
    items = _in_hand(row, most=ITEMS)
    if not items and not row.kept:
        return False
    by_signal: dict[str, list[lists.Gained]] = defaultdict(list)
    for one in items:
        by_signal[one.signal].append(one)
    values = KeptValue.objects.filter(pk__gt=row.kept, signal__in=list(by_signal)).order_by("pk")
    chunk = list(values.values_list("pk", "kept", "signal", "value")[:VALUES])
    if not chunk:
        row.item, row.kept = row.hand, 0
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


def _frames_step(row: Lookback) -> bool:
    """Compare some kept videos with new ones; False once all were. One near frame suffices here: of those that have it,
    :func:`_open` looks at all frames.
    """
    items = _in_hand(row, most=NEW_VIDEOS)
    if not items and not row.kept:
        return False
    videos = KeptValue.objects.filter(pk__gt=row.kept, signal__in=_signals(row.phase))
    values = videos.exclude(body=b"").order_by("pk")
    chunk = list(values.values_list("pk", "kept", "body")[:VIDEOS])
    if not chunk:
        row.item, row.kept = row.hand, 0
        return True
    new, radii = changes.frames_of({one.id: one.list_id for one in items}), _radii(items)
    index = search.build(*new)
    found: dict[int, None] = {}
    for pk, kept, body in chunk:
        row.kept = pk
        side = Side(frames.unpack(bytes(body)))
        if len(side) and any(index.query_many(side.hashes, radii, 1)):
            found[kept] = None
    _open(row, list(found))
    return True


PHASES = ("exact", "near", "frames")
_STEPS = {"exact": _exact_step, "near": _near_step, "frames": _frames_step}


def _near(new: Sequence[lists.Gained], values: Sequence[tuple[int, str]]) -> set[int]:
    """Which values lie near a new item."""
    if not values:
        return set()
    keys, groups = np.array([one.id for one in new], np.int64), np.array([one.list_id for one in new], np.uint16)
    index = search.build(keys, search.from_hex([one.value for one in new]), groups)
    answers = index.query_many(search.from_hex([value for _, value in values]), _radii(new), 1)
    return {pk for (pk, _), hits in zip(values, answers, strict=True) if hits}


def _radii(new: Sequence[lists.Gained]) -> search.Radii:
    by_list = np.full(max((one.list_id for one in new), default=0) + 1, 255, np.uint8)
    for one in new:
        by_list[one.list_id] = one.radius
    return by_list


def _open(row: Lookback, ids: list[int]) -> None:
    """Match what is kept as if it were screened now, and open cases for what is known."""
    if not ids:
        return
    kept = keeping.by_id(ids)
    new = [
        (answer, source, services.Shown(BEFORE, f"before:{row.goal}", "system", trace.at, trace.lists))
        for trace, (answer, source) in zip(kept, again.matched(kept), strict=True)
        if answer.matches and not already_seen(trace.subject, answer.place, {match.item.id for match in answer.matches})
    ]
    if new:
        answers, sources, shown = map(list, zip(*new, strict=True))
        services.settle_before(services.Looked(answers, sources), shown=shown)
