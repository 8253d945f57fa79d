"""What a list is made of, as plots: from its portions alone, so that however long it is no item is counted."""

from __future__ import annotations

from collections import Counter
from math import ceil
from typing import TYPE_CHECKING, Any

from django.db.models import Sum
from django.utils.http import urlencode
from django.utils.translation import gettext, ngettext

from himaya.accounts.words import number
from himaya.core import clock
from himaya.lists.admission import MOST
from himaya.lists.arrivals.revisions import month
from himaya.lists.models import DISPUTED, MATCHING, STATES, Organisation, Portion
from himaya.lists.words import class_label

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from himaya.lists.models import HashList

SHOWN = 8
"""Bars of a plot; what is beyond them is one more."""
AGES = (0, 3, 6, 12, 24, 60)
"""Months up to which each bar of the ages goes; the last has what is older."""


def plots(hash_list: HashList, *, state_words: Mapping[str, str]) -> list[dict[str, Any]]:
    """The plots of a list: by organisation, class, agreement, age and state; none where it is empty.

    Args:
        hash_list: the list.
        state_words: state (and ``negative``) → its word, not yet translated.

    Returns:
        Each with ``title`` (the finding), ``rows`` (``label``, ``value``, ``url``), ``what`` and ``count`` (names of
        the axes), and ``lying``: whether its bars lie, because their labels are long.
    """
    counted = counts(hash_list)
    if not counted["state"]:
        return []
    states = _states(counted["state"], state_words)
    if not counted["organisation"]:
        return [states]
    ages = _ages(counted["month"])
    return [
        _organisations(counted["organisation"]),
        _classes(counted["class"]),
        states,
        _agreement(counted["agreement"]),
        ages,
    ]


def organisation_title(name: str) -> str:
    """How an organisation is called; its bare name where it is not known."""
    return Organisation.objects.filter(name=name).values_list("title", flat=True).first() or name


def counts(hash_list: HashList) -> dict[str, Counter[Any]]:
    """Dimension → value → items; those that match, and of the states all."""
    rows = Portion.objects.filter(list=hash_list).order_by()
    found = {name: Counter[Any]() for name in ("organisation", "class", "agreement", "month", "state")}
    columns = ("organisation__name", "organisation__title", "scheme", "code", "agreement", "month", "state", "negative")
    kinds = rows.values_list(*columns).annotate(n=Sum("number")).filter(n__gt=0)
    for name, title, scheme, code, agreement, came, state, negative, n in kinds.iterator(chunk_size=2000):
        found["state"]["negative" if negative else state] += n
        if negative or state not in MATCHING:
            continue
        found["organisation"][name, title] += n
        found["class"][scheme, code] += n
        found["agreement"][agreement] += n
        found["month"][came] += n
    return found


def _lying(title: str, what: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"title": title, "what": what, "count": gettext("items"), "rows": rows, "lying": True}


def _first(counted: Counter[Any]) -> Iterable[tuple[Any, int]]:
    return counted.most_common(SHOWN if len(counted) > SHOWN + 1 else SHOWN + 1)


def _rest(counted: Counter[Any]) -> list[dict[str, Any]]:
    left = len(counted) - len(list(_first(counted)))
    if not left:
        return []
    n = counted.total() - sum(n for _, n in _first(counted))
    words = ngettext("%(n)s other", "%(n)s others", left) % {"n": number(left)}
    return [{"label": words, "value": n, "plain": True}]


def _organisations(counted: Counter[tuple[str, str]]) -> dict[str, Any]:
    rows: list[dict[str, Any]] = [
        {"label": title, "value": n, "url": f"?{urlencode({'organisation': name})}#items"}
        for (name, title), n in _first(counted)
    ]
    facts = {"label": rows[0]["label"], "n": number(rows[0]["value"]), "total": number(counted.total())}
    title = gettext("Who vouches for the items, first of all?")
    if len(rows) == 1:
        title = gettext("%(label)s vouches for all that matches, or did so first") % facts
    elif rows[0]["value"] * 2 > counted.total():
        title = gettext("%(label)s was the first to vouch for most of what matches: %(n)s of %(total)s") % facts
    return _lying(title, gettext("organisation"), rows + _rest(counted))


def _classes(counted: Counter[tuple[str, str]]) -> dict[str, Any]:
    rows: list[dict[str, Any]] = [
        {"label": class_label(*one), "value": n, "url": f"?{urlencode({'scheme': one[0], 'code': one[1]})}#items"}
        for one, n in _first(counted)
    ]
    facts = {"label": rows[0]["label"], "n": number(rows[0]["value"]), "total": number(counted.total())}
    title = gettext("How is what matches classed?")
    if rows[0]["value"] * 2 > counted.total():
        title = gettext("Most of what matches is %(label)s: %(n)s of %(total)s") % facts
    return _lying(title, gettext("class"), rows + _rest(counted))


def _states(counted: Counter[str], words: Mapping[str, str]) -> dict[str, Any]:
    order = (*STATES, "negative")
    rows = [
        {"label": gettext(words.get(state, state)), "value": counted[state], "url": f"?state={state}#items",
         "plain": state not in MATCHING}
        for state in sorted(counted, key=order.index)
    ]  # fmt: skip
    matching = sum(counted[state] for state in MATCHING)
    facts = {"n": number(counted[DISPUTED]), "total": number(matching)}
    title = gettext("Nothing that matches is in dispute")
    if not matching:
        title = gettext("Nothing on the list matches")
    elif counted[DISPUTED]:
        title = gettext("In dispute, of what matches: %(n)s of %(total)s") % facts
    return _lying(title, gettext("state"), rows)


def _agreement(counted: Counter[int]) -> dict[str, Any]:
    several = sum(n for agreement, n in counted.items() if agreement > 1)
    title = gettext("All that matches rests on the word of one organisation")
    if several:
        facts = {"n": number(several), "total": number(counted.total())}
        title = gettext("Two organisations or more vouch for %(n)s of %(total)s") % facts
    rows = [
        {"label": f"{n}+" if n == MOST else str(n), "value": counted[n], "url": f"?agreement={n}#items"}
        for n in range(min(min(counted), 1), max(*counted, 3) + 1)
    ]
    across = gettext("organisations that vouch for an item")
    return {"title": title, "what": across, "count": gettext("items"), "rows": rows, "lying": False, "ticks": 9}


def _ages(counted: Counter[int]) -> dict[str, Any]:
    now = month(clock.now())
    ages = Counter[int]()
    for came, n in counted.items():
        ages[max(now - came, 0)] += n
    bounds = list(zip((0, *(age + 1 for age in AGES)), (*AGES, None), strict=True))
    rows = [{"label": _between(low, high), "value": _within(ages, low, high)} for low, high in bounds]
    middle, seen = 0, 0
    for age in sorted(ages):
        middle, seen = age, seen + ages[age]
        if seen * 2 >= ages.total():
            break
    title = gettext("Half of what matches came this month")
    if set(ages) == {0}:
        title = gettext("All that matches came this month")
    elif middle:
        said = ngettext(
            "Half of what matches has been here for %(n)s month or less",
            "Half of what matches has been here for %(n)s months or less",
            middle,
        )
        title = said % {"n": number(middle)}
    across, every_other = gettext("months on the list"), ceil(len(rows) / 2)  # their names are long
    return {
        "title": title, "what": across, "count": gettext("items"), "rows": rows, "lying": False, "ticks": every_other
    }  # fmt: skip


def _between(low: int, high: int | None) -> str:
    if high is None:
        return f"{low}+"
    return str(low) if low == high else f"{low}–{high}"


def _within(ages: Counter[int], low: int, high: int | None) -> int:
    return sum(n for age, n in ages.items() if age >= low and (high is None or age <= high))
