"""The pages of subscriptions: how each is, a new one in two steps, what is set and what is never shown."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from tests.browsing import messages, words
from tests.sources import Answer

from himaya.core import registry
from himaya.core.exchange import SourceTrouble
from himaya.core.words import told, unpacked
from himaya.ledger.queries import entries
from himaya.lists import services, subscribing
from himaya.lists.models import HashList, Organisation, Subscription
from himaya.lists.subscription_forms import SourceForm

pytestmark = pytest.mark.django_db(transaction=True)
SignIn = Callable[[str], Client]
NEW = "/lists/subscriptions/new?source=stopncii"


@pytest.fixture
def source() -> Iterator[Any]:
    found = importlib.import_module("tests.plugins.recorded.stopncii").Recorded()
    with found.serving():
        yield found


@pytest.fixture
def followed(source: Any, hotline: HashList) -> Subscription:
    subscribing.subscribe(
        "partner", to=hotline, exchange="stopncii", options=source.config(source.url), by="system", private=True
    )
    return subscribing.find("partner")


def typed(source: Any, **more: str) -> dict[str, str]:
    """What a person types for a new subscription."""
    options = {f"option-{name}": value for name, value in source.config(source.url).items()}
    terms = {"name": "partner", "list": "hotline", "basis": "person-shown", "interval": "3600"}
    return {**options, **terms, **more}


def key() -> str:
    """The key that the subscription has."""
    return str(subscribing.configured(subscribing.find("partner"))[1].fetch_key.get_secret_value())  # type: ignore[attr-defined]


def run(one: Subscription) -> Any:
    return subscribing.run(subscribing.find(one.name), wait=lambda _: None)


# --- how they are ----------------------------------------------------------------------------------------------------


def test_without_a_subscription_the_page_says_what_to_do(sign_in: SignIn, hotline: HashList) -> None:
    client = sign_in("lead")
    assert "Subscriptions" in words(client.get("/lists/"))
    assert "No source is followed yet" in words(client.get("/lists/subscriptions/"))
    assert client.get("/lists/subscriptions").status_code == 200


def test_every_subscription_stands_with_its_health(sign_in: SignIn, followed: Subscription) -> None:
    client = sign_in("auditor")
    assert "not read yet" in words(client.get("/lists/subscriptions/"))
    run(followed)
    page = words(client.get("/lists/subscriptions/"))
    assert "read as planned" in page
    assert "3 added, 0 changed, 0 taken back" in page
    assert "Follow a source" not in page


def test_what_failed_is_told_with_its_remedy_and_what_is_kept(
    sign_in: SignIn, followed: Subscription, source: Any
) -> None:
    source.cut_after = 1
    with pytest.raises(SourceTrouble):
        run(followed)
    source.cut_after = None
    for place in ("", "partner/"):
        page = words(sign_in("auditor").get(f"/lists/subscriptions/{place}"))
        assert "cannot be read" in page
        assert subscribing.find("partner").trouble["what"] in page
        assert "1 answer of a round is kept" in page
    assert "It failed 1 time since" in page


def test_a_failure_can_be_told_in_the_language_of_who_reads_it(followed: Subscription, source: Any) -> None:
    source.answer = lambda asked: Answer(status=401)
    with pytest.raises(SourceTrouble):
        run(followed)
    said = subscribing.find("partner").trouble["said"]["what"]
    assert str(unpacked(said)) == subscribing.find("partner").trouble["what"]
    assert str(told(unpacked(said), lambda text: f"<{text}>")).startswith("<The source cannot be read: <")


def test_one_page_says_what_the_last_round_brought_and_what_nothing_here_reads(
    sign_in: SignIn, followed: Subscription
) -> None:
    run(followed)
    page = words(sign_in("lead").get("/lists/subscriptions/partner/"))
    assert "things that the source told of 4" in page
    assert "items added 3" in page
    assert "kinds of fingerprints that nothing here reads URL (1)" in page
    assert "Source read: 3 added, 0 changed, 0 taken back the source partner" in page


def test_a_late_subscription_names_the_worker(sign_in: SignIn, followed: Subscription) -> None:
    with time_machine.travel(datetime.now(UTC) - timedelta(days=1)):
        run(followed)
    page = words(sign_in("lead").get("/lists/subscriptions/partner/"))
    assert "late" in page
    assert "himaya worker" in page


def test_no_page_ever_holds_a_secret(sign_in: SignIn, followed: Subscription) -> None:
    client = sign_in("admin")
    for place in ("", "partner/", "partner/change"):
        content = client.get(f"/lists/subscriptions/{place}").content.decode()
        assert 'value="fetch"' not in content
        assert ">fetch<" not in content
    assert "set, and shown to nobody" in words(client.get("/lists/subscriptions/partner/"))


def test_an_unknown_subscription_or_source_is_not_found(sign_in: SignIn, hotline: HashList) -> None:
    client = sign_in("lead")
    for place in ("nobody/", "nobody/change", "new?source=nothing"):
        assert client.get(f"/lists/subscriptions/{place}").status_code == 404
    for place in ("due", "pause", "resume"):
        assert client.post(f"/lists/subscriptions/nobody/{place}").status_code == 404


# --- a new one -------------------------------------------------------------------------------------------------------


def test_first_a_source_is_chosen_which_says_whom_one_asks(sign_in: SignIn, hotline: HashList) -> None:
    page = sign_in("lead").get("/lists/subscriptions/new")
    for one in registry.exchanges().values():
        assert str(one.label) in words(page)
    assert "Partners of StopNCII.org" in words(page)


@pytest.mark.parametrize("name", [one.name for one in registry.exchanges().values() if one.pulls])
def test_every_source_has_a_form_with_all_that_it_asks_for(sign_in: SignIn, hotline: HashList, name: str) -> None:
    page = sign_in("lead").get(f"/lists/subscriptions/new?source={name}")
    assert page.status_code == 200
    content, plugin = page.content.decode(), registry.exchange(name)
    for field, known in plugin.Config.model_fields.items():
        assert f'name="option-{field}"' in content, field
        assert str(known.title) in words(page), field
    assert content.count('type="password"') == len(subscribing.secret_fields(plugin))


def test_a_source_is_followed_by_a_form(sign_in: SignIn, hotline: HashList, source: Any) -> None:
    answer = sign_in("admin").post(NEW, typed(source, private="on"), follow=True)
    assert answer.redirect_chain == [("/lists/subscriptions/partner/", 302)]
    made = subscribing.find("partner")
    assert (made.list, made.organisation.name, made.basis) == (hotline, "partner", "person-shown")
    assert "fetch" not in str(made.options)
    assert run(made).added == 3


def test_with_it_a_list_and_an_organisation_are_made(sign_in: SignIn, hotline: HashList) -> None:
    given = {"option-address": "https://a.example/list.csv", "option-largest": "1000", "option-missing": "50"}
    terms = {"name": "two", "list": "+", "new_list": "fresh", "organisation": "hotline.example", "jurisdiction": "NL"}
    client, more = sign_in("lead"), {"basis": "national", "interval": "600"}
    answer = client.post("/lists/subscriptions/new?source=file", {**given, **terms, **more})
    assert answer.status_code == 302, words(answer)
    made = subscribing.find("two")
    assert (made.list.name, made.organisation.name, made.organisation.jurisdiction) == (
        "fresh",
        "hotline.example",
        "NL",
    )
    assert made.options["largest"] == 1000


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"option-fetch_key": ""}, "This field is required"),
        ({"name": "No Good"}, "small letters"),
        ({"interval": "5"}, "greater than or equal to 60"),
        ({"list": "+"}, "Give the new list a name."),
        ({"list": "+", "new_list": "hotline"}, "already"),
        ({"organisation": "No Good"}, "valid value"),
        ({"organisation": "ours"}, "this node's own name"),
        ({"private": "on", "option-address": "x" * 300}, "at most 200"),
    ],
)
def test_what_is_wrong_is_said_at_its_field_and_nothing_is_made(
    sign_in: SignIn, hotline: HashList, source: Any, wrong: dict[str, str], why: str
) -> None:
    Organisation.objects.create(name="ours", title="Ours", own=True, created_at=datetime.now(UTC))
    answer = sign_in("admin").post(NEW, typed(source, **wrong))
    assert answer.status_code == 422
    assert why in words(answer)
    assert not Subscription.objects.exists()
    assert not HashList.objects.filter(name="").exists()


def test_what_the_connector_itself_refuses_stands_in_the_form(sign_in: SignIn, hotline: HashList) -> None:
    given = {"option-address": "", "option-largest": "1000", "option-missing": "50"}
    terms = {"name": "two", "list": "hotline", "basis": "national", "interval": "600"}
    answer = sign_in("lead").post("/lists/subscriptions/new?source=file", {**given, **terms})
    assert answer.status_code == 422
    assert "give either an address, or a directory and a path" in words(answer)
    assert "Value error" not in words(answer)


# --- a question before it is saved -----------------------------------------------------------------------------------


def test_the_source_is_asked_before_anything_is_saved(sign_in: SignIn, hotline: HashList, source: Any) -> None:
    client = sign_in("admin")
    answer = client.post(NEW, typed(source, private="on", check="1"))
    assert answer.status_code == 200
    assert "Nothing was saved yet" in words(answer)
    assert not Subscription.objects.exists()
    assert source.asked
    content = answer.content.decode()
    assert 'value="partner"' in content  # what was typed is still there
    assert 'value="fetch"' not in content
    kept = re.search(r'name="option-kept" value="([^"]+)"', content)
    assert kept
    assert "fetch" not in kept[1]
    again = typed(
        source, private="on", **{"option-fetch_key": "", "option-subscription_key": "", "option-kept": kept[1]}
    )
    assert client.post(NEW, again).status_code == 302
    assert subscribing.configured(subscribing.find("partner"))[1].fetch_key.get_secret_value() == "fetch"  # type: ignore[attr-defined]


def test_what_was_kept_for_a_check_is_nobody_else_s_and_ends(sign_in: SignIn, hotline: HashList, source: Any) -> None:
    answer = sign_in("admin").post(NEW, typed(source, private="on", check="1"))
    kept = re.search(r'name="option-kept" value="([^"]+)"', answer.content.decode())
    assert kept
    again = typed(source, **{"option-fetch_key": "", "option-subscription_key": "", "option-kept": kept[1]})
    assert "This field is required" in words(sign_in("lead").post(NEW, again))
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=16)):
        assert "This field is required" in words(sign_in("admin").post(NEW, again))
    assert not Subscription.objects.exists()


def test_a_source_that_refuses_is_told_in_words_and_may_be_followed_all_the_same(
    sign_in: SignIn, hotline: HashList, source: Any
) -> None:
    client = sign_in("admin")
    answer = client.post(NEW, typed(source, private="on", check="1", **{"option-fetch_key": "wrong"}))
    assert answer.status_code == 200
    assert "The source cannot be read" in words(answer)
    assert "save it all the same" in words(answer)
    assert client.post(NEW, typed(source, private="on", **{"option-fetch_key": "wrong"})).status_code == 302


# --- what lies near --------------------------------------------------------------------------------------------------


def test_a_lead_reaches_neither_the_private_network_nor_files_of_this_machine(
    sign_in: SignIn, hotline: HashList, source: Any
) -> None:
    lead = sign_in("lead")
    assert 'name="private"' not in lead.get(NEW).content.decode()
    lead.post(NEW, typed(source, private="on", check="1"))
    assert not source.asked
    answer = lead.post(NEW, typed(source, private="on"))
    assert answer.status_code == 422
    assert "a box that an administrator alone sees" in words(answer)
    assert not Subscription.objects.exists()
    given = {"option-directory": "/etc", "option-path": "passwd", "option-largest": "1000", "option-missing": "50"}
    terms = {"name": "two", "list": "hotline", "basis": "national", "interval": "600"}
    for more in ({}, {"private": "on"}, {"check": "1"}):
        answer = lead.post("/lists/subscriptions/new?source=file", {**given, **terms, **more})
        assert "An administrator sets it in the console" in words(answer)
    assert not Subscription.objects.exists()
    assert (
        sign_in("admin").post("/lists/subscriptions/new?source=file", {**given, **terms, "private": "on"}).status_code
        == 302
    )


def test_a_lead_does_not_turn_what_an_administrator_set_elsewhere(sign_in: SignIn, followed: Subscription) -> None:
    lead = sign_in("lead")
    page = lead.get("/lists/subscriptions/partner/change")
    assert "an administrator sets its options" in words(page)
    given = {"basis": "national", "interval": "7200", "option-address": "http://127.0.0.1:1/x"}
    assert lead.post("/lists/subscriptions/partner/change", given).status_code == 302
    now = subscribing.find("partner")
    assert (now.basis, now.interval, now.options) == ("national", 7200, followed.options)


# --- changes ---------------------------------------------------------------------------------------------------------


def changed(source: Any, **more: str) -> dict[str, str]:
    given = {"option-address": f"{source.url}/v1", "option-member": "Us", "basis": "national", "interval": "7200"}
    return {**given, "private": "on", **more}


def test_a_change_keeps_the_secrets_that_are_not_typed_again(
    sign_in: SignIn, followed: Subscription, source: Any
) -> None:
    answer = sign_in("admin").post("/lists/subscriptions/partner/change", changed(source), follow=True)
    assert messages(answer) == ["Saved. It is read at once, where a worker runs."]
    now = subscribing.find("partner")
    assert (now.interval, now.options["member"]) == (7200, "Us")
    assert key() == "fetch"


def test_no_secret_goes_to_an_address_that_it_was_not_given_for(
    sign_in: SignIn, followed: Subscription, source: Any
) -> None:
    client, there = sign_in("admin"), {"option-address": "https://elsewhere.example/v1"}
    answer = client.post("/lists/subscriptions/partner/change", changed(source, **there))
    assert answer.status_code == 422
    assert words(answer).count("give it again: the address is another one") == 3
    assert "give it again" in words(
        client.post("/lists/subscriptions/partner/change", changed(source, check="1", **there))
    )
    anew = {"option-fetch_key": "a", "option-subscription_key": "b", "option-forget_feedback_key": "on"}
    assert client.post("/lists/subscriptions/partner/change", changed(source, **there, **anew)).status_code == 302
    assert subscribing.secrets_set(subscribing.find("partner")) == ["fetch_key", "subscription_key"]


def test_it_is_paused_let_go_on_and_read_now(sign_in: SignIn, followed: Subscription) -> None:
    client, at = sign_in("lead"), "/lists/subscriptions/partner/"
    run(followed)
    client.post(f"{at}pause")
    assert not subscribing.find("partner").enabled
    assert "Read it now" not in words(client.get(at))
    answer = client.post(f"{at}due", follow=True)
    assert "is paused" in messages(answer)[0]
    client.post(f"{at}resume")
    Subscription.objects.update(due_at=datetime.now(UTC) + timedelta(hours=1))
    client.post(f"{at}due")
    assert subscribing.claim() == followed
    acts = [entry.act for entry in entries(about="subscription:partner")]
    assert acts == ["subscription.due", "subscription.changed", "subscription.changed"]
    assert "Source to be read at once" in words(client.get(at))


def test_what_is_being_read_is_not_begun_again(sign_in: SignIn, followed: Subscription) -> None:
    now = datetime.now(UTC)
    Subscription.objects.update(began_at=now, due_at=now + timedelta(minutes=5))
    client = sign_in("lead")
    page = words(client.get("/lists/subscriptions/partner/"))
    assert "being read" in page
    assert "Read it now" not in page
    assert "is being read just now" in messages(client.post("/lists/subscriptions/partner/due", follow=True))[0]
    client.post("/lists/subscriptions/partner/change", {"basis": "national", "interval": "7200"})
    assert subscribing.find("partner").due_at > now


def test_a_form_reads_every_kind_of_option(people: Any) -> None:
    from typing import ClassVar, Literal

    from pydantic import BaseModel, Field, SecretStr

    class Options(BaseModel):
        place: Literal["test", "live"] = Field("live", title="Place", description="Which.")
        many: list[str] = Field(default=[], title="Many", description="Some.")
        some: int | None = Field(None, ge=3, lt=10, title="Some", description="A number.")
        yes: bool = Field(True, title="Yes", description="Or no.")
        key: SecretStr = Field(title="Key", description="Secret.")

    class Plugin(type(registry.exchange("stopncii"))):  # type: ignore[misc]
        name: ClassVar[str] = "test"
        Config: ClassVar[type[BaseModel]] = Options

    given = {"option-place": "test", "option-many": "a\n\n b \n", "option-some": "9", "option-key": "k"}
    form = SourceForm(Plugin(), given, person="person:1")
    assert form.is_valid(), form.errors
    assert form.options() == {"place": "test", "many": ["a", "b"], "some": 9, "yes": False, "key": "k"}
    assert Options(**form.options()).some == 9
    assert not SourceForm(Plugin(), {**given, "option-some": "10"}, person="person:1").is_valid()
    empty = SourceForm(Plugin(), {**given, "option-some": ""}, person="person:1")
    assert empty.is_valid()
    assert "some" not in empty.options()


def test_subscriptions_is_no_name_for_a_list(db: None) -> None:
    with pytest.raises(services.BadList):
        services.create_list("subscriptions", by="system")
