"""What was handed over is given back: both sides sign, what came back is what was given, and nothing is sealed twice.

The database is that of one node after the other: what a node has is put aside while the other one acts.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from threading import Barrier
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection, transaction
from tests.evidence.conftest import Keep
from tests.evidence.test_granting import proof
from tests.evidence.test_guarded_at_once import at_once
from tests.evidence.test_preserving import content
from tests.evidence.test_receiving import other_key, use_other_key

from himaya.core import clock as now_of
from himaya.core.bundles import acknowledging
from himaya.core.bundles.alone.program import verify_bundle
from himaya.core.bundles.reading import ExhibitNotTaken
from himaya.core.bundles.report import Language
from himaya.core.vault.recipients import Identity
from himaya.core.vault.verifier import key_name
from himaya.evidence import custody, handing, receiving
from himaya.evidence.bundling import hand_over
from himaya.evidence.granting import NoAccess, ask_access, grant_access
from himaya.evidence.lasting import STEPS
from himaya.evidence.models import Access, AccessTo, Binding, Exhibit, Handover, SigningKey, Step, Unlogged
from himaya.evidence.receiving import AlreadyHere, receipt_of, receive_bundle, take_receipt
from himaya.evidence.returning import NotTheirs, can_go_back
from himaya.evidence.ruling import RuleTerms, set_rule
from himaya.ledger import queries as ledger

TABLES = (SigningKey, Exhibit, Binding, AccessTo, Step, Unlogged, Handover)
MINE = Identity.new()


class Nodes:
    """Two nodes in one database, one of them at a time."""

    def __init__(self, people: SimpleNamespace, at: Path) -> None:
        self.people, self.at, self.here = people, at, "a"
        self._aside: dict[str, list[Any]] = {}

    def to(self, name: str) -> None:
        """Put aside what this one has, and go on with what that one had."""
        STEPS.unsafe_remove(connection)
        self._aside[self.here] = [list(model.objects.all()) for model in TABLES]
        for model in reversed(TABLES):
            model.objects.all().delete()
        for model, rows in zip(TABLES, self._aside.get(name, []), strict=False):
            model.objects.bulk_create(rows)
        STEPS.install(connection)
        self.here = name
        if name == "b" and not SigningKey.objects.filter(owner="node").exists():
            use_other_key()

    def bundle(self, exhibit: Exhibit, *, purpose: str, to_node: bytes = b"") -> Path:
        """What two people let leave."""
        facts = {"purpose": purpose, "reason": "an order", "recipient": str(MINE.recipient)}
        access = ask_access([exhibit], person=self.people.reviewer, **facts)
        grant_access(access.pk, person=self.people.lead, proof=proof())
        path = self.at / f"{access.pk}.zip"
        with path.open("wb") as file:
            hand_over(access.pk, person=self.people.reviewer, to_node=to_node).write(file, languages=[Language("en")])
        return path

    def lend(self, exhibit: Exhibit, *, receipt: bool = True) -> Exhibit:
        """Hand it to the other node, and go there; with a receipt our chain goes on first."""
        path = self.bundle(exhibit, purpose="a court", to_node=other_key())
        self.to("b")
        (taken,) = receive_bundle(path, identity=MINE, by="person:9")
        if receipt:
            line = receipt_of([taken])
            self.to("a")
            take_receipt(line, key=other_key(), by="person:1")
            self.to("b")
        return Exhibit.objects.get(uuid=exhibit.uuid)


@pytest.fixture
def nodes(keep: Keep, people: SimpleNamespace, tmp_path: Path) -> Nodes:
    terms = RuleTerms("an order", "NL", "legal-obligation", ["received"], minimum="1 year")
    set_rule("received", terms=terms, by="system")
    return Nodes(people, tmp_path)


def acts(exhibit: Exhibit) -> list[str]:
    return [step.fields["act"] for step in custody.check(exhibit)]


def states() -> list[str]:
    return [handing.state_of(one) for one in handing.handovers().order_by("pk")]


def test_what_was_handed_over_comes_back_and_both_have_signed(nodes: Nodes, keep: Keep) -> None:
    lent = keep("a neutral text")
    ours = custody.own_key()
    there = nodes.lend(lent)
    assert lent.reference not in there.label
    assert f"there {lent.reference}" in there.origin
    back = nodes.bundle(there, purpose="return")
    assert not verify_bundle(str(back)).problems
    assert states() == ["taken", "offered"]
    nodes.to("a")
    assert states() == ["signed"]
    fates: dict[int, str] = {}
    assert receive_bundle(back, identity=MINE, by="person:1", told=fates) == [lent]
    assert fates == {lent.pk: "came-back"}
    assert receive_bundle(back, identity=MINE, by="person:1", told=fates) == [lent]
    assert fates == {lent.pk: "known"}
    assert Exhibit.objects.count() == 1
    assert content(lent) == b"a neutral text"
    whole = ["acquire", "export", "transfer", "export", "return"]
    assert acts(lent) == whole
    assert set(custody.check(lent)[-1].signers) == {key_name(ours), key_name(other_key())}
    assert states() == ["came-back", "back"]
    assert "evidence.came-back" in [entry.act for entry in ledger.entries(about=lent.about)]
    receipt = receipt_of([lent])
    assert json.loads(receipt)["step"]["act"] == "return"
    nodes.to("b")
    take_receipt(receipt, key=ours, by="person:9")
    there = Exhibit.objects.get(uuid=lent.uuid)
    assert acts(there) == whole
    assert states() == ["given-back", "returned"]
    assert there.state == "kept"  # a return ends nothing here
    assert content(there) == b"a neutral text"
    assert not can_go_back(there)


def test_it_comes_back_where_the_receipt_never_came(nodes: Nodes, keep: Keep) -> None:
    lent = keep()
    back = nodes.bundle(nodes.lend(lent, receipt=False), purpose="return")
    nodes.to("a")
    receive_bundle(back, identity=MINE, by="person:1")
    assert acts(lent) == ["acquire", "export", "transfer", "export", "return"]
    assert states() == ["came-back", "back"]


def test_where_our_chain_has_gone_on_a_step_of_ours_names_the_line_by_which_it_comes_back(
    nodes: Nodes, keep: Keep
) -> None:
    lent = keep()
    ours = custody.own_key()
    there = nodes.lend(lent)
    back = nodes.bundle(there, purpose="return")
    nodes.to("a")
    nodes.bundle(lent, purpose="court")
    receive_bundle(back, identity=MINE, by="person:1")
    assert acts(lent) == ["acquire", "export", "transfer", "export", "analyse"]
    line = receipt_of([lent]).rstrip(b"\n")
    assert custody.check(lent)[-1].fields["facts"]["came_back"] == sha256(line).hexdigest()
    noted = Handover.objects.get(given=False)
    assert bytes(noted.branch or b"").splitlines()[-1] == line
    nodes.to("b")
    take_receipt(line + b"\n", key=ours, by="person:9")
    assert acts(there)[-1] == "return"


def test_what_comes_back_twice_or_was_never_lent_is_refused(nodes: Nodes, keep: Keep) -> None:
    lent, other = keep(), keep("another text")
    ours = custody.own_key()
    there = nodes.lend(lent)
    first, second = (nodes.bundle(there, purpose="return") for _ in range(2))
    copy = nodes.bundle(there, purpose="copy")
    nodes.to("a")
    receive_bundle(first, identity=MINE, by="person:1")
    with pytest.raises(ExhibitNotTaken, match="came back already"):
        receive_bundle(second, identity=MINE, by="person:1")
    with pytest.raises(AlreadyHere, match="kept here already"):
        receive_bundle(copy, identity=MINE, by="person:1")
    assert acts(lent)[-1] == "return"
    seen = nodes.bundle(other, purpose="copy")  # handed to no node: whoever has it was lent nothing
    nodes.to("b")
    receive_bundle(seen, identity=MINE, by="person:9")
    (stranger,) = Exhibit.objects.exclude(uuid=lent.uuid)
    back = nodes.bundle(stranger, purpose="return", to_node=ours)
    nodes.to("a")
    receive_bundle(back, identity=MINE, by="person:1")  # a chain of its own: another exhibit
    assert acts(other) == ["acquire", "export"]


def test_what_is_not_what_was_given_is_refused(nodes: Nodes, keep: Keep, monkeypatch: pytest.MonkeyPatch) -> None:
    lent = keep()
    back = nodes.bundle(nodes.lend(lent), purpose="return")
    nodes.to("a")
    lent.digests = {**lent.digests, "sha256": "0" * 64}
    lent.save()
    with pytest.raises(ExhibitNotTaken, match="not what was given"):
        receive_bundle(back, identity=MINE, by="person:1")
    assert states() == ["signed"]


def test_what_has_ended_here_begins_anew_when_it_comes_back(nodes: Nodes, keep: Keep, clock: Any) -> None:
    lent = keep()
    ours = custody.own_key()
    there = nodes.lend(lent)
    back, second = (nodes.bundle(there, purpose="return") for _ in range(2))
    nodes.to("a")
    with transaction.atomic():
        custody.add_step(lent, act="destroy", by="system", facts={"epoch": "x"})
    Exhibit.objects.filter(pk=lent.pk).update(state="destroyed", wrapped=None, ended_at=now_of.now())
    fates: dict[int, str] = {}
    (anew,) = receive_bundle(back, identity=MINE, by="person:1", told=fates)
    assert fates == {anew.pk: "new"}
    assert receive_bundle(back, identity=MINE, by="person:1") == [anew]
    assert (anew.uuid == lent.uuid, acts(anew), acts(lent)[-1]) == (False, ["acquire"], "destroy")
    assert f"it was {lent.reference} here, which has ended" in anew.origin
    assert states() == ["came-back", "back"]
    with pytest.raises(ExhibitNotTaken, match="came back already"):
        receive_bundle(second, identity=MINE, by="person:1")
    receipt = receipt_of([anew])
    nodes.to("b")
    take_receipt(receipt, key=ours, by="person:9")  # the first of two offers: noted, though the chain has gone on
    assert states() == ["given-back", "returned", "offered"]


def test_it_goes_back_to_who_gave_it_and_to_nobody_else(nodes: Nodes, keep: Keep) -> None:
    met = keep()
    stranger = Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    with pytest.raises(NotTheirs, match="nobody brought it"):
        nodes.bundle(met, purpose="return")
    there = nodes.lend(met)
    with pytest.raises(NotTheirs, match="gave it to this node"):
        nodes.bundle(there, purpose="return", to_node=stranger)
    assert acts(there) == ["acquire", "export", "transfer"]


def test_what_somebody_brought_never_goes_to_who_gave_something_else(
    nodes: Nodes, keep: Keep, people: SimpleNamespace
) -> None:
    there, facts = nodes.lend(keep()), {"reason": "an order", "recipient": str(MINE.recipient)}
    brought = keep("a letter", occasion="received", how="uploaded", case="case:7", once="intake:1")
    for both in ([brought, there], [there, brought]):
        with pytest.raises(NotTheirs, match=f"{brought.reference} does not go back there: somebody brought it"):
            ask_access(both, person=people.reviewer, purpose="return", **facts)
        access = ask_access(both, person=people.reviewer, purpose="court", **facts)
        Access.objects.filter(pk=access.pk).update(purpose="return")  # as it was asked before that was looked at
        grant_access(access.pk, person=people.lead, proof=proof())
        for node in (b"", custody.own_key(), bytes(SigningKey.objects.exclude(owner="node").get().public)):
            with pytest.raises(NotTheirs, match="somebody brought it"):
                hand_over(access.pk, person=people.reviewer, to_node=node)
    assert (acts(brought), acts(there)[-1]) == (["acquire"], "transfer")
    assert states() == ["taken"]


def test_it_takes_two_people(nodes: Nodes, keep: Keep, people: SimpleNamespace) -> None:
    there = nodes.lend(keep())
    facts = {"purpose": "return", "reason": "it is theirs", "recipient": str(MINE.recipient)}
    access = ask_access([there], person=people.reviewer, **facts)
    with pytest.raises(NoAccess):
        hand_over(access.pk, person=people.reviewer)
    assert states() == ["taken"]


def test_what_somebody_brought_goes_back_and_they_sign_with_a_key_of_their_own(nodes: Nodes, keep: Keep) -> None:
    brought = keep("seized text", occasion="received", how="received", once="intake:1", origin="Police of the North")
    theirs = Ed25519PrivateKey.generate()
    public = theirs.public_key().public_bytes_raw()
    path = nodes.bundle(brought, purpose="return", to_node=public)
    with pytest.raises(acknowledging.NotForYou):
        acknowledging.acknowledge(path, key=Ed25519PrivateKey.generate(), identity=MINE)
    signed = acknowledging.acknowledge(path, key=theirs, identity=MINE)
    assert [*signed] == [brought.reference]
    take_receipt(b"".join(line + b"\n" for line in signed.values()), key=public, by="person:1")
    assert acts(brought) == ["acquire", "export", "return"]
    assert states() == ["returned"]
    assert content(brought) == b"seized text"
    with pytest.raises(NotTheirs, match="given back already"):
        nodes.bundle(brought, purpose="return", to_node=public)


def test_without_a_key_it_leaves_and_custody_says_no_more_than_that(nodes: Nodes, keep: Keep) -> None:
    brought = keep("seized text", occasion="received", how="received", once="intake:1", origin="Police of the North")
    assert not verify_bundle(str(nodes.bundle(brought, purpose="return"))).problems
    assert acts(brought) == ["acquire", "export"]
    assert states() == ["unsigned"]


def test_what_was_given_back_can_be_lent_again(nodes: Nodes, keep: Keep) -> None:
    lent = keep()
    back = nodes.bundle(nodes.lend(lent), purpose="return")
    nodes.to("a")
    receive_bundle(back, identity=MINE, by="person:1")
    receipt, ours = receipt_of([lent]), custody.own_key()
    nodes.to("b")
    take_receipt(receipt, key=ours, by="person:9")
    nodes.to("a")
    there = nodes.lend(lent)
    assert acts(there)[-3:] == ["return", "export", "transfer"]
    assert Exhibit.objects.count() == 1
    assert can_go_back(there)
    lent_again = ["given-back", "returned", "taken"]
    assert states() == lent_again
    take_receipt(receipt, key=ours, by="person:9")  # that of before, once more
    assert states() == lent_again
    Handover.objects.filter(act="return").update(settled_at=None)  # as if it had come only now
    take_receipt(receipt, key=ours, by="person:9")
    assert states() == lent_again


@pytest.mark.django_db(transaction=True)
def test_of_many_that_take_it_back_at_once_one_does_and_all_are_told_so(nodes: Nodes, keep: Keep) -> None:
    lent = keep()
    back = nodes.bundle(nodes.lend(lent), purpose="return")
    nodes.to("a")
    got, failed = at_once(6, lambda: receive_bundle(back, identity=MINE, by="person:1"))
    assert (got, failed) == ([[lent]] * 6, [])
    assert acts(lent) == ["acquire", "export", "transfer", "export", "return"]
    assert states() == ["came-back", "back"]
    told = [entry.act for entry in ledger.entries(about=lent.about)]
    assert told.count("evidence.came-back") == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_bundles_that_bring_back_what_has_ended_one_is_taken(
    nodes: Nodes, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    lent = keep()
    there = nodes.lend(lent)
    bundles = [nodes.bundle(there, purpose="return") for _ in range(2)]
    nodes.to("a")
    with transaction.atomic():
        custody.add_step(lent, act="destroy", by="system", facts={"epoch": "x"})
    Exhibit.objects.filter(pk=lent.pk).update(state="destroyed", wrapped=None, ended_at=now_of.now())
    both, begin, turns = Barrier(2, timeout=20), receiving.begin, iter(bundles)

    def sealed_together(*args: Any, **how: Any) -> Any:
        made = begin(*args, **how)
        both.wait()  # both have been looked at, and neither is kept
        return made

    monkeypatch.setattr(receiving, "begin", sealed_together)
    got, failed = at_once(2, lambda: receive_bundle(next(turns), identity=MINE, by="person:1"))
    assert (len(got), [str(one).partition(": ")[2] for one in failed]) == (1, ["it came back already."])
    assert states() == ["came-back", "back"]
    assert Exhibit.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_two_that_take_a_new_bundle_at_once_one_receives_it(
    nodes: Nodes, keep: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = nodes.bundle(keep(), purpose="a court", to_node=other_key())
    nodes.to("b")
    both, begin = Barrier(2, timeout=20), receiving.begin

    def sealed_together(*args: Any, **how: Any) -> Any:
        made = begin(*args, **how)
        both.wait()  # both have been looked at, and neither is kept
        return made

    monkeypatch.setattr(receiving, "begin", sealed_together)

    def take() -> list[str]:
        fates: dict[int, str] = {}
        receive_bundle(path, identity=MINE, by="person:9", told=fates)
        return [*fates.values()]

    got, failed = at_once(2, take)
    assert (sorted(got), failed) == ([["known"], ["new"]], [])
    (one,) = Exhibit.objects.all()
    assert [entry.act for entry in ledger.entries(about=one.about)].count("evidence.received") == 1
