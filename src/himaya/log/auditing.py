"""Audits: a sample of leaves that nobody chose, judged by a person, with the error rate on record.

An audit is announced first. The first checkpoint that is signed afterwards and is larger gives the seed, its root hash:
whoever has the announcement (an entry of the ledger, and so a leaf) and that checkpoint draws the same sample
(``core.samples``) and sees that it was not chosen.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db import transaction

from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.core.samples import drawn, wilson
from himaya.core.words import N_
from himaya.ledger.services import record
from himaya.log.models import Audit, Leaf
from himaya.log.queries import Revealed, checkpoints, reveal, size

if TYPE_CHECKING:
    from himaya.log.models import Checkpoint

MOST = 10_000
"""Leaves of a sample."""


class BadAudit(HimayaError):
    """An audit looks at 1 to 10,000 leaves, and names its auditor in 1 to 100 characters."""

    status = 422


class UnknownAudit(HimayaError):
    """There is no audit {number}."""

    status = 404


class NotDrawn(HimayaError):
    """The sample of audit {number} is not drawn yet: that takes a checkpoint of more than {after} leaves."""

    remedy = "One is published every hour, where something was added; or run: himaya log publish"
    status = 409


class WrongJudgement(HimayaError):
    """The result of audit {number} cannot be taken: {why}."""

    remedy = "Judge every leaf that `himaya log audit sample` lists, once each."
    status = 422


@dataclass(frozen=True, slots=True)
class Result:
    """What an audit found: ``wrong`` of ``judged`` leaves, and the 95 % interval of the share in the whole log."""

    judged: int
    wrong: int
    low: float
    high: float


@transaction.atomic
def announce(*, number: int, auditor: str, by: str) -> Audit:
    """Announce an audit of ``number`` leaves.

    Raises:
        BadAudit: too many or none, or nobody's.
    """
    if not 1 <= number <= MOST or not 1 <= len(auditor.strip()) <= 100:
        raise BadAudit
    made = Audit.objects.create(auditor=auditor.strip(), wanted=number, after=size(), begun_at=clock.now())
    record("log.audit-announced", by=by, about="log", audit=made.pk, leaves=number, after=made.after)
    return made


def find_audit(number: int) -> Audit:
    """One audit.

    Raises:
        UnknownAudit: there is none.
    """
    found = Audit.objects.filter(pk=number).first()
    if found is None:
        raise UnknownAudit(number=number)
    return found


def sample(number: int) -> list[int]:
    """The indexes that an audit looks at; the first call after the checkpoint fixes which that was.

    Raises:
        UnknownAudit, NotDrawn: as their names say.
    """
    audit = find_audit(number)
    if not audit.size:
        by = _drawn_by(audit)
        if by is None:
            raise NotDrawn(number=number, after=audit.after)
        audit.size, audit.seed = by.size, bytes(by.root)
        audit.save(update_fields=["size", "seed"])
    return drawn(bytes(audit.seed), size=audit.size, number=audit.wanted)


def _drawn_by(audit: Audit) -> Checkpoint | None:
    return checkpoints().filter(size__gt=audit.after, at__gte=audit.begun_at).order_by("size").first()


def shown(number: int) -> list[Revealed]:
    """What the leaves of a sample commit to, for the auditor to judge.

    Raises:
        UnknownAudit, NotDrawn: as their names say.
    """
    wanted = sample(number)
    found = list[Revealed]()
    for at in range(0, len(wanted), 500):
        found += reveal(Leaf.objects.filter(index__in=wanted[at : at + 500]).order_by("index"))
    return found


@transaction.atomic
def conclude(number: int, *, judged: Mapping[int, bool], by: str) -> Result:
    """Put on record what the auditor found: index → whether they agree with what the leaf says.

    The error rate stands in the ledger with all that is needed to draw the sample again, and becomes a leaf.

    Raises:
        UnknownAudit, NotDrawn: as their names say.
        WrongJudgement: it was concluded before, or what was judged is not the sample.
    """
    wanted = sample(number)
    audit = Audit.objects.select_for_update().get(pk=number)
    if audit.ended_at is not None:
        raise WrongJudgement(number=number, why=N_("it was concluded before"))
    if sorted(judged) != wanted:
        raise WrongJudgement(number=number, why=N_("what was judged is not the sample that was drawn"))
    wrong = sorted(index for index, agrees in judged.items() if not agrees)
    low, high = wilson(len(wrong), len(wanted))
    audit.judged, audit.ended_at = json.dumps({str(k): v for k, v in sorted(judged.items())}), clock.now()
    audit.save(update_fields=["judged", "ended_at"])
    facts = {"audit": audit.pk, "after": audit.after, "leaves": audit.wanted, "size": audit.size}
    told = {"judged": len(wanted), "wrong": len(wrong), "disagreed": wrong, "auditor": audit.auditor}
    interval = {"low": f"{low:.6f}", "high": f"{high:.6f}"}
    record("log.audited", by=by, about="log", seed=bytes(audit.seed).hex(), **facts, **told, **interval)
    return Result(len(wanted), len(wrong), low, high)


def result(audit: Audit) -> Result | None:
    """What an audit found; None before its end."""
    if audit.ended_at is None:
        return None
    judged = json.loads(audit.judged)
    wrong = sum(not agrees for agrees in judged.values())
    return Result(len(judged), wrong, *wilson(wrong, len(judged)))
