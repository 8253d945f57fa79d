"""What a stick brings is held to the publisher's log, as what a line brings is; and how many witnesses are enough."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.federation import native
from tests.federation.conftest import fill, item, make, md5
from tests.federation.hostile import Liar, Line, matching, refused, shown

from himaya.core.exchange import SourceTrouble
from himaya.core.notes import COSIGNATURE, SigningKey
from himaya.core.repository import bundle
from himaya.federation.native import publishing
from himaya.lists import subscribing, voting
from himaya.lists.models import HashList, Item, Subscription
from himaya.log import queries as log

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("nothing_published")]


# --- our own bundles -------------------------------------------------------------------------------------------------


def follower(holders: native.Holders, key: str) -> Subscription:
    """Somebody who follows our list by stick, and has pinned a log."""
    options = {"address": "https://node.example/exchange/himaya/hotline", "key": "k", "log": key}
    options["root"] = holders.root.decode()
    subscribing.subscribe("by-stick", to=make("from-there"), exchange="himaya", options=options, by="person:1")
    return subscribing.find("by-stick")


def stick(of: HashList, to: Path) -> Path:
    publishing.publish(of)
    publishing.write_bundle(of, to / "bundle", by="person:1")
    return to / "bundle"


def test_a_bundle_is_taken_by_whoever_has_pinned_the_log(
    filled: HashList, holders: native.Holders, tmp_path: Path
) -> None:
    publishing.publish(filled)
    one = follower(holders, str(log.verifier_keys()[0]))
    subscribing.run(one, stick=stick(filled, tmp_path))
    assert set(matched()) == values(filled)
    more = md5("more")
    fill(filled, [("md5", more)])
    voting.vote(item(filled, more).pk, opinion="confirm", by="system", reason="looked at again")
    subscribing.run(subscribing.find("by-stick"), stick=stick(filled, tmp_path))
    assert set(matched()) == values(filled)


def values(of: HashList) -> set[str]:
    return set(Item.objects.filter(list=of).values_list("value", flat=True))


def matched() -> list[str]:
    return list(Item.objects.filter(list__name="from-there", state="active").values_list("value", flat=True))


@pytest.mark.parametrize("how", ["no proofs", "another log", "another file"])
def test_a_bundle_that_its_log_does_not_vouch_for_is_not_taken(
    how: str, filled: HashList, holders: native.Holders, tmp_path: Path
) -> None:
    other = make("other")
    fill(other, [("md5", md5("0"))])
    publishing.publish(other)  # the first that is logged
    publishing.publish(filled)
    key = str(log.verifier_keys()[0])
    if how == "another log":
        key = str(Liar("liar.example/log").key.verifier)
    one, path = follower(holders, key), tmp_path / "bundle"

    def prove(digests: Sequence[str]) -> Iterable[tuple[str, bytes]]:
        proved = list(publishing._proofs(filled, digests))
        if how == "another file":
            return [(digest, str(log.prove(0)).encode()) for digest, _ in proved]
        return [] if how == "no proofs" else proved

    bundle.write(publishing.repository("hotline"), path, prove=prove)
    with pytest.raises(SourceTrouble) as told:
        subscribing.run(one, stick=path)
    said = {"no proofs": "no proof", "another log": "signed by no key", "another file": "another file"}
    assert said[how] in str(told.value)
    assert matched() == []


# --- a publisher that lies -------------------------------------------------------------------------------------------


def brought(line: Line, liar: Liar, name: str = "bundle") -> Path:
    """A bundle that shows this history."""

    def prove(digests: Sequence[str]) -> Iterable[tuple[str, bytes]]:
        for digest in digests:
            if not any(digest.encode() in event for event in liar.events):
                liar.add(digest)
        for digest in digests:
            yield digest, liar.proof(next(n for n, event in enumerate(liar.events) if digest.encode() in event))

    path = line.folder / name
    bundle.write(line.stage.made, path, prove=prove)
    return path


def test_what_a_stick_showed_the_next_line_has_to_go_on_from(line: Line) -> None:
    liar = Liar("liar.example/log", (b"1", b"2", b"3"))
    line.follow("logged", log=str(liar.key.verifier))
    subscribing.run(line.one, stick=brought(line, liar))
    assert len(matching("logged")) == 50
    base = len(liar.events)
    other = Liar(liar.key.name, (b"1", b"2", b"another"))
    line.publish(2)
    shown(line, other, old=base)
    refused(line, "does not go on")
    shown(line, liar, old=base)
    line.run()
    assert len(matching("logged")) == 51


def test_a_stick_with_another_history_of_the_same_length_is_refused(line: Line) -> None:
    liar = Liar("liar.example/log", (b"1", b"2", b"3"))
    line.follow("logged", log=str(liar.key.verifier))
    shown(line, liar)
    line.run()
    line.publish(2)
    other = Liar(liar.key.name, (b"1", b"another"))
    path = brought(line, other)
    assert len(other.events) == len(liar.events)
    with pytest.raises(SourceTrouble, match="does not go on"):
        subscribing.run(line.one, stick=path)


# --- how many witnesses ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("named", "cosigned", "asked", "taken"),
    [(1, 1, 0, True), (3, 1, 0, False), (3, 2, 0, True), (3, 1, 1, True), (3, 2, 3, False), (2, 1, 0, False)],
)
def test_so_many_witnesses_have_to_have_cosigned(
    line: Line, named: int, cosigned: int, asked: int, taken: bool
) -> None:
    liar = Liar("liar.example/log", (b"1",))
    shown(line, liar)
    witnesses = [SigningKey(f"w{n}.example/witness", COSIGNATURE, bytes([n]) * 32) for n in range(named)]
    text = liar.checkpoint.signed(liar.key).split("\n\n")[0] + "\n"
    notes = "".join(one.sign(text, at=1_700_000_000) for one in witnesses[:cosigned])
    shown(line, liar, cosigned=notes)
    options: dict[str, Any] = {"log": str(liar.key.verifier), "cosigners": asked}
    line.follow("careful", witnesses=" ".join(str(one.verifier) for one in witnesses), **options)
    if taken:
        line.run()
        assert len(matching("careful")) == 50
    else:
        refused(line, f"{cosigned} of the witnesses")
