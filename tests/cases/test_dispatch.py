"""Reports and notices: two rooms of a kind, held to the same promises and shown by the same page."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from tests.browsing import every_page, words
from tests.casework import digest, match, opened
from tests.configured import configured, file_route

from himaya.cases import services as cases
from himaya.cases.services import Seen
from himaya.core import compose
from himaya.core.documents import Document
from himaya.ledger.models import Job
from himaya.ledger.queries import entries, proof
from himaya.reporting import models as reporting
from himaya.reporting import queries as reports
from himaya.reporting import services as reporters
from himaya.takedown import models as takedown
from himaya.takedown import queries as notices
from himaya.takedown import services as notifiers

SignIn = Callable[[str], Client]
pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Kind:
    """A room and how it calls its documents."""

    name: str
    setting: str
    url: str
    table: type
    queue: Callable[..., list[Any]]
    take_back: Callable[..., int]
    rows: Callable[..., Any]
    tally: Callable[[], dict[str, int]]


KINDS = [
    Kind(
        "report", "reports", "/reports/", reporting.Report,
        reporters.queue_reports, reporters.take_back_reports, reports.reports, reports.tally,
    ),
    Kind(
        "notice", "notices", "/notices/", takedown.Notice,
        notifiers.queue_notices, notifiers.take_back_notices, notices.notices, notices.tally,
    ),
]  # fmt: skip


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def kind(request: pytest.FixtureRequest) -> Kind:
    """Each of the two in turn."""
    return request.param


@pytest.fixture
def routes(kind: Kind, tmp_path: Any) -> Any:
    """Two routes for the documents of the kind."""
    with configured(**{kind.setting: [file_route(tmp_path / "a", "first"), file_route(tmp_path / "b", "second")]}):
        yield


@pytest.fixture
def decided(people: SimpleNamespace) -> Callable[..., Any]:
    """A case with a verdict."""

    def one(number: int = 1, *, scheme: str = "interpol", code: str = "baseline", reason: str = "Both agree.") -> Any:
        made = opened(number)
        cases.claim(made.pk, person=people.reviewer)
        return cases.decide(made.pk, person=people.reviewer, scheme=scheme, code=code, reason=reason)

    return one


# --- services --------------------------------------------------------------------------------------------------------


def test_a_confirmed_case_makes_one_document_a_route(kind: Kind, routes: Any, decided: Any) -> None:
    case = decided()
    made = kind.queue(case.pk, verdict=case.verdict_id, by="system")
    assert [one.route for one in made] == ["first", "second"]
    document = made[0].job.payload["document"]
    assert (document["kind"], document["case"]) == (kind.name, case.reference)
    assert [row.data["route"] for row in entries(act=f"{kind.name}.queued")] == ["second", "first"]


def composed(kind: Kind, case: Any) -> tuple[dict[str, Any], str]:
    """The document of the kind as it is stored, and as a reader gets it."""
    with configured(**{kind.setting: [{"name": "out", "channel": "console"}]}, contact="desk@node.example"):
        made = kind.queue(case.pk, verdict=case.verdict_id, by="system")[0].job.payload["document"]
    return made, compose.message(Document.from_json(made)).text


def test_an_authority_is_told_everything(decided: Any) -> None:
    case = decided()
    document, text = composed(KINDS[0], case)
    assert document["verdict"] == {**document["verdict"], "reason": "Both agree.", "label": "Baseline"}
    for fact in ("hotline", "/srv/uploads/1.jpg", "4 bits apart, 31 allowed", "Example hotline", "desk@node.example"):
        assert fact in text


def test_a_host_is_told_what_and_when_and_whom_to_ask_and_nothing_of_lists_and_paths(decided: Any) -> None:
    case = decided()
    document, text = composed(KINDS[1], case)
    for fact in (
        digest(1),
        "illegal in any country (interpol: baseline)",
        "Contact: desk@node.example",
        case.reference,
    ):
        assert fact in text
    assert f"{case.seen_at:%Y-%m-%d %H:%M:%S} UTC  at a place that this node has no address of" in text
    assert "To the best of our knowledge" in text
    for secret in ("hotline", "/srv", "Both agree", "bits", "scan"):
        assert secret not in text + json.dumps(document)


def test_a_host_is_told_a_place_by_the_name_that_it_knows_itself(decided: Any) -> None:
    for origin, place in (
        ("scan", "https://host.example/a.jpg"),
        ("api", "upload 4711"),
        ("cli", "/srv/desk/a.jpg"),
        ("scan", "/srv/https://odd.jpg"),
    ):
        cases.open_case(Seen(f"sha256:{digest(1)}", [], [match(1)], origin, f"{origin}-{place}", place), by="system")
    document, text = composed(KINDS[1], decided())
    assert {seen["where"] for seen in document["sightings"]} == {"https://host.example/a.jpg", "upload 4711"}
    assert "no address" not in text


def test_an_exact_match_is_reported_without_a_radius(decided: Any) -> None:
    opened(1, signal="md5", distance=0, radius=31)
    _, text = composed(KINDS[0], decided())
    assert f"md5 {digest(1)}: the same file, byte for byte" in text
    assert "allowed" not in text


def test_asked_twice_it_is_queued_once(kind: Kind, routes: Any, decided: Any) -> None:
    case = decided()
    kind.queue(case.pk, verdict=case.verdict_id, by="system")
    assert kind.queue(case.pk, verdict=case.verdict_id, by="system") == []
    assert Job.objects.count() == kind.table.objects.count() == 2


def test_the_database_knows_one_document_a_route_and_verdict(kind: Kind, routes: Any, decided: Any) -> None:
    case = decided()
    first = kind.queue(case.pk, verdict=case.verdict_id, by="system")[0]
    other = Job.objects.create(kind="x", lane="l", key="other", about="", content="{}", due=0, created_at=first.made_at)
    twin = kind.table(
        case_id=case.pk, verdict=first.verdict, route="first", channel="file", job=other, made_at=first.made_at
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        twin.save()


def test_a_route_that_was_added_later_gets_the_document_too(kind: Kind, decided: Any, tmp_path: Any) -> None:
    case = decided()
    route = file_route(tmp_path, "first")
    with configured(**{kind.setting: [route]}):
        kind.queue(case.pk, verdict=case.verdict_id, by="system")
    with configured(**{kind.setting: [route, file_route(tmp_path, "later")]}):
        assert [one.route for one in kind.queue(case.pk, verdict=case.verdict_id, by="system")] == ["later"]


def test_what_confirms_nothing_is_told_to_nobody(kind: Kind, routes: Any, decided: Any) -> None:
    case = decided(scheme="himaya-review", code="not-a-match")
    assert kind.queue(case.pk, verdict=case.verdict_id, by="system") == []
    assert kind.queue(999, verdict=1, by="system") == []
    assert not Job.objects.exists()


def test_an_older_verdict_is_told_to_nobody(kind: Kind, routes: Any, decided: Any, people: SimpleNamespace) -> None:
    case = decided()
    old = case.verdict_id
    cases.reopen(case.pk, person=people.lead, reason="Look again.")
    assert kind.queue(case.pk, verdict=old, by="system") == []
    cases.claim(case.pk, person=people.lead)
    again = cases.decide(case.pk, person=people.lead, scheme="interpol", code="baseline", reason="Still.")
    assert kind.queue(case.pk, verdict=old, by="system") == []
    assert len(kind.queue(case.pk, verdict=again.verdict_id, by="system")) == 2


def test_what_has_not_left_is_taken_back_and_the_rest_is_not(kind: Kind, routes: Any, decided: Any) -> None:
    case = decided()
    first = kind.queue(case.pk, verdict=case.verdict_id, by="system")[0]
    Job.objects.filter(pk=first.job_id).update(state="done")
    assert kind.take_back(case.pk, verdict=case.verdict_id + 1, by="system") == 0
    assert kind.take_back(case.pk, verdict=case.verdict_id, by="system") == 1
    assert {one.route: one.job.state for one in kind.table.objects.filter(case=case)} == {
        "first": "done",
        "second": "cancelled",
    }
    numbers = {"cases": 1, "sent": 1, "waiting": 0, "need-a-person": 0}
    told = {name: n for name, n in kind.tally().items() if name.startswith(f"{kind.setting}.")}
    assert told == {f"{kind.setting}.{name}": n for name, n in numbers.items()}
    assert proof().whole


# --- pages -----------------------------------------------------------------------------------------------------------


def test_without_documents_the_page_says_what_makes_one(kind: Kind, sign_in: SignIn) -> None:
    assert "A verdict that confirms a case makes one" in words(sign_in("reviewer").get(kind.url))


def test_documents_stand_newest_first_and_lead_to_case_and_delivery(
    kind: Kind, routes: Any, decided: Any, sign_in: SignIn
) -> None:
    client, case = sign_in("auditor"), decided()
    first, second = kind.queue(case.pk, verdict=case.verdict_id, by="system")
    Job.objects.filter(pk=first.job_id).update(state="dead", error="<b>550</b>", attempts=8)
    answer = look(client, kind.url)
    assert [row["document"].route for row in answer.context["rows"]] == ["second", "first"]
    text = answer.content.decode()
    assert f'href="/cases/{case.pk}/"' in text
    assert f'href="/ledger/deliveries/{second.job_id}"' in text
    assert "1 needs a person" in words(answer)
    assert "<b>550" not in text
    narrowed = look(client, f"{kind.url}?state=dead")
    assert [row["document"] for row in narrowed.context["rows"]] == [first]
    assert [(f["word"], f["count"]) for f in narrowed.context["filters"]] == [
        ("all", 2), ("failed", 1), ("waits to leave", 1),
    ]  # fmt: skip
    assert "None is in this state" in words(look(client, f"{kind.url}?state=lost"))


def look(client: Client, url: str) -> Any:
    """The page, without a second factor; the routes of the test have read the settings anew."""
    with configured(second_factor=False):
        return client.get(url)


def test_every_document_is_on_one_page(kind: Kind, decided: Any, sign_in: SignIn, tmp_path: Any) -> None:
    client = sign_in("lead")
    case = decided()
    many = [file_route(tmp_path, f"r{n}") for n in range(105)]
    with configured(**{kind.setting: many}):
        kind.queue(case.pk, verdict=case.verdict_id, by="system")
    with configured(second_factor=False):
        answers = every_page(client, kind.url)
    shown = [row["document"].route for answer in answers for row in answer.context["rows"]]
    assert shown == [f"r{n}" for n in range(104, -1, -1)]


@pytest.mark.parametrize("role", ["analyst", "admin"])
def test_documents_are_for_those_whose_role_includes_them(kind: Kind, sign_in: SignIn, role: str) -> None:
    assert sign_in(role).get(kind.url).status_code == 403
