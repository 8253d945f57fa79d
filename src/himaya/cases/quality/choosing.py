"""Which verdicts get a second look: by rules that the operator set, and by a sample that nobody can steer.

The sample goes by the digest of the verdict's entry in the ledger, which nobody knows before it is written; with the
share that held then, which the entry tells, an auditor draws it again (:func:`.queries.misdrawn`).
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from himaya.cases.danger import GRAVEST, severity
from himaya.cases.models import Match, Verdict, Words
from himaya.cases.quality.models import Appeal, SecondLook
from himaya.cases.quality.states import CHANGED, DROPPED, MOOT, OPEN, OVERTURNED, UNSETTLED
from himaya.cases.searching import keep_words
from himaya.core import clock, registry
from himaya.core.config import config
from himaya.core.terms.grid import unpacked
from himaya.core.tokens import tokens
from himaya.ledger.services import record

if TYPE_CHECKING:
    from himaya.cases.models import Case
    from himaya.ledger.models import Entry

SAMPLE = "sample"


def chance() -> dict[str, int]:
    """What the entry of a verdict tells of the sample: the share in percent; nothing where none is drawn."""
    share = config().second_look_percent
    return {"sample": share} if share else {}


def is_drawn(digest: str, share: int) -> bool:
    """Whether an entry is in the sample.

    Args:
        digest: the entry's, 64 hex digits.
        share: in percent, 0 to 100.
    """
    drawn = hashlib.sha256(b"second look\0" + bytes.fromhex(digest)).digest()
    return int.from_bytes(drawn[:8], "big") * 100 < share << 64


def choose_second(entry: Entry, *, verdict: Verdict) -> SecondLook | None:
    """Choose the verdict for a second look where a rule or the sample says so, in the transaction of the verdict; from
    then on it is kept from those who decide. One that two people have agreed upon already is not chosen again.
    """
    if by_two(verdict.case):
        return None
    cause = next((name for name in config().second_look_rules if RULES[name](verdict)), "")
    if not cause and is_drawn(entry.digest, entry.data.get("sample", 0)):
        cause = SAMPLE
    if not cause:
        return None
    look = SecondLook.objects.create(
        case=verdict.case, verdict=verdict, entry=entry.seq, cause=cause, chosen_at=clock.now(),
        holds=config().second_look_holds,
    )  # fmt: skip
    # a search by words of the reason would tell the verdict; they come back when the look has ended
    Words.objects.filter(case=verdict.case, words=" ".join(tokens(verdict.reason))).delete()
    record("case.look-chosen", by="system", about=verdict.case.about, look=look.pk, verdict=verdict.pk, cause=cause)
    return look


def end_second(case: Case, *, by: str) -> None:
    """A case that is opened again needs no second look at a verdict that does not hold, and no appeal against it."""
    for look in SecondLook.objects.filter(case=case, state__in=UNSETTLED).select_related("verdict"):
        look.state = DROPPED
        look.save(update_fields=["state"])
        keep_words([(case, look.verdict.reason)])  # what was taken out when it was chosen
        record("case.look-dropped", by=by, about=case.about, look=look.pk, verdict=look.verdict_id)
    for appeal in Appeal.objects.filter(case=case, state=OPEN):
        appeal.state, appeal.answered_at = MOOT, clock.now()
        appeal.save(update_fields=["state", "answered_at"])
        record("case.appeal-moot", by=by, about=case.about, appeal=appeal.pk, reference=appeal.reference)


def by_two(case: Case) -> bool:
    """Whether the verdict that is being given is the outcome of a second look, or of an appeal."""
    looks = SecondLook.objects.filter(case=case, state=CHANGED, result=None)
    return looks.exists() or Appeal.objects.filter(case=case, state=OVERTURNED, result=None).exists()


def _is_severe(verdict: Verdict) -> bool:
    return severity(unpacked(verdict.facets)) == GRAVEST


def _is_of_a_new_reviewer(verdict: Verdict) -> bool:
    first = config().second_look_first
    return Verdict.objects.filter(by=verdict.by)[: first + 1].count() <= first


def _is_not_as_listed(verdict: Verdict) -> bool:
    """No list gives that class, and one that grades by this scheme, or to the other outcome, says otherwise."""
    rows = Match.objects.filter(case=verdict.case).exclude(code="")
    listed = set(rows.values_list("scheme", "code"))
    if not listed or (verdict.scheme, verdict.code) in listed:
        return False
    same_scheme = any(scheme == verdict.scheme for scheme, _ in listed)
    return same_scheme or any(_confirms(*one) is not verdict.confirms for one in listed)


def _confirms(scheme: str, code: str) -> bool | None:
    known = registry.schemes().get(scheme)
    found = known.get(code) if known else None
    return found.confirms if found else None


def _dismisses_an_exact_match(verdict: Verdict) -> bool:
    rows = Match.objects.filter(case=verdict.case, state="active", distance=0).values_list("signal", flat=True)
    return not verdict.confirms and any(registry.is_exact(signal) for signal in rows.distinct())


RULES = {
    "severe": _is_severe,
    "new-reviewer": _is_of_a_new_reviewer,
    "not-as-listed": _is_not_as_listed,
    "exact-dismissed": _dismisses_an_exact_match,
}
"""Name in the configuration → whether it applies."""
