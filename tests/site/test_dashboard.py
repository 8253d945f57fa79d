"""Today: what waits, in numbers that lead to their rows, for every role what it may see."""

import re
from datetime import timedelta

import pytest
from django.db import transaction
from django.test import Client
from django.urls import reverse
from tests.casework import opened

from himaya.accounts.roles import MAY, ROLES
from himaya.cases import services
from himaya.core.config import config
from himaya.core.ports import ItemRow
from himaya.core.routes import Route
from himaya.ledger import outbox, worker
from himaya.ledger.models import Job
from himaya.lists import services as lists
from himaya.lists.models import Item
from himaya.lists.quarantine import Flood, hold_items
from himaya.screening.counting import count

pytestmark = pytest.mark.django_db
LETTERS = reverse("ledger:deliveries")


def figures(response) -> dict[str, tuple[int, str]]:
    """Word → number and address of every figure on the page."""
    found = re.findall(
        r'<(?:a class="stat" href="([^"]*)"|span class="stat")><b>(\d+)</b><span>([^<]+)</span>',
        response.content.decode(),
    )
    return {word: (int(number), address.replace("&amp;", "&")) for address, number, word in found}


@pytest.mark.parametrize("role", ROLES)
def test_everybody_who_works_here_has_a_first_page(sign_in, role):
    opened(1)
    response = sign_in(role).get("/")
    assert response.status_code == 200
    assert figures(response)["free case"][0] == 1
    states = [finding["state"] for finding in response.context["findings"]]
    assert len(set(states)) > 1
    assert states == sorted(states, key=["danger", "wait", "ok"].index), "the worst first"


def test_what_waits_for_a_person_is_counted(sign_in, people):
    for number in range(5):
        case = opened(number)
        if number < 3:
            services.claim(case.pk, person=people.reviewer if number else people.lead)
    found = figures(sign_in("reviewer").get("/"))
    assert found == {
        "cases of yours": (2, "/cases/?state=mine"),
        "free cases": (2, "/cases/?state=free"),
        "claimed cases": (3, "/cases/?state=open"),
        "deliveries failed": (0, LETTERS + "?state=dead"),
        "deliveries in doubt": (0, LETTERS + "?state=unknown"),
    }


def test_an_item_that_is_held_waits_for_a_person_as_well(sign_in):
    listed = lists.create_list("hotline", by="system")
    lists.add_items(listed, rows=[ItemRow(0, "md5", "ab" * 16)], by="system")
    hold_items({Item.objects.get().pk: Flood(101, 1, {0: 101})})
    assert figures(sign_in("lead").get("/"))["item held"] == (1, "/lists/quarantine")


@pytest.mark.parametrize("role", ROLES)
def test_a_number_leads_to_its_rows_only_for_those_who_may_see_them(sign_in, role):
    opened(1)
    addresses = [address for _, address in figures(sign_in(role).get("/")).values() if address]
    assert any("/cases/" in address for address in addresses) == (role in MAY["cases.view"])
    assert any("/ledger/" in address for address in addresses) == (role in MAY["deliveries.view"])


def test_the_administrator_sees_no_more_of_a_case_than_that_it_is_there(sign_in):
    case = opened(1, place="/srv/secret-place.jpg")
    page = sign_in("admin").get("/").content.decode()
    assert case.reference not in page
    assert "secret-place" not in page
    assert "Claim the next case" not in page


def test_a_failed_delivery_is_counted_and_said_in_words(sign_in, people, monkeypatch):
    monkeypatch.setattr(config(), "reports", [Route(name="gone", channel="file")])
    monkeypatch.setattr(config(), "notices", [])
    services.claim((case := opened(1)).pk, person=people.reviewer)
    services.decide(case.pk, person=people.reviewer, scheme="interpol", code="baseline", reason="Agrees.")
    worker.tick()
    monkeypatch.setattr(config(), "reports", [])  # the route is gone when the worker comes
    assert worker.run_until_idle() == 1
    response = sign_in("lead").get("/")
    assert figures(response)["delivery failed"] == (1, LETTERS + "?state=dead")
    assert "some need a person" in response.content.decode()


def test_screened_and_hits_of_today_stand_at_the_top(sign_in, clock):
    count({"hit": 2, "miss": 40}, origin="scan")
    clock.advance(timedelta(days=1))
    count({"hit": 3, "miss": 4}, origin="scan")
    lead = re.search(r'<p class="lead">(.*?)</p>', sign_in("auditor").get("/").content.decode(), re.DOTALL)
    assert lead
    assert re.sub(r"<[^>]+>", "", lead[1]) == "16 Jan 2026 (UTC) · 7 screened, 3 hits"


def test_the_plots_say_what_they_show(sign_in, clock):
    client = sign_in("auditor")
    assert "No case was opened in the last 24 hours" in client.get("/").content.decode()
    opened(1)
    clock.advance(timedelta(hours=5))
    opened(2)
    page = client.get("/").content.decode()
    assert "2 cases were opened in the last 24 hours" in page
    assert "The oldest open case has waited for 5\N{NO-BREAK SPACE}hours" in page
    assert "<title>12: 1</title>" in page
    assert "<title>17: 1</title>" in page
    assert "<title>4-12: 1</title>" in page


def test_a_worker_that_does_not_come_is_noticed_with_its_remedy(sign_in):
    client = sign_in("admin")
    page = client.get("/").content.decode()
    assert "none is running; nothing waits for it" in page
    assert ">himaya serve (or himaya worker)</code>" in page
    worker.tick()
    assert "keeps up" in client.get("/").content.decode()


@pytest.mark.parametrize("role", ROLES)
def test_what_to_do_about_a_stuck_delivery_is_told_to_who_may_and_who_can_to_the_others(sign_in, role):
    with transaction.atomic():
        outbox.enqueue("deliver", lane="l", key="k", about="case:1", payload={})
    Job.objects.update(state="dead")
    page = sign_in(role).get("/").content.decode()
    assert ("Open Deliveries: send them again" in page) is (role in MAY["deliveries.settle"])
    assert ("A lead can send them again" in page) is (role not in MAY["deliveries.settle"])


def test_a_node_without_items_says_that_nothing_can_match(sign_in):
    assert "nothing can match" in sign_in("lead").get("/").content.decode()


def test_the_first_page_asks_whoever_comes_to_sign_in(db):
    assert Client().get("/").url == "/accounts/login/?next=/"


def test_without_a_second_factor_the_first_page_leads_to_setting_one_up(people):
    client = Client()
    client.force_login(people.reviewer, backend="allauth.account.auth_backends.AuthenticationBackend")
    assert client.get("/").url == "/accounts/2fa/"


def test_health_is_told_in_one_word_to_anybody(db):
    response = Client().get("/healthz")
    assert (response.status_code, response.content, response["Content-Type"]) == (200, b"ok\n", "text/plain")


@pytest.mark.parametrize("chosen", ["light", "dark"])
def test_light_and_dark_are_kept_in_a_cookie(chosen, db):
    client = Client()
    response = client.post("/theme/", {"theme": chosen, "next": "/accounts/login/?next=/cases/"})
    assert response.url == "/accounts/login/?next=/cases/"
    cookie = response.cookies["theme"]
    assert (cookie.value, cookie["samesite"], cookie["httponly"]) == (chosen, "Lax", True)
    assert f'data-theme="{chosen}"' in client.get("/accounts/login/").content.decode()
    client.post("/theme/", {"theme": "", "next": "/"})
    assert "data-theme" not in client.get("/accounts/login/").content.decode()


@pytest.mark.parametrize("next_", ["https://evil.example/", "//evil.example", "javascript:alert(1)", ""])
def test_the_choice_of_a_theme_leads_nowhere_else(next_, db):
    assert Client().post("/theme/", {"theme": "dark", "next": next_}).url == "/"


def test_a_theme_that_is_none_is_not_kept(db):
    response = Client().post("/theme/", {"theme": '"><script>', "next": "/"})
    assert response.cookies["theme"].value == ""
