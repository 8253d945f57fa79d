"""The log for programs: proofs that something stands in it, and that it only grew."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Annotated

from annotated_types import Ge, Le
from django.http import HttpRequest, HttpResponse
from ninja import Router

from himaya.accounts.keys import Key, MissingScope, may, reply
from himaya.core.wire import PluginName, Told, problems
from himaya.log import queries
from himaya.log.api.oversight import router as oversight
from himaya.log.keys import identity

if TYPE_CHECKING:
    from collections.abc import Iterable

    from himaya.log.models import Leaf

router = Router(tags=["log"])
router.add_router("", oversight)
Number = Annotated[int, Ge(0), Le(2**63 - 1)]


class CheckpointTold(Told):
    """A signed checkpoint, with the lines of witnesses. ``enough``: as many cosigned it as this node asks for."""

    size: int
    note: str
    cosigned: dict[str, str]
    enough: bool


class LogTold(Told):
    """The log: its name and keys, how many leaves there are, and the newest checkpoint."""

    origin: str
    key: str
    witness_key: str
    size: int
    checkpoint: CheckpointTold | None


class InclusionTold(Told):
    """That a leaf is in the tree of ``size`` leaves (RFC 9162 §2.1.3). Hashes are in base64."""

    index: int
    kind: str
    about: str
    leaf: str
    size: int
    path: list[str]
    checkpoint: CheckpointTold


class ConsistencyTold(Told):
    """That the tree of ``new`` leaves begins with that of ``old`` (RFC 9162 §2.1.4)."""

    old: int
    new: int
    proof: list[str]


class ProofTold(Told):
    """What a leaf commits to, with all that proves it: what `himaya log verify` reads."""

    format: str
    index: int
    salt: str
    event: str
    path: list[str]
    checkpoint: str
    keys: list[str]


@router.get("/log", auth=Key("log:read"), response={200: LogTold, **problems()}, summary="Show the log")
def log(request: HttpRequest) -> HttpResponse:
    """The log of this node. Checkpoint and tiles are public, below `/log/v1/`."""
    mine, newest = identity(), queries.latest()
    told = LogTold(
        origin=mine.origin if mine else "",
        key=mine.log_public if mine else "",
        witness_key=mine.witness_public if mine else "",
        size=queries.size(),
        checkpoint=_checkpoint(newest) if newest else None,
    )
    return reply(told)


@router.get(
    "/log/leaves/{index}",
    auth=Key("log:read"),
    response={200: InclusionTold, **problems(404, 409)},
    summary="Prove a leaf",
)
def leaf(request: HttpRequest, index: Number) -> HttpResponse:
    """That a leaf stands in the newest checkpoint that counts."""
    return reply(_inclusion(queries.leaf(index)))


@router.get(
    "/log/events/{kind}/{number}",
    auth=Key("log:read"),
    response={200: InclusionTold, **problems(404, 409)},
    summary="Prove an event",
)
def event(request: HttpRequest, kind: PluginName, number: Number) -> HttpResponse:
    """The same for an event by its kind and number: `statement` and the statement's."""
    return reply(_inclusion(queries.leaf_of(kind, number)))


@router.get(
    "/log/leaves/{index}/proof",
    auth=Key("log:read"),
    response={200: ProofTold, **problems(404, 409)},
    summary="Show what a leaf commits to",
)
def leaf_proof(request: HttpRequest, index: Number) -> HttpResponse:
    """What the leaf commits to, with salt and proof. It may name a fingerprint: the key needs `lists:read`, too.

    The answer, as it is, is the file that `himaya log verify` reads.
    """
    if not may(request, "lists:read"):
        raise MissingScope(scope="lists:read")
    return HttpResponse(str(queries.prove(index)), content_type="application/json; charset=utf-8")


@router.get(
    "/log/consistency",
    auth=Key("log:read"),
    response={200: ConsistencyTold, **problems(404)},
    summary="Prove that the log only grew",
)
def log_consistency(request: HttpRequest, old: Number, new: Number) -> HttpResponse:
    """That the log of `new` leaves begins with that of `old` leaves."""
    return reply(ConsistencyTold(old=old, new=new, proof=_texts(queries.consistency_proof(old, new))))


def _inclusion(row: Leaf) -> InclusionTold:
    checkpoint = queries.covering(row.index)
    if checkpoint is None:
        raise queries.NotPublished(index=row.index)
    return InclusionTold(
        index=row.index,
        kind=row.kind,
        about=row.about,
        leaf=_texts([bytes(row.hash)])[0],
        size=checkpoint.size,
        path=_texts(queries.inclusion_path(row.index, of=checkpoint.size)),
        checkpoint=_checkpoint(checkpoint),
    )


def _checkpoint(one: queries.Standing) -> CheckpointTold:
    cosigned = {name: at.isoformat() for name, at in one.cosigned.items()}
    return CheckpointTold(size=one.size, note=one.note, cosigned=cosigned, enough=one.is_enough)


def _texts(hashes: Iterable[bytes]) -> list[str]:
    return [b64encode(one).decode("ascii") for one in hashes]
