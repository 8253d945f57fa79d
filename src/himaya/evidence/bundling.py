"""Bundles of exhibits: what a grant lets out, in one piece that others verify with their own tools."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, BinaryIO

from django.db import transaction

from himaya.core import clock
from himaya.core.bundles.facts import Acquisition, Authorisation, Bundle, CustodyKey, ExhibitFacts, Recipient, SaidLabel
from himaya.core.bundles.report import Language, reports
from himaya.core.bundles.writing import Packed, check_fit, stream_zip
from himaya.core.config import config
from himaya.core.vault.verifier import key_name
from himaya.core.words import Said
from himaya.evidence import custody
from himaya.evidence.anchoring import proofs_of
from himaya.evidence.closing import READING_OPENING, closed_reading
from himaya.evidence.custody import node_key
from himaya.evidence.granting import NoAccess, UnknownAccess, count_readings, exhibits_of
from himaya.evidence.handing import RETURN, TRANSFER, note_given
from himaya.evidence.labelling import labels_of
from himaya.evidence.models import Access, Exhibit, SigningKey
from himaya.evidence.reading import unsafe_content
from himaya.evidence.returning import giver_of_all
from himaya.evidence.stamping import roots, stamps_of
from himaya.evidence.states import GRANTED
from himaya.ledger.services import record
from himaya.log.queries import verifier_keys

if TYPE_CHECKING:
    from uuid import UUID

    from himaya.accounts.models import Person
    from himaya.core.vault.custody import Fact
    from himaya.evidence.models import Step

TAKEN = "Himaya-Taken-Out"
"""The field of bag-info.txt that says whose copy it is."""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A bundle that is about to be written: all that it tells is on record already."""

    bundle: Bundle
    access: Access
    opened: Mapping[UUID, bytes] = field(default_factory=dict, repr=False)
    """Of what is guarded, the keys that custodians have opened."""

    def write(self, to: BinaryIO, *, languages: Sequence[Language]) -> Packed:
        """Write it as a ZIP, in constant memory; what came before an error is no bundle.

        Raises:
            NoAccess: somebody has ended the grant meanwhile.
            ExhibitDiffers, SealBroken, …: an exhibit is not what was acquired.
        """
        return write_bundle(self.bundle, to, languages=languages, opened=self.opened, stands=self._check_stands)

    def _check_stands(self) -> None:
        """What was ended since leaves no further: of many exhibits, those behind the one that is being written."""
        state = Access.objects.values_list("state", flat=True).get(pk=self.access.pk)
        if state != GRANTED:
            raise NoAccess(exhibit=self.bundle.number, why=Said("the request is {state}", state=state))


@transaction.atomic
def hand_over(
    access: int, *, person: Person, authorisation: Authorisation | None = None, to_node: bytes = b"", console: str = ""
) -> HandedOver:
    """Take out all exhibits of a grant as a bundle: each is read once, and its custody tells it before a byte is given.

    By a grant for the purpose ``return`` it goes back to who handed it to this node, or brought it.

    Args:
        access: the number of a grant that holds now and was not used yet.
        person: who was granted it.
        authorisation: by what right it is handed over.
        to_node: the custody key of a node that goes on keeping it (32 bytes): its chains continue there. Where it goes
            back to a node, that one's, which need not be named; of who brought it and has a key, that key.
        console: who sits at the console and does it in the name of ``person``; empty: they do it themselves.

    Raises:
        UnknownAccess, NoAccess, PartsMissing: as their names say. Nothing was counted.
        NotTheirs: it would go back to somebody who did not give it. Nothing was counted.
        UnfitBundle: something of it could not be verified, or is too much for one bundle. Nothing was counted.
    """
    found = Access.objects.select_for_update(of=("self",)).filter(pk=access).first()
    if found is None:
        raise UnknownAccess(number=access)
    number = f"B-{clock.now().year}-{access:06d}"
    chosen = list(exhibits_of(found).select_for_update(of=("self",)).select_related("blob"))
    node, back = key_name(to_node) if to_node else "", found.purpose == RETURN
    if back:
        node = giver_of_all(chosen, node=node)
    facts: dict[str, Fact] = {"bundle": number, **({"console": console} if console else {})}
    keys = count_readings(chosen, access=access, person=person, act="export", **facts)
    record("evidence.handed-over", by=person.actor, about=found.about, bundle=number, exhibits=len(chosen))
    to = Recipient(str(found.asked_by), found.recipient)
    made = bundle_of(number, exhibits=chosen, to=to, authorisation=authorisation)
    taken = taken_out(person, found.about, console=console)
    made = replace(made, about={**made.about, **taken, READING_OPENING: closed_reading(found).opening})
    act = RETURN if back else TRANSFER
    if node:
        facts |= {"from": key_name(custody.own_key()), "to": node}
        made = replace(made, transfers=custody.offer_steps(chosen, act=act, by=person.actor, facts=facts))
    check_fit(made, (), node_key())
    if node or back:
        other = authorisation.authority if authorisation else ""
        note_given(chosen, act=act, bundle=number, node=node, other=other, by=person.actor)
    return HandedOver(made, found, keys)


def taken_out(person: Person, by: str, *, console: str = "") -> dict[str, str]:
    """The mark of one taking out, for bag-info.txt: whose copy it is, by which grant or answer, and when.

    The node signs it with the whole: a copy that turns up elsewhere says out of whose hands it is.
    """
    who = f"{person.actor} ({console})" if console else person.actor
    return {TAKEN: f"{who}, {by}, {clock.now().isoformat(timespec='seconds')}"}


def bundle_of(
    number: str, *, exhibits: Sequence[Exhibit], to: Recipient, authorisation: Authorisation | None
) -> Bundle:
    """What a bundle of these exhibits says, with their chains as they stand now."""
    said, lines, stamps = labels_of(exhibits), custody.lines_of(exhibits), stamps_of(exhibits)
    proofs = proofs_of(exhibits)
    facts = tuple(
        replace(
            _facts(one), custody=tuple(lines[one.pk]), timestamps=stamps[one.pk], proofs=proofs[one.pk],
            labels=tuple(SaidLabel(each.kind, each.value, each.said_by) for each in said.get(one.pk, ())),
        )
        for one in exhibits
    )  # fmt: skip
    return Bundle(
        number=number, organisation=config().organisation or config().node_name, made_at=clock.now(),
        case=", ".join(sorted({one.case for one in exhibits if one.case})), exhibits=facts,
        keys=tuple(_keys(facts)), authorisation=authorisation, recipients=(to,), certificates=roots(),
        log_keys=tuple(str(key) for key in verifier_keys()),
    )  # fmt: skip


def with_steps(bundle: Bundle, steps: Sequence[Step]) -> Bundle:
    """The same with one step more of each exhibit, in their order."""
    told = zip(bundle.exhibits, steps, strict=True)
    return replace(bundle, exhibits=tuple(replace(one, custody=(*one.custody, bytes(step.line))) for one, step in told))


def write_bundle(
    bundle: Bundle,
    to: BinaryIO,
    *,
    languages: Sequence[Language],
    opened: Mapping[UUID, bytes],
    stands: Callable[[], None] = lambda: None,
) -> Packed:
    """Write a bundle as a ZIP, in constant memory, its exhibits encrypted to its recipients.

    It is the material itself, closed: whoever calls this has put on record for whom and why. ``opened``: the keys of
    what is guarded, by the exhibits' numbers. ``stands`` is asked before each exhibit, and raises
    where nothing leaves any more.

    Raises:
        CustodiansNeeded, UnfitBundle, ExhibitDiffers, ExhibitEnded, SealBroken, …: what came before is no bundle.
    """
    told = reports(bundle, tuple(languages))
    return stream_zip(bundle, to, contents=partial(_content, opened, stands), reports=told, signer=node_key())


def _facts(one: Exhibit) -> ExhibitFacts:
    tool, _, version = one.tool.rpartition(" ")
    known = ", ".join(f"{name} {value}" for name, value in sorted(one.clock.items()))
    return ExhibitFacts(
        uuid=one.uuid, label=one.reference, size=one.blob.size, media_type=one.media_type, digests=one.digests,
        acquisition=Acquisition(
            at=one.acquired_at, by=one.acquired_by, how=one.how, tool=tool or version, version=version if tool else "",
            source=one.origin, clock=known,
        ),
        custody=(),
    )  # fmt: skip


def _keys(exhibits: Iterable[ExhibitFacts]) -> Iterator[CustodyKey]:
    """Ours, and those of who signed a step of these exhibits: of nobody else a bundle says that we know them."""
    lines = (json.loads(line) for one in exhibits for line in one.custody)
    names = {key_name(custody.own_key()), *(each["key"] for line in lines for each in line["signatures"])}
    rows = SigningKey.objects.filter(name__in=names).order_by("pk").values_list("public", "owner", "sealed")
    for public, owner, sealed in rows:  # ours are those of which we have the other half, whatever a stranger is called
        yield CustodyKey(bytes(public), config().organisation or config().node_name if sealed else owner)


def _content(opened: Mapping[UUID, bytes], stands: Callable[[], None], uuid: UUID) -> Iterator[bytes]:
    stands()
    exhibit = Exhibit.objects.select_related("blob", "epoch").get(uuid=uuid)
    return unsafe_content(exhibit, key=opened.get(uuid))
