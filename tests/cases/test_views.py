"""Views of the queue that somebody keeps, and the queue as a table."""

import csv

import pytest
from tests.casework import opened

from himaya.cases import services, views
from himaya.ledger.queries import entries

pytestmark = pytest.mark.django_db


def test_a_view_is_kept_opened_and_let_go_by_its_owner_alone(sign_in, people):
    mine, other = sign_in("analyst"), sign_in("reviewer")
    answer = mine.post("/cases/views/keep", {"name": " Hotline,  mine ", "state": "mine", "list": "hotline"})
    assert answer.url == "/cases/?state=mine&list=hotline"
    (kept,) = views.views(people.analyst)
    assert (kept.name, kept.query) == ("Hotline, mine", "state=mine&list=hotline")
    assert 'href="/cases/?state=mine&amp;list=hotline"' in mine.get("/cases/").content.decode()
    assert "Hotline, mine" not in other.get("/cases/").content.decode()
    other.post(f"/cases/views/{kept.pk}/forget")
    assert views.views(people.analyst).count() == 1
    mine.post(f"/cases/views/{kept.pk}/forget")
    assert not views.views(people.analyst)


@pytest.mark.parametrize(("name", "why"), [
    ("  ", "it needs a name"),
    ("a" * 61, "its name has 61 characters; 60 are allowed"),
    ("a\0b", "it needs a name"),
])  # fmt: skip
def test_a_view_that_cannot_be_kept_says_why(people, name, why):
    with pytest.raises(views.BadView, match=why):
        views.keep_view(name, query="state=mine", person=people.analyst)


def test_the_same_name_takes_the_place_and_there_are_not_too_many(people):
    for n in range(views.MOST):
        views.keep_view(f"view {n}", query="state=mine", person=people.analyst)
    views.keep_view("view 3", query="state=free", person=people.analyst)
    with pytest.raises(views.BadView, match="you have 20 already"):
        views.keep_view("one more", query="state=free", person=people.analyst)
    views.keep_view("one more", query="state=free", person=people.reviewer)
    assert views.views(people.analyst).get(name="view 3").query == "state=free"


def test_cases_are_taken_away_as_they_are_shown_and_the_ledger_says_by_whom(sign_in, people):
    case, _ = opened(1, place="/srv/secret/1.jpg"), opened(2, list_name="other")
    services.claim(case.pk, person=people.reviewer)
    services.decide(case.pk, person=people.reviewer, scheme="interpol", code="baseline", reason="Agrees.")
    answer = sign_in("lead").post("/cases/export", {"state": "decided", "list": "hotline"})
    assert answer["Content-Disposition"].startswith('attachment; filename="himaya-cases-')
    text = b"".join(answer.streaming_content).decode()
    (row,) = csv.DictReader(text.splitlines())
    assert (row["case"], row["verdict"], row["confirmed"]) == (case.reference, "interpol/baseline", "yes")
    assert (row["list"], row["signal"], row["distance"], row["listed_as"]) == (
        "hotline",
        "pdq",
        "4",
        "interpol/baseline",
    )
    assert "secret" not in text
    taken = entries(act="case.exported").get()
    assert (taken.actor, taken.data) == (people.lead.actor, {"searched": False, "state": "decided", "list": "hotline"})
    assert sign_in("reviewer").post("/cases/export", {"state": "open"}).status_code == 403
