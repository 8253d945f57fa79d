"""What becomes of what changes hands: given, taken, signed by both, come back. Custody proves it; this finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Q, QuerySet

from himaya.core import clock
from himaya.core.words import printable
from himaya.evidence.hands import Handover
from himaya.evidence.models import Exhibit, SigningKey

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TRANSFER, RETURN = "transfer", "return"


def note_given(exhibits: Iterable[Exhibit], *, act: str, bundle: str, node: str, other: str, by: str) -> None:
    """Remember, in the caller's transaction, what is about to leave."""
    owner = SigningKey.objects.filter(name=node).values_list("owner", flat=True).first() if node else ""
    facts = {"act": act, "bundle": bundle, "node": node, "other": (owner or other)[:200], "by": by, "at": clock.now()}
    Handover.objects.bulk_create(Handover(exhibit=one, given=True, **facts) for one in exhibits)


def note_taken(
    exhibit: Exhibit, *, act: str, bundle: str, digest: str, node: str, other: str, theirs: str, by: str,
    line: bytes | None = None, branch: Sequence[bytes] = (),
) -> Handover:  # fmt: skip
    """Remember, in the caller's transaction, what was taken; told twice it is one."""
    said = {"bundle": bundle, "other": other, "theirs": theirs}
    now = clock.now()
    facts = {
        "act": act, "node": node, "by": by, "at": now, "line": line, "settled_at": now if line else None,
        "branch": b"".join(each + b"\n" for each in branch) or None,
        **{name: printable(text)[:200] for name, text in said.items()},
    }  # fmt: skip
    return Handover.objects.get_or_create(exhibit=exhibit, given=False, digest=digest, defaults=facts)[0]


def settle_given(exhibit: Exhibit, *, act: str, node: str, bundle: str, line: bytes) -> None:
    """The other side has signed as well. Where it was given back by that, what was taken from there before is no loan
    more; told again, or of nothing that was offered, it ends none.
    """
    now = clock.now()
    offered = Handover.objects.filter(exhibit=exhibit, given=True, act=act, node=node, bundle=bundle, settled_at=None)
    last = offered.order_by("pk").values_list("pk", flat=True).last()
    if offered.update(settled_at=now, line=line) and last and act == RETURN:
        loans = Handover.objects.filter(exhibit=exhibit, given=False, node=node, returned_at=None, pk__lt=last)
        loans.update(returned_at=now)


def end_loan(exhibit: Exhibit, *, node: str) -> None:
    """What was given to a node has come back from there."""
    loans = Handover.objects.filter(exhibit=exhibit, given=True, act=TRANSFER, node=node, returned_at=None)
    loans.update(returned_at=clock.now())


def handovers() -> QuerySet[Handover]:
    """What changed hands, the newest first."""
    return Handover.objects.select_related("exhibit").order_by("-pk")


def handovers_of(one: Exhibit) -> QuerySet[Handover]:
    """That of one exhibit, in its order."""
    return Handover.objects.filter(exhibit=one).order_by("pk")


def taken_with(digest: str, *, uuid: object) -> Handover | None:
    """What came of an exhibit of a bundle, where that was taken before; an exhibit that was sealed anew counts."""
    found = Handover.objects.select_related("exhibit").filter(given=False, digest=digest)
    return found.filter(Q(exhibit__uuid=uuid) | Q(exhibit__once=f"bundle:{digest[:40]}:{uuid}")).first()


def with_whom(found: Iterable[Handover]) -> dict[int, str]:
    """Number of each → who the other side is: as was said then; else as the holder of its key is called now; else the
    name of that key.
    """
    rows = list(found)
    owners = dict(SigningKey.objects.filter(name__in={one.node for one in rows}).values_list("name", "owner"))
    told = {}
    for one in rows:
        said = (name for name in (one.other, owners.get(one.node, "")) if name not in ("", f"node {one.node}"))
        told[one.pk] = next(said, one.node)
    return told


def state_of(one: Handover) -> str:
    """What became of it: a name of :data:`himaya.evidence.words.HANDS`."""
    if one.returned_at:
        return "came-back" if one.given else "given-back"
    if not one.given:
        return {"": "copy", TRANSFER: "taken", RETURN: "back"}[one.act]
    if not one.node:
        return "unsigned"
    return ("signed" if one.act == TRANSFER else "returned") if one.settled_at else "offered"


def told(found: Iterable[Handover]) -> list[dict[str, Any]]:
    """What is told of some, to programs."""
    rows = list(found)
    whom = with_whom(rows)
    return [_told(one, whom[one.pk]) for one in rows]


def _told(one: Handover, whom: str) -> dict[str, Any]:
    same = ("given", "act", "bundle", "node", "theirs", "by")
    times = ("at", "settled_at", "returned_at")
    return {
        "exhibit": one.exhibit.reference, **{name: getattr(one, name) for name in same}, "state": state_of(one),
        "other": whom,
        **{name: value.isoformat() if (value := getattr(one, name)) else None for name in times},
    }  # fmt: skip
