"""What is approved of and touches many items is done by a worker, once or not at all."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from tests.lists.test_proposals import FILE, _no_files, common, import_, needed, other, stored

from himaya.accounts.models import Person
from himaya.core.config import config
from himaya.ledger.queries import entries
from himaya.lists import proposals, services, voting
from himaya.lists.models import HashList, Item

__all__ = ["_no_files", "common", "other"]


@pytest.mark.django_db(transaction=True)
def test_what_touches_many_items_is_done_by_a_worker_once_it_is_approved(
    common: HashList, people: SimpleNamespace, other: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("himaya.lists.terms.AT_ONCE", 1)
    lead = people.lead.actor
    bring = proposals.propose(needed(lambda: import_(lead)), by=lead, file=io.BytesIO(FILE))
    assert proposals.approve(bring.pk, person=other).state == "approved"
    assert Item.objects.count() == 1
    assert stored() != []
    with pytest.raises(proposals.Decided):
        proposals.approve(bring.pk, person=other)
    assert proposals.do_approved()
    done = proposals.find(bring.pk)
    assert (done.state, done.decided_by, Item.objects.count(), stored()) == ("done", other.actor, 2, [])
    judge = proposals.propose(needed(lambda: services.change_list("hotline", by=lead, organisations=2)), by=lead)
    assert proposals.approve(judge.pk, person=other).state == "approved"
    assert services.find_list("hotline").organisations == 1
    assert proposals.do_approved()
    assert not proposals.do_approved()
    assert services.find_list("hotline").organisations == 2
    assert [entry.act for entry in entries(about=f"proposal:{judge.pk}")][::-1] == [
        "proposal.made", "proposal.approved", "proposal.done",
    ]  # fmt: skip


@pytest.mark.django_db(transaction=True)
def test_what_cannot_be_done_any_more_once_a_worker_comes_says_why(
    common: HashList, people: SimpleNamespace, other: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("himaya.lists.terms.AT_ONCE", 1)
    lead = people.lead.actor
    made = proposals.propose(needed(lambda: import_(lead)), by=lead, file=io.BytesIO(FILE))
    proposals.approve(made.pk, person=other)
    (config().data / "proposals" / stored()[0]).unlink()
    assert proposals.do_approved()
    assert (proposals.find(made.pk).state, "is gone" in proposals.find(made.pk).why) == ("failed", True)


@pytest.mark.django_db(transaction=True)
def test_a_long_list_that_is_made_common_is_judged_by_a_worker_and_as_it_was_until_then(
    common: HashList, people: SimpleNamespace, other: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("himaya.lists.terms.AT_ONCE", 0)
    lead, item = people.lead.actor, Item.objects.get()
    services.change_list("hotline", by=lead, second=other.actor, disputes=2)
    voting.vote(item.pk, opinion="dispute", reason="A logo.", by=lead)
    made = proposals.propose(needed(lambda: services.change_list("hotline", by=lead, common=True)), by=lead)
    services.change_list("hotline", by=lead, second=other.actor, common=False)
    item.refresh_from_db()
    assert item.state == "disputed", "our own word is enough there"
    assert proposals.approve(made.pk, person=other).state == "approved"
    item.refresh_from_db()
    assert (item.state, services.find_list("hotline").common) == ("disputed", False)
    assert proposals.do_approved()
    item.refresh_from_db()
    assert (item.state, services.find_list("hotline").common) == ("active", True), "one vote of two that it takes"
    assert (proposals.find(made.pk).state, entries(act="list.changed").first().data["items"]) == ("done", 1)
