"""Exhibits as a bundle tells them (``core.bundles``), and as its writer reads them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, BinaryIO
from uuid import UUID

from himaya.core.bundles.facts import Acquisition, Authorisation, Bundle, CustodyKey, ExhibitFacts, Recipient
from himaya.core.bundles.writing import Packed, stream_zip
from himaya.core.config import config
from himaya.core.vault.recipients import encrypt, recipients
from himaya.evidence.custody import lines
from himaya.evidence.models import Exhibit, SigningKey
from himaya.evidence.reading import unsafe_content

if TYPE_CHECKING:
    from himaya.core.bundles.writing import Encrypt


def bundle_of(
    exhibits: Collection[Exhibit], *, number: str, made_at: datetime, authorisation: Authorisation, to: Recipient
) -> Bundle:
    """What a bundle of these exhibits says, with their chains as they stand now."""
    keys = SigningKey.objects.order_by("pk").values_list("public", "owner")
    return Bundle(
        number=number,
        organisation=config().organisation or config().node_name,
        made_at=made_at.replace(microsecond=0),
        case=", ".join(sorted({one.case for one in exhibits if one.case}))[:4000],
        exhibits=tuple(map(facts_of, exhibits)),
        keys=tuple(CustodyKey(bytes(public), owner) for public, owner in keys),
        authorisation=authorisation,
        recipients=(to,),
    )


def facts_of(one: Exhibit) -> ExhibitFacts:
    """What a bundle tells of an exhibit."""
    tool, _, version = one.tool.rpartition(" ")
    clock = ", ".join(f"{name} {value}" for name, value in sorted(one.clock.items()))
    return ExhibitFacts(
        uuid=one.uuid,
        label=one.reference,
        size=one.blob.size,
        media_type=one.media_type,
        digests=one.digests,
        acquisition=Acquisition(
            at=one.acquired_at.replace(microsecond=0), by=one.acquired_by, how=one.how, tool=tool or version,
            version=version if tool else "", source=one.origin, clock=clock,
        ),
        custody=tuple(lines(one)),
    )  # fmt: skip


def write_exhibits(
    bundle: Bundle, to: BinaryIO, *, exhibits: Collection[Exhibit], reports: Mapping[str, bytes] | None = None
) -> Packed:
    """Write the bundle as a ZIP into a stream: each exhibit verified on the way, and encrypted to the recipients.

    It holds the material itself, closed: whoever calls this has put on record for whom and why.

    Raises:
        UnfitBundle, ExhibitDiffers, ExhibitEnded, SealBroken, …: what came before is no bundle.
    """
    by_uuid = {one.uuid: one for one in exhibits}

    def contents(uuid: UUID) -> Iterator[bytes]:
        return unsafe_content(by_uuid[uuid])

    chosen = recipients("\n".join(one.key for one in bundle.recipients))
    closed: Encrypt = partial(encrypt, recipients=chosen)
    return stream_zip(bundle, to, contents=contents, encrypt=closed, reports=reports or {})
