"""Audits: a sample of leaves that nobody chose, judged by a person, with the error rate on record.

An audit is announced first. The first checkpoint that is signed afterwards and is larger gives the seed, its root hash:
whoever has the announcement (an entry of the ledger, and so a leaf) and that checkpoint draws the same sample
(``core.samples``) and sees that it was not chosen.

The node signs that checkpoint, and so could try until one suits it. An auditor who does not want to rely on it commits
to a secret with the announcement and reveals it once that checkpoint is signed: the seed is SHA-256(root ‖ secret).
Neither side can choose it: the auditor's part is fixed before the node's, and the node does not know it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

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

SHOWN = 100
"""Audits that are published."""
MOST = 10_000
"""Leaves of a sample."""
STATEMENT = "statement"
"""The kind of leaves that commit to what was said of items."""
_PROMISE = re.compile(r"([0-9a-f]{64})?")
_SECRET = re.compile(r"([0-9a-f]{2}){16,64}")


class BadAudit(HimayaError):
    """An audit looks at 1 to 10,000 leaves, and names its auditor in 1 to 100 characters."""

    status = 422


class BadSecret(HimayaError):
    """The secret of an audit cannot be taken: {why}."""

    remedy = "A secret is 16 to 64 random bytes as hexadecimal digits; its promise is the SHA-256 of those bytes."
    status = 422


class NotRevealed(HimayaError):
    """The sample of audit {number} is drawn once its auditor reveals the secret."""

    remedy = "The auditor runs: himaya log audit reveal AUDIT SECRET"
    status = 409


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
class Share:
    """What an audit found: ``wrong`` of ``judged`` leaves, and the 95 % interval of the share in the whole log."""

    judged: int
    wrong: int
    low: float
    high: float

    @classmethod
    def of(cls, wrong: int, judged: int) -> Share:
        """With its interval."""
        return cls(judged, wrong, *wilson(wrong, judged))


@dataclass(frozen=True, slots=True)
class Result(Share):
    """The same of all leaves, and of those of them that are ``statements``; None where there was none."""

    statements: Share | None = None


@transaction.atomic
def announce(*, number: int, auditor: str, by: str, promise: str = "") -> Audit:
    """Announce an audit of ``number`` leaves.

    Args:
        number: how many.
        auditor: their name, for the record.
        by: the actor.
        promise: SHA-256 of a secret that only the auditor knows, as 64 small hexadecimal digits; empty: there is none.

    Raises:
        BadAudit: too many or none, or nobody's.
        BadSecret: the promise is no SHA-256.
    """
    if not 1 <= number <= MOST or not 1 <= len(auditor.strip()) <= 100:
        raise BadAudit
    if not _PROMISE.fullmatch(promise):
        raise BadSecret(why=N_("its promise must be 64 small hexadecimal digits"))
    now = clock.now()
    made = Audit.objects.create(auditor=auditor.strip(), wanted=number, after=size(), begun_at=now, promise=promise)
    told = {"promise": promise} if promise else {}
    record("log.audit-announced", by=by, about="log", audit=made.pk, leaves=number, after=made.after, **told)
    return made


@transaction.atomic
def reveal_secret(number: int, *, secret: str, by: str) -> None:
    """Reveal the secret of an audit, now that the checkpoint is signed that draws its sample; twice is once.

    Raises:
        UnknownAudit: there is none.
        NotDrawn: that checkpoint is not there yet: the node must not know the secret before it.
        BadSecret: it is not the one that was promised.
    """
    audit = find_audit(number)
    if not audit.promise:
        raise BadSecret(why=N_("none was promised with the announcement"))
    if not _SECRET.fullmatch(secret) or hashlib.sha256(bytes.fromhex(secret)).hexdigest() != audit.promise:
        raise BadSecret(why=N_("it is not the one that was promised"))
    if _drawn_by(audit) is None:
        raise NotDrawn(number=number, after=audit.after)
    if Audit.objects.filter(pk=number, secret="").update(secret=secret):
        record("log.audit-revealed", by=by, about="log", audit=number, secret=secret)


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
        UnknownAudit, NotDrawn, NotRevealed: as their names say.
    """
    audit = find_audit(number)
    if not audit.size:
        by = _drawn_by(audit)
        if by is None:
            raise NotDrawn(number=number, after=audit.after)
        if audit.promise and not audit.secret:
            raise NotRevealed(number=number)
        audit.size, audit.seed = by.size, _seed(bytes(by.root), audit.secret)
        audit.save(update_fields=["size", "seed"])
    return drawn(bytes(audit.seed), size=audit.size, number=audit.wanted)


def _seed(root: bytes, secret: str) -> bytes:
    return hashlib.sha256(root + bytes.fromhex(secret)).digest() if secret else root


def _drawn_by(audit: Audit) -> Checkpoint | None:
    return checkpoints().filter(size__gt=audit.after, at__gte=audit.begun_at).order_by("size").first()


def shown(number: int) -> list[Revealed]:
    """What the leaves of a sample commit to, for the auditor to judge.

    Raises:
        UnknownAudit, NotDrawn, NotRevealed: as their names say.
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
        UnknownAudit, NotDrawn, NotRevealed: as their names say.
        WrongJudgement: it was concluded before, or what was judged is not the sample.
    """
    wanted = sample(number)
    audit = Audit.objects.select_for_update().get(pk=number)
    if audit.ended_at is not None:
        raise WrongJudgement(number=number, why=N_("it was concluded before"))
    if sorted(judged) != wanted:
        raise WrongJudgement(number=number, why=N_("what was judged is not the sample that was drawn"))
    wrong = sorted(index for index, agrees in judged.items() if not agrees)
    audit.statements, audit.wrong_statements = _statements(wanted), _statements(wrong)
    audit.judged, audit.ended_at = json.dumps({str(k): v for k, v in sorted(judged.items())}), clock.now()
    audit.save(update_fields=["judged", "ended_at", "statements", "wrong_statements"])
    found = result(audit)
    assert found is not None
    facts = {"audit": audit.pk, "after": audit.after, "leaves": audit.wanted, "size": audit.size}
    told = {"judged": found.judged, "wrong": found.wrong, "disagreed": wrong, "auditor": audit.auditor}
    of_statements = {"statements": told_share(found.statements)} if found.statements else {}
    drawn_by = {"seed": bytes(audit.seed).hex(), "promise": audit.promise, "secret": audit.secret}
    record("log.audited", by=by, about="log", **drawn_by, **facts, **told, **_interval(found), **of_statements)
    return found


def _statements(indexes: list[int]) -> int:
    parts = (indexes[at : at + 500] for at in range(0, len(indexes), 500))
    return sum(Leaf.objects.filter(index__in=part, kind=STATEMENT).count() for part in parts)


def result(audit: Audit) -> Result | None:
    """What an audit found; None before its end."""
    if audit.ended_at is None:
        return None
    judged = json.loads(audit.judged)
    wrong = sum(not agrees for agrees in judged.values())
    of_statements = Share.of(audit.wrong_statements, audit.statements) if audit.statements else None
    return Result(len(judged), wrong, *wilson(wrong, len(judged)), statements=of_statements)


def told_share(share: Share) -> dict[str, Any]:
    """A share as it stands on record and is published: JSON types."""
    return {"judged": share.judged, "wrong": share.wrong, **_interval(share)}


def _interval(share: Share) -> dict[str, str]:
    return {"low": f"{share.low:.6f}", "high": f"{share.high:.6f}"}


def published() -> list[dict[str, Any]]:
    """The newest 100 audits, for everybody: JSON types, with all that is needed to draw each sample again.

    Leaves are salted commitments: their numbers tell nothing of what was judged.
    """
    return [_published(one) for one in Audit.objects.order_by("-pk")[:SHOWN]]


def _published(one: Audit) -> dict[str, Any]:
    found = result(one)
    told: dict[str, Any] = {
        "audit": one.pk,
        "auditor": one.auditor,
        "leaves": one.wanted,
        "after": one.after,
        "announced_at": one.begun_at.isoformat(),
        "promise": one.promise,
        "secret": one.secret,
        "size": one.size,
        "seed": bytes(one.seed).hex(),
        "result": None,
    }
    if found is not None and one.ended_at is not None:
        disagreed = [int(index) for index, agrees in json.loads(one.judged).items() if not agrees]
        of_statements = told_share(found.statements) if found.statements else None
        told["result"] = {
            **told_share(found),
            "disagreed": disagreed,
            "statements": of_statements,
            "ended_at": one.ended_at.isoformat(),
        }
    return told
