"""Several clients at once, each with a connection of its own: one number for one content, and nothing half done."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from tests.hma.conftest import A

from himaya.core.errors import HimayaError
from himaya.hma import queries, services
from himaya.lists import queries as lists
from himaya.lists import services as list_services

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """What each gave, or the error that a person can act on."""

    def run(act: Callable[[], Any]) -> Any:
        try:
            return act()
        except HimayaError as error:
            return type(error)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as threads:
        return [each.result() for each in [threads.submit(run, act) for act in acts]]


def test_the_same_content_added_four_times_at_once_is_one() -> None:
    services.create_bank("KNOWN", by="system")
    signals = {"md5": A, "sha1": "0" * 40}
    given = at_once(*[lambda: services.add_content("KNOWN", signals=signals, by="system")] * 4)
    assert len(set(given)) == 1
    assert lists.items(list_services.find_list("known")).count() == 2


def test_contents_of_two_banks_at_once_have_a_number_each() -> None:
    names = [f"BANK_{n}" for n in range(4)]
    for name in names:
        services.create_bank(name, by="system")
    signals = {"md5": A, "sha1": "0" * 40}
    given = at_once(*[lambda n=name: services.add_content(n, signals=signals, by="system") for name in names])
    assert sorted(given) == [services.OF_SEVERAL + n for n in range(1, 5)]
    noted = [lambda n=n: services.add_content(n, signals=signals, note="again", by="system") for n in names]
    assert sorted(at_once(*noted)) == [services.OF_SEVERAL + n for n in range(5, 9)]


def test_a_name_asked_for_twice_at_once_is_given_once() -> None:
    given = at_once(*[lambda: services.create_bank("KNOWN", by="system").name] * 3)
    assert sorted(map(str, given))[-1] == "known"
    assert len([one for one in given if one == "known"]) == 1
    assert len(queries.banks()) == lists.lists().count() == 1


def test_one_removes_what_another_marks() -> None:
    services.create_bank("KNOWN", by="system")
    number = services.add_content("KNOWN", signals={"md5": A}, by="system")
    at_once(
        lambda: services.remove_content("KNOWN", number=number, by="system"),
        lambda: list_services.mark_item(number, state="disputed", by="system", reason="a question"),
        lambda: services.add_content("KNOWN", signals={"sha1": "0" * 40}, by="system"),
    )
    assert lists.item(number).state in ("withdrawn", "disputed")
    assert lists.items(list_services.find_list("known")).count() == 2
