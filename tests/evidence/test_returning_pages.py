"""Giving back, as pages: who may ask, what the request says, and what became of what changed hands."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any

import pytest
from tests.browsing import words
from tests.evidence.conftest import Keep
from tests.evidence.test_access_pages import RECIPIENT, _one_time, with_key
from tests.evidence.test_receiving import other_key
from tests.evidence.test_returning import MINE, Nodes, nodes
from tests.program import Program
from tests.windows import signed_in

from himaya.core.bundles.reading import opened
from himaya.core.config import config
from himaya.core.vault.verifier import key_name
from himaya.evidence import custody
from himaya.evidence.models import Access
from himaya.evidence.receiving import receive_bundle

__all__ = ["_one_time", "nodes"]
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("one_factor")]
BACK = {"purpose": "return", "reason": "it is theirs", "recipient": str(MINE.recipient)}


def test_what_a_node_handed_over_goes_back_to_it_unnamed(
    nodes: Nodes, keep: Keep, people: SimpleNamespace, tmp_path: Any
) -> None:
    lent = keep()
    ours = key_name(custody.own_key())
    there = nodes.lend(lent)
    reviewer, lead = signed_in(people.reviewer), with_key(people.lead)
    page = reviewer.get(f"/evidence/exhibits/{there.pk}/")
    where = f"/evidence/access/new?exhibit={there.pk}&purpose=return"
    assert where.replace("&", "&amp;") in page.content.decode()
    assert "taken, and signed by both" in words(page)
    assert f"there {lent.reference}" in words(page)
    assert f"from whom {config().organisation or config().node_name}" in words(page)
    assert ours not in words(page)
    (told,) = Program("evidence:read").get(f"/evidence/exhibits/{there.pk}/hand-overs").json()["hand_overs"]
    assert (told["given"], told["act"], told["state"], told["theirs"]) == (False, "transfer", "taken", lent.reference)
    assert told["settled_at"]
    assert 'value="return"' in reviewer.get(where).content.decode()
    reviewer.post("/evidence/access/new", {**BACK, "exhibit": [there.pk]})
    access = Access.objects.get(purpose="return")
    shown = words(lead.get(f"/evidence/access/{access.pk}/"))
    assert "asks to give something back" in shown
    assert "to give it back" in shown
    assert "Goes back to" in shown
    lead.post(f"/evidence/access/{access.pk}/grant")
    assert "nothing has to be named" in words(reviewer.get(f"/evidence/access/{access.pk}/"))
    answer = reviewer.post(f"/evidence/access/{access.pk}/bundle", {})
    (tmp_path / "b.zip").write_bytes(b"".join(answer.streaming_content))
    with opened(tmp_path / "b.zip") as received:
        (offer,) = received.bundle.transfers
        bundle = received.bundle.number
        clear = io.BytesIO()
        received.take(there.uuid, clear, identity=MINE)
    assert '"act":"return"' in offer.decode()
    assert f'"to":"{ours}"' in offer.decode()
    assert clear.getvalue() == b"a neutral text"
    assert "the other side has not signed yet" in words(reviewer.get("/evidence/incoming/"))
    assert "It goes back" in words(reviewer.get(f"/evidence/exhibits/{there.pk}/"))
    nodes.to("a")
    page = words(reviewer.get(f"/evidence/exhibits/{lent.pk}/"))
    assert key_name(other_key()) in page, "a receipt names nobody"
    receive_bundle(tmp_path / "b.zip", identity=MINE, by="person:1")
    page = words(reviewer.get(f"/evidence/exhibits/{lent.pk}/"))
    assert key_name(other_key()) not in page, "the bundle told whose key it is"
    assert f"{bundle}, as \u2068{config().organisation or config().node_name}\u2069 counts" in page


def test_what_nobody_brought_goes_back_to_nobody(nodes: Nodes, keep: Keep, people: SimpleNamespace) -> None:
    met = keep()
    reviewer = signed_in(people.reviewer)
    assert "It goes back" not in words(reviewer.get(f"/evidence/exhibits/{met.pk}/"))
    answer = reviewer.post("/evidence/access/new", {**BACK, "recipient": RECIPIENT, "exhibit": [met.pk]})
    assert answer.status_code == 422
    assert "nobody brought it" in words(answer)
    assert not Access.objects.exists()


def test_who_brought_it_may_have_a_key_or_none(nodes: Nodes, keep: Keep, people: SimpleNamespace) -> None:
    brought = keep("seized", occasion="received", how="received", once="intake:1", origin="Police of the North")
    reviewer, lead = signed_in(people.reviewer), with_key(people.lead)
    reviewer.post("/evidence/access/new", {**BACK, "exhibit": [brought.pk]})
    access = Access.objects.get()
    lead.post(f"/evidence/access/{access.pk}/grant")
    shown = words(reviewer.get(f"/evidence/access/{access.pk}/"))
    assert "Somebody brought it." in shown
    assert "Goes back to" not in shown
    assert b"".join(reviewer.post(f"/evidence/access/{access.pk}/bundle", {}).streaming_content)
    assert "somebody without a key" in words(reviewer.get(f"/evidence/exhibits/{brought.pk}/"))
