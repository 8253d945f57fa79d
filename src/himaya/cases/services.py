"""Writing cases: open, claim, decide, reopen, comment."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import rules
from django.db import connection, transaction
from django.db.models import Q

from himaya.cases.care.keeping import note_decided
from himaya.cases.classing import NOTHING_STATED, BadVerdict, find_class, judged
from himaya.cases.danger import MANY
from himaya.cases.identity import Register, names
from himaya.cases.models import Case, Comment, Match, Sighting, Verdict
from himaya.cases.quality.choosing import chance, choose_second, end_second
from himaya.cases.searching import keep_words
from himaya.cases.seen import Seen as Seen
from himaya.cases.seen import SeenMatch as SeenMatch
from himaya.cases.states import CASE
from himaya.cases.weighing import COLUMNS, save_weight, weigh
from himaya.core import clock, faults, registry
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said, printable
from himaya.ledger.services import record

if TYPE_CHECKING:
    from himaya.accounts.models import Person
    from himaya.core.ports import Facets


LONGEST = 2000
"""Characters of a reason or a comment."""
NO_REASON = N_("a reason is required")
ACTS = {
    "cases.claim": N_("claim a case"),
    "cases.decide": N_("decide a case"),
    "cases.reopen": N_("reopen a case"),
    "cases.comment": N_("comment on a case"),
    "cases.flag": N_("say how urgent a case is"),
    "lists.excuse": N_("say what a list is to take for benign"),
}
"""Permission → what it allows, in words."""


class UnknownCase(HimayaError):
    """There is no case {case}."""

    status = 404


class ClaimedByOther(HimayaError):
    """{holder} is working on this case until {until}."""

    remedy = "Take the next one, or ask them to release it."
    status = 409


class NotYours(HimayaError):
    """Claim the case first: only who holds it can have it {act}."""

    status = 409


class NotAllowed(HimayaError):
    """Your role does not allow this: {act}."""

    status = 403


class BadComment(HimayaError):
    """The comment cannot be taken: {why}."""

    status = 422


def open_case(seen: Seen, *, by: str) -> Case:
    """As :func:`open_cases`, for one."""
    return open_cases([seen], by=by)[0]


@transaction.atomic(savepoint=False)
def open_cases(seen: Sequence[Seen], *, by: str) -> list[Case]:
    """Open a case for each thing seen, or let the case of the same content have one more sighting; where the caller has
    a transaction, with all of it.

    The same sighting told twice (same occasion, same place) is one: a scan that goes on after a crash, or a request
    that is repeated, changes nothing. So is one that opened the case already and is told as met before (same moment,
    same place). A file and a hash of it, in whatever order, are one case (:mod:`.identity`).
    """
    register = Register(name for one in seen for name in names(one.subject, one.fingerprints))
    met = [_meet(one, register, by) for one in seen]
    keep_words((case, one.place) for one, (case, new, _) in zip(seen, met, strict=True) if new)
    for one, (_, _, acts) in zip(seen, met, strict=True):
        for case, act, facts in acts:
            record(act, by=by, about=case.about, origin=one.origin, **facts)
    faults.point("cases.opened")
    return [case for case, *_ in met]


BEFORE = "before"
"""The origin of what was screened earlier, and is known only now."""
Act = tuple[Case, str, dict[str, Any]]
"""About what, what happened, and the facts: to be put on record."""


def _meet(seen: Seen, register: Register, by: str) -> tuple[Case, bool, list[Act]]:
    """The case, whether it was met anew, and the acts to put on record; none where nothing is new."""
    wanted = names(seen.subject, seen.fingerprints)
    found = register.cases(wanted, seen.fingerprints)
    case = found[0] if found else _new(seen)
    others = found[1:]
    register.give(wanted, case, instead_of=others)
    acts = [act for other in others for act in _linked(case, other)]
    sighting = _sighted(case, seen, by)
    new_matches = _add_matches(case, seen.matches)
    if sighting is not None:
        _complete(case, seen, matched=bool(new_matches))
    elif new_matches:
        save_weight(case)
    if not found:
        best = min(seen.matches, key=lambda m: (m.distance, not registry.is_exact(m.signal)))
        facts = {"list": best.list_name, "signal": best.signal, "distance": best.distance}
        acts.append((case, "case.opened", facts))
    elif sighting is not None:
        acts.append((case, "case.seen", {"sighting": sighting, "matches": new_matches}))
    elif new_matches:
        acts.append((case, "case.matched", {"matches": new_matches}))
    return case, sighting is not None, acts


_SIGHTED = """
INSERT INTO cases_sighting (case_id, at, origin, occasion, place, place_digest, "by")
VALUES (%s, %s, %s, %s, %s, %s, %s)
ON CONFLICT DO NOTHING RETURNING id"""


def _sighted(case: Case, seen: Seen, by: str) -> int | None:
    """The number of the sighting; None where it was told before. One statement, for there is one with each hit."""
    met, place = seen.at or clock.now(), printable(seen.place)[:4000]
    if seen.origin == BEFORE and Sighting.objects.filter(case=case, at=met, place=place).exists():
        return None
    at = connection.ops.adapt_datetimefield_value(met)
    digest = hashlib.sha256(seen.place.encode("utf-8", "surrogatepass")).hexdigest()
    with connection.cursor() as cursor:
        values = [case.pk, at, seen.origin, seen.occasion[:80], place, digest, seen.by or by]
        cursor.execute(_SIGHTED, values)
        row = cursor.fetchone()
    return row[0] if row else None


def _new(seen: Seen) -> Case:
    now = clock.now()
    nearest = min(m.distance for m in seen.matches)
    return Case.objects.create(subject=seen.subject, opened_at=now, seen_at=seen.at or now, distance=nearest)


def _linked(case: Case, other: Case) -> Iterator[Act]:
    """Two cases turned out to be about one content; whoever looks at one is to know of the other."""
    yield case, "case.linked", {"case": other.reference}
    yield other, "case.linked", {"case": case.reference}


def _complete(case: Case, seen: Seen, *, matched: bool) -> None:
    """One sighting more, and what it tells about the content: a case that a hash opened learns from the file."""
    have = {signal for signal, *_ in case.fingerprints}
    case.fingerprints = [*case.fingerprints, *(list(f) for f in seen.fingerprints if f[0] not in have)]
    case.media_type, case.size = case.media_type or seen.media_type, case.size if seen.size is None else seen.size
    case.seen_at = max(case.seen_at, seen.at or clock.now())
    case.distance = min(case.distance, *(m.distance for m in seen.matches))
    case.sightings += 1  # its row is locked
    fields = ["fingerprints", "media_type", "size", "seen_at", "distance", "sightings"]
    if matched or case.sightings >= MANY:  # nothing else of a sighting changes its place
        weigh(case)
        fields += COLUMNS
    case.save(update_fields=fields)


def _add_matches(case: Case, matches: Sequence[SeenMatch]) -> int:
    now = clock.now()
    have = set(Match.objects.filter(case=case).values_list("item", flat=True))
    new = [
        Match(
            case=case, item=m.item, list_name=m.list_name, signal=m.signal, value=m.value, distance=m.distance,
            radius=m.radius, overlap=m.overlap and asdict(m.overlap), state=m.state,
            scheme=m.scheme, code=m.code, source=m.source, added_by=m.added_by,
            added_at=m.added_at, matched_at=now, variant=m.variant,
        )
        for m in matches
        if m.item not in have
    ]  # fmt: skip
    Match.objects.bulk_create(new)
    return len(new)


@transaction.atomic
def claim(case_id: int, *, person: Person) -> Case:
    """Take an open case for ``claim_minutes``; whoever holds it already has the time renewed.

    Raises:
        UnknownCase, NotAllowed, WrongMove: no such case; the role may not; the case is not open.
        ClaimedByOther: somebody else holds it.
    """
    check_may("cases.claim", person=person)
    now = clock.now()
    until = now + timedelta(minutes=config().claim_minutes)
    free = Q(claimed_by=None) | Q(claimed_until__lte=now) | Q(claimed_by=person)
    taken = Case.objects.filter(free, pk=case_id, state=CASE.initial).update(claimed_by=person, claimed_until=until)
    case = lock_case(case_id)
    if not taken:
        CASE.after("decided", case.state)  # says that it is not open, where that is why
        raise ClaimedByOther(holder=case.claimed_by, until=Said("{time} UTC", time=f"{case.claimed_until:%H:%M}"))
    record("case.claimed", by=person.actor, about=case.about)
    return case


@transaction.atomic
def release(case_id: int, *, person: Person) -> Case:
    """Give a claimed case back.

    Raises:
        UnknownCase, NotYours: no such case; it is not claimed by this person.
    """
    case = lock_held(case_id, person=person, act=N_("released"))
    case.claimed_by = case.claimed_until = None
    case.save(update_fields=["claimed_by", "claimed_until"])
    record("case.released", by=person.actor, about=case.about)
    return case


@transaction.atomic
def decide(
    case_id: int, *, person: Person, scheme: str, code: str, reason: str, stated: Facets = NOTHING_STATED
) -> Case:
    """Give a verdict. What follows from it (report, notice) is decided by the rules in ``flow``.

    Args:
        case_id: an open case that ``person`` has claimed.
        person: the reviewer.
        scheme: a scheme plug-in.
        code: one of its codes.
        reason: why, 1 to 2,000 characters.
        stated: age, act and origin, where they are known more exactly than the class says.

    Raises:
        UnknownCase, NotAllowed, NotYours, WrongMove: as their names say.
        BadVerdict: unknown scheme or code, one that is withdrawn, or no reason.
        BadFacets: what was stated lies outside of the class.
    """
    check_may("cases.decide", person=person)
    case = lock_held(case_id, person=person, act=N_("decided"))
    give_verdict(case, person=person, scheme=scheme, code=code, reason=reason, stated=stated)
    faults.point("cases.decided")
    return case


def give_verdict(
    case: Case, *, person: Person, scheme: str, code: str, reason: str, stated: Facets = NOTHING_STATED, **facts: Any
) -> Verdict:
    """Decide a case whose row is locked; ``facts`` go on record besides.

    Raises:
        WrongMove, BadVerdict: as :func:`decide`.
    """
    target = CASE.after("decided", case.state)
    found = find_class(scheme, code)
    text = read_text(reason, refused=BadVerdict, empty=NO_REASON)
    grid, confirms, harmful = judged(found, stated=stated)
    verdict = Verdict.objects.create(
        case=case, scheme=scheme, code=code, confirms=confirms, facets=grid, reason=text, by=person, at=clock.now()
    )
    keep_words([(case, text)])
    case.state, case.verdict = target, verdict
    case.claimed_by = case.claimed_until = None
    case.save(update_fields=["state", "verdict", "claimed_by", "claimed_until"])
    note_decided(case, person=person)  # before the ledger's head is locked, as a look does
    told = {"verdict": verdict.pk, "scheme": scheme, "code": code, "confirms": confirms}
    told |= {"harmful": True} if harmful else {}
    entry = record("case.decided", by=person.actor, about=case.about, **told, **facts, **chance())
    choose_second(entry, verdict=verdict)
    return verdict


@transaction.atomic
def reopen(case_id: int, *, person: Person, reason: str) -> Case:
    """Open a decided case again. What has not left the house yet is taken back by the rules in ``flow``.

    Raises:
        UnknownCase, NotAllowed, WrongMove, BadVerdict: as their names say; a reason is required.
    """
    case = lock_case(case_id)
    if not rules.has_perm("cases.reopen", person, case):
        raise NotAllowed(act=ACTS["cases.reopen"])
    text = read_text(reason, refused=BadVerdict, empty=NO_REASON)
    verdict = case.verdict_id
    case.state, case.verdict = CASE.after("reopened", case.state), None
    case.save(update_fields=["state", "verdict"])
    end_second(case, by=person.actor)
    why = Comment.objects.create(case=case, by=person, at=clock.now(), text=text)
    keep_words([(case, text)])
    record("case.reopened", by=person.actor, about=case.about, verdict=verdict, comment=why.pk)
    return case


@transaction.atomic
def comment(case_id: int, *, person: Person, text: str) -> Comment:
    """Leave a note for colleagues, 1 to 2,000 characters.

    Raises:
        UnknownCase, NotAllowed, BadComment: as their names say.
    """
    check_may("cases.comment", person=person)
    case = lock_case(case_id)
    plain = read_text(text, refused=BadComment, empty=N_("it is empty"))
    made = Comment.objects.create(case=case, by=person, at=clock.now(), text=plain)
    keep_words([(case, plain)])
    record("case.commented", by=person.actor, about=case.about, comment=made.pk)
    return made


def read_text(given: str, *, refused: type[HimayaError], empty: str) -> str:
    """A reason or a comment as it is kept, 1 to :data:`LONGEST` characters; ``refused`` is raised with why not."""
    text = given.replace("\r\n", "\n").strip()
    if not text:
        raise refused(why=empty)
    if len(text) > LONGEST:
        raise refused(why=Said("it has {n} characters; {most} are allowed", n=len(text), most=f"{LONGEST:,}"))
    if "\0" in text:
        raise refused(why=N_("it holds a NUL character"))
    return text


def check_may(permission: str, *, person: Person) -> None:
    """See that the role allows it.

    Raises:
        NotAllowed: it does not.
    """
    if not rules.has_perm(permission, person):
        raise NotAllowed(act=ACTS[permission])


def lock_case(case_id: int) -> Case:
    """The case, its row locked until the transaction ends.

    Raises:
        UnknownCase: there is none.
    """
    rows = Case.objects.select_for_update(of=("self",), no_key=True)
    case = rows.select_related("claimed_by").filter(pk=case_id).first()
    if case is None:
        raise UnknownCase(case=case_id)
    return case


def lock_held(case_id: int, *, person: Person, act: str) -> Case:
    """The same of a case that the person has claimed; ``act`` is what they want of it, for the error.

    Raises:
        UnknownCase, NotYours: as their names say.
    """
    case = lock_case(case_id)
    if case.holder() != person:
        raise NotYours(act=act)
    return case
