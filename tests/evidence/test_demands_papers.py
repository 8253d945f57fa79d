"""A request on paper: whole, in English and in Arabic, as HTML and PDF; a draft says what is missing."""

from __future__ import annotations

import csv
import re
from importlib.resources import files
from typing import Any

import pytest
from tests.evidence.test_demands_requests import lead, whole

from himaya.core.bundles.report import Language
from himaya.core.reference import requests as reference
from himaya.evidence.demands import queries, requesting
from himaya.evidence.demands.paper import html
from himaya.evidence.demands.requesting import NEEDED
from himaya.evidence.pages.accesses import languages

__all__ = ["lead"]
pytestmark = pytest.mark.django_db
ENGLISH = Language("en")


def plain(page: bytes) -> str:
    """The words of a page, without the characters that isolate them."""
    text = re.sub(r"<style>.*?</style>|<[^>]+>", " ", page.decode(), flags=re.S)
    return " ".join(text.replace("\u2068", "").replace("\u2069", "").split())


def test_every_field_that_the_program_ships_can_be_said_in_another_language() -> None:
    text = files("himaya.core.reference").joinpath("shipped/request-fields.csv").read_text(encoding="utf-8")
    shipped = [row["field"] for row in csv.DictReader(text.splitlines()) if row["part"] != "models"]
    assert list(reference.SHIPPED) == shipped


@pytest.mark.parametrize("kind", NEEDED)
def test_a_draft_names_all_that_is_missing_and_a_whole_one_states_it_all(lead: Any, kind: str) -> None:
    one = requesting.make_request(kind, country="FR", recipient="The contact point", person=lead)
    told = plain(html(one, ENGLISH))
    assert "A draft: it has not been sent" in told
    for each in requesting.lacking(one):
        assert str(each).split(" / ")[0] in told
    full = whole(lead, kind)
    told = plain(html(full, ENGLISH))
    assert "Missing before" not in told
    for key, text in full.fields.items():
        assert text in told, key
    assert re.search(r"The contact point \( ?France ?\)", told)


def test_what_was_sent_is_no_draft_and_its_text_is_proved_by_the_record(lead: Any) -> None:
    one = whole(lead)
    requesting.send_request(one.pk, channel="network-24-7", person=lead)
    requesting.take_receipt(one.pk, reference="FR <7>", why="by e-mail", person=lead)
    page = html(queries.request(one.pk), ENGLISH)
    told = plain(page)
    assert "draft" not in told
    assert "FR &lt;7&gt;" in page.decode()
    from himaya.ledger.models import Entry

    assert Entry.objects.get(act="request.sent").data["sha256"] in told


def test_it_is_handed_out_in_each_language_and_form_to_those_of_the_desk(lead: Any, sign_in: Any) -> None:
    one, client = whole(lead), sign_in("auditor")
    for language in languages():
        answer = client.get(f"/desk/requests/{one.pk}/paper/{language.code}.html")
        page = answer.content.decode()
        assert answer["Content-Disposition"] == f'attachment; filename="{one.reference}.{language.code}.html"'
        assert f'dir="{"rtl" if language.code == "ar" else "ltr"}"' in page
        assert "http" not in re.sub(r"<style>.*?</style>", "", page, flags=re.S)
        assert f"/paper/{language.code}.html" in client.get(f"/desk/requests/{one.pk}/").content.decode()
    for path in ("fr.html", "en.txt", "xx.pdf"):
        assert client.get(f"/desk/requests/{one.pk}/paper/{path}").status_code == 404
    assert sign_in("reviewer").get(f"/desk/requests/{one.pk}/paper/en.html").status_code == 403


@pytest.mark.parametrize("code", ["en", "ar"])
def test_it_is_handed_out_as_pdf(lead: Any, sign_in: Any, code: str) -> None:
    one = whole(lead)
    answer = sign_in("lead").get(f"/desk/requests/{one.pk}/paper/{code}.pdf")
    assert answer["Content-Type"] == "application/pdf"
    assert answer.content.startswith(b"%PDF-")
    assert b"%%EOF" in answer.content[-20:]
