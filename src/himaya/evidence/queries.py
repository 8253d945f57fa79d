"""Reading about evidence: what is kept, by which rule, until when."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery

from himaya.core import clock
from himaya.core.config import config
from himaya.core.vault.verifier import BOTH_SIGN
from himaya.evidence import naming, rules
from himaya.evidence.awaiting import waiting
from himaya.evidence.demands import numbers as demands
from himaya.evidence.ending import held
from himaya.evidence.granting import UnknownAccess
from himaya.evidence.holding import UnknownHold
from himaya.evidence.labelling import labelled
from himaya.evidence.lost import among_lost
from himaya.evidence.models import Access, AccessTo, Binding, Blob, Exhibit, Hold, Look, Rule, SigningKey, Step, Stray
from himaya.evidence.ruling import UnknownRule
from himaya.evidence.services import UnknownExhibit
from himaya.evidence.states import ASKED, DESTROYED, ENDING, GONE, GRANTED, KEPT, ROTTEN, STANDARD, WHOLE
from himaya.ledger.queries import entries

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime
    from uuid import UUID

    from himaya.accounts.models import Person
    from himaya.ledger.models import Entry


MOST_ROTTEN = 10_000
"""Rotten files whose exhibits are listed: of more than that, whole stores have gone."""

SOME = 1000
"""Rows that are held in memory together."""


def exhibits(*, case: str = "", state: str = "", since: int = 0) -> QuerySet[Exhibit]:
    """Exhibits in the order in which they came, behind the number ``since``."""
    found = Exhibit.objects.filter(pk__gt=since).annotate(is_held=held()).order_by("pk")
    found = found.filter(case=case) if case else found
    return found.filter(state=state) if state else found


def find(*, case: str = "", state: str = "", ends_before: datetime | None = None, label: str = "") -> QuerySet[Exhibit]:
    """Exhibits for a person: ``state`` is also ``held``, ``rotten`` or ``lost``; ``ends_before``: of those that stand.

    ``label``: of which another body says so, as a value or ``kind:value``.
    """
    chosen = labelled(Exhibit.objects.all(), label) if label else Exhibit.objects.all()
    found = chosen.select_related("blob").annotate(is_held=held())
    found = found.filter(case=case) if case else found
    if state == "held":
        found = found.filter(pk__in=_held_numbers()).exclude(state=DESTROYED)
    elif state == "rotten":
        found = found.filter(blob__in=list(rotten().order_by("read_at").values_list("pk", flat=True)[:MOST_ROTTEN]))
    elif state == "lost":
        found = found.filter(among_lost()).exclude(state=DESTROYED)
    elif state:
        found = found.filter(state=state)
    return found.filter(until__lt=ends_before).exclude(state=DESTROYED) if ends_before else found


def _held_numbers() -> QuerySet[Exhibit, int]:
    """Of all exhibits those that a hold keeps, found from the holds: they are few."""
    standing = Hold.objects.filter(lifted_at=None)
    of_cases = Exhibit.objects.filter(case__in=standing.exclude(case="").values("case")).values_list("pk", flat=True)
    one_by_one = standing.filter(exhibit__isnull=False).values_list("exhibit", flat=True)
    return of_cases.union(one_by_one)


def exhibit(number: int) -> Exhibit:
    """One of them.

    Raises:
        UnknownExhibit: there is none of this number.
    """
    chosen = Exhibit.objects.select_related("blob", "epoch").annotate(is_held=held())
    found = chosen.filter(pk=number).first() if number < 2**63 else None
    if found is None:
        raise UnknownExhibit(exhibit=number)
    return found


def by_reference(text: str) -> Exhibit:
    """The exhibit that people call ``E-2026-000042``, or by its number.

    Raises:
        UnknownExhibit: there is none.
        OtherYear: the one of this number is of another year.
    """
    found = re.fullmatch(r"(?:exhibit:|E-([0-9]{4})-)?([0-9]{1,18})", text.strip(), re.IGNORECASE)
    if found is None:
        raise UnknownExhibit(exhibit=repr(text[:40]))
    one = exhibit(int(found[2]))
    if found[1]:
        naming.check_year(found[1], one.reference)
    return one


def by_numbers(numbers: Iterable[int]) -> dict[int, Exhibit]:
    """Some exhibits, by their numbers."""
    return Exhibit.objects.in_bulk(list(numbers))


def about_of(text: str) -> str:
    """``exhibit:42`` or ``case:12`` for what somebody wrote.

    Raises:
        NothingToHold: it is neither.
        OtherYear: the one of this number is of another year.
        UnknownExhibit: a reference is of none that is here.
    """
    given = text.strip()
    if found := naming.EXHIBIT.fullmatch(given):
        return by_reference(given).about if found[1] else f"exhibit:{int(found[2])}"
    if naming.CASE.fullmatch(given):
        return naming.case_of(given)
    raise naming.NothingToHold(given=repr(given[:40]))


def ends_next(*, before: datetime) -> QuerySet[Exhibit]:
    """What is kept and ends before a time, or would but for a hold or a person's look, the first one first."""
    found = Exhibit.objects.exclude(state=DESTROYED).filter(until__lt=before)
    return found.annotate(is_held=held()).order_by("until", "pk")


def holds(*, lifted: bool = False) -> QuerySet[Hold]:
    """Holds that stand, those that are to be reviewed first first; with ``lifted`` all."""
    found = Hold.objects.select_related("exhibit").order_by("review_on", "pk")
    return found if lifted else found.filter(lifted_at=None)


def holds_on(one: Exhibit) -> QuerySet[Hold]:
    """The holds that keep an exhibit."""
    return holds().filter(keeps(one))


def holds_of(one: Exhibit) -> list[Hold]:
    """Every hold that keeps an exhibit or kept it, in the order in which they were placed."""
    return list(Hold.objects.filter(keeps(one)).order_by("placed_at", "pk"))


def last_holds(one: Exhibit, *, most: int) -> tuple[list[Hold], int]:
    """The holds that keep an exhibit, and then those that kept it, the last ones, in the order in which they were
    placed; and how many there are where these are not all, else 0.
    """
    found = Hold.objects.filter(keeps(one))
    some = list(found.order_by(F("lifted_at").desc(nulls_first=True), "-pk")[: most + 1])
    shown = sorted(some[:most], key=lambda hold: (hold.placed_at, hold.pk))
    return shown, found.count() if len(some) > most else 0


def keeps(one: Exhibit) -> Q:
    """Of a query of holds: those on an exhibit or on its case."""
    return Q(exhibit=one) | (Q(case=one.case) & ~Q(case=""))


def hold(number: int) -> Hold:
    """One hold, lifted or not.

    Raises:
        UnknownHold: there is none of this number.
    """
    found = Hold.objects.select_related("exhibit").filter(pk=number).first()
    if found is None:
        raise UnknownHold(number=number)
    return found


def overdue_holds() -> QuerySet[Hold]:
    """Holds that stand although the day has passed on which somebody was to ask whether they are still wanted."""
    return holds().filter(review_on__lt=clock.now().date())


def steps(one: Exhibit) -> list[Step]:
    """The chain of custody, from its acquisition on."""
    return list(Step.objects.filter(exhibit=one).order_by("number"))


def told(step: Step) -> tuple[str, dict[str, Any]]:
    """Who did a step, and what it tells; nothing where the line cannot be read (:func:`custody.check` says why).

    Of a step that another node has written, its actor is a number there: whose node it is stands beside it.
    """
    try:
        line = json.loads(bytes(step.line))
        fields = line["step"]
        facts = dict(fields["facts"])
        giver = facts["from"] if fields["act"] in BOTH_SIGN else line["signatures"][0]["key"]
        return f"{fields['by']}{_elsewhere(str(giver))}", facts
    except (ValueError, KeyError, TypeError, IndexError):
        return "", {}


def _elsewhere(key: str) -> str:
    """Whose key it is, in brackets; empty where it is ours."""
    found = SigningKey.objects.filter(name=key).values_list("owner", "sealed").first()
    return "" if found and found[1] else f" ({found[0] if found else key})"


def holder_of(key: str) -> str:
    """Whose a custody key is: ours, or whose somebody said; of one that nobody told of, its name."""
    return holders_of([key])[key]


def holders_of(keys: Iterable[str]) -> dict[str, str]:
    """The same of several: name of a key → whose it is."""
    found = {key: key for key in keys}
    rows = SigningKey.objects.filter(name__in=found).values_list("name", "owner", "sealed")
    ours = config().organisation or config().node_name
    return found | {name: ours if sealed else owner or name for name, owner, sealed in rows}


def to_review() -> QuerySet[Exhibit]:
    """What waits for somebody to look at it before it may end, the first one first."""
    found = Exhibit.objects.select_related("blob").exclude(state=DESTROYED).filter(review=True)
    return (
        found.exclude(pk__in=_held_numbers())
        .filter(until__lte=clock.now())
        .annotate(is_held=held())
        .order_by("until", "pk")
    )


def accesses(state: str = "") -> QuerySet[Access]:
    """Requests for access, the oldest first, of a state or all; ``n`` counts the exhibits that each names."""
    found = Access.objects.select_related("asked_by", "decided_by", "reviewed_by")
    found = found.filter(state=state) if state else found
    counted = AccessTo.objects.filter(access=OuterRef("pk")).order_by().values("access").annotate(n=Count("pk"))
    return found.annotate(n=Subquery(counted.values("n"))).order_by("pk")


def access(number: int) -> Access:
    """One of them.

    Raises:
        UnknownAccess: there is none of this number.
    """
    found = accesses().filter(pk=number).first()
    if found is None:
        raise UnknownAccess(number=number)
    return found


def accesses_to(one: Exhibit) -> QuerySet[Access]:
    """Requests that name an exhibit, the newest first."""
    return accesses().filter(pk__in=AccessTo.objects.filter(exhibit=one).values("access")).order_by("-pk")


def last_recipient(person: Person) -> str:
    """The key to which this person let something be encrypted last; empty: never."""
    last = Access.objects.filter(asked_by=person).order_by("-pk").values_list("recipient", flat=True).first()
    return last or ""


def waiting_accesses() -> int:
    """How many requests and urgent readings wait for somebody."""
    return waiting().count()


def asked_of(person: Person) -> QuerySet[Access]:
    """The requests that this person can decide on, and urgent readings that they can look at: never their own."""
    return waiting().exclude(asked_by=person) if person.may("evidence.grant") else Access.objects.none()


def usable_by(person: Person) -> QuerySet[Access]:
    """The grants by which this person can read something now, that which ends first first."""
    runs = Access.objects.filter(asked_by=person, state=GRANTED, until__gt=clock.now(), reads_left__gt=0)
    return runs.order_by("until", "pk") if person.may("evidence.ask") else runs.none()


def can_be_ended(access: Access) -> bool:
    """Whether something can still be read by it, or looked at once more: else there is nothing to end."""
    if access.state != GRANTED or access.until is None:
        return access.state == ASKED
    begun = Look.objects.filter(access=access, cleared_at=None).exists()
    return access.until > clock.now() and (access.reads_left > 0 or begun)


def strays() -> QuerySet[Stray]:
    """Files in the store that nothing knows for more than a day; whoever was writing one has come by then."""
    return Stray.objects.filter(seen_at__lt=clock.now() - timedelta(days=1))


def unkept() -> QuerySet[Entry]:
    """Hits of the last thirty days that could not be sealed and kept, as the ledger has them."""
    return entries(act="evidence.not-kept").filter(at__gt=clock.now() - timedelta(days=30))


def rotten() -> QuerySet[Blob]:
    """Sealed files that are not what they must be, and that no second store has repaired."""
    return Blob.objects.filter(state=ROTTEN).order_by("pk")


def bindings(one: Exhibit) -> tuple[list[Binding], rules.Bound]:
    """The rules that bind an exhibit, and which of them counts."""
    found = list(Binding.objects.filter(exhibit=one).select_related("rule").order_by("pk"))
    return found, rules.bound(found)


def rules_that_hold() -> QuerySet[Rule]:
    """Rules by which something new may be kept, by name."""
    return Rule.objects.filter(ended_at=None).order_by("name")


def versions(name: str) -> list[Rule]:
    """A rule in all its versions, the newest first.

    Raises:
        UnknownRule: there was never one of this name.
    """
    found = list(Rule.objects.filter(name=name).order_by("-version"))
    if not found:
        raise UnknownRule(name=name[:60])
    return found


def bound_by(rule: Rule) -> int:
    """How many exhibits that stand are bound by a version of a rule."""
    return Binding.objects.filter(rule=rule).exclude(exhibit__state=DESTROYED).count()


def latest_rules() -> list[Rule]:
    """Every rule in its newest version, those that hold first, by name."""
    newest = Rule.objects.order_by("name", "-version")
    found = list({one.name: one for one in reversed(list(newest))}.values())
    return sorted(found, key=lambda one: (one.ended_at is not None, one.name))


@dataclass(frozen=True, slots=True)
class Standing:
    """How things stand: counts of exhibits, bytes of sealed files, what is rotten, what waits for a person."""

    states: Mapping[str, int]
    held: int
    to_review: int
    rotten: int


def standing() -> Standing:
    """How things stand now."""
    states = dict(Exhibit.objects.values_list("state").annotate(n=Count("pk")).values_list("state", "n"))
    kept = Exhibit.objects.exclude(state=DESTROYED)
    over = to_review().order_by().count()
    on_hold = kept.filter(pk__in=_held_numbers()).count()
    return Standing(states, on_hold, over, Blob.objects.filter(state=ROTTEN).count())


def unread_since(before: datetime) -> QuerySet[Blob]:
    """Sealed files that nobody has read since then."""
    return Blob.objects.filter(state__in=(WHOLE, ROTTEN), read_at__lt=before)


def sealed_files() -> Iterator[tuple[UUID, str]]:
    """Number, and SHA-256 as it was stored, of all sealed files that something needs, in order; constant memory.

    Nothing stays open between two of them: who reads may take hours, and others write meanwhile.
    """
    kept = Blob.objects.filter(state__in=(WHOLE, ROTTEN)).order_by("pk").values_list("pk", "stored_sha256")
    some = list(kept[:SOME])
    while some:
        yield from some
        some = list(kept.filter(pk__gt=some[-1][0])[:SOME])


def sealed_digest(name: UUID) -> str:
    """The SHA-256 of a sealed file as it was stored; empty: none is known, or it is gone."""
    known = Blob.objects.filter(pk=name).exclude(state=GONE).values_list("stored_sha256", flat=True)
    return known.first() or ""


def standard_in_any_order() -> Iterator[Exhibit]:
    """Exhibits of the standard class that are kept, one after another, as chance has it; with blob and epoch."""
    kept = Exhibit.objects.filter(state__in=(KEPT, ENDING), kept_class=STANDARD)
    for number in kept.order_by("?").values_list("pk", flat=True).iterator(chunk_size=500):
        yield Exhibit.objects.select_related("blob", "epoch").get(pk=number)


def tally() -> dict[str, int]:
    """Numbers for the statistics page."""
    now = standing()
    return {
        "evidence.kept": sum(n for state, n in now.states.items() if state != DESTROYED),
        "evidence.destroyed": now.states.get(DESTROYED, 0),
        "evidence.held": now.held,
        "evidence.urgent": Access.objects.filter(urgent=True).count(),
        **demands.tally(),
    }
