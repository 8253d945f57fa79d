"""Errors: a page for people, a problem document for programs; what strangers are told names no host and no path."""

import json
import re

import pytest
from django.db import OperationalError
from django.http import Http404
from django.test import Client, RequestFactory
from tests.casework import opened

from himaya.cases.services import ClaimedByOther
from himaya.site import errors
from himaya.site.logs import WrongName

pytestmark = pytest.mark.django_db


@pytest.fixture
def calm_client() -> Client:
    """A browser in which a defect is answered, as it is outside of tests."""
    return Client(raise_request_exception=False)


def breaking(monkeypatch, error: Exception) -> None:
    """The probe raises ``error``."""
    from himaya.site.pages import doors

    def broken(*args: object) -> None:
        raise error

    monkeypatch.setattr(doors, "connection", type("Broken", (), {"cursor": broken})())


def test_an_address_that_leads_nowhere_is_said_to(calm_client):
    response = calm_client.get("/nothing/here")
    assert response.status_code == 404
    assert "There is nothing at this address" in response.content.decode()


@pytest.mark.parametrize("path", ["/accounts/signup/", "/accounts/password/reset/", "/accounts/email/"])
def test_what_the_sign_in_library_offers_and_we_do_not_is_not_there(client, path):
    assert client.get(path).status_code == 404
    assert client.post(path).status_code in (403, 404)


def test_a_program_gets_a_problem_document(calm_client):
    response = calm_client.get("/api/nothing")
    assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")
    assert json.loads(response.content) == {
        "type": "about:blank",
        "title": "There is nothing at this address.",
        "status": 404,
        "detail": "There is nothing at this address.",
    }


def test_who_may_not_is_told_so_in_the_frame_of_the_house(sign_in):
    response = sign_in("analyst").get("/settings/")
    assert response.status_code == 403
    assert "This is not open to you" in response.content.decode()


def test_a_forged_host_is_refused_without_a_trace_of_it(calm_client):
    response = calm_client.get("/accounts/login/", HTTP_HOST="evil.example")
    assert response.status_code == 400
    assert "evil" not in response.content.decode()


def test_a_form_that_does_not_come_from_our_page_is_refused():
    client = Client(enforce_csrf_checks=True)
    response = client.post("/theme/", {"theme": "dark"})
    assert response.status_code == 403
    assert "theme" not in response.cookies


@pytest.fixture
def odd(monkeypatch):
    """``odd(error)``: the page for 404 raises that error instead."""
    from himaya.accounts import pages

    def arm(error: Exception) -> None:
        def broken(request: object) -> None:
            raise error

        monkeypatch.setattr(pages.nothing_here, "__wrapped__", broken, raising=False)
        pattern = next(p for p in pages.urlpatterns if p.name == "account_signup")
        monkeypatch.setattr(pattern, "callback", broken)

    return arm


@pytest.mark.parametrize("defect", [RuntimeError("a secret of"), FileNotFoundError(2, "a secret of", "house")])
def test_a_defect_is_answered_with_an_id_that_stands_in_the_log(calm_client, odd, caplog, defect):
    odd(defect)
    response = calm_client.get("/accounts/signup/")
    assert response.status_code == 500
    page = response.content.decode()
    assert "The mistake is ours" in page
    assert "a secret" not in page
    error_id = re.search(r"<code>([0-9a-f]{8})</code>", page)
    assert error_id
    assert f"error {error_id[1]}: GET /accounts/signup/" in caplog.text


@pytest.mark.parametrize(
    ("why", "said"),
    [
        ("connection to server at 10.0.0.7 failed", "The database does not answer."),
        ("database or disk is full", "The disk is full."),
        ("database is locked", "The database is busy"),
        ("deadlock detected", "The database is busy"),
        ("no such table: cases_case", "The database has not been prepared"),
    ],
)
def test_a_trouble_of_the_machine_is_named_without_its_details(calm_client, odd, why, said):
    odd(OperationalError(why))
    response = calm_client.get("/accounts/signup/")
    assert response.status_code == 503
    page = response.content.decode()
    assert said in page
    assert "himaya doctor" in page
    assert why not in page


def test_the_error_page_needs_no_database(odd, calm_client, django_assert_num_queries):
    odd(OperationalError("gone"))
    with django_assert_num_queries(0):
        assert calm_client.get("/accounts/signup/").status_code == 503


def test_the_probe_says_when_the_database_does_not_answer(client, monkeypatch):
    breaking(monkeypatch, OperationalError("gone"))
    response = client.get("/healthz")
    assert (response.status_code, response.content) == (503, b"the database does not answer\n")


def test_an_error_with_a_remedy_is_a_page_with_its_remedy(people, rf: RequestFactory):
    error = ClaimedByOther(holder="Noor <b>", until="12:30 UTC")
    response = errors.error_page(rf.get("/"), error)
    page = response.content.decode()
    assert response.status_code == 409
    assert "Noor &lt;b&gt; is working on this case until 12:30 UTC." in page
    assert "ask them to release it" in page


def test_an_error_with_a_remedy_is_a_problem_for_programs():
    problem = json.loads(errors.problem(ClaimedByOther(holder="Noor", until="12:30 UTC")).content)
    assert problem["type"] == "urn:himaya:problem:claimed-by-other"
    assert problem["remedy"] == "Take the next one, or ask them to release it."


@pytest.mark.parametrize("handler", [errors.bad_request, errors.forbidden, errors.not_found])
def test_every_handler_answers_programs_as_programs(handler, rf: RequestFactory):
    response = handler(rf.get("/api/v1/x"), Http404())
    assert json.loads(response.content)["status"] == response.status_code
    assert errors.csrf_failure(rf.post("/api/v1/x"))["Content-Type"] == errors.PROBLEM
    assert errors.server_error(rf.get("/api/v1/x"))["Content-Type"] == errors.PROBLEM


def test_what_was_posted_without_a_session_is_not_brought_back(client):
    case = opened(1)
    response = client.post(f"/cases/{case.pk}/claim")
    assert response.url == "/accounts/login/?next=/"


@pytest.mark.parametrize("path", ["/settings/", "/cases/999/", "/nothing/here"])
def test_an_answer_leaves_one_line_in_the_log_and_no_traceback(sign_in, caplog, path):
    assert sign_in("analyst").get(path).status_code in (403, 404)
    records = [record for record in caplog.records if record.name == "django.request"]
    assert len(records) == 1
    assert records[0].exc_info is None
    assert "\n" not in caplog.text.strip()


@pytest.mark.parametrize("path", ["/api/v1/health", "/"])
def test_a_name_that_the_node_does_not_answer_to_is_said_to_be_that(calm_client, caplog, path):
    response = calm_client.get(path, HTTP_HOST="evil.example")
    said = response.content.decode()
    assert response.status_code == 400
    assert "does not answer to the name" in said
    assert "setting hosts" in said
    assert "evil" not in said
    [line] = [record for record in caplog.records if record.name == "django.security.DisallowedHost"]
    assert WrongName().filter(line), "a second time, as where logging was set up anew"
    assert line.getMessage() == "a request for the name 'evil.example' was refused: it is not in the setting hosts"
    assert line.exc_info is None
