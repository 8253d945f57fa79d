"""Bundles of exhibits: what a grant lets out, in one piece that others verify with their own tools."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, BinaryIO

from django.db import transaction

from himaya.core import clock
from himaya.core.bundles.facts import Acquisition, Authorisation, Bundle, CustodyKey, ExhibitFacts, Recipient
from himaya.core.bundles.report import Language, reports
from himaya.core.bundles.writing import Packed, stream_zip
from himaya.core.config import config
from himaya.core.vault.verifier import key_name
from himaya.evidence import custody
from himaya.evidence.granting import UnknownAccess, count_reading, exhibits_of
from himaya.evidence.models import Access, Exhibit, SigningKey
from himaya.evidence.reading import unsafe_content
from himaya.evidence.stamping import roots, stamps_of
from himaya.ledger.services import record

if TYPE_CHECKING:
    from uuid import UUID

    from himaya.accounts.models import Person


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A bundle that is about to be written: all that it tells is on record already."""

    bundle: Bundle
    access: Access

    def write(self, to: BinaryIO, *, languages: Sequence[Language]) -> Packed:
        """Write it as a ZIP, in constant memory; what came before an error is no bundle.

        Raises:
            ExhibitDiffers, SealBroken, …: an exhibit is not what was acquired.
        """
        return stream_zip(self.bundle, to, contents=_content, reports=reports(self.bundle, tuple(languages)))


@transaction.atomic
def hand_over(
    access: int, *, person: Person, authorisation: Authorisation | None = None, to_node: bytes = b""
) -> HandedOver:
    """Take out all exhibits of a grant as a bundle: each is read once, and its custody tells it before a byte is given.

    Args:
        access: the number of a grant that holds now and was not used yet.
        person: who was granted it.
        authorisation: by what right it is handed over.
        to_node: the custody key of a node that goes on keeping it (32 bytes): its chains continue there.

    Raises:
        UnknownAccess, NoAccess: as their names say. Nothing was counted.
    """
    found = Access.objects.filter(pk=access).first()
    if found is None:
        raise UnknownAccess(number=access)
    number = f"B-{clock.now().year}-{access:06d}"
    chosen = list(exhibits_of(found).select_related("blob"))
    for one in chosen:
        count_reading(one, access=access, person=person, act="export", bundle=number)
    record("evidence.handed-over", by=person.actor, about=found.about, bundle=number, exhibits=len(chosen))
    made = _bundle(number, found, chosen, authorisation)
    if to_node:
        facts = {"from": key_name(custody.own_key()), "to": key_name(to_node), "bundle": number}
        offers = [custody.offer_step(one, act="transfer", by=person.actor, facts=facts) for one in chosen]
        made = replace(made, transfers=tuple(offers))
    return HandedOver(made, found)


def _bundle(number: str, access: Access, chosen: Sequence[Exhibit], authorisation: Authorisation | None) -> Bundle:
    return Bundle(
        number=number, organisation=config().organisation or config().node_name, made_at=clock.now(),
        case=", ".join(sorted({one.case for one in chosen if one.case})), exhibits=tuple(map(_facts, chosen)),
        keys=tuple(_keys()), authorisation=authorisation,
        recipients=(Recipient(str(access.asked_by), access.recipient),), certificates=roots(),
    )  # fmt: skip


def _facts(one: Exhibit) -> ExhibitFacts:
    tool, _, version = one.tool.rpartition(" ")
    known = ", ".join(f"{name} {value}" for name, value in sorted(one.clock.items()))
    return ExhibitFacts(
        uuid=one.uuid, label=one.reference, size=one.blob.size, media_type=one.media_type, digests=one.digests,
        acquisition=Acquisition(
            at=one.acquired_at, by=one.acquired_by, how=one.how, tool=tool or version, version=version if tool else "",
            source=one.origin, clock=known,
        ),
        custody=tuple(custody.lines(one)), timestamps=stamps_of(one),
    )  # fmt: skip


def _keys() -> Iterator[CustodyKey]:
    for public, owner in SigningKey.objects.order_by("pk").values_list("public", "owner"):
        yield CustodyKey(bytes(public), config().organisation or config().node_name if owner == custody.NODE else owner)


def _content(uuid: UUID) -> Iterator[bytes]:
    return unsafe_content(Exhibit.objects.select_related("blob", "epoch").get(uuid=uuid))
