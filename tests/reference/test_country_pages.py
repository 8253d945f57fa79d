"""The directory by country: everything known of one on a page, what is not, whom to tell, and what to look at again."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.test import Client
from tests.configured import configured

from himaya.core.countries import COUNTRIES
from himaya.core.reference.routing import BEARERS
from himaya.ledger.queries import entries
from himaya.reference import queries, services
from himaya.reference.directory import COULD_SAY, PARTS, SHORT
from himaya.reference.telling import answer

pytestmark = pytest.mark.django_db
KJT = "lu-helpline-kanner-jugendtelefon"


def text(page: Any) -> str:
    assert page.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", page.content.decode()).split())


@pytest.fixture
def lead(sign_in: Callable[[str], Client]) -> Client:
    return sign_in("lead")


def test_a_country_is_told_in_the_order_in_which_one_asks(lead: Client) -> None:
    page = lead.get("/reference/countries/DE")
    shown = text(page)
    places = [page.content.decode().index(f'<h2 id="{name}">{title}</h2>') for name, title in PARTS.items()]
    assert places == sorted(places)
    assert "European Union" in shown
    assert "ICCAM 32" in shown
    assert "Section 184b StGB" in shown
    assert "infant, prepubescent child" in shown
    assert "looked at 2026-10-09" in shown
    assert "Not in force" not in shown
    assert '<a class="dial" href="tel:116111"><bdi dir="ltr">116 111</bdi></a>' in page.content.decode()
    assert "Statement of reasons to the recipient" in shown
    assert "lapsed" in shown, "what no longer holds is said to"
    assert lead.get("/reference/countries/XX").status_code == 404
    assert lead.get("/reference/countries/de").status_code == 404


def test_what_is_not_known_is_said_with_who_could_say_it(lead: Client) -> None:
    shown = text(lead.get("/reference/countries/AQ"))
    assert shown.count("Nothing is known.") == len(PARTS) == 7
    assert all(words in shown for words in COULD_SAY.values())
    assert "known: 0 of 7" in shown
    form = lead.get("/reference/contacts/add?country=AQ&kind=hotline&nonsense=1").content.decode()
    assert '<option value="AQ" selected>' in form
    assert '<option value="hotline" selected>' in form


def test_a_number_that_is_not_sure_is_confirmed_before_anybody_calls(lead: Client) -> None:
    assert "confirm before calling" in text(lead.get("/reference/countries/CN"))
    assert "confirm before calling" not in text(lead.get("/reference/countries/AL"))
    assert "its page was last changed 2022-05" in text(lead.get("/reference/countries/CN"))
    services.confirm_row("contacts", key="cn-helpline-child-emergency-hotline", how="rang", by="person:1")
    shown = text(lead.get("/reference/countries/CN"))
    assert "confirm before calling" not in shown
    assert "confirmed by us on" in shown


def test_the_countries_stand_side_by_side_with_what_is_known_of_each(lead: Client) -> None:
    page = lead.get("/reference/countries/").content.decode()
    assert page.count("/reference/countries/") >= len(COUNTRIES)
    assert "Of how many of 249 countries something is known" in page
    narrowed = text(lead.get("/reference/countries/?unknown=children&known=reports"))
    assert "Austria" not in narrowed
    assert "Cambodia" not in narrowed
    assert "Brazil" in text(lead.get("/reference/countries/?name=braz"))
    assert "No country is like that" in text(lead.get("/reference/countries/?name=atlantis"))


def test_what_is_counted_is_what_stands_on_the_pages() -> None:
    every = {one.code: one for one in queries.countries()}
    assert list(every) == list(COUNTRIES)
    for code in ("DE", "US", "AQ", "SN", "GB"):
        assert every[code] == queries.country(code)
    assert {*PARTS} == {*SHORT} == {*COULD_SAY}
    services.set_row_aside("contacts", key=KJT, reason="it is gone", by="person:1")
    assert "children" in queries.country("LU").unknown


def test_whom_to_tell_is_answered_with_the_row_and_the_clock(lead: Client) -> None:
    page = lead.get("/reference/tell?ours=US&host=DE&bearer=provider")
    shown = text(page)
    assert "NCMEC CyberTipline" in shown
    assert "as soon as reasonably possible, from: actual knowledge" in shown
    assert "/reference/limits/rows/us-2258a-a-report/" in page.content.decode()
    assert "Nobody is known who should be told." in text(lead.get("/reference/tell?host=SN&bearer=hotline&ours=NL"))
    assert "Say who asks" in text(lead.get("/reference/tell?bearer=pirate&host=nowhere"))


def test_what_is_old_or_unsure_is_worked_through_with_one_press_each(lead: Client, people: Any) -> None:
    first = queries.to_confirm()[0]
    assert first.values["confidence"] == "low"
    page = lead.get("/reference/to-confirm").content.decode()
    assert f"/rows/{first.key}/confirm" in page
    before = len(queries.to_confirm())
    reply = lead.post(
        f"/reference/{first.table.name}/rows/{first.key}/confirm", {"how": "read", "seen": "0", "place": "GB"}
    )
    assert reply["Location"] == "/reference/to-confirm?place=GB"
    assert len(queries.to_confirm()) == before - 1
    row = queries.row(first.table.name, first.key)
    assert (row.values["basis"], row.values["confidence"]) == ("confirmed", "high")
    (change,) = queries.history(row)
    assert (change.by, change.reason) == (people.lead.actor, "We read its own page, or the text of the law.")
    assert "Confirmed" in text(lead.get(f"/reference/{first.table.name}/rows/{first.key}/"))
    changed = entries(act="reference.changed").first()
    assert changed is not None
    assert changed.data["what"] == "confirmed"


@pytest.mark.parametrize(
    ("how", "seen", "why"),
    [
        ("dreamt", "1", "Nobody makes sure of a row by"),
        ("read", "7", "Somebody else changed the row"),
        ("read", "x" * 9, "stands so already"),
    ],
)
def test_what_cannot_be_confirmed_stays_as_it_is(lead: Client, how: str, seen: str, why: str) -> None:
    lead.post(f"/reference/contacts/rows/{KJT}/confirm", {"how": "read"})
    reply = lead.post(f"/reference/contacts/rows/{KJT}/confirm", {"how": how, "seen": seen}, follow=True)
    assert why in text(reply)
    assert queries.row("contacts", KJT).number == 1


def test_a_row_is_looked_at_again_after_a_year_or_where_it_is_unsure() -> None:
    keys = {one.key for one in queries.to_confirm(date(2026, 11, 29))}
    assert "de-hotline-jugendschutz-net" not in keys
    assert {"at-hotline-iccam", "gb-osa-66-report", "dz-helpline-je-tecoute-3033"} <= keys
    assert "de-hotline-jugendschutz-net" in {one.key for one in queries.to_confirm(date(2027, 10, 20))}
    assert queries.to_confirm(date(2028, 2, 29))


def test_what_the_settings_say_of_the_organisation_is_where_the_question_begins() -> None:
    assert answer({"host": "DE"})["route"] is None
    with configured(jurisdiction="NL", acts_as="hotline"):
        told = answer({"host": "DE"})["route"]["suggestions"]
        assert [one["title"] for one in told] == ["eco + FSM Beschwerdestelle", "jugendschutz.net"]
    with configured(jurisdiction="FR-75", acts_as="hotline"):
        found = queries.suggest(host="DE")
        assert (found.situation.ours, found.situation.bearer) == ("FR", "hotline")


def test_the_setting_names_whom_the_routing_knows() -> None:
    for name in BEARERS:
        with configured(acts_as=name):
            assert queries.suggest(host="DE").situation.bearer == name
