"""What we ask of others from a case: to preserve something, or legal assistance. Numbered, complete, sent on record.

What a request states is the reference's table ``request-fields``, field by field; :func:`lacking` says what is missing.
What the law's form needs is fixed here: the reference gives it words and adds fields, and takes none away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.db import transaction

from himaya.core import clock
from himaya.core.countries import PLACES
from himaya.core.reference.requests import PARTS
from himaya.core.words import N_, Said, printable, storable
from himaya.evidence.demands import clocks
from himaya.evidence.demands.acting import BadDemand, BadRequest, move, note, reason, request_for, require
from himaya.evidence.demands.lists import CHANNELS
from himaya.evidence.demands.models import Request
from himaya.evidence.demands.prefilling import LONGEST, Known, check_case, known_fields
from himaya.evidence.demands.states import ACKNOWLEDGED, ANSWERED, DRAFT, SENT
from himaya.ledger.queries import entries
from himaya.reference.queries import contact_points, rows

if TYPE_CHECKING:
    from himaya.accounts.models import Person
    from himaya.core.reference import Contact, RequestField

PRESERVE, ASSIST = "preservation", "assistance"
KINDS: Mapping[str, str] = {PRESERVE: N_("Preserve data, quickly"), ASSIST: N_("Mutual legal assistance")}
"""Kinds of requests → in words."""
NEEDED: Mapping[str, tuple[str, ...]] = {
    PRESERVE: (
        "authorities-competent-authority", "authorities-contact-person-e-mail-phone", "legal-basis-treaty",
        "legal-basis-offence-provisions-maximum-penalty", "facts-case-reference",
        "facts-facts-summary-linking-evidence-to-offence", "facts-why-assistance-is-needed",
        "assistance-preservation", "digital-evidence-provider-name-and-country", "handling-urgency-and-reason",
        "handling-confidentiality-no-notice-to-the-user",
    ),
    ASSIST: (
        "authorities-central-authority-of-requesting-state", "authorities-competent-authority",
        "authorities-contact-person-e-mail-phone", "authorities-requested-state-central-authority",
        "legal-basis-treaty", "legal-basis-offence-provisions-maximum-penalty", "legal-basis-dual-criminality-note",
        "facts-case-reference", "facts-facts-summary-linking-evidence-to-offence", "facts-why-assistance-is-needed",
        "handling-urgency-and-reason", "handling-confidentiality-no-notice-to-the-user",
        "handling-formalities-for-admissibility", "handling-specialty-use-limits", "handling-data-protection-terms",
        "annexes-legal-texts",
    ),
}  # fmt: skip
"""Kind → fields without which it is not sent. Budapest Convention, Article 29(2), for requests to preserve."""
ONE_OF: Mapping[str, tuple[tuple[str, ...], ...]] = {
    PRESERVE: (
        (
            "digital-evidence-account-identifiers", "digital-evidence-ip-address-with-time-and-time-zone-and-port",
            "digital-evidence-url", "digital-evidence-hash-values",
        ),
    ),
    ASSIST: (
        (
            "assistance-preservation", "assistance-stored-subscriber-data", "assistance-stored-traffic-data",
            "assistance-stored-content", "assistance-real-time-traffic-data", "assistance-interception",
            "assistance-witness-statement", "assistance-search-and-seizure", "assistance-service-of-documents",
            "assistance-freezing-of-proceeds",
        ),
    ),
}  # fmt: skip
"""Kind → of each of these groups one field at least."""
PRESERVING = (SENT, ACKNOWLEDGED, ANSWERED)
"""States in which others preserve what they were asked to."""
FIXED = frozenset(
    key for kind in KINDS for group in (NEEDED[kind], *ONE_OF[kind]) for key in group
)  # fmt: skip
"""Fields that stay, whatever is set aside in the reference."""
WAYS = (
    "budapest-24-7",
    "un-24-7",
    "g7-24-7",
    "interpol-ncb",
    "europol-siena",
    "eurojust",
    "central-authority",
    "police",
)
"""Kinds of contact points that take requests, the quickest way first."""


@dataclass(frozen=True, slots=True)
class Lacking:
    """Something that a request does not state yet: any one of these fields."""

    fields: tuple[RequestField, ...]

    def __str__(self) -> str:
        return " / ".join(one.field for one in self.fields)


def asked_fields() -> list[RequestField]:
    """What a request can state, part by part; model texts are no fields. Those of :data:`FIXED` always are."""
    every: list[tuple[bool, RequestField]] = [(one.aside, one.typed()) for one in rows("request-fields", aside=None)]
    return [one for aside, one in every if one.key in FIXED or (not aside and one.part != "models")]


def contacts_for(country: str) -> list[Contact]:
    """Whom one turns to in a country, the quickest way first; those that this node confirmed before others."""
    found = [one for one in contact_points(country) if one.kind in WAYS]
    return sorted(found, key=lambda one: (WAYS.index(one.kind), not one.mark.ours, one.key))


def lacking(one: Request) -> list[Lacking]:
    """What is missing before it can be sent."""
    known = {field.key: field for field in asked_fields()}
    groups = [*((key,) for key in NEEDED[one.kind]), *ONE_OF[one.kind]]
    return [
        Lacking(tuple(known[key] for key in group))
        for group in groups
        if not any(one.fields.get(key, "").strip() for key in group)
    ]


def filled_in(one: Request) -> set[str]:
    """The fields that the program filled in when it was made, and that nobody has stated otherwise since."""
    made = entries(about=one.about, act="request.made").first()
    changed = {key for each in entries(about=one.about, act="request.filled") for key in each.data["fields"]}
    return set(made.data.get("filled", []) if made else []) - changed


@transaction.atomic
def make_request(
    kind: str, *, country: str, person: Person, case: str = "", contact: str = "", recipient: str = "", limit: str = "",
    fields: Mapping[str, str] | None = None, exhibits: Sequence[int] = (), follows: int | None = None,
) -> Request:  # fmt: skip
    """Begin a request, filled in with what is known (:mod:`.prefilling`); nothing goes out by that.

    Args:
        kind: one of :data:`KINDS`.
        country: of those who are asked.
        person: who makes it.
        case: from which, as the ledger names it; empty: from none.
        contact: the contact point, a key of the reference; empty where ``recipient`` says who it is.
        recipient: who is asked, where no contact point is named.
        limit: the time limit that counts for what they preserve, a key of the reference.
        fields: what it states: key of the reference → text; it outranks what is known.
        exhibits: numbers of those that it is about; empty: all that are kept of the case.
        follows: the request to preserve that it follows, by its number.

    Raises:
        MayNotAct, BadRequest, UnknownRow, UnknownRequest: the role may not; something of it cannot be taken.
    """
    require(person, "demands.work")
    if kind not in KINDS or country not in PLACES:
        raise BadRequest(why=N_("its kind is none of the list, or its country is none"))
    if case:
        check_case(case)
    point = _point(country, contact)
    before = _to_follow(follows, person) if follows is not None else None
    stated = _fields(fields or {})
    known = known_fields(Known(kind, case, exhibits, limit, point, before))
    filled = {key: text for key, text in _fields(known).items() if text and key not in stated}
    followed: dict[str, Any] = {"follows": before.about} if before else {}
    made = Request.objects.create(
        kind=kind, case=case, country=country, contact=contact, recipient=_recipient(point, recipient),
        limit=limit, fields={**filled, **stated}, made_at=clock.now(), made_by=person.actor,
    )  # fmt: skip
    note(
        made, "made", why="", by=person.actor, name="made", kind=kind, country=country, case=case,
        filled=sorted(filled), **followed,
    )  # fmt: skip
    return made


@transaction.atomic
def fill_request(number: int, *, fields: Mapping[str, str], person: Person) -> Request:
    """State something, or state it otherwise; an empty text takes it out. Only before it is sent.

    Raises:
        MayNotAct, UnknownRequest, BadRequest: as their names say.
    """
    one = request_for(number, person)
    if one.state != DRAFT:
        raise BadRequest(why=N_("what was sent stands as it is"))
    given = _fields(fields)
    kept = {key: text for key, text in {**one.fields, **given}.items() if text}
    changed = sorted(key for key in {*kept, *one.fields} if kept.get(key) != one.fields.get(key))
    one.fields = kept
    one.save(update_fields=["fields"])
    note(one, "filled", why="", by=person.actor, name="filled", fields=changed)
    return one


@transaction.atomic
def send_request(number: int, *, channel: str, person: Person, at: datetime | None = None) -> Request:
    """Put on record that it was sent, as it stands: by whom, when, by which way. The text is kept as it was then.

    Args:
        number: of the request.
        channel: one of ``lists.CHANNELS``.
        person: who sent it.
        at: when; now where None.

    Raises:
        MayNotAct, UnknownRequest, WrongRequestMove: as their names say.
        BadRequest: something is missing; names all of it.
    """
    one = request_for(number, person)
    if channel not in CHANNELS:
        raise BadRequest(why=N_("its channel is none of the list"))
    if missing := lacking(one):
        raise BadRequest(why=Said("it does not state this yet: {names}", names="; ".join(map(str, missing))))
    when = at or clock.now()
    if not one.made_at <= when <= clock.now():
        raise BadRequest(why=N_("it was sent before it was made, or later than now"))
    one.text = rendered(one)
    one.sent_at, one.sent_by, one.channel = when, person.actor, channel
    move(
        one, "sent", why="", by=person.actor, name="sent", channel=channel,
        sha256=sha256(one.text.encode()).hexdigest(),
    )  # fmt: skip
    clocks.start_reminder(one, since=when)
    if one.kind == PRESERVE:
        clocks.start_keeping(one)
    return one


@transaction.atomic
def take_receipt(number: int, *, reference: str, why: str, person: Person) -> Request:
    """They say that they have it, under a reference of theirs.

    Raises:
        MayNotAct, UnknownRequest, WrongRequestMove, BadRequest: as their names say.
    """
    one = request_for(number, person)
    theirs = printable(reference.strip())
    if not 0 < len(theirs) <= 120:
        raise BadRequest(why=N_("their reference is missing, or longer than 120 characters"))
    one.reference_theirs = theirs
    move(one, "acknowledged", why=reason(why, BadRequest), by=person.actor, name="acknowledged")
    _remind_later(one)
    return one


@transaction.atomic
def remind(number: int, *, why: str, person: Person) -> Request:
    """They were reminded, and how; the next reminder is due as long after this one.

    Raises:
        MayNotAct, UnknownRequest, BadRequest: as their names say; or nothing is waited for.
    """
    one = request_for(number, person)
    if one.state not in (SENT, ACKNOWLEDGED):
        raise BadRequest(why=N_("no reply is waited for"))
    note(one, "reminded", why=reason(why, BadRequest), by=person.actor, name="reminded")
    _remind_later(one)
    return one


@transaction.atomic
def take_reply(number: int, *, refused: bool, why: str, person: Person) -> Request:
    """They replied: they do it, or they refuse; ``why`` says what, in short. What they send is taken in as exhibits.

    Raises:
        MayNotAct, UnknownRequest, WrongRequestMove, BadRequest: as their names say.
    """
    one = request_for(number, person)
    act = "refused" if refused else "answered"
    move(one, act, why=reason(why, BadRequest), by=person.actor, name=act)
    clocks.meet(one, clocks.REMINDER)
    if refused:
        clocks.end(one)
    return one


@transaction.atomic
def renew_request(number: int, *, why: str, person: Person, until: datetime | None = None) -> Request:
    """They were asked anew to preserve, and until when they do now.

    ``until`` is the end that was agreed; None: another term of the law, where that knows one.

    Raises:
        MayNotAct, UnknownRequest: as their names say.
        BadRequest: they preserve nothing by it now; there is no further term, or it is not later.
    """
    one = request_for(number, person)
    running = clocks.open_clock(one, clocks.KEEPING)
    if running is None or one.state not in PRESERVING:
        raise BadRequest(why=N_("nothing is preserved by it now"))
    try:
        following = clocks.renew(running, until=until)
    except BadDemand as error:
        raise BadRequest(**error.facts) from error
    note(
        one, "renewed", why=reason(why, BadRequest), by=person.actor, name="renewed", renewals=following.renewals,
        until=following.due.isoformat(),
    )  # fmt: skip
    return one


@transaction.atomic
def end_request(number: int, *, why: str, person: Person) -> Request:
    """It is withdrawn, or, where there was a reply, closed: its clocks stand.

    Raises:
        MayNotAct, UnknownRequest, WrongRequestMove, BadRequest: as their names say.
    """
    one = request_for(number, person)
    act = "withdrawn" if one.state in (DRAFT, SENT, ACKNOWLEDGED) else "closed"
    move(one, act, why=reason(why, BadRequest), by=person.actor, name=act)
    clocks.end(one)
    return one


def rendered(one: Request) -> str:
    """The request as text, part by part, with our number on top."""
    head = [
        f"Request {one.reference}", f"{KINDS[one.kind]}", "", f"To: {one.recipient} ({PLACES[one.country]})",
        *([f"Your reference: {one.reference_theirs}"] if one.reference_theirs else []),
    ]  # fmt: skip
    lines, fields = head, asked_fields()
    for part, words in PARTS.items():
        stated = [field for field in fields if field.part == part and one.fields.get(field.key)]
        if stated:
            lines += ["", words, "-" * len(words)]
        for field in stated:
            lines += [f"{field.field}:", *(f"    {line}".rstrip() for line in one.fields[field.key].splitlines())]
    return "\n".join(lines) + "\n"


def _remind_later(one: Request) -> None:
    clocks.meet(one, clocks.REMINDER)
    clocks.start_reminder(one, since=clock.now())


def _to_follow(number: int, person: Person) -> Request:
    one = request_for(number, person)
    if one.kind != PRESERVE or one.sent_at is None:
        raise BadRequest(why=N_("what it follows is no request to preserve that was sent"))
    return one


def _point(country: str, contact: str) -> Contact | None:
    found = next((one for one in contact_points(country) if one.key == contact), None)
    if contact and found is None:
        raise BadRequest(why=N_("the contact point is none of that country"))
    return found


def _recipient(point: Contact | None, recipient: str) -> str:
    if point is not None:
        return point.name[:300]
    name = printable(recipient.strip())
    if not 0 < len(name) <= 300:
        raise BadRequest(why=N_("it does not say who is asked"))
    return name


def _fields(given: Mapping[str, str]) -> dict[str, str]:
    known = {field.key for field in asked_fields()}
    found = {}
    for key, text in given.items():
        if key not in known:
            raise BadRequest(why=Said("the reference has no field {key}", key=key[:80]))
        if len(text) > LONGEST or not storable(text):
            raise BadRequest(why=Said("a field has at most {n} characters that can be kept", n=LONGEST))
        found[key] = "\n".join(printable(line).rstrip() for line in text.strip().splitlines())
    return found
