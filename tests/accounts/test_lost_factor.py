"""A second factor that is lost: an administrator takes it away, for a reason, and nothing else opens by that."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from tests.accounts.test_second_factor import CODE, code_of, enrolled, halfway  # noqa: F401 - a fixture among them
from tests.conftest import PASSWORD

from himaya.accounts import queries
from himaya.accounts import services as accounts
from himaya.accounts.services import BadReason, UnknownPerson, YourOwnFactor
from himaya.ledger.models import Entry

pytestmark = pytest.mark.django_db
PAGE = "/settings/people/reviewer/factor"


def shown(answer: Any) -> str:
    """The password on the page."""
    assert answer.status_code == 200
    return str(answer.context["secret"])


@pytest.fixture
def with_key(enrolled: SimpleNamespace) -> SimpleNamespace:  # noqa: F811
    """The reviewer with an app, codes, and a security key beside them."""
    Authenticator.objects.create(user=enrolled.person, type="webauthn", data={"name": "key", "credential": {}})
    return enrolled


def test_every_second_factor_goes_and_it_is_on_record_who_did_it_to_whom_and_why(
    with_key: SimpleNamespace, people: SimpleNamespace
) -> None:
    accounts.reset_factor("reviewer", reason="stolen", by=people.admin.actor)
    assert not Authenticator.objects.exists()
    entry = Entry.objects.latest("seq")
    assert (entry.act, entry.actor, entry.about) == (
        "person.factor-reset",
        people.admin.actor,
        people.reviewer.actor,
    )
    assert entry.data == {"reason": "stolen", "removed": 3}


def test_other_people_keep_theirs(with_key: SimpleNamespace, people: SimpleNamespace) -> None:
    Authenticator.objects.create(user=people.lead, type="totp", data={"secret": "x"})
    accounts.reset_factor("reviewer", reason="lost", by="system")
    assert Authenticator.objects.get().user == people.lead


def test_a_new_password_alone_keeps_the_factor(enrolled: SimpleNamespace) -> None:  # noqa: F811
    accounts.reset_password("reviewer", by="system")
    assert set(Authenticator.objects.values_list("type", flat=True)) == {"totp", "recovery_codes"}


def test_whoever_is_signed_in_is_signed_out_and_the_old_password_opens_no_more(
    enrolled: SimpleNamespace,  # noqa: F811
) -> None:
    inside, waiting = halfway(), halfway()
    inside.post(CODE, {"code": code_of(enrolled.secret)})
    assert inside.get("/cases/").status_code == 200
    accounts.reset_factor("reviewer", reason="lost", by="system")
    assert inside.get("/cases/").status_code == 302
    for path in (CODE, "/accounts/login/", "/accounts/2fa/", "/cases/"):
        waiting.get(path)
        waiting.post(CODE, {"code": code_of(enrolled.secret)})
        waiting.post(CODE, {"code": enrolled.codes[0]})
        assert waiting.get("/cases/")["Location"].startswith("/accounts/login/")
    assert Client().post("/accounts/login/", {"login": "reviewer", "password": PASSWORD}).status_code == 200


def test_with_the_new_password_another_factor_has_to_be_set_up(enrolled: SimpleNamespace) -> None:  # noqa: F811
    password = accounts.reset_factor("reviewer", reason="lost", by="system")
    client = Client()
    client.post("/accounts/login/", {"login": "reviewer", "password": password})
    assert client.get("/cases/")["Location"] == "/accounts/2fa/"


def test_nobody_takes_away_their_own(people: SimpleNamespace) -> None:
    before = people.admin.password
    with pytest.raises(YourOwnFactor) as refused:
        accounts.reset_factor("admin", reason="lost", by=people.admin.actor)
    assert "another administrator" in refused.value.diagnostics()
    assert queries.person("admin").password == before  # type: ignore[union-attr]
    assert not Entry.objects.exists()


def test_at_the_command_line_the_only_administrator_gets_in_again(people: SimpleNamespace) -> None:
    password = accounts.reset_factor("admin", reason="broken", by="cli:operator")
    assert queries.person("admin").check_password(password)  # type: ignore[union-attr]


@pytest.mark.parametrize("reason", ["", "because", "Lost"])
def test_a_reason_that_is_none_is_refused_with_those_there_are(enrolled: SimpleNamespace, reason: str) -> None:  # noqa: F811
    with pytest.raises(BadReason, match="lost, broken, stolen"):
        accounts.reset_factor("reviewer", reason=reason, by="system")
    assert Authenticator.objects.count() == 2
    assert not Entry.objects.exists()


def test_somebody_who_is_not_there_is_said_to_be_unknown() -> None:
    with pytest.raises(UnknownPerson, match="'nobody'"):
        accounts.reset_factor("nobody", reason="lost", by="system")


# --- in the console --------------------------------------------------------------------------------------------------


def test_the_page_asks_why_and_shows_the_new_password_once(
    enrolled: SimpleNamespace,  # noqa: F811
    sign_in: Callable[[str], Client],
) -> None:
    admin = sign_in("admin")
    assert PAGE in admin.get("/settings/").content.decode()
    assert admin.get(PAGE).status_code == 200
    assert admin.post(PAGE, {"reason": ""}).status_code == 422
    assert admin.post(PAGE, {"reason": "because"}).status_code == 422
    assert Authenticator.objects.count() == 2
    answer = admin.post(PAGE, {"reason": "lost"})
    password = shown(answer)
    assert answer["Cache-Control"] == "no-store"
    assert not Authenticator.objects.exists()
    assert queries.person("reviewer").check_password(password)  # type: ignore[union-attr]
    assert PAGE not in admin.get("/settings/").content.decode(), "nothing is left to take away"


def test_for_oneself_and_for_nobody_there_is_no_such_page(
    people: SimpleNamespace, sign_in: Callable[[str], Client]
) -> None:
    Authenticator.objects.create(user=people.admin, type="totp", data={"secret": "x"})
    admin = sign_in("admin")
    own = "/settings/people/admin/factor"
    assert own not in admin.get("/settings/").content.decode()
    for answer in (admin.get(own), admin.post(own, {"reason": "lost"})):
        assert answer.status_code == 409
        assert re.search("another administrator", answer.content.decode())
    assert Authenticator.objects.exists()
    assert admin.get("/settings/people/nobody/factor").status_code == 404
