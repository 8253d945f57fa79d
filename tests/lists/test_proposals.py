"""A list marked common: what changes it is proposed by one, approved of by another, and done once or not at all."""

from __future__ import annotations

import io
import os
import shutil
import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from tests.program import sha256

from himaya.accounts.models import Person
from himaya.core import clock
from himaya.core.config import config
from himaya.core.ports import ItemRow
from himaya.federation import services as federation
from himaya.federation.models import Grant, Signatory
from himaya.federation.native import hub
from himaya.ledger.queries import entries
from himaya.lists import arrivals, proposals, quarantine, services, subscribing
from himaya.lists.models import HashList, Item, Proposal, Revision, Subscription

SignIn = Callable[[str], Client]
ONE, TWO = sha256("1"), sha256("2")
FILE = f"signal,value\nsha256,{ONE}\nsha256,{TWO}\n".encode()


@pytest.fixture(autouse=True)
def _no_files() -> None:
    """None of an earlier test, whose rows are gone."""
    shutil.rmtree(config().data / "proposals", ignore_errors=True)


@pytest.fixture
def common(hotline: HashList, people: SimpleNamespace) -> HashList:
    """The list with an item, marked as common."""
    services.add_items(hotline, rows=[ItemRow(1, "sha256", ONE)], by="system")
    return services.change_list("hotline", by=people.lead.actor, common=True)


@pytest.fixture
def other(people: SimpleNamespace) -> Person:
    """A second lead."""
    return Person.objects.create(username="other", name="Other", role="lead", password="!")


def needed(act: Callable[[], Any]) -> services.NeedsSecond:
    with pytest.raises(services.NeedsSecond) as caught:
        act()
    return caught.value


def mark(person: Person, state: str = "withdrawn", second: str = "") -> Item:
    item = Item.objects.get(value=ONE)
    return services.mark_item(item.pk, state=state, by=person.actor, reason="Wrong.", second=second)


def candidate() -> hub.Candidate:
    """Somebody who signs at the source, and was found fit to be passed on."""
    told = {"organisation": "south.example", "permission": "", "list": "known", "label": "green", "key": "0" * 64}
    return hub.Candidate(source=subscribing.find("south"), until=clock.now(), **told)


def prepared(common: HashList) -> int:
    """A source that fills the list, a partner, and an item in quarantine; the item's number."""
    options = {"directory": "/media", "path": "a.csv"}
    subscribing.subscribe("south", to=common, exchange="file", options=options, by="system", private=True)
    federation.add_partner("police", by="system")
    item = Item.objects.get(value=ONE)
    with transaction.atomic():
        quarantine.hold_items({item.pk: quarantine.Flood(contents=60, hours=24, distances={0: 60})})
    return item.pk


def import_(person: str, second: str = "") -> services.ImportResult:
    found = services.find_list("hotline")
    return services.import_items(found, stream=io.BytesIO(FILE), format_name="csv", by=person, second=second)


def stored() -> list[str]:
    return sorted(path.name for path in (config().data / "proposals").glob("*"))


# --- what needs a second person --------------------------------------------------------------------------------------


def test_no_act_of_one_person_or_program_changes_a_common_list(
    common: HashList, people: SimpleNamespace, other: Person
) -> None:
    lead, held = people.lead.actor, prepared(common)
    acts: dict[str, Callable[[str, str], Any]] = {
        "mark": lambda by, second: services.mark_item(
            Item.objects.get(value=ONE).pk, state="disputed", by=by, reason="Unclear.", second=second
        ),
        "import": import_,
        "add": lambda by, second: services.add_items(common, rows=[ItemRow(1, "sha256", TWO)], by=by, second=second),
        "change": lambda by, second: services.change_list("hotline", by=by, radius=9, second=second),
        "subscribe": lambda by, second: subscribing.subscribe(
            "north",
            to=common,
            exchange="file",
            options={"directory": "/media", "path": "north.csv"},
            by=by,
            private=True,
            second=second,
        ),
        "source": lambda by, second: subscribing.change("south", by=by, options={"path": "b.csv"}, second=second),
        "release": lambda by, second: quarantine.release_item(held, by=by, reason="One scene.", second=second),
        "share": lambda by, second: federation.share_list("hotline", partner="police", by=by, second=second),
        "admit": lambda by, second: hub.admit(candidate(), by=by, second=second),
    }
    assert set(acts) == set(Proposal.ACTS)
    before = list(Item.objects.values()), list(HashList.objects.values())
    for name, act in acts.items():
        for by, second in [(lead, ""), (lead, lead), (lead, "key:abc"), ("key:abc", ""), ("cli:root", "cli:root")]:
            assert needed(lambda act=act, by=by, second=second: act(by, second)).act == name  # type: ignore[misc]
    assert (list(Item.objects.values()), list(HashList.objects.values())) == before
    assert not Grant.objects.exists()
    assert not Signatory.objects.exists()
    assert subscribing.configured(subscribing.find("south"))[1].path == "a.csv"  # type: ignore[attr-defined]
    assert quarantine.quarantines().count() == 1
    assert not Revision.objects.filter(number=None).exists()
    services.change_list("hotline", by=lead, radius=9, second=other.actor)
    assert entries(act="list.changed")[0].data["second"] == other.actor


def test_a_source_of_a_common_list_is_paused_and_let_go_on_by_one_person(common: HashList) -> None:
    prepared(common)
    for enabled in (False, True):
        same = {"directory": "/media", "path": "a.csv"}
        subscribing.change("south", by="person:1", enabled=enabled, interval=7200, options=same)
        assert subscribing.find("south").enabled is enabled


def test_to_take_the_mark_away_is_itself_an_act_that_needs_a_second_person(
    common: HashList, people: SimpleNamespace, other: Person
) -> None:
    error = needed(lambda: services.change_list("hotline", by=people.lead.actor, common=False))
    made = proposals.propose(error, by=people.lead.actor)
    assert services.find_list("hotline").common
    assert proposals.approve(made.pk, person=other).state == "done"
    assert not services.find_list("hotline").common


def test_what_the_node_does_by_itself_needs_nobody(common: HashList) -> None:
    assert services.add_items(common, rows=[ItemRow(1, "sha256", TWO)], by="system").added == 1


# --- approved --------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_each_act_is_done_when_a_second_person_approves(
    common: HashList, people: SimpleNamespace, other: Person, tmp_path: Any
) -> None:
    lead, said = people.lead.actor, []

    def approved(act: Callable[[], Any], file: io.BytesIO | None = None) -> Proposal:
        made = proposals.propose(needed(act), by=lead, file=file)
        done = proposals.approve(made.pk, person=other)
        assert (done.state, done.decided_by, done.why) == ("done", other.actor, "")
        said.append(done.act)
        return done

    approved(lambda: mark(people.lead))
    assert Item.objects.get(value=ONE).state == "withdrawn"
    approved(lambda: services.add_items(common, rows=[ItemRow(1, "sha256", TWO, note="new")], by=lead))
    assert Item.objects.get(value=TWO).note == "new"
    more = f"signal,value\nsha256,{sha256('3')}\n".encode()
    bring = lambda: services.import_items(common, stream=io.BytesIO(more), format_name="csv", by=lead)  # noqa: E731
    approved(bring, io.BytesIO(more))
    assert Item.objects.get(value=sha256("3")).added_by == lead
    approved(lambda: services.change_list("hotline", by=lead, organisations=2, tlp="red"))
    assert set(Item.objects.values_list("state", flat=True)) == {"withdrawn", "proposed"}
    options = {"directory": str(tmp_path), "path": "list.csv"}
    approved(lambda: subscribing.subscribe("north", to=common, exchange="file", options=options, by=lead, private=True))
    assert Subscription.objects.get().created_by == lead
    held = prepared(common)
    approved(lambda: subscribing.change("south", by=lead, options={"path": "b.csv"}, basis="national"))
    changed = subscribing.find("south")
    assert (subscribing.configured(changed)[1].path, changed.basis) == ("b.csv", "national")  # type: ignore[attr-defined]
    approved(lambda: quarantine.release_item(held, by=lead, reason="One scene.", limit=900))
    assert not quarantine.quarantines().exists()
    approved(lambda: federation.share_list("hotline", partner="police", by=lead))
    assert Grant.objects.get().by == lead
    approved(lambda: hub.admit(candidate(), by=lead))
    assert Signatory.objects.get().by == lead
    assert said == ["mark", "add", "import", "change", "subscribe", "source", "release", "share", "admit"]
    assert stored() == []
    acts = [entry.data["what"] for entry in entries(act="proposal.done")]
    assert acts == said[::-1]
    assert entries(act="proposal.done")[0].data["proposer"] == lead
    assert entries(act="item.withdrawn")[0].data["second"] == other.actor
    assert entries(act="list.imported")[0].data["second"] == other.actor


def test_neither_the_proposer_nor_anybody_but_a_lead_decides(
    common: HashList, people: SimpleNamespace, other: Person
) -> None:
    made = proposals.propose(needed(lambda: mark(people.lead)), by=people.lead.actor)
    for person in (people.lead, people.admin, people.reviewer, people.analyst, people.auditor):
        with pytest.raises(proposals.MayNotDecide):
            proposals.approve(made.pk, person=person)
        with pytest.raises(proposals.MayNotDecide):
            proposals.refuse(made.pk, person=person, reason="No.")
    assert Item.objects.get(value=ONE).state == "active"
    assert proposals.find(made.pk).state == "waiting"


@pytest.mark.django_db(transaction=True)
def test_a_refusal_has_a_reason_and_nothing_happens(common: HashList, people: SimpleNamespace, other: Person) -> None:
    made = proposals.propose(needed(lambda: import_(people.lead.actor)), by=people.lead.actor, file=io.BytesIO(FILE))
    for reason in (" ", "a\0", "a" * 501):
        with pytest.raises(proposals.BadRefusal):
            proposals.refuse(made.pk, person=other, reason=reason)
    assert len(stored()) == 1
    proposals.refuse(made.pk, person=other, reason="It is not ours.")
    found = proposals.find(made.pk)
    assert (found.state, found.why, found.file) == ("refused", "It is not ours.", "")
    assert Item.objects.count() == 1
    assert entries(act="proposal.refused").count() == 1
    with pytest.raises(proposals.Decided):
        proposals.approve(made.pk, person=other)


def test_only_whoever_proposed_it_takes_it_back(common: HashList, people: SimpleNamespace, other: Person) -> None:
    made = proposals.propose(needed(lambda: mark(people.lead)), by=people.lead.actor)
    with pytest.raises(proposals.MayNotDecide):
        proposals.take_back(made.pk, by=other.actor)
    assert proposals.take_back(made.pk, by=people.lead.actor).state == "refused"
    with pytest.raises(proposals.Decided):
        proposals.approve(made.pk, person=other)


# --- by what holds now -----------------------------------------------------------------------------------------------


def test_it_is_judged_by_the_terms_that_hold_when_it_is_approved(
    common: HashList, people: SimpleNamespace, other: Person
) -> None:
    add = proposals.propose(
        needed(lambda: services.add_items(common, rows=[ItemRow(1, "sha256", TWO)], by=people.lead.actor)),
        by=people.lead.actor,
    )
    services.change_list("hotline", by=people.lead.actor, second=other.actor, organisations=2)
    proposals.approve(add.pk, person=other)
    assert Item.objects.get(value=TWO).state == "proposed"


def test_what_cannot_be_done_any_more_has_failed_and_says_why(
    common: HashList, people: SimpleNamespace, other: Person
) -> None:
    lead = people.lead.actor
    options = {"directory": "/media", "path": "north.csv"}
    ask = needed(
        lambda: subscribing.subscribe("north", to=common, exchange="file", options=options, by=lead, private=True)
    )
    first, again = (proposals.propose(ask, by=lead) for _ in range(2))
    assert proposals.approve(first.pk, person=other).state == "done"
    found = proposals.approve(again.pk, person=other)
    assert found.state == "failed"
    assert "there is a subscription of that name already" in found.why
    assert Subscription.objects.count() == 1
    assert entries(act="proposal.failed").count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("how", ["another file", "no file"])
def test_a_file_that_is_not_the_one_that_was_proposed_is_not_imported(
    common: HashList, people: SimpleNamespace, other: Person, how: str
) -> None:
    made = proposals.propose(needed(lambda: import_(people.lead.actor)), by=people.lead.actor, file=io.BytesIO(FILE))
    path = config().data / "proposals" / made.file
    assert path.stat().st_mode & 0o777 == 0o600
    if how == "another file":
        path.write_bytes(FILE[::-1])
    else:
        path.unlink()
    found = proposals.approve(made.pk, person=other)
    assert (found.state, Item.objects.count()) == ("failed", 1)
    assert "not the one that was proposed" in found.why
    assert stored() == []


def test_while_an_import_is_under_way_a_proposal_still_waits(
    common: HashList, people: SimpleNamespace, other: Person
) -> None:
    made = proposals.propose(needed(lambda: import_(people.lead.actor)), by=people.lead.actor, file=io.BytesIO(FILE))
    with arrivals.Arrival(common, by="system"), pytest.raises(services.ImportUnderWay):
        proposals.approve(made.pk, person=other)
    assert (proposals.find(made.pk).state, len(stored())) == ("waiting", 1)
    assert proposals.approve(made.pk, person=other).state == "done"


@pytest.mark.django_db(transaction=True)
def test_two_who_approve_at_once_do_it_once(common: HashList, people: SimpleNamespace, other: Person) -> None:
    third = Person.objects.create(username="third", name="Third", role="lead", password="!")
    lead = people.lead.actor
    add = needed(lambda: services.add_items(common, rows=[ItemRow(1, "sha256", TWO)], by=lead))
    mine = [
        proposals.propose(add, by=lead),
        proposals.propose(needed(lambda: import_(lead)), by=lead, file=io.BytesIO(FILE)),
        proposals.propose(needed(lambda: services.change_list("hotline", by=lead, organisations=2)), by=lead),
    ]
    for made in mine:
        answers, ready = list[str](), threading.Barrier(2)

        def decide(person: Person, made: Proposal = made, answers: Any = answers, ready: Any = ready) -> None:
            ready.wait()
            try:
                answers.append(proposals.approve(made.pk, person=person).state)
            except (proposals.Decided, services.ImportUnderWay) as error:
                answers.append(error.code())
            finally:
                connection.close()

        threads = [threading.Thread(target=decide, args=(person,)) for person in (other, third)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(answers) == ["decided", "done"]
        assert entries(act="proposal.done", about=f"proposal:{made.pk}").count() == 1
    assert entries(act="list.imported").count() == 2 + 1
    assert Item.objects.count() == 2


# --- limits ----------------------------------------------------------------------------------------------------------


def test_so_many_wait_and_no_more(common: HashList, people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposals, "MOST", 1)
    ask = needed(lambda: import_(people.lead.actor))
    proposals.propose(ask, by=people.lead.actor, file=io.BytesIO(FILE))
    with pytest.raises(proposals.TooManyProposals):
        proposals.propose(ask, by=people.lead.actor, file=io.BytesIO(FILE))
    assert (Proposal.objects.count(), len(stored())) == (1, 1)


def test_a_file_that_no_proposal_names_is_removed_after_a_day(common: HashList, people: SimpleNamespace) -> None:
    ask = needed(lambda: import_(people.lead.actor))
    first = proposals.propose(ask, by=people.lead.actor, file=io.BytesIO(FILE))
    folder = config().data / "proposals"
    for name, age in (("old", 90_000), ("young", 1000)):
        (folder / name).write_bytes(b"")
        os.utime(folder / name, (time.time() - age,) * 2)
    os.utime(folder / first.file, (time.time() - 90_000,) * 2)
    second = proposals.propose(ask, by=people.lead.actor, file=io.BytesIO(FILE))
    assert stored() == sorted([first.file, second.file, "young"])
    (folder / "young").unlink()


def test_secrets_of_a_source_are_sealed_and_go_with_the_decision(
    common: HashList, people: SimpleNamespace, other: Person
) -> None:
    options = {"api_root": "https://taxii.example/api/", "collection": "c-1", "user": "node", "password": "a secret"}
    ask = needed(
        lambda: subscribing.subscribe("north", to=common, exchange="taxii", options=options, by=people.lead.actor)
    )
    made = proposals.propose(ask, by=people.lead.actor)
    assert "a secret" not in str(list(Proposal.objects.values()))
    assert proposals.find(made.pk).sealed
    assert proposals.approve(made.pk, person=other).state == "done"
    assert proposals.find(made.pk).sealed == ""
    _, configured = subscribing.configured(Subscription.objects.get())
    assert configured.password.get_secret_value() == "a secret"  # type: ignore[attr-defined]
