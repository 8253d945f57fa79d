"""What a request states of itself, as far as this node knows it: from its case, its exhibits, the settings, the law.

A person reads it and changes it before it is sent. Nobody is named: what stands here are numbers, digests, times, the
places where something was met, and accounts as they were noted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING

from django.db.models import OuterRef, Q, Subquery

from himaya.core.config import config
from himaya.core.words import N_, Said, printable
from himaya.evidence.demands import clocks
from himaya.evidence.demands.acting import BadRequest
from himaya.evidence.models import Exhibit, Step
from himaya.evidence.naming import case_names
from himaya.evidence.services import CASE
from himaya.evidence.states import DESTROYED
from himaya.ledger.queries import entries
from himaya.reference.queries import time_limit

if TYPE_CHECKING:
    from himaya.core.reference import Contact
    from himaya.evidence.demands.models import Request

LONGEST = 5000
"""Characters of a field."""
MOST = 1000
"""Exhibits of one request."""
MORE = "and {n} more, for which there is no room here"


@dataclass(frozen=True, slots=True)
class Known:
    """From what a request is filled in.

    Attributes:
        kind: ``preservation`` or ``assistance``.
        case: as the ledger names it; empty: none.
        exhibits: numbers; empty: all of the case.
        limit: the time limit that counts, a key of the reference; empty: none.
        contact: the contact point that is asked; None: none of the reference.
        follows: the request to preserve that this one follows.
    """

    kind: str
    case: str = ""
    exhibits: Sequence[int] = ()
    limit: str = ""
    contact: Contact | None = None
    follows: Request | None = None


def check_case(case: str) -> None:
    """There is such a case: the ledger knows it, or something of it is kept.

    Raises:
        BadRequest: there is none.
    """
    if not (CASE.fullmatch(case) and case.startswith("case:")):
        raise BadRequest(why=N_("its case is none that can be"))
    if not entries(about=case).exists() and not Exhibit.objects.filter(case=case).exists():
        raise BadRequest(why=Said("there is no {case}", case=case.replace(":", " ")))


def known_fields(known: Known) -> dict[str, str]:
    """Key of the reference's table ``request-fields`` → what can be stated; what is not known is left out.

    Raises:
        BadRequest: an exhibit is none of the case, or there are too many.
        UnknownRow: the reference has no such time limit.
    """
    found = {**_ours(known), **_law(known), **_followed(known.follows)}
    if known.case:
        found["facts-case-reference"] = case_reference(known.case)
    if exhibits := _exhibits(known):
        found |= _met(exhibits)
    return {key: text for key, text in found.items() if text}


def case_reference(case: str) -> str:
    """The number that people quote: ``H-2026-000001``; where the ledger does not tell its year, ``case 1``."""
    return str(case_names([case])[case])


def _ours(known: Known) -> dict[str, str]:
    settings, contact = config(), known.contact
    central = contact.name if contact is not None and contact.kind == "central-authority" else ""
    return {
        "authorities-competent-authority": settings.organisation,
        "authorities-contact-person-e-mail-phone": printable(settings.contact).strip(),
        "authorities-requested-state-central-authority": central,
    }


def _law(known: Known) -> dict[str, str]:
    if not known.limit:
        return {}
    limit = time_limit(known.limit)
    found = {"legal-basis-treaty": limit.instrument}
    if known.kind == "preservation" and limit.period is not None:
        bound = {"at-least": "at least ", "at-most": "at most "}.get(limit.bound, "")
        term = f"{limit.task}: {bound}{limit.period.amount} {limit.period.unit}, from: {limit.trigger}"
        found["assistance-preservation"] = "; ".join(part for part in (term, limit.extension) if part)
    return found


def _followed(one: Request | None) -> dict[str, str]:
    """The number of a request to preserve, what they call it, when it was sent, until when they preserve."""
    if one is None:
        return {}
    keeping = clocks.open_clock(one, clocks.KEEPING)
    parts = [
        one.reference,
        f"sent {one.sent_at:%Y-%m-%d %H:%M} UTC" if one.sent_at else "",
        f"your reference {one.reference_theirs}" if one.reference_theirs else "",
        f"preserved until {keeping.due:%Y-%m-%d}" if keeping else "",
    ]
    return {"digital-evidence-preservation-reference-number-and-date": ", ".join(part for part in parts if part)}


def _exhibits(known: Known) -> list[Exhibit]:
    """Those that are kept, by number, each with the last line of its custody."""
    if not known.case and not known.exhibits:
        return []
    last = Step.objects.filter(exhibit=OuterRef("pk")).order_by("-number").values("line")[:1]
    chosen = Q(pk__in=known.exhibits) if known.exhibits else Q()
    of_case = Q(case=known.case) if known.case else Q()
    found = Exhibit.objects.filter(chosen & of_case).exclude(state=DESTROYED).order_by("pk")
    rows: list[Exhibit] = list(found.annotate(last=Subquery(last))[: MOST + 1])
    if missing := sorted(set(known.exhibits) - {one.pk for one in rows}):
        raise BadRequest(why=Said("exhibit {n} is not kept, or is none of the case", n=missing[0]))
    if len(rows) > MOST:
        raise BadRequest(why=Said("it would name more than {n} exhibits: say which", n=MOST))
    return rows


def _met(exhibits: Sequence[Exhibit]) -> dict[str, str]:
    first, last = min(one.acquired_at for one in exhibits), max(one.acquired_at for one in exhibits)
    accounts = dict.fromkeys(one.account for one in exhibits if one.account)
    places = dict.fromkeys(one.origin for one in exhibits if one.origin.startswith(("https://", "http://")))
    met = {
        "digital-evidence-hash-values": _lines(map(_digest, exhibits)),
        "digital-evidence-account-identifiers": _lines(accounts),
        "digital-evidence-url": _lines(places),
        "digital-evidence-date-range": f"{first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC, when they were met here",
    }
    return met | {"annexes-chain-of-custody": _lines(map(_head, exhibits))}


def _digest(one: Exhibit) -> str:
    place = one.origin if one.origin and not one.origin.startswith(("https://", "http://")) else ""
    parts = (
        f"{one.reference}: SHA-256 {one.digests['sha256']}",
        one.media_type,
        f"met {one.acquired_at:%Y-%m-%d %H:%M:%S} UTC",
        place,
    )
    return printable(", ".join(part for part in parts if part))


def _head(one: Exhibit) -> str:
    line = getattr(one, "last", None)
    return f"{one.reference}: head of custody {sha256(bytes(line)).hexdigest()}" if line else ""


def _lines(said: Iterable[str]) -> str:
    """What is not empty, line by line, as many as a field takes; how many more there are stands last."""
    every = [line for line in said if line]
    size, taken = len(MORE) + 10, 0
    while taken < len(every) and size + len(every[taken]) + 1 <= LONGEST:
        size += len(every[taken]) + 1
        taken += 1
    left = len(every) - taken
    return "\n".join([*every[:taken], *([MORE.format(n=left)] if left else [])])
