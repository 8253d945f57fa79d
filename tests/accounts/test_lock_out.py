"""Whoever guesses passwords is stopped, account by account; the owner gets in again after a while."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.core.cache import cache
from django.db import IntegrityError, transaction
from django.test import Client, RequestFactory
from tests.conftest import PASSWORD

from himaya.accounts.lockout import no_address

LOGIN = "/accounts/login/"


def attempt(name: str, password: str) -> int:
    """The status of the answer to one attempt, each from a new browser."""
    return Client().post(LOGIN, {"login": name, "password": password}).status_code


def guess(name: str) -> None:
    """As many wrong passwords as it takes."""
    for number in range(settings.AXES_FAILURE_LIMIT):
        attempt(name, f"wrong {number}")


def test_after_five_wrong_passwords_the_right_one_does_not_open(people: SimpleNamespace) -> None:
    guess("reviewer")
    answer = Client().post(LOGIN, {"login": "reviewer", "password": PASSWORD})
    assert answer.status_code == 429
    assert "Too many attempts" in answer.content.decode()


def test_capital_letters_do_not_give_new_attempts(people: SimpleNamespace) -> None:
    for number, name in enumerate(("reviewer", "Reviewer", "REVIEWER", "reViewer", "reviewer ")):
        attempt(name, f"wrong {number}")
    assert attempt("reviewer", PASSWORD) == 429


def test_the_others_get_in_while_one_is_locked(people: SimpleNamespace) -> None:
    guess("reviewer")
    assert attempt("lead", PASSWORD) == 302


def test_a_right_password_in_between_starts_the_count_again(people: SimpleNamespace) -> None:
    for _ in range(2):
        for number in range(settings.AXES_FAILURE_LIMIT - 1):
            attempt("reviewer", f"wrong {number}")
        assert attempt("reviewer", PASSWORD) == 302


def test_the_lock_opens_by_itself(people: SimpleNamespace, time_machine: Any) -> None:
    time_machine.move_to("2026-01-15T12:00:00Z")
    guess("reviewer")
    assert attempt("reviewer", PASSWORD) == 429
    time_machine.shift(settings.AXES_COOLOFF_TIME)
    time_machine.shift(1)
    assert attempt("reviewer", PASSWORD) == 302


@pytest.mark.parametrize("name", ["nobody", "", "x" * 500, "nul\0"])
def test_a_name_that_is_nobodys_is_answered_like_a_wrong_password(people: SimpleNamespace, name: str) -> None:
    answer = Client().post(LOGIN, {"login": name, "password": "wrong"})
    assert answer.status_code == 200
    assert Client().post(LOGIN, {"login": "reviewer", "password": "wrong"}).status_code == 200


def test_trying_while_locked_does_not_lengthen_the_lock(people: SimpleNamespace, time_machine: Any) -> None:
    time_machine.move_to("2026-01-15T12:00:00Z")
    guess("reviewer")
    for _ in range(3):
        time_machine.shift(settings.AXES_COOLOFF_TIME / 4)
        assert attempt("reviewer", PASSWORD) == 429
    time_machine.shift(settings.AXES_COOLOFF_TIME / 4)
    time_machine.shift(1)
    assert attempt("reviewer", PASSWORD) == 302


def test_the_count_does_not_live_in_a_process(people: SimpleNamespace) -> None:
    for number in range(settings.AXES_FAILURE_LIMIT):
        attempt("reviewer", f"wrong {number}")
        cache.clear()
    assert attempt("reviewer", PASSWORD) == 429


def test_there_is_one_count_for_an_account_whatever_the_browser_and_the_place(people: SimpleNamespace) -> None:
    """Two rows that are alike would make the next failure a defect, which counts nothing."""
    for number in range(settings.AXES_FAILURE_LIMIT):
        client = Client(REMOTE_ADDR=f"203.0.113.{number}", HTTP_USER_AGENT=f"browser {number}")
        client.post(LOGIN, {"login": "reviewer", "password": "wrong"})
    assert AccessAttempt.objects.get().failures_since_start == settings.AXES_FAILURE_LIMIT
    alike = {"username": "x", "user_agent": "", "ip_address": no_address(RequestFactory().get("/"))}
    AccessAttempt.objects.create(failures_since_start=1, **alike)
    with pytest.raises(IntegrityError), transaction.atomic():
        AccessAttempt.objects.create(failures_since_start=1, **alike)


def test_the_answer_to_a_script_is_the_page_and_no_other_site_may_read_it(people: SimpleNamespace) -> None:
    guess("reviewer")
    asking = Client(headers={"x-requested-with": "XMLHttpRequest", "origin": "https://evil.example"})
    answer = asking.post(LOGIN, {"login": "reviewer", "password": PASSWORD})
    assert answer.status_code == 429
    assert answer["Retry-After"] == "900"
    assert "Too many attempts" in answer.content.decode()
    assert not [name for name in answer.headers if name.startswith("Access-Control")]
