"""One demand in one page: a request to preserve that becomes an order to hand over, and the end of it."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyrage
from tests.desk import IDENTITY, RECIPIENT, proof, released, second_lead, terms
from tests.evidence.conftest import Keep, _places, keep  # noqa: F401 - fixtures

from himaya.evidence.demands import queries, services, telling
from himaya.evidence.demands.answering import approve_answer, prepare_answer, write_answer
from himaya.evidence.demands.lists import REQUIRED
from himaya.evidence.demands.models import Demand
from himaya.evidence.ending import end_due
from himaya.evidence.models import Exhibit


def confirm_all(demand: Demand, person: Any) -> None:
    for item in REQUIRED[demand.kind]:
        services.confirm_check(demand.pk, item=item, said="looked at", person=person)
    services.verify_demand(demand.pk, person=person)


def states() -> list[str]:
    while end_due():
        pass
    return list(Exhibit.objects.order_by("pk").values_list("state", flat=True))


def test_one_demand(keep: Keep, people: SimpleNamespace, clock: Any, tmp_path: Path) -> None:  # noqa: F811
    # Three things are kept for a year, two of them of one account.
    lead, colleague = people.lead, second_lead()
    for text, origin in (("one", "https://video.example/ann/1"), ("two", "https://video.example/ann/2"), ("3", "bob")):
        keep(text, origin=origin, case="case:7")

    # Shortly before they end, a prosecutor asks to preserve what came from that account.
    clock.advance(timedelta(days=350))
    kept = services.record_demand(
        terms(scope="account ann", gag=True, gag_until=clock.now() + timedelta(days=200)), person=lead
    )
    confirm_all(kept, lead)
    services.accept_demand(kept.pk, why="it is competent and narrow", person=lead)
    services.confirm_preservation(kept.pk, why="told by the portal that two exhibits are preserved", person=lead)

    # The year is over: what was not asked for ends, what was asked for stays.
    clock.advance(timedelta(days=60))
    assert states() == ["kept", "kept", "destroyed"]

    # They ask for another term, and then a court orders to hand over a part of it.
    clock.advance(timedelta(days=20))
    services.renew_preservation(kept.pk, why="asked again by the portal", person=lead)
    order = services.record_demand(
        terms(
            "production", instrument="Order 12 of the district court", reference="12/2027", follows=kept.pk,
            scope="account ann, exhibits E-2026-000001-E-2026-000009 kinds others",
        ),
        person=lead,
    )  # fmt: skip
    confirm_all(order, lead)
    first, second = Exhibit.objects.filter(state="kept").order_by("pk")
    services.accept_part(
        order.pk, scope=first.reference, ground="privilege", text="the other is protected", person=lead
    )

    # One lead selects, another lets it leave, and the prosecutor alone opens it.
    answer = prepare_answer(order.pk, recipient=RECIPIENT, recipient_name="The prosecutor", person=lead)
    approve_answer(answer.pk, person=colleague, proof=proof())
    path = tmp_path / "answer.zip"
    with path.open("wb") as file:
        write_answer(answer.pk, file, person=lead)
    with zipfile.ZipFile(path) as bag:
        bag.extractall(tmp_path / "bag")
        closed = [name for name in bag.namelist() if name.endswith(".age")]
    (folder,) = (tmp_path / "bag").iterdir()
    assert [name.rpartition("/")[2] for name in closed] == [f"{first.uuid}.age"]
    assert pyrage.decrypt((tmp_path / "bag" / closed[0]).read_bytes(), [IDENTITY]) == b"one"

    # Their experts verify it without Himaya.
    command = [sys.executable, "-I", str(folder / "verify.py"), str(folder)]
    verdict = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert verdict.returncode == 0, verdict.stdout + verdict.stderr

    # The gag is over, the person is told; both demands are closed, and with them what was held ends.
    clock.advance(timedelta(days=150))
    telling.set_notice(kept.pk, notice="given", why="a letter", person=lead)
    released(kept, lead)
    for demand in (order, kept):
        services.close_demand(demand.pk, why="nothing is left to do", person=lead)
    clock.advance(timedelta(days=2))  # in which another lead may object
    assert states() == ["destroyed"] * 3
    assert not queries.due_next().exists()
    assert [change.act for change in queries.changes(order)][-7:] == [
        "verified", "accepted in part", "answer prepared", "answer approved", "answered", "let go", "closed",
    ]  # fmt: skip
    assert second.pk not in [part.exhibit_id for each in queries.answers(order) for part in queries.parts(each)]
