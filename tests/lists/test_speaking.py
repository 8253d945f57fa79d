"""In whose name something is said: names that change, names one borrows, marks and votes, people and their keys."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from tests.configured import configured
from tests.leaves import leaves_of
from tests.program import sha256

from himaya.accounts import services as accounts
from himaya.accounts.models import Person
from himaya.core.ports import ItemRow
from himaya.federation import services as federation
from himaya.ledger.models import Turn
from himaya.ledger.queries import entries
from himaya.lists import changes, committing, organisations, own, proposals, services, subscribing, voting
from himaya.lists.arrivals import Voice
from himaya.lists.arrivals.revisions import last_number
from himaya.lists.models import HashList, Item, Statement
from himaya.lists.weighing import weigh_placed
from himaya.log import checking
from himaya.log import queries as log
from himaya.log.services import publish_checkpoint

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
ONE, TWO = sha256("1"), sha256("2")
FILE = f"signal,value\nsha256,{ONE}\n".encode()


def bring(name: str, *, by: str, place: str = "", second: str = "") -> services.ImportResult:
    """A file in an organisation's name."""
    voice = Voice(organisations.lent(name, by=by, jurisdiction=place))
    to = services.find_list("hotline")
    return services.import_items(to, stream=io.BytesIO(FILE), format_name="csv", by=by, voice=voice, second=second)


def add(value: str = ONE) -> Item:
    """An item of our own organisation."""
    services.add_items(services.find_list("hotline"), rows=[ItemRow(1, "sha256", value)], by="system")
    return Item.objects.get(value=value)


def stands(value: str = ONE) -> tuple[str, int]:
    item = Item.objects.get(value=value)
    return item.state, item.agreement


def logged() -> list[dict[str, Any]]:
    while committing.commit():
        pass
    publish_checkpoint()
    return [json.loads(one.event) for one in log.reveal(leaves_of(committing.KIND))]


# --- names that change -----------------------------------------------------------------------------------------------


def test_what_was_said_stays_provable_under_the_name_of_its_time(hotline: HashList) -> None:
    bring("north", by="system")
    add(TWO)
    with configured(organisation="other.example", jurisdiction="NL"):
        before = logged()
        organisations.named("north", by="system", jurisdiction="FR")
        organisations.own()
        services.mark_item(add(TWO).pk, state="disputed", by="person:1", reason="A logo.")
        after = logged()
        assert after[: len(before)] == before
        assert [(one["organisation"], one.get("jurisdiction", "")) for one in after] == [
            ("north", ""), (before[1]["organisation"], before[1].get("jurisdiction", "")), ("other.example", "NL"),
        ]  # fmt: skip
        assert checking.check(reveal=True).whole
    assert after[1]["organisation"] != "other.example"


def test_what_was_said_before_a_change_and_logged_after_it_has_the_former_name(hotline: HashList) -> None:
    add()
    former = organisations.own().name
    with configured(organisation="other.example"):
        organisations.own()
        assert [one["organisation"] for one in logged()] == [former]


def test_changes_of_organisations_are_on_record(hotline: HashList) -> None:
    former = organisations.own().name
    with configured(organisation="other.example", jurisdiction="NL"):
        organisations.own()
        organisations.own()
    [named] = entries(act="organisation.renamed")
    [placed] = entries(act="organisation.placed")
    assert (named.about, named.data["was"]) == ("organisation:other.example", former)
    assert (placed.about, placed.data["jurisdiction"]) == ("organisation:other.example", "NL")


def test_our_own_organisation_cannot_take_the_name_of_another(hotline: HashList) -> None:
    organisations.own()
    organisations.named("north", by="system")
    with configured(organisation="north"), pytest.raises(organisations.BadOrganisation, match="another"):
        organisations.own()


@pytest.mark.django_db(transaction=True)
def test_a_jurisdiction_that_is_filled_in_later_judges_the_lists_anew(hotline: HashList) -> None:
    with transaction.atomic():
        bring("north", by="system", place="NL")
        bring("south", by="system")
    services.change_list("hotline", by="system", organisations=2, jurisdictions=2)
    assert stands() == ("proposed", 2)
    with transaction.atomic():
        organisations.named("south", by="subscription:south", jurisdiction="FR")
    Turn.objects.all().delete()
    while weigh_placed():
        pass
    assert stands() == ("active", 2)
    assert entries(act="list.judged").get().data == {"organisation": "south", "items": 1}
    Turn.objects.all().delete()
    assert not weigh_placed(), "once"


# --- marks and votes -------------------------------------------------------------------------------------------------


@pytest.fixture
def common(hotline: HashList, people: SimpleNamespace) -> Item:
    """An item on a common list where two votes against it make it disputed."""
    item = add()
    services.change_list("hotline", by="system", common=True, disputes=2)
    return item


def test_one_reviewer_s_vote_is_one_vote_on_a_common_list(common: Item) -> None:
    voting.vote(common.pk, opinion="dispute", reason="A logo.", by="person:1")
    assert stands()[0] == "active"
    north = organisations.named("north", by="system")
    voting.vote(common.pk, opinion="dispute", reason="A logo.", by="partner:north", organisation=north)
    assert stands()[0] == "disputed"


def test_one_reviewer_does_not_undo_what_two_people_set(common: Item) -> None:
    services.mark_item(common.pk, state="disputed", by="person:1", reason="A logo.", second="person:2")
    voting.vote(common.pk, opinion="confirm", reason="", by="person:1")
    assert (stands()[0], voting.own_vote(common)) == ("disputed", "confirm")
    voting.vote(common.pk, opinion="abstain", reason="", by="person:1")
    assert stands()[0] == "disputed"
    services.mark_item(common.pk, state="active", by="person:1", reason="It is none.", second="person:2")
    assert stands()[0] == "active"


def test_a_list_that_becomes_common_weighs_our_votes_as_one(hotline: HashList) -> None:
    voting.vote(add().pk, opinion="dispute", reason="A logo.", by="person:1")
    assert stands()[0] == "disputed"
    services.change_list("hotline", by="system", common=True, disputes=2)
    assert stands()[0] == "active"


def test_what_the_steward_marks_as_disputed_is_told_as_our_dispute(hotline: HashList) -> None:
    item, start = add(), last_number()
    voting.vote(item.pk, opinion="confirm", reason="", by="person:1")

    def told(since: int = 0) -> list[str]:
        return [one.act for one in own.own_words(hotline, since=since, upto=last_number())]

    services.mark_item(item.pk, state="disputed", by="person:1", reason="A logo.")
    assert told() == ["vouch", "dispute"]
    assert [one.act for one in changes.heard([item.pk])[item.pk].votes] == ["dispute"]
    voting.vote(item.pk, opinion="abstain", reason="", by="person:1")
    services.mark_item(item.pk, state="active", by="person:1", reason="It is none.")
    assert (told(), told(start)) == (["vouch"], ["vouch", "abstain"])
    assert changes.heard([item.pk])[item.pk].votes == ()


# --- borrowed names --------------------------------------------------------------------------------------------------


def test_one_person_cannot_be_two_organisations(hotline: HashList) -> None:
    for name, place in (("north", "NL"), ("south", "FR")):
        bring(name, by="person:1", place=place)
    assert stands() == ("active", 1), "one organisation is enough there"
    services.change_list("hotline", by="person:1", organisations=2, jurisdictions=2)
    assert stands() == ("proposed", 1)
    with pytest.raises(services.NeedsSecond, match="asks for several organisations"):
        bring("west", by="person:1", place="DE")


def test_what_a_second_person_approves_in_another_s_name_counts(hotline: HashList, people: SimpleNamespace) -> None:
    add()
    services.change_list("hotline", by="system", organisations=2)
    with pytest.raises(services.NeedsSecond) as caught:
        bring("north", by=people.analyst.actor)
    made = proposals.propose(caught.value, by=people.analyst.actor, file=io.BytesIO(FILE))
    assert proposals.approve(made.pk, person=people.lead).state == "done"
    assert stands() == ("active", 2)
    services.change_list("hotline", by="system", organisations=1)
    bring("north", by="person:1")
    services.change_list("hotline", by="system", organisations=2)
    assert stands() == ("active", 2), "what one brings alone takes nothing from what two brought"


def test_nobody_speaks_for_who_speaks_here_by_itself(hotline: HashList) -> None:
    federation.add_partner("platform", by="system", organisation="platform.example")
    options = {"directory": "/media", "path": "a.csv"}
    subscribing.subscribe("south", to=hotline, exchange="file", options=options, by="system", private=True)
    organisations.named("member", by="subscription:south", speaks=True)
    for name in ("platform.example", "south", "member", organisations.own().name):
        with pytest.raises(organisations.BadOrganisation):
            bring(name, by="person:1")
    federation.end_partner("platform", by="system")
    bring("platform.example", by="person:1")


def test_the_form_says_whose_name_nobody_borrows(hotline: HashList, sign_in: SignIn) -> None:
    federation.add_partner("platform", by="system")
    given = {"file": io.BytesIO(FILE), "whose": "other", "organisation": "platform"}
    answer = sign_in("lead").post("/lists/hotline/import", given)
    assert answer.status_code == 422
    assert "speaks here by itself" in answer.content.decode()


def test_the_words_of_a_list_of_one_organisation_need_nobody_else(hotline: HashList) -> None:
    bring("north", by="key:0123456789ab")
    assert stands() == ("active", 1)
    assert Statement.objects.get().borrowed


# --- people and their keys -------------------------------------------------------------------------------------------


def test_nobody_approves_what_their_own_key_proposed(common: Item, people: SimpleNamespace) -> None:
    key = accounts.add_key("mine", scopes=["lists:write"], by=people.lead.actor).key.actor
    with pytest.raises(services.NeedsSecond) as caught:
        services.mark_item(common.pk, state="withdrawn", by=key, reason="A logo.", second=people.lead.actor)
    made = proposals.propose(caught.value, by=key)
    with pytest.raises(proposals.MayNotDecide, match="proposed it yourself"):
        proposals.approve(made.pk, person=people.lead)
    nobody = accounts.add_key("old", scopes=["lists:write"], by="system").key.actor
    late = proposals.propose(caught.value, by=nobody)
    with pytest.raises(proposals.MayNotDecide, match="a key without an owner"):
        proposals.approve(late.pk, person=people.lead)
    assert proposals.refuse(late.pk, person=people.lead, reason="Whose?").state == "refused"
    other = Person.objects.create(username="other", name="Other", role="lead", password="!")
    assert proposals.approve(made.pk, person=other).state == "done"
