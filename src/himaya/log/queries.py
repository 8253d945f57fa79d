"""Reading the log."""

from __future__ import annotations

import json
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Count, Max, OuterRef, Subquery

from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.merkle import HashAt, consistency, inclusion
from himaya.core.notes import VerifierKey
from himaya.core.proofs import Proof
from himaya.core.tiles import width_of
from himaya.core.words import N_, unpacked
from himaya.log import events, tree
from himaya.log.keys import identity, keys
from himaya.log.models import Alarm, Audit, Checkpoint, Cosignature, Growth, Leaf, Seen, Witness

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from django.db.models import QuerySet

SET_BACK, FORKED, DAMAGED, STRANGER_FORKED, INCONSISTENT = "set-back", "forked", "damaged", "log-forked", "inconsistent"
DOUBTED = "doubted"
"""The word of a witness alone: a warning."""
RESTORED = "restored"
"""A backup was put back: what was signed after it is not known. It is closed where the witnesses have seen no more."""
OURS = (SET_BACK, FORKED, DAMAGED, RESTORED)
"""Alarms about our own log: while one is open, nothing is signed."""
ALARMS: Mapping[str, str] = {
    SET_BACK: N_("a witness has seen more of this log than this node knows: the database was set back"),
    FORKED: N_("a witness has seen another log under the name of this one"),
    DAMAGED: N_("the log does not have the root that this node signed"),
    RESTORED: N_("this node was restored from a backup; what its log has signed since then is not known here"),
    STRANGER_FORKED: N_("a log that this node witnesses has signed two different histories"),
    DOUBTED: N_("a witness says that it has seen another history of this log; alone it does not stop it"),
    INCONSISTENT: N_("a log that this node witnesses could not prove that it goes on from what was seen"),
}
"""Kind of alarm → in words."""


class NoSuchLeaf(HimayaError):
    """The log has no leaf {index}; it has {size}."""

    status = 404


class NotLogged(HimayaError):
    """{what} is not in the log."""

    remedy = "Look at the number; what was said before this node kept a log is not in it."
    status = 404


class NotPublished(HimayaError):
    """No checkpoint holds leaf {index} yet."""

    remedy = "One is published every hour; or run: himaya log publish"
    status = 409


class NoCheckpoint(HimayaError):
    """The log has no checkpoint of {size} leaves or more."""

    remedy = "One is published every hour; or run: himaya log publish"
    status = 404


class Shrinking(HimayaError):
    """A log of {new} leaves does not begin with one of {old}: logs only grow."""

    remedy = "Give the smaller size as the old one."
    status = 422


class Unshown(HimayaError):
    """What leaf {index} commits to cannot be shown: {why}."""

    status = 409


@dataclass(frozen=True, slots=True)
class Standing:
    """A checkpoint of ours, with what witnesses said of it: name → when."""

    origin: str
    size: int
    root: bytes
    at: datetime
    note: str
    cosigned: Mapping[str, datetime]

    @property
    def is_enough(self) -> bool:
        """Whether as many witnesses cosigned it as this node asks for."""
        return len(self.cosigned) >= config().log_quorum


def size() -> int:
    """How many leaves there are."""
    return Growth.objects.values_list("size", flat=True).first() or 0


def checkpoints() -> QuerySet[Checkpoint]:
    """Our checkpoints under the present name, the newest first."""
    mine = identity()
    return Checkpoint.objects.filter(origin=mine.origin if mine else "").order_by("-size")


def latest() -> Standing | None:
    """The newest checkpoint, with the cosignatures it has; None where there is none."""
    row = checkpoints().first()
    return standing(row) if row else None


def covering(index: int) -> Standing | None:
    """The newest checkpoint that holds a leaf and that enough witnesses cosigned; where none has, the newest."""
    rows = checkpoints().filter(size__gt=index)
    newest = rows.first()
    if newest is None or not config().log_quorum:
        return standing(newest) if newest else None
    cosigned = Cosignature.objects.filter(checkpoint__origin=newest.origin, checkpoint__size__gt=index)
    enough = cosigned.values("checkpoint__size").annotate(n=Count("pk")).filter(n__gte=config().log_quorum)
    size_ = enough.order_by("-checkpoint__size").values_list("checkpoint__size", flat=True).first()
    return standing(rows.get(size=size_) if size_ else newest)


def first_covering(index: int) -> Standing | None:
    """The first checkpoint that holds a leaf and that enough witnesses cosigned, one at least; else the first.

    It says how early the leaf was there, where :func:`covering` says it of the log as it is now.
    """
    return _first_covering([index]).get(index)


def _first_covering(indexes: Collection[int]) -> dict[int, Standing]:
    """The same of several leaves, those left out that no checkpoint holds."""
    rows = checkpoints().filter(size__gt=min(indexes, default=0)).order_by("size")
    every, enough = list(rows.values_list("size", flat=True)), list[int]()
    if Cosignature.objects.exists():
        by = Cosignature.objects.filter(checkpoint=OuterRef("pk")).order_by().values("checkpoint")
        counted = rows.annotate(cosigned=Subquery(by.annotate(n=Count("pk")).values("n")))
        enough = list(counted.filter(cosigned__gte=max(config().log_quorum, 1)).values_list("size", flat=True))
    chosen: dict[int, int] = {}
    for index in indexes:
        for sizes in (enough, every):
            if (at := bisect_right(sizes, index)) < len(sizes):
                chosen[index] = sizes[at]
                break
    found = {one.size: one for one in _standings(list(rows.filter(size__in=set(chosen.values()))))}
    return {index: found[size] for index, size in chosen.items()}


def standing(row: Checkpoint) -> Standing:
    """A checkpoint as it is shown: our note with the lines of witnesses below."""
    return _standings([row])[0]


def _standings(rows: Sequence[Checkpoint]) -> list[Standing]:
    lines: dict[int, list[Cosignature]] = {row.pk: [] for row in rows}
    cosigned = Cosignature.objects.filter(checkpoint__in=rows).select_related("witness").order_by("witness_id")
    for one in cosigned:
        lines[one.checkpoint_id].append(one)
    return [_standing(row, lines[row.pk]) for row in rows]


def _standing(row: Checkpoint, lines: Sequence[Cosignature]) -> Standing:
    note = row.note + "".join(one.line for one in lines)
    return Standing(row.origin, row.size, bytes(row.root), row.at, note, {one.witness.name: one.at for one in lines})


def witnesses() -> QuerySet[Witness]:
    """Those who look at our checkpoints now, by name."""
    return Witness.objects.filter(removed_at=None).order_by("name")


def trouble_of(witness: Witness) -> object:
    """What went wrong the last time it was asked, in our words where it can be translated; empty: nothing."""
    try:
        return unpacked(json.loads(witness.said)) if witness.said else ""
    except ValueError:
        return witness.said


def last_cosigned() -> dict[int, datetime]:
    """When each witness cosigned last, by its own clock."""
    rows = Cosignature.objects.values_list("witness_id").annotate(last=Max("at")).order_by()
    return dict(rows)


def seen() -> QuerySet[Seen]:
    """Logs that this node witnesses, by name."""
    return Seen.objects.order_by("origin")


def alarms(*, settled: bool = False) -> QuerySet[Alarm]:
    """Alarms that are open, or all of them; the newest first."""
    rows = Alarm.objects.order_by("-pk")
    return rows if settled else rows.filter(settled_at=None)


def note_seen(origin: str) -> str:
    """The last checkpoint that this node has seen of a log that it witnesses, as it was signed; empty: none."""
    return Seen.objects.filter(origin=origin).values_list("note", flat=True).first() or ""


def audits() -> QuerySet[Audit]:
    """Audits, the newest first."""
    return Audit.objects.order_by("-pk")


def leaf(index: int) -> Leaf:
    """One leaf.

    Raises:
        NoSuchLeaf: there is none.
    """
    found = Leaf.objects.filter(index=index).first() if 0 <= index < 2**63 else None
    if found is None:
        raise NoSuchLeaf(index=index, size=size())
    return found


def leaf_of(kind: str, unique: int) -> Leaf:
    """The leaf of an event.

    Raises:
        NotLogged: it has none.
    """
    found = Leaf.objects.filter(kind=kind, unique=unique).first() if 0 <= unique < 2**63 else None
    if found is None:
        raise NotLogged(what=f"{kind} {unique}")
    return found


def last_of(kind: str) -> int:
    """The number of the event of a kind that was logged last; 0 where none was."""
    return Leaf.objects.filter(kind=kind).order_by("-index").values_list("unique", flat=True).first() or 0


def leaves_about(*about: str) -> QuerySet[Leaf]:
    """Leaves about some objects, in order."""
    return Leaf.objects.filter(about__in=about).order_by("index")


# --- what is public --------------------------------------------------------------------------------------------------


def published_tile(level: int, number: int, width: int) -> bytes | None:
    """A tile of what a checkpoint holds, the first ``width`` of its hashes; None where there is no such tile."""
    row = checkpoints().values_list("size", flat=True).first() or 0
    if width > width_of(level, number, size=row):
        return None
    return tree.tile_at(level, number)[: width * 32]


def inclusion_path(index: int, *, of: int) -> list[bytes]:
    """The path of a leaf in the tree of ``of`` leaves.

    Raises:
        NoSuchLeaf: there is no such leaf.
    """
    if not 0 <= index < of <= size():
        raise NoSuchLeaf(index=index, size=min(of, size()))
    return inclusion(index, of, tree.hash_at())


def consistency_proof(old: int, new: int) -> list[bytes]:
    """The proof that the tree of ``new`` leaves begins with that of ``old``.

    Raises:
        Shrinking: ``old`` is more than ``new``.
        NoCheckpoint: there are not so many leaves.
    """
    if old > new:
        raise Shrinking(old=old, new=new)
    if not 0 <= old <= new <= size():
        raise NoCheckpoint(size=max(old, new))
    return consistency(old, new, tree.hash_at())


# --- for those who may see what leaves commit to ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Revealed:
    """What a leaf commits to. ``event`` and ``salt`` are empty where it cannot be shown; ``why`` says why."""

    index: int
    kind: str
    about: str
    salt: bytes = b""
    event: bytes = b""
    why: str = ""


def reveal(rows: Iterable[Leaf]) -> list[Revealed]:
    """What leaves commit to, compared with their hashes: an event that was changed since does not pass for it."""
    found, by_kind = list(rows), dict[str, list[int]]()
    for row in found:
        by_kind.setdefault(row.kind, []).append(row.unique)
    shown = {kind: events.shown(kind, numbers) for kind, numbers in by_kind.items()}
    secret = keys().salt
    return [_revealed(row, shown[row.kind].get(row.unique), secret) for row in found]


def _revealed(row: Leaf, event: bytes | None, secret: bytes) -> Revealed:
    if event is None:
        return Revealed(row.index, row.kind, row.about, why=N_("the event is not there any more"))
    if events.leaf_of(secret, row.kind, event) != bytes(row.hash):
        return Revealed(row.index, row.kind, row.about, why=N_("the event was changed after it was logged"))
    return Revealed(row.index, row.kind, row.about, events.salt_of(secret, row.kind, event), event)


def prove(index: int, *, early: bool = False) -> Proof:
    """The whole proof that an event stands in the log, for a file; ``early``: to the first checkpoint that holds it.

    Raises:
        NoSuchLeaf: there is no such leaf.
        NotPublished: no checkpoint holds it yet.
        Unshown: what it commits to is gone, or was changed.
    """
    return next(prove_each([leaf(index)], to=first_covering if early else covering))


def prove_each(rows: Sequence[Leaf], *, to: Callable[[int], Standing | None] = covering) -> Iterator[Proof]:
    """The whole proofs of several leaves, all to one checkpoint: ten times as fast as one by one.

    Raises:
        NotPublished, Unshown: as :func:`prove`.
    """
    checkpoint = to(max(row.index for row in rows))
    yield from _proofs(rows, {row.index: checkpoint for row in rows} if checkpoint else {}, tree.hash_at())


def prove_early(rows: Sequence[Leaf]) -> Iterator[Proof]:
    """The whole proofs of several leaves, each to the first checkpoint that holds it, as :func:`first_covering` says.

    Raises:
        NotPublished, Unshown: as :func:`prove`.
    """
    to = _first_covering([row.index for row in rows])
    yield from _proofs(rows, to, tree.hash_at(near={*to, *(one.size - 1 for one in to.values())}))


def _proofs(rows: Sequence[Leaf], to: Mapping[int, Standing], hash_at: HashAt) -> Iterator[Proof]:
    for row in rows:
        if row.index not in to:
            raise NotPublished(index=row.index)
    named = tuple(str(key) for key in verifier_keys())
    for shown in reveal(rows):
        if shown.why:
            raise Unshown(index=shown.index, why=shown.why)
        checkpoint = to[shown.index]
        path = tuple(inclusion(shown.index, checkpoint.size, hash_at))
        yield Proof(shown.index, shown.salt, shown.event, path, checkpoint.note, named)


def verifier_keys() -> list[VerifierKey]:
    """The key of this log, and those of its witnesses."""
    mine = identity()
    texts = [mine.log_public] if mine else []
    return [VerifierKey.read(text) for text in (*texts, *witnesses().values_list("key", flat=True))]


def pinned_keys() -> list[VerifierKey]:
    """Every key that this node knows: of its own log and witnesses, of the logs that it witnesses, and its own as one
    that does.
    """
    mine = identity()
    own = [mine.witness_public] if mine else []
    return [*verifier_keys(), *(VerifierKey.read(text) for text in (*own, *seen().values_list("key", flat=True)))]


def tally() -> dict[str, int]:
    """Numbers for the statistics page."""
    last = latest()
    return {
        "log.leaves": size(),
        "log.published": last.size if last else 0,
        "log.witnesses": witnesses().count(),
        "log.witnessed": seen().count(),
        "log.alarms": alarms().count(),
    }
