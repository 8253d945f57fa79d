"""The reference in the console: tables, one row with its history, and the forms of leads."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils.translation import gettext, override

from himaya.core.reference import TABLES
from himaya.ledger.queries import entries
from himaya.reference import queries, services
from himaya.reference.models import Revision
from himaya.reference.words import gist, happened, label

pytestmark = pytest.mark.django_db
KJT = "lu-helpline-kanner-jugendtelefon"
PLACE = f"/reference/contacts/rows/{KJT}"


def text(answer: Any) -> str:
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", answer.content.decode()).split())


@pytest.fixture
def lead(sign_in: Callable[[str], Client]) -> Client:
    return sign_in("lead")


def filled(key: str = KJT, **more: Any) -> dict[str, Any]:
    """The form of a row as a browser sends it."""
    one = queries.row("contacts", key)
    return {**one.values, "seen": one.number, "reason": "we rang them", **more}


def test_the_first_page_counts_the_rows_of_each_table(lead: Client) -> None:
    services.set_row_aside("contacts", key=KJT, reason="r", by="person:1")
    shown = text(lead.get("/reference/"))
    assert re.search(r"Time limits .*? 32 0 0 0 .*?Contact points .*? 213 0 0 1", shown)
    assert "/reference/contacts/?aside=1" in lead.get("/reference/").content.decode()


def test_a_table_is_narrowed_by_country_and_kind(lead: Client) -> None:
    shown = text(lead.get("/reference/contacts/?place=GB&kind=hotline"))
    assert "Internet Watch Foundation" in shown
    assert "fairly sure" in shown
    assert "from a second-hand page" in shown
    assert "CEOP" not in shown
    assert "No row is like that" in text(lead.get("/reference/contacts/?place=AQ&kind=hotline"))
    assert "the text was not read: check it first" in text(lead.get("/reference/limits/?place=AU"))
    assert "within 24 hours" in text(lead.get("/reference/limits/?place=AU"))


def test_a_long_table_has_pages_that_keep_the_filter(lead: Client) -> None:
    seen: list[str] = []
    address = "/reference/contacts/?kind=helpline"
    while address:
        page = lead.get(address).content.decode()
        seen += re.findall(r'/reference/contacts/rows/([a-z0-9-]+)/"', page)
        following = re.search(r'rel="next" href="(\?[^"]+)"', page)
        address = f"/reference/contacts/{following[1].replace('&amp;', '&')}" if following else ""
    assert seen == [row.key for row in queries.rows("contacts", kind="helpline")]
    back = lead.get(f"/reference/contacts/?kind=helpline&after={seen[99]}").content.decode()
    assert f'rel="prev" href="?kind=helpline&amp;after={seen[49]}"' in back


def test_a_row_shows_its_mark_in_words_and_links_to_addresses_without_a_referrer(lead: Client) -> None:
    page = lead.get(f"{PLACE}/")
    assert "Directory of Child Helpline International" in text(page)
    assert "From a second-hand page" in text(page)
    assert "It stands as the program ships it." in text(page)
    assert '<a href="https://www.kjt.lu/de/" rel="noreferrer">' in page.content.decode()


def test_a_lead_changes_a_row_and_the_page_shows_both_and_who_and_why(lead: Client, people: Any) -> None:
    answer = lead.post(f"{PLACE}/change", filled(numbers="116 111; 28 77 70", basis="confirmed"))
    assert (answer.status_code, answer["Location"]) == (302, f"{PLACE}/")
    shown = text(lead.get(f"{PLACE}/"))
    assert "The row was changed." in shown
    assert re.search(r"Where the program ships it otherwise .*Telephone numbers 116 111; 28 77 70 116 111 ", shown)
    assert re.search(r"Lead Changed Telephone numbers: 116 111 116 111; 28 77 70", shown)
    assert "we rang them" in shown
    assert "Confirmed by this node" in shown
    assert Revision.objects.get().by == people.lead.actor


def test_the_form_names_what_is_wrong_and_keeps_what_was_typed(lead: Client) -> None:
    answer = lead.post(f"{PLACE}/change", filled(email="nobody", hours="nine to five"))
    assert answer.status_code == 422
    assert "name@example.org" in answer.content.decode()
    assert "nine to five" in answer.content.decode()
    assert lead.post(f"{PLACE}/change", filled(reason=" ")).status_code == 422
    assert not Revision.objects.exists()


def test_of_two_leads_at_once_the_second_is_asked_to_look_again(lead: Client) -> None:
    form = filled(note="mine")
    services.change_row("contacts", key=KJT, values={"note": "theirs"}, reason="r", by="person:9")
    answer = lead.post(f"{PLACE}/change", form)
    assert answer.status_code == 422
    assert "Somebody else changed the row" in answer.content.decode()
    assert queries.row("contacts", KJT).values["note"] == "theirs"


def test_a_row_is_set_aside_taken_up_and_left_to_the_program(lead: Client) -> None:
    lead.post(f"{PLACE}/change", filled(note="ours"))
    for act in ("aside", "restore", "as-shipped"):
        seen = queries.row("contacts", KJT).number
        assert lead.post(f"{PLACE}/{act}", {"reason": f"to {act}", "seen": seen}).status_code == 302
    told = text(lead.get(f"{PLACE}/"))
    assert re.search(r"As the program ships it again .*Taken up again .*Set aside .*Changed ", told)
    assert [entry.data["what"] for entry in entries(act="reference.changed")][::-1] == [
        "changed", "set-aside", "restored", "as-shipped",
    ]  # fmt: skip
    refused = lead.post(f"{PLACE}/aside", {"reason": ""})
    assert refused.status_code == 422
    assert not queries.row("contacts", KJT).aside


def test_a_row_of_our_own_is_added_by_the_form(lead: Client) -> None:
    assert lead.get("/reference/contacts/add").status_code == 200
    given = {
        "country": "LU", "kind": "interpol-ncb", "name": "The bureau", "note": "by I-24/7", "source": "a letter",
        "checked": "2026-11-29", "basis": "confirmed", "confidence": "high", "reason": "appointed",
    }  # fmt: skip
    answer = lead.post("/reference/contacts/add", given)
    assert answer["Location"] == "/reference/contacts/rows/own-lu-1/"
    shown = text(lead.get(answer["Location"]))
    assert "INTERPOL: National Central Bureau (I-24/7)" in shown
    assert "Added here" in shown


def test_who_may_only_look_sees_no_forms(sign_in: Callable[[str], Client]) -> None:
    page = sign_in("analyst").get(f"{PLACE}/").content.decode()
    assert "<textarea" not in page
    assert f"{PLACE}/change" not in page
    assert "/reference/contacts/add" not in sign_in("analyst").get("/reference/contacts/").content.decode()


def test_the_ledger_leads_to_the_row(lead: Client) -> None:
    services.change_row("contacts", key=KJT, values={"note": "x"}, reason="secret of ours", by="person:1")
    page = lead.get("/ledger/").content.decode()
    assert f'href="{PLACE}/"' in page
    assert "Row of the reference changed" in page
    assert "secret of ours" not in page


@pytest.mark.parametrize("path", ["customs/", "contacts/rows/nobody/", "customs/add", "contacts/rows/nobody/change"])
def test_what_is_not_there_is_a_page_that_says_so(lead: Client, path: str) -> None:
    assert lead.get(f"/reference/{path}").status_code == 404


def test_every_row_has_a_page_in_every_language(lead: Client) -> None:
    for language in ("en", "ar"):
        for name in TABLES:
            for row in queries.rows(name)[::9]:
                answer = lead.get(f"/reference/{name}/rows/{row.key}/", headers={"Accept-Language": language})
                assert answer.status_code == 200


def test_a_limit_says_at_a_glance_how_long() -> None:
    told = {row.key: gist(row) for row in queries.rows("limits")}
    assert told["us-2258a-h-preserve"] == "at least 1 year"
    assert told["coe-budapest-16-preserve"] == "at most 90 days"
    assert told["eu-dsa-18-suspicion"] == "promptly"
    assert told["eu-dsa-15-transparency"] == "once in 1 year"


def test_a_row_that_was_set_aside_at_once_says_so() -> None:
    services.set_row_aside("contacts", key=KJT, reason="r", by="person:1")
    assert happened(None, Revision.objects.get()) == "Set aside"


def test_a_row_that_is_named_as_its_kind_is_named_in_the_language_of_the_reader() -> None:
    with override("ar"):
        assert label(queries.row("contacts", "gb-emergency")) == gettext("Emergency line")
        assert label(queries.row("contacts", KJT)) == "Kanner-Jugendtelefon"
