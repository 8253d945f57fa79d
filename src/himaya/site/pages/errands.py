"""What waits at evidence and the legal desk for this very person: each with the page on which they act."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from django.urls import reverse
from django.utils.translation import gettext

from himaya.accounts.words import apart, day, moment
from himaya.cases.quality.queries import veiled
from himaya.core import clock
from himaya.evidence import losing
from himaya.evidence import queries as evidence
from himaya.evidence.demands import queries as demands
from himaya.evidence.demands.lists import PREPARED
from himaya.evidence.demands.words import clock_row
from himaya.evidence.demands.words import url as url_of
from himaya.evidence.handing import RETURN
from himaya.evidence.words import access_title, case_word
from himaya.reporting import queries as reporting
from himaya.reporting.clocks import standing
from himaya.reporting.words import CLOCKS, state_word

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from typing import Any

    from himaya.accounts.models import Person
    from himaya.evidence.demands.models import Answer, Release
    from himaya.evidence.models import Access, Hold
    from himaya.evidence.standstill import Stop
    from himaya.reporting.models import Filing

SHOWN = 5
"""Of each kind; what is more is one link further."""
SOON = timedelta(days=3)
"""A clock that is over within that time is shown."""


@dataclass(frozen=True, slots=True)
class Errand:
    """Something that waits: what it is called, what is to be done, until when or how it stands, and its page."""

    name: str
    says: str
    state: str
    word: str
    url: str


def errands(person: Person) -> list[Errand]:
    """What this person can act on now; empty: nothing."""
    return [
        *_some(evidence.asked_of(person), _asked, "evidence:inbox"),
        *_some(evidence.usable_by(person), _granted, "evidence:inbox"),
        *_some(demands.waiting_for(person), _answer, "demands:index"),
        *_some(demands.waiting_releases(person), _release, "demands:index"),
        *_some(losing.waiting_losses(person), _loss, "evidence:stops"),
        *_some(_holds(person), _hold, "evidence:holds", "?late=1"),
        *_some(_reports(person), _report, "reporting:filings"),
    ]


def clocks(person: Person) -> list[dict[str, Any]]:
    """What is late, or soon will be, for those who work at the desk; ``demands/clocks.html`` shows it."""
    if not person.may("demands.work"):
        return []
    return [clock_row(one) for one in demands.due_next(before=clock.now() + SOON)[:SHOWN]]


def _some(found: Iterable[Any], told: Callable[[Any], Errand], page: str, chosen: str = "") -> Iterator[Errand]:
    for n, one in enumerate(found):
        if n == SHOWN:
            yield Errand(
                gettext("All of them"), gettext("there are more like these"), "wait", "…", reverse(page) + chosen
            )
            return
        yield told(one)


def _asked(one: Access) -> Errand:
    look = gettext("%(who)s read at once: look at it") % {"who": apart(one.asked_by)}
    says = look if one.urgent else access_title(one)
    state, word = ("danger", gettext("to be looked at")) if one.urgent else ("wait", gettext("waits for a decision"))
    return Errand(_number(one), says, state, word, reverse("evidence:access", args=[one.pk]))


def _granted(one: Access) -> Errand:
    until = gettext("until %(at)s") % {"at": moment(one.until)} if one.until else ""
    says = gettext("You may give it back now") if one.purpose == RETURN else gettext("You may read now")
    return Errand(_number(one), says, "ok", until, reverse("evidence:access", args=[one.pk]))


def _number(one: Access) -> str:
    return gettext("request %(n)s") % {"n": one.pk}


def _answer(one: Answer) -> Errand:
    if one.state == PREPARED:
        says, state = gettext("%(who)s prepared an answer: let it leave, or drop it"), "wait"
        word = gettext("waits for another lead")
    else:
        says, state, word = gettext("The answer of %(who)s may leave: hand it over"), "info", gettext("may leave")
    return Errand(one.demand.reference, says % {"who": apart(one.prepared_by)}, state, word, url_of(one.demand))


def _release(one: Release) -> Errand:
    says = gettext("%(who)s says that it is released: confirm it, or leave it") % {"who": apart(one.asked_by)}
    return Errand(one.demand.reference, says, "wait", gettext("waits for another lead"), url_of(one.demand))


def _loss(one: Stop) -> Errand:
    says = gettext("A lead says that its key is lost for good: confirm it, or find it")
    return Errand(one.about, says, "wait", gettext("waits for another lead"), reverse("evidence:stops"))


def _holds(person: Person) -> Iterable[Hold]:
    found = (
        demands.once_each_demand(evidence.overdue_holds()) if person.may("evidence.hold") else evidence.holds().none()
    )
    return found[: SHOWN + 1]


def _reports(person: Person) -> Iterable[Filing]:
    if not person.may("reports.write"):
        return []
    found = list(reporting.need_a_person()[: SHOWN + 1])
    hidden = veiled((one.case for one in found), person)
    return [one for one in found if one.case_id not in hidden]


def _report(one: Filing) -> Errand:
    """A report that waits for somebody, with its clock where one runs."""
    stands = standing(one.due, now=clock.now()) if one.state not in reporting.ENDED else ""
    lost = (gettext("The other side does not have it: ask them"), "danger")
    says, state = {
        "filed": lost if one.there is False else (gettext("Its verdict does not hold any more: tell them"), "danger"),
        "retracted": (gettext("It stays there unfinished: ask them to end it"), "wait"),
        "unknown": (gettext("Nobody knows whether it is there: find out"), "danger"),
        "refused": (gettext("It was not taken: put it right"), "danger"),
    }.get(one.state, (gettext("Complete it, and file it"), "wait"))
    word = gettext("until %(at)s") % {"at": moment(one.due)} if one.due and stands else state_word(one.state)
    if stands in ("late", "soon"):
        state, word = "danger", gettext(CLOCKS[stands][1])
    return Errand(one.reference, says, state, word, reverse("reporting:filing", args=[one.pk]))


def _hold(one: Hold) -> Errand:
    kept = one.exhibit.reference if one.exhibit else case_word(one.case)
    says = gettext("Ask %(whom)s whether it is still to be held") % {"whom": apart(one.authority)}
    word = gettext("review was due %(day)s") % {"day": day(one.review_on)}
    return Errand(kept, says, "wait", word, reverse("evidence:hold", args=[one.pk]))
