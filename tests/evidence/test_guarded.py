"""What is guarded opens for nobody alone: two custodians bring their parts for one grant, and it is forgotten then."""

from __future__ import annotations

import io
from dataclasses import replace
from datetime import date, timedelta
from itertools import combinations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyrage
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.evidence.conftest import HIGHEST, RECIPIENT, Grant, Keep, read
from tests.evidence.test_granting import proof
from tests.guarding import WHO, Custodians, fresh

from himaya.core import clock as now_of
from himaya.core.config import config
from himaya.core.vault import shares
from himaya.core.vault.epochs import EpochDestroyed
from himaya.core.vault.wrapping import WrongKey
from himaya.evidence import custody, ruling
from himaya.evidence.bundling import hand_over
from himaya.evidence.ending import end_due
from himaya.evidence.granting import NoAccess, ask_access, end_access, grant_access, take_access
from himaya.evidence.guarded.bringing import (
    NothingBrought,
    PartRefused,
    PartsMissing,
    bring_parts,
    forget_over,
    parts_file,
)
from himaya.evidence.guarded.custodians import (
    BadCustodian,
    TooFewCustodians,
    UnknownCustodian,
    add_custodian,
    end_custodian,
)
from himaya.evidence.guarded.gatherings import UnknownGathering, open_gatherings
from himaya.evidence.guarded.models import Brought, Deal, Part
from himaya.evidence.holding import place_hold
from himaya.evidence.keys import CustodiansNeeded, key_of, opened
from himaya.evidence.models import Access, Exhibit
from himaya.evidence.reading import ExhibitEnded, unsafe_content
from himaya.evidence.scrubbing import scrub_all
from himaya.evidence.verdicts import note_verdict
from himaya.ledger import queries as ledger
from himaya.ledger import turns

# --- sealing ---------------------------------------------------------------------------------------------------------


def test_nothing_is_guarded_before_there_are_three_custodians(keep: Keep) -> None:
    with pytest.raises(TooFewCustodians, match="needs 3 custodians, and there are 0"):
        ruling.set_rule("highest", terms=HIGHEST, by="person:1")
    who = Custodians("ann", "ben")
    with pytest.raises(TooFewCustodians, match="there are 2"):
        ruling.set_rule("highest", terms=HIGHEST, by="person:1")
    Custodians("cat")
    ruling.set_rule("highest", terms=HIGHEST, by="person:1")
    end_custodian(who.rows["ann"].pk, by="person:1", reason="left")
    source = io.BytesIO(b"a text")
    with pytest.raises(TooFewCustodians):
        keep("a text", occasion="received")
    assert source.tell() == 0
    assert not Exhibit.objects.exists()
    assert not list((Path(config().evidence_store.removeprefix("file:"))).rglob("*-*"))


def test_a_rule_by_which_nothing_is_sealed_guards_nothing_and_is_refused(
    keep: Keep, custodians: Custodians, clock: Any
) -> None:
    with pytest.raises(ruling.BadRule, match="guard nothing"):
        ruling.set_rule("reports", terms=replace(HIGHEST, occasions=["report"]), by="person:1")
    ruling.set_rule("both", terms=replace(HIGHEST, occasions=["received", "report"]), by="person:1")
    ruling.set_rule("verdicts", terms=replace(HIGHEST, occasions=["verdict"], minimum="9 years"), by="person:1")
    exhibit = keep()
    assert note_verdict("case:1", at=clock.now(), by="system") == 1
    now = fresh(exhibit)
    assert (now.kept_class, now.until.year) == ("standard", clock.now().year + 9)
    assert keep("another", occasion="verdict").kept_class == "guarded"


def test_the_node_alone_opens_nothing_and_two_of_three_do(guard: Keep, custodians: Custodians) -> None:
    exhibit = guard()
    assert (exhibit.kept_class, len(opened(exhibit))) == ("guarded", 40)
    with pytest.raises(CustodiansNeeded, match="this node alone does not open it"):
        b"".join(unsafe_content(exhibit))
    with pytest.raises(WrongKey):
        key_of(exhibit, custody=bytes(32))
    parts = {each.custodian.person.username: each for each in Part.objects.select_related("custodian__person")}
    texts = {name: shares.take(bytes(parts[name].file), custodians.keys[name]) for name in WHO}
    for two in combinations(texts.values(), 2):
        key = shares.join(two, opens=f"exhibit {exhibit.uuid}")
        assert b"".join(unsafe_content(exhibit, key=key_of(exhibit, custody=key))) == b"a neutral text"
    kept = b"".join(path.read_bytes() for path in Path(config().epoch_keys).iterdir())
    for share in texts.values():
        assert share.text().encode() not in kept
        assert share.text() not in str(list(Part.objects.values()))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(count=st.integers(3, 8), text=st.binary(max_size=300), chosen=st.randoms(use_true_random=False))
def test_any_two_open_and_any_one_does_not(guard: Keep, count: int, text: bytes, chosen: Any) -> None:
    from himaya.core.vault.recipients import Identity
    from himaya.core.vault.shares import NotJoined
    from himaya.core.vault.wrapping import close_with, open_with

    people, key, custody_key = [Identity.new() for _ in range(count)], (text + bytes(32))[:32], chosen.randbytes(32)
    made = shares.deal(custody_key, opens="exhibit x", threshold=2, custodians=[each.recipient for each in people])
    closed = close_with(custody_key, key)
    taken = [shares.take(file, each) for file, each in zip(made.files, people, strict=True)]
    assert open_with(shares.join(chosen.sample(taken, 2), opens="exhibit x"), closed, exhibit="x") == key
    for one in taken:
        with pytest.raises(NotJoined, match="it takes 2"):
            shares.join([one], opens="exhibit x")
        for guess in (one.value % 2**256, hash(one.set) % 2**256):
            with pytest.raises(WrongKey):
                open_with(guess.to_bytes(32), closed, exhibit="x")


def test_equal_content_that_is_kept_openly_lends_no_key(guard: Keep, keep: Keep) -> None:
    ordinary, guarded, again = keep("the same"), guard("the same"), guard("the same", case="case:2")
    assert len({ordinary.blob_id, guarded.blob_id, again.blob_id}) == 3
    assert b"".join(unsafe_content(ordinary)) == b"the same"
    for one in (guarded, again):
        with pytest.raises(CustodiansNeeded):
            b"".join(unsafe_content(one))
    later = keep("the same", case="case:3")
    assert later.blob_id == ordinary.blob_id


def test_what_is_guarded_is_scrubbed_held_and_moved_without_its_key(
    guard: Keep, grant: Grant, custodians: Custodians, people: SimpleNamespace, clock: Any
) -> None:
    stays, goes = guard("stays", case="case:7"), guard("goes")
    assert {outcome.found for outcome in scrub_all()} == {"whole"}
    place_hold("case:7", reason="a court asked", authority="District court", review_on=date(2040, 1, 1), by="person:1")
    clock.advance(timedelta(days=366))
    access = grant(stays)
    custodians.bring(access.about, "ann", "ben")
    while end_due():
        pass
    assert fresh(goes).state == "destroyed"
    assert not Deal.objects.filter(exhibit=goes).exists()
    assert fresh(stays).generation == 2
    assert read(fresh(stays), access, people.reviewer) == b"stays"
    with pytest.raises(ExhibitEnded):
        b"".join(unsafe_content(fresh(goes), key=bytes(32)))


def test_what_ended_opens_nowhere_also_with_all_parts_and_an_old_copy_of_the_database(
    guard: Keep, custodians: Custodians, clock: Any
) -> None:
    exhibit = guard()
    parts = [shares.take(bytes(Part.objects.get(custodian=custodians.rows[name]).file), custodians.keys[name])
             for name in WHO]  # fmt: skip
    key = shares.join(parts, opens=f"exhibit {exhibit.uuid}")
    (file,) = Path(config().epoch_keys).glob("*.key")
    outer, wrapped = file.read_bytes().splitlines()[1], bytes(fresh(exhibit).wrapped or b"")
    whole = key_of(fresh(exhibit), custody=key)
    assert b"".join(unsafe_content(fresh(exhibit), key=whole)) == b"a neutral text"
    clock.advance(timedelta(days=366))
    while end_due():
        pass
    assert not Part.objects.exists()
    assert not [path for path in Path(config().epoch_keys).iterdir() if outer in path.read_bytes()]
    Exhibit.objects.filter(pk=exhibit.pk).update(state="kept", wrapped=wrapped, ended_at=None)  # an old backup
    with pytest.raises(ExhibitEnded):
        b"".join(unsafe_content(fresh(exhibit), key=whole))
    with pytest.raises(EpochDestroyed):
        key_of(fresh(exhibit), custody=key)


# --- reading ---------------------------------------------------------------------------------------------------------


def test_two_custodians_bring_their_parts_and_it_is_read_once(
    guard: Keep, grant: Grant, custodians: Custodians, people: SimpleNamespace
) -> None:
    exhibit = guard()
    access = grant(exhibit)
    with pytest.raises(PartsMissing, match="0 of 2"):
        read(exhibit, access, people.reviewer)
    (one,) = custodians.bring(access.about, "ann")
    assert (one.by, one.enough) == ((custodians.people["ann"].actor,), False)
    with pytest.raises(PartsMissing, match="1 of 2"):
        read(exhibit, access, people.reviewer)
    assert Access.objects.get().reads_left == 1
    assert [step.fields["act"] for step in custody.check(exhibit)] == ["acquire"]
    (one,) = custodians.bring(access.about, "cat")
    assert one.enough
    assert [each.about for each in open_gatherings()] == [access.about]
    assert read(exhibit, access, people.reviewer) == b"a neutral text"
    assert not Brought.objects.exists()
    assert open_gatherings() == []
    with pytest.raises(NoAccess, match="all its readings"):
        read(exhibit, access, people.reviewer)
    acts = [(entry.act, entry.actor) for entry in ledger.entries(about=access.about)]
    brought = [actor for act, actor in acts if act == "evidence.parts-brought"]
    assert brought[::-1] == [custodians.people["ann"].actor, custodians.people["cat"].actor]


def test_what_was_brought_stands_nowhere_in_the_open(guard: Keep, grant: Grant, custodians: Custodians) -> None:
    access = grant(guard())
    text = custodians.text(access.about, "ann").strip()
    custodians.bring(access.about, "ann")
    (row,) = Brought.objects.all()
    assert text.encode() not in bytes(row.sealed)
    Brought.objects.update(about="access:999")
    turns.call("evidence.parts-forgotten")
    forget_over()
    assert not Brought.objects.exists()


def test_several_exhibits_go_out_as_one_bundle(
    guard: Keep, keep: Keep, grant: Grant, custodians: Custodians, people: SimpleNamespace
) -> None:
    one, two, plain = guard("one"), guard("two"), keep("plain")
    access = grant(one, two, plain)
    name, content = parts_file(access.about, person=custodians.people["ann"])
    assert name == f"parts-access-{access.pk}.zip"
    assert content.startswith(b"PK")
    (taken,) = ledger.entries(about=access.about, act="evidence.parts-taken")
    assert (taken.actor, taken.data["exhibits"]) == (custodians.people["ann"].actor, [one.pk, two.pk])
    custodians.bring(access.about, "ann", "ben")
    to = io.BytesIO()
    hand_over(access.pk, person=people.reviewer).write(to, languages=())
    assert to.getvalue().startswith(b"PK")
    assert not Brought.objects.exists()
    assert [step.fields["act"] for step in custody.check(two)] == ["acquire", "export"]


def test_one_that_lacks_a_part_keeps_the_whole_bundle_closed(
    guard: Keep, grant: Grant, custodians: Custodians, people: SimpleNamespace
) -> None:
    one, two = guard("one"), guard("two")
    access = grant(one, two)
    for name in ("ann", "ben"):
        first = custodians.text(access.about, name).splitlines()[0]
        bring_parts(access.about, text=first, by="cli:x")
    with pytest.raises(PartsMissing):
        hand_over(access.pk, person=people.reviewer)
    assert Access.objects.get().reads_left == 2
    assert [step.fields["act"] for step in custody.check(one)] == ["acquire"]


def test_who_reads_at_once_needs_two_custodians_all_the_same(
    guard: Keep, custodians: Custodians, people: SimpleNamespace
) -> None:
    exhibit = guard()
    access = take_access([exhibit], reason="a life", recipient=RECIPIENT, person=people.lead, proof=proof())
    with pytest.raises(PartsMissing):
        read(exhibit, access, people.lead)
    custodians.bring(access.about, "ben", "cat")
    assert read(exhibit, access, people.lead) == b"a neutral text"


# --- what is refused -------------------------------------------------------------------------------------------------


def test_who_asked_brings_nothing_and_their_part_does_not_count(
    guard: Keep, grant: Grant, custodians: Custodians, people: SimpleNamespace
) -> None:
    custodians.add(people.reviewer)
    exhibit = guard("after")
    access = grant(exhibit)
    text = custodians.text(access.about, "reviewer")
    for person in (people.reviewer, None):
        with pytest.raises(PartRefused, match="who asked brings no part"):
            bring_parts(access.about, text=text, by="cli:x", person=person)
    with pytest.raises(PartRefused, match="the part of another custodian"):
        bring_parts(access.about, text=text, by="cli:x", person=custodians.people["ann"])
    custodians.bring(access.about, "ann")
    part = Part.objects.get(custodian__person=people.reviewer, deal__exhibit=exhibit)
    Brought.objects.create(about=access.about, part=part, sealed=b"", at=now_of.now())
    with pytest.raises(PartsMissing, match="1 of 2"):
        read(exhibit, access, people.reviewer)


def test_nobody_brings_twice_nor_what_is_of_something_else(guard: Keep, grant: Grant, custodians: Custodians) -> None:
    other, access = grant(guard("other")), grant(guard("this"))
    custodians.bring(access.about, "ann")
    with pytest.raises(PartRefused, match="brought it already"):
        custodians.bring(access.about, "ann")
    foreign, good = custodians.text(other.about, "ben"), custodians.text(access.about, "ben")
    with pytest.raises(PartRefused, match="Line 2 cannot be taken, and nothing was: it opens exhibit"):
        bring_parts(access.about, text=good + foreign, by="cli:x")
    with pytest.raises(PartRefused, match=r"Line 2 .*brought it already"):
        bring_parts(access.about, text=good + good, by="cli:x")
    assert Brought.objects.count() == 1
    for text, why in (("", "1 to 100"), ("\n".join(["x"] * 101), "1 to 100"), ("x" * 200_001, "1 to 100")):
        with pytest.raises(NothingBrought, match=why):
            bring_parts(access.about, text=text, by="cli:x")
    with pytest.raises(PartRefused, match="begin with himaya-share-1-"):
        bring_parts(access.about, text="AGE-SECRET-KEY-1", by="cli:x")


def test_a_part_that_was_made_up_or_is_of_an_older_deal_is_refused(
    guard: Keep, grant: Grant, custodians: Custodians
) -> None:
    exhibit = guard()
    access = grant(exhibit)
    real = shares.read(custodians.text(access.about, "ann"))
    forged = shares.Share(
        real.set, real.threshold, real.count, real.number, real.opens, real.check, (real.value + 1) % shares.PRIME
    )
    with pytest.raises(PartRefused, match="made up, or changed"):
        bring_parts(access.about, text=forged.text(), by="cli:x")
    old = shares.split(bytes(32), opens=real.opens, threshold=2, count=3)[0]
    with pytest.raises(PartRefused, match="of another set"):
        bring_parts(access.about, text=old.text(), by="cli:x")


@pytest.mark.parametrize("about", ["access:99", "access:x", "nothing:1", "access:" + "9" * 30, ""])
def test_nothing_is_brought_for_what_there_is_not(guard: Keep, about: str) -> None:
    with pytest.raises(UnknownGathering):
        bring_parts(about, text="x", by="cli:x")


def test_nothing_is_brought_before_it_is_granted_nor_when_it_is_over(
    guard: Keep, custodians: Custodians, people: SimpleNamespace, clock: Any
) -> None:
    exhibit = guard()
    facts: dict[str, Any] = {"purpose": "court", "reason": "an order", "recipient": RECIPIENT}
    access = ask_access([exhibit], person=people.reviewer, **facts)
    with pytest.raises(NothingBrought, match="asked"):
        custodians.bring(access.about, "ann")
    grant_access(access.pk, person=people.lead, proof=proof())
    custodians.bring(access.about, "ann", "ben")
    clock.advance(timedelta(minutes=31))
    with pytest.raises(NothingBrought, match="time of the grant is over"):
        custodians.bring(access.about, "cat")
    with pytest.raises(NoAccess, match="time of the grant is over"):
        read(exhibit, access, people.reviewer)
    assert Brought.objects.count() == 2
    forget_over()
    assert not Brought.objects.exists()
    second = ask_access([exhibit], person=people.reviewer, **facts)
    grant_access(second.pk, person=people.lead, proof=proof())
    custodians.bring(second.about, "ann")
    end_access(second.pk, person=people.lead)
    assert not Brought.objects.exists()


def test_a_custodian_who_is_ended_or_barred_meanwhile_does_not_count(
    guard: Keep, grant: Grant, custodians: Custodians, people: SimpleNamespace
) -> None:
    exhibit = guard()
    access = grant(exhibit)
    custodians.bring(access.about, "ann", "ben")
    end_custodian(custodians.rows["ann"].pk, by="person:1", reason="lost the key")
    with pytest.raises(PartsMissing, match="1 of 2"):
        read(exhibit, access, people.reviewer)
    with pytest.raises(NothingBrought, match="no custodian now"):
        custodians.bring(access.about, "ann")
    custodians.bring(access.about, "cat")
    custodians.people["ben"].is_active = False
    custodians.people["ben"].save()
    with pytest.raises(PartsMissing, match="1 of 2"):
        read(exhibit, access, people.reviewer)
    people.lead.role = "analyst"
    people.lead.save()
    with pytest.raises(NoAccess, match="may not grant it any more"):
        read(exhibit, access, people.reviewer)


def test_who_cannot_be_a_custodian(custodians: Custodians, people: SimpleNamespace) -> None:
    key = str(pyrage.x25519.Identity.generate().to_public())
    for person, recipient, why in (
        (people.admin, key, "their role"), (people.lead, "age1no", "age key with an error"),
        (people.lead, f"{key}\n{RECIPIENT}", "one key"), (custodians.people["ann"], key, "one already"),
        (people.lead, str(custodians.keys["ann"].recipient), "of another one"),
    ):  # fmt: skip
        with pytest.raises(BadCustodian, match=why):
            add_custodian(person, recipient=recipient, by="person:1")
    with pytest.raises(UnknownCustodian):
        end_custodian(99, by="person:1", reason="x")
    with pytest.raises(BadCustodian, match="reason is required"):
        end_custodian(custodians.rows["ann"].pk, by="person:1", reason=" ")
    Custodians(*(f"more{n}" for n in range(5)))
    with pytest.raises(BadCustodian, match="8 already"):
        add_custodian(people.lead, recipient=key, by="person:1")
