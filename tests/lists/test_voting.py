"""Votes: given by people and by verdicts, said once, and returned to the sources that take them."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from tests.browsing import messages, words
from tests.casework import match, opened
from tests.configured import configured
from tests.plugins.recorded.stopncii import Recorded
from tests.program import Program, is_problem, sha256
from tests.sources import Answer, Asked

from himaya.cases.quality.models import SecondLook
from himaya.cases.quality.services import answer_second as with_two
from himaya.cases.services import claim, decide, reopen
from himaya.core.ports import ItemRow
from himaya.flow.reactor import react
from himaya.ledger.models import Job
from himaya.ledger.queries import entries
from himaya.ledger.worker import run_until_idle
from himaya.lists import organisations, services, subscribing, voting
from himaya.lists.models import HashList, Item, Statement, Subscription

SignIn = Callable[[str], Client]
VALUES = [sha256(str(n)) for n in range(3)]
FINE, WRONG = ("baseline", "interpol"), ("not-illegal", "himaya-review")


@pytest.fixture
def items(hotline: HashList) -> list[Item]:
    """Three items of this node."""
    services.add_items(hotline, rows=[ItemRow(1, "sha256", value) for value in VALUES], by="system")
    return list(Item.objects.order_by("pk"))


@pytest.fixture
def source() -> Iterator[Recorded]:
    """A source that takes votes."""
    found = Recorded()
    with found.serving():
        yield found


@pytest.fixture
def followed(source: Recorded, hotline: HashList) -> Item:
    """An item for which the source vouches."""
    options = source.config(source.url)
    with transaction.atomic():
        subscribing.subscribe("stopncii", to=hotline, exchange="stopncii", options=options, by="system", private=True)
    subscribing.run(Subscription.objects.get(), wait=lambda _: None)
    source.asked.clear()
    return Item.objects.filter(state="active").order_by("pk")[0]


def votes(item: Item) -> list[tuple[str, str, str]]:
    rows = Statement.objects.filter(item=item, act__in=voting.OPINIONS).order_by("pk")
    return list(rows.values_list("organisation__name", "act", "by"))


def state(item: Item) -> str:
    return Item.objects.get(pk=item.pk).state


def ours() -> str:
    """How this node's organisation is called."""
    return organisations.own().name


# --- said ------------------------------------------------------------------------------------------------------------


def test_a_vote_is_said_once_and_put_on_record(items: list[Item]) -> None:
    for _ in range(2):
        voting.vote(items[0].pk, opinion="dispute", reason="Not that.", by="person:1")
    assert votes(items[0]) == [(ours(), "dispute", "person:1")]
    assert state(items[0]) == "disputed"
    entry = entries(act="item.voted").get()
    assert entry.data == {"list": "hotline", "organisation": ours(), "opinion": "dispute", "own": True}
    voting.vote(items[0].pk, opinion="abstain", reason="", by="person:1")
    assert state(items[0]) == "active"
    voting.vote(items[1].pk, opinion="abstain", reason="", by="person:1")
    assert entries(act="item.voted").count() == 2


def test_a_vote_of_a_partner_is_its_own_and_is_weighed(items: list[Item]) -> None:
    north = organisations.named("north", by="system")
    voting.vote(items[0].pk, opinion="dispute", reason="Not that.", by="system", organisation=north)
    assert (state(items[0]), voting.own_vote(items[0])) == ("disputed", "")
    voting.vote(items[0].pk, opinion="confirm", reason="", by="person:1")
    assert (state(items[0]), voting.own_vote(items[0])) == ("active", "confirm")


@pytest.mark.parametrize(
    ("opinion", "reason"), [("dispute", " "), ("like", "x"), ("confirm", "a\0"), ("dispute", "a" * 501)]
)
def test_a_vote_that_says_nothing_is_refused(items: list[Item], opinion: str, reason: str) -> None:
    with pytest.raises(voting.BadVote):
        voting.vote(items[0].pk, opinion=opinion, reason=reason, by="person:1")
    assert votes(items[0]) == []


def test_nobody_votes_on_what_is_known_to_be_benign_or_on_nothing(hotline: HashList) -> None:
    [benign] = services.add_benign(hotline, values=[("sha256", VALUES[0])], by="person:1", reason="A drawing.")
    with pytest.raises(voting.BadVote):
        voting.vote(benign.pk, opinion="confirm", reason="", by="person:1")
    with pytest.raises(services.UnknownItem):
        voting.vote(benign.pk + 1, opinion="confirm", reason="", by="person:1")


def test_a_lead_who_marks_an_item_as_active_leaves_a_confirmation_as_it_is(items: list[Item]) -> None:
    voting.vote(items[0].pk, opinion="dispute", reason="Not that.", by="person:1")
    voting.vote(items[0].pk, opinion="confirm", reason="", by="person:1")
    services.mark_item(items[0].pk, state="active", by="person:1", reason="Looked at.")
    assert voting.own_vote(items[0]) == "confirm"


# --- from verdicts ---------------------------------------------------------------------------------------------------


def case_of(items: list[Item], number: int = 1, *, near: tuple[int, ...] = ()) -> Any:
    found = [
        match(item.pk, signal="sha256", value=item.value, distance=4 if n in near else 0)
        for n, item in enumerate(items)
    ]
    return opened(number, matches=found)


def verdict(case: Any, people: SimpleNamespace, which: tuple[str, str]) -> None:
    claim(case.pk, person=people.reviewer)
    decide(case.pk, person=people.reviewer, code=which[0], scheme=which[1], reason="About a person.")


def follow() -> None:
    while react():
        pass


def test_a_verdict_that_confirms_confirms_every_item_that_matched(items: list[Item], people: SimpleNamespace) -> None:
    verdict(case_of(items, near=(1,)), people, FINE)
    follow()
    assert [votes(item) for item in items] == [[(ours(), "confirm", "system")]] * 3
    reasons = set(Statement.objects.filter(act="confirm").values_list("reason", flat=True))
    assert reasons == {"A person of this organisation has looked at what it matched."}


def test_a_verdict_that_does_not_disputes_what_was_equal_and_not_what_was_near(
    items: list[Item], people: SimpleNamespace
) -> None:
    verdict(case_of(items, near=(1,)), people, WRONG)
    follow()
    assert [state(item) for item in items] == ["disputed", "active", "disputed"]
    assert votes(items[1]) == []


def test_a_case_that_is_opened_again_takes_its_vote_back_and_a_second_verdict_votes_anew(
    items: list[Item], people: SimpleNamespace
) -> None:
    case = case_of(items[:1])
    verdict(case, people, WRONG)
    follow()
    reopen(case.pk, person=people.lead, reason="A doubt.")
    follow()
    assert (state(items[0]), voting.own_vote(items[0])) == ("active", "")
    verdict(case, people, FINE)
    follow()
    assert [act for _, act, _ in votes(items[0])] == ["dispute", "abstain", "confirm"]


def test_what_another_case_found_stands_when_one_is_opened_again(items: list[Item], people: SimpleNamespace) -> None:
    first, second = case_of(items[:1], 1), case_of(items[:1], 2)
    verdict(first, people, FINE)
    verdict(second, people, FINE)
    follow()
    reopen(second.pk, person=people.lead, reason="A doubt.")
    follow()
    assert [act for _, act, _ in votes(items[0])] == ["confirm"]


def test_a_vote_that_a_person_gave_is_not_taken_back_by_a_case(items: list[Item], people: SimpleNamespace) -> None:
    case = case_of(items[:1])
    verdict(case, people, FINE)
    follow()
    voting.vote(items[0].pk, opinion="dispute", reason="Not that.", by=people.lead.actor)
    reopen(case.pk, person=people.lead, reason="A doubt.")
    follow()
    assert voting.own_vote(items[0]) == "dispute"


def test_a_verdict_that_was_taken_back_before_anybody_followed_it_is_no_vote(
    items: list[Item], people: SimpleNamespace
) -> None:
    case = case_of(items)
    verdict(case, people, FINE)
    reopen(case.pk, person=people.lead, reason="A doubt.")
    follow()
    assert not entries(act="item.voted")


def test_a_verdict_that_waits_for_a_second_look_is_no_vote_until_that_has_ended(
    items: list[Item], people: SimpleNamespace
) -> None:
    first, second = case_of(items), case_of(items[:1], 2)
    with configured(second_look_percent=100):
        verdict(first, people, FINE)
        follow()
        assert [voting.own_vote(item) for item in items] == [""] * 3
        look = SecondLook.objects.get()
        with_two(look.pk, person=people.lead, scheme=FINE[1], code=FINE[0], reason="Seen, too.")
        verdict(second, people, WRONG)
        follow()
        assert [voting.own_vote(item) for item in items] == ["confirm"] * 3, "of the other one, one person says so"
        other = SecondLook.objects.exclude(pk=look.pk).get()
        with_two(other.pk, person=people.lead, scheme=WRONG[1], code=WRONG[0], reason="Seen, too.")
        follow()
        assert [voting.own_vote(item) for item in items] == ["dispute", "confirm", "confirm"]


@pytest.mark.django_db(transaction=True)
def test_nobody_who_follows_the_ledger_waits_for_an_item(items: list[Item]) -> None:
    """Whoever marks an item holds it and waits for the ledger's head, which the follower may hold."""
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            list(Item.objects.select_for_update(no_key=True).filter(pk=items[0].pk))
            held.set()
            done.wait(20)
        connection.close()

    thread = threading.Thread(target=hold)
    if connection.vendor == "postgresql":  # SQLite has one writer, and no locks of rows
        thread.start()
        held.wait(20)
        with pytest.raises(voting.ItemsBusy):
            voting.vote_by_verdict({item.pk: "confirm" for item in items}, reason="Seen.", by="system")
        assert not entries(act="item.voted")
        done.set()
        thread.join()
    voting.vote_by_verdict({item.pk: "confirm" for item in items}, reason="Seen.", by="system")
    assert entries(act="item.voted").count() == 3


# --- returned --------------------------------------------------------------------------------------------------------


def test_our_vote_goes_back_to_a_source_that_takes_votes_and_only_once(followed: Item, source: Recorded) -> None:
    voting.vote(followed.pk, opinion="confirm", reason="Seen.", by="person:1")
    assert run_until_idle() == 1
    [asked] = source.asked
    assert asked.path.endswith("SubmitFeedback")
    assert followed.value.lower() in asked.body.decode().lower()
    job = Job.objects.get()
    assert (job.state, job.kind, job.payload["route"]) == ("done", "vote", "stopncii")
    entry = entries(act="item.voted")[0]
    for _ in range(2):
        voting.return_vote(followed.pk, opinion="confirm", entry=entry.seq)
    assert Job.objects.count() == 1


def test_an_abstention_and_a_vote_of_somebody_else_are_told_to_nobody(followed: Item, source: Recorded) -> None:
    north = organisations.named("north", by="system")
    voting.vote(followed.pk, opinion="confirm", reason="", by="system", organisation=north)
    voting.vote(followed.pk, opinion="confirm", reason="", by="person:1")
    voting.vote(followed.pk, opinion="abstain", reason="", by="person:1")
    run_until_idle()
    assert (Job.objects.count(), source.asked) == (0, [])


def test_a_vote_that_was_overtaken_while_it_waited_is_not_sent(followed: Item, source: Recorded) -> None:
    voting.vote(followed.pk, opinion="confirm", reason="", by="person:1")
    follow()
    voting.vote(followed.pk, opinion="abstain", reason="", by="person:1")
    run_until_idle()
    assert source.asked == []
    assert "thinks otherwise by now" in json.loads(Job.objects.get().receipt)["detail"]


def test_a_source_that_does_not_vouch_any_more_is_not_told(followed: Item, source: Recorded) -> None:
    source.round = 2
    subscribing.run(Subscription.objects.get(), wait=lambda _: None)
    gone = Item.objects.filter(state="withdrawn")[0]
    source.asked.clear()
    voting.vote(gone.pk, opinion="confirm", reason="", by="person:1")
    run_until_idle()
    assert not Job.objects.exists()


@pytest.mark.parametrize(("status", "left"), [(500, "ready"), (403, "dead")])
def test_a_source_that_fails_is_told_again_and_one_that_refuses_is_for_a_person(
    followed: Item, source: Recorded, status: int, left: str, sign_in: SignIn
) -> None:
    whole = source.answer

    def failing(asked: Asked) -> Answer:
        return Answer(status=status) if asked.method == "POST" else whole(asked)

    source.answer = failing  # type: ignore[method-assign]
    voting.vote(followed.pk, opinion="dispute", reason="Not that.", by="person:1")
    run_until_idle()
    job = Job.objects.get()
    assert job.state == left
    assert str(status) in job.error
    page = words(sign_in("lead").get(f"/ledger/deliveries/{job.pk}"))
    for said in ("Vote to a source", "stopncii", "it is not what the source says", "Not that."):
        assert said in page
    assert "Vote to a source" in words(sign_in("lead").get("/ledger/deliveries/"))


def test_a_subscription_that_is_paused_leaves_the_vote_to_a_person(followed: Item, source: Recorded) -> None:
    voting.vote(followed.pk, opinion="confirm", reason="", by="person:1")
    follow()
    subscribing.change("stopncii", by="person:1", enabled=False)
    run_until_idle()
    assert (Job.objects.get().state, source.asked) == ("dead", [])


# --- faces -----------------------------------------------------------------------------------------------------------


def test_a_reviewer_votes_on_the_page_of_an_item_that_shows_what_everybody_said(
    sign_in: SignIn, items: list[Item]
) -> None:
    client, page = sign_in("reviewer"), f"/lists/items/{items[0].pk}"
    assert "It has not voted." in words(client.get(page))
    assert client.post(f"{page}/vote", {"opinion": "dispute", "reason": ""}).status_code == 422
    answer = client.post(f"{page}/vote", {"opinion": "dispute", "reason": "Not that."}, follow=True)
    assert messages(answer) == ["Recorded as the vote of this organisation."]
    text = words(answer)
    for said in ("has looked and disagrees", "vouches that it is material as classed", "Not that.", "this node"):
        assert said in text
    assert text.index("has looked and disagrees") < text.index("vouches that it is material as classed")
    assert sign_in("analyst").post(f"{page}/vote", {"opinion": "confirm"}).status_code == 403
    assert "Vote for this organisation" not in words(sign_in("analyst").get(page))


def test_an_item_that_too_few_vouch_for_says_how_many(sign_in: SignIn, items: list[Item]) -> None:
    services.change_list("hotline", by="person:1", organisations=3, jurisdictions=2)
    text = words(sign_in("analyst").get(f"/lists/items/{items[0].pk}"))
    assert "Organisations that vouch for it: 1 of the 3 that this list asks for." in text
    assert "of so many jurisdictions: 2" in text
    listed = sign_in("analyst").get("/lists/hotline/?state=proposed")
    assert len(listed.context["rows"]) == 3
    assert "proposed" in words(listed)


def test_a_program_reads_everything_that_was_said_and_does_not_vote(items: list[Item]) -> None:
    program, one = Program("lists:read", "lists:write"), items[0].pk
    assert program.post(f"/items/{one}/vote", {"opinion": "dispute", "reason": "No."}).status_code == 404
    with pytest.raises(voting.BadVote, match="a program does not vote"):
        voting.vote(one, opinion="dispute", reason="No.", by="key:0123456789ab")
    assert votes(items[0]) == []
    voting.vote(one, opinion="confirm", reason="", by="person:1")
    told = program.get(f"/items/{one}").json()
    assert (told["organisation"], told["agreement"], told["until"]) == (ours(), 1, None)
    said = program.get(f"/items/{one}/statements", limit=1).json()
    assert [row["act"] for row in said["statements"]] == ["confirm"]
    rest = program.get(f"/items/{one}/statements", cursor=said["next_cursor"]).json()
    assert [(row["act"], row["by"], row["basis"]) for row in rest["statements"]] == [("vouch", "system", "unstated")]
    assert rest["next_cursor"] is None
    is_problem(program.get("/items/999999/statements"), 404, "unknown-item")
