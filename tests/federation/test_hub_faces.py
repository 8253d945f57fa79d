"""Who is passed on, in the console and for programs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.test import Client
from tests.browsing import messages, words
from tests.federation import native
from tests.federation.hostile import Line
from tests.program import Program, is_problem
from tests.repositories import ORGANISATION

from himaya.core.repository.publishing import Repository
from himaya.federation.models import Signatory
from himaya.federation.native import hub, passing
from himaya.federation.native.keys import alone, directory
from himaya.ledger.queries import entries
from himaya.lists import proposals
from himaya.lists.models import HashList, Proposal

pytestmark = pytest.mark.django_db(transaction=True)
ASKED = {"subscription": "theirs", "organisation": ORGANISATION, "permission": "letter 7 of 2026"}
PLACE = f"/publishing/signatories/from-theirs/{ORGANISATION}/dismiss"


@pytest.fixture
def line(db: None, tmp_path: Path) -> Iterator[Line]:
    native.clear()
    native.Holders().install()
    made = Line(tmp_path)
    with made.shelf.serving() as made.url:
        made.follow()
        made.run()
        yield made
    native.clear()


def signed() -> set[str]:
    """Whom the signed metadata of the list names."""
    return set(Repository(directory() / "from-theirs").signatories())


@pytest.mark.usefixtures("line")
def test_a_signatory_is_admitted_seen_and_dismissed_in_the_console(sign_in: Callable[[str], Client]) -> None:
    admin = sign_in("admin")
    page = words(admin.get("/publishing/"))
    assert "Only what our own organisation says is told." in page
    refused = admin.post("/publishing/signatories", {**ASKED, "permission": ""})
    assert refused.status_code == 422
    assert "its list is not for others to pass on (TLP:AMBER)" in words(refused)
    assert not Signatory.objects.exists()
    came = admin.post("/publishing/signatories", ASKED, follow=True)
    assert messages(came) == [f"What {ORGANISATION} signs is passed on from now on; a worker takes it over."]
    assert "not taken over as yet" in words(came)
    passing.pass_on_due()
    page = words(sign_in("auditor").get("/publishing/"))
    for said in (ORGANISATION, "passed on", "50", "Permitted by: letter 7 of 2026"):
        assert said in page
    assert PLACE not in sign_in("auditor").get("/publishing/").content.decode()
    assert PLACE in admin.get("/publishing/").content.decode()
    with alone():  # somebody publishes just now: nobody waits for that
        gone = admin.post(PLACE, follow=True)
    assert messages(gone)[0] == f"What {ORGANISATION} signs is passed on no more."
    assert "no worker runs" in messages(gone)[1]
    assert ORGANISATION in signed()
    assert passing.pass_on_due(), "though it had been done just before"
    assert ORGANISATION not in signed()
    assert "there are: none yet" in messages(admin.post(PLACE, follow=True))[0]
    assert [one.act for one in entries().filter(act__startswith="signatory.")] == [
        "signatory.dismissed", "signatory.admitted",
    ]  # fmt: skip


@pytest.mark.usefixtures("line")
def test_in_a_common_list_a_second_person_admits(sign_in: Callable[[str], Client], people: SimpleNamespace) -> None:
    HashList.objects.update(common=True)
    told = Program("publishing:read", "publishing:write", owner="admin").post("/exchange/signatories", ASKED)
    assert (told.status_code, told.json()["act"]) == (202, "admit")
    assert not Signatory.objects.exists()
    [one] = Proposal.objects.all()
    page = words(sign_in("lead").get(f"/lists/proposals/{one.pk}"))
    assert "Pass on what another organisation signs" in page
    assert ORGANISATION in page
    assert proposals.approve(one.pk, person=people.lead).state == "done"
    assert hub.find("from-theirs", organisation=ORGANISATION).permission == ASKED["permission"]
    assert passing.pass_on_due()


@pytest.mark.usefixtures("line")
def test_programs_admit_see_and_dismiss() -> None:
    program = Program("publishing:read", "publishing:write")
    is_problem(program.post("/exchange/signatories", {**ASKED, "permission": ""}), 409, "not-passed-on")
    nobody = program.post("/exchange/signatories", {**ASKED, "organisation": "x.example"})
    assert "x.example signs nothing at" in is_problem(nobody, 502, "source-trouble")["detail"]
    assert nobody.json()["detail"].endswith(f"there sign: {ORGANISATION}.")
    is_problem(program.post("/exchange/signatories", {**ASKED, "subscription": "no"}), 404, "unknown-subscription")
    made = program.post("/exchange/signatories", ASKED)
    assert (made.status_code, made.json()["label"], made.json()["state"]) == (201, "amber", 0)
    assert hub.find("from-theirs", organisation=ORGANISATION).by.startswith("key:")
    assert program.post("/exchange/publish", {}).status_code == 202
    passing.pass_on_due()
    [one] = program.get("/exchange").json()["signatories"]
    assert (one["organisation"], one["list"], one["state"], one["statements"]) == (ORGANISATION, "from-theirs", 1, 50)
    assert (one["withheld"], one["trouble"], len(one["key"])) == (False, None, 64)
    with alone():
        ended = program.send("delete", f"/exchange/signatories/from-theirs/{ORGANISATION}", None)
    assert ended.status_code == 200
    assert passing.pass_on_due()
    assert ORGANISATION not in signed()
    assert program.get("/exchange").json()["signatories"] == []
    is_problem(
        program.send("delete", f"/exchange/signatories/from-theirs/{ORGANISATION}", None), 404, "no-such-signatory"
    )
