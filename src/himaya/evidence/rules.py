"""By which law things are kept, and until when.

Several rules may bind one exhibit. What the law says must be kept is kept as long as the longest of them says; where
none says how long at the least, it ends when the first of them says that it must. A duty to keep outranks one to end:
where the two collide, the binding says so and a person looks at it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Final

from himaya.core import clock
from himaya.core.periods import BadPeriod, Period, add_period
from himaya.core.words import N_
from himaya.evidence.models import Binding, Rule
from himaya.evidence.states import REVIEW

if TYPE_CHECKING:
    from collections.abc import Mapping

OCCASIONS: Final[Mapping[str, str]] = {
    "match": N_("it matched a list when it was screened"),
    "verdict": N_("a person confirmed it"),
    "report": N_("it was reported to an authority"),
    "demand": N_("an authority asked to preserve it"),
    "tip": N_("somebody brought it to us"),
    "received": N_("another body sent it to us"),
}
"""For what something is kept."""
EVENTS: Final[Mapping[str, str]] = {
    "acquired": N_("when it was sealed here"),
    "decided": N_("when the verdict was given"),
    "reported": N_("when the report was filed"),
    "demanded": N_("when the authority asked"),
}
"""From when time runs."""
NOTICE: Final = timedelta(days=1)
"""How long something is kept at the least after a person let it go, by lifting a hold or by a verdict: until then
others may object, and nothing was lost."""


def period(text: str) -> Period:
    """A period as a rule has it: ``90 days``, ``1 year``.

    Raises:
        BadPeriod: it is none.
    """
    amount, _, unit = text.partition(" ")
    if not amount.isascii() or not amount.isdigit() or len(amount) > 6:
        raise BadPeriod(given=repr(text[:30]), why=N_("it is written as 90 days, or 1 year"))
    return Period(int(amount), unit if unit.endswith("s") else f"{unit}s")


def in_force() -> list[Rule]:
    """The rules that nobody has ended or replaced, by name; those whose days are over or to come are among them."""
    return list(Rule.objects.filter(ended_at=None).order_by("name"))


def that_keep(occasion: str, *, on: date | None = None, among: Collection[Rule] | None = None) -> list[Rule]:
    """The rules by which something is kept on an occasion; none: it may not be. ``among``: of :func:`in_force`."""
    day = on or clock.now().date()
    every = in_force() if among is None else among
    return [one for one in every if occasion in one.occasions and standing(one, on=day) == "holds"]


def standing(rule: Rule, *, on: date | None = None) -> str:
    """Whether something new is kept by a rule on a day: ``holds``, ``ended``, ``not yet`` or ``over``, by its dates."""
    day = on or clock.now().date()
    if rule.ended_at:
        return "ended"
    if rule.valid_from > day:
        return "not yet"
    return "over" if rule.valid_to and rule.valid_to < day else "holds"


def spans(rule: Rule, since: datetime, *, renewed: int = 0) -> tuple[datetime | None, datetime | None]:
    """Until when a rule wants something kept at the least, and at the most; None: it does not say."""
    ends = []
    for text in (rule.minimum, rule.maximum):
        end = add_period(since, period(text)) if text else None
        for _ in range(renewed if end else 0):
            assert end is not None
            end = add_period(end, period(rule.renewal))
        ends.append(end)
    return ends[0], ends[1]


@dataclass(frozen=True, slots=True)
class Bound:
    """Until when an exhibit is kept, by which of its bindings; ``late``: another one says that it must end before."""

    until: datetime
    by: Binding
    late: Binding | None
    review: bool


def bound(bindings: Iterable[Binding]) -> Bound:
    """Which of an exhibit's bindings counts. There is one at least; where all were released, it ends :data:`NOTICE`
    after the last of them was, and no later than it would have by them.
    """
    rows = list(bindings)
    every = [one for one in rows if one.released_at is None]
    if every:
        return _bound(every)
    ends = [(one.released_at, one.pk or 0, one) for one in rows if one.released_at]
    last = max(ends, key=lambda each: each[:2])
    until = min(last[0] + NOTICE, _bound(rows).until)
    return Bound(until, last[2], None, review=any(one.rule.after == REVIEW for one in rows))


def _bound(every: Sequence[Binding]) -> Bound:
    least = [(one.at_least, one.pk or 0, one) for one in every if one.at_least]
    most = [(one.at_most, -(one.pk or 0), one) for one in every if one.at_most]
    chosen = max(least, key=lambda each: each[:2]) if least else min(most, key=lambda each: each[:2])
    first = min(most, key=lambda each: each[:2]) if most else None
    late = first[2] if first and first[0] < chosen[0] else None
    return Bound(chosen[0], chosen[2], late, review=late is not None or chosen[2].rule.after == REVIEW)


def bindings_of(rules: Sequence[Rule], since: datetime, *, ground: str, event: str = "acquired") -> Iterator[Binding]:
    """What binds an exhibit from now on, for an occasion (``ground``), with the event that has come. Where a rule waits
    for another one, its time runs from now until that comes.
    """
    for rule in rules:
        at_least, at_most = spans(rule, since)
        begun = rule.begins == event
        yield Binding(rule=rule, since=since, at_least=at_least, at_most=at_most, begun=begun, grounds=[ground])
