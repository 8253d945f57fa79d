"""Custodians as pages: naming with a security key, taking and bringing parts, dealing anew; and answers with such."""

from __future__ import annotations

import io
import re
import zipfile
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.core.files.uploadedfile import SimpleUploadedFile
from tests.browsing import messages, words
from tests.desk import RECIPIENT, accepted, proof, second_lead
from tests.evidence.conftest import HIGHEST, Grant, Keep, read
from tests.evidence.test_access_pages import with_key
from tests.guarding import Custodians, fresh, opened
from tests.windows import signed_in

from himaya.core.vault.recipients import Identity
from himaya.evidence import custody
from himaya.evidence.demands.answering import approve_answer, drop_answer, prepare_answer, write_answer
from himaya.evidence.demands.services import refuse_demand
from himaya.evidence.guarded.bringing import NothingBrought, PartRefused, PartsMissing, parts_file
from himaya.evidence.guarded.gatherings import UnknownGathering
from himaya.evidence.guarded.models import Brought, Custodian, Renewal
from himaya.evidence.ruling import set_rule

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_factor")]


@pytest.fixture(autouse=True)
def _one_time(clock: Any, time_machine: Any) -> None:
    """The proofs of a session are of the machine's clock."""
    time_machine.move_to(clock.now(), tick=False)


def test_a_lead_names_custodians_with_a_security_key(people: SimpleNamespace) -> None:
    key = str(Identity.new().recipient)
    given = {"person": "auditor", "recipient": key}
    cold = signed_in(people.lead)
    assert "Nobody is a custodian" in words(cold.get("/evidence/custodians/"))
    cold.post("/evidence/custodians/new", given)
    assert not Custodian.objects.exists()
    client = with_key(people.lead)
    page = words(client.get("/evidence/custodians/new"))
    assert "Auditor (auditor)" in page
    assert "(admin)" not in page
    wrong = client.post("/evidence/custodians/new", {**given, "recipient": "age1no"})
    assert wrong.status_code == 422
    assert "age key with an error" in words(wrong)
    answer = client.post("/evidence/custodians/new", given, follow=True)
    assert "Named." in messages(answer)[0]
    assert "fewer than three custodians" in words(answer)
    assert "one already" in words(client.post("/evidence/custodians/new", {**given, "recipient": RECIPIENT}))
    one = Custodian.objects.get()
    cold.post(f"/evidence/custodians/{one.pk}/end", {"reason": "left"})
    assert Custodian.objects.get().until is None
    assert client.post(f"/evidence/custodians/{one.pk}/end", {"reason": ""}).status_code == 422
    ended = client.post(f"/evidence/custodians/{one.pk}/end", {"reason": "left"}, follow=True)
    assert "Ended." in messages(ended)[0]
    assert Custodian.objects.get().until is not None
    again = client.post(f"/evidence/custodians/{one.pk}/end", {"reason": "left"}, follow=True)
    assert "no custodian" in messages(again)[0]


def test_a_rule_that_guards_is_refused_on_its_page_too(people: SimpleNamespace) -> None:
    rule = {
        "name": "highest", "instrument": "A law", "jurisdiction": "LU", "basis": "law", "occasions": ["received"],
        "minimum": "1 year", "begins": "acquired", "after": "delete", "kept_class": "guarded", "renewals": "0",
        "unlisted": "on",
    }  # fmt: skip
    answer = with_key(people.lead).post("/evidence/rules/new", rule)
    assert answer.status_code == 422
    assert "needs 3 custodians, and there are 0" in words(answer)


@pytest.mark.django_db(transaction=True)
def test_a_custodian_takes_and_brings_parts(
    guard: Keep, grant: Grant, custodians: Custodians, people: SimpleNamespace
) -> None:
    one, two = guard("one"), guard("two")
    access = grant(one, two)
    where = f"/evidence/parts/access/{access.pk}/"
    asker = signed_in(people.reviewer)
    page = words(asker.get(f"/evidence/access/{access.pk}/"))
    assert "2 of them are guarded" in page
    assert f"before these can be looked at or taken out: {one.reference}, {two.reference}" in page
    assert "Download the bundle" not in page
    assert "guarded" in words(asker.get("/evidence/"))
    assert "you cannot take their place" in words(asker.get(where))
    refused = asker.post(f"/evidence/access/{access.pk}/bundle", follow=True)
    assert "0 of 2 custodians" in messages(refused)[0]
    for name, upload in (("ann", False), ("ben", True)):
        client = signed_in(custodians.people[name])
        page = words(client.get("/evidence/custodians/"))
        assert f"request {access.pk} to read" in page
        assert "Gathering(" not in page
        file = client.post(where + "file")
        assert "attachment" in file["Content-Disposition"]
        assert "no-store" in file["Cache-Control"]
        with zipfile.ZipFile(io.BytesIO(file.content)) as archive:
            text = "".join(opened(archive.read(each), custodians.keys[name]) for each in archive.namelist())
        empty = client.post(where, {"text": " "})
        assert empty.status_code == 422
        assert "Paste your parts" in words(empty)
        wrong = client.post(where, {"text": "himaya-share-1-AAAA"})
        assert "Line 1 cannot be taken" in words(wrong)
        assert "himaya-share-1-AAAA" not in words(wrong).partition("cannot be taken")[0]
        given = {"file": SimpleUploadedFile("parts.txt", text.encode())} if upload else {"text": text}
        answer = client.post(where, given, follow=True)
        assert "Brought." in messages(answer)[0]
        assert name.title() in words(answer)
        other = signed_in(custodians.people["cat"]).post(where, {"text": text})
        assert "the part of another custodian" in words(other)
    assert "enough" in words(asker.get(where))
    page = words(asker.get(f"/evidence/access/{access.pk}/"))
    assert "Download the bundle" in page
    assert "before these can be looked at" not in page
    taken = asker.post(f"/evidence/access/{access.pk}/bundle")
    assert b"".join(taken.streaming_content).startswith(b"PK")  # type: ignore[attr-defined]
    assert not Brought.objects.exists()
    assert "Nothing can be brought" in words(signed_in(custodians.people["cat"]).get(where))
    client = signed_in(custodians.people["ann"])
    for path in ("/evidence/parts/access/999/", "/evidence/parts/nothing/1/"):
        assert client.get(path).status_code == 404
    assert client.post("/evidence/parts/access/999/file").status_code == 404
    assert client.get(where + "file").status_code == 405
    assert asker.post(where + "file").status_code == 409


def test_what_too_few_can_open_is_dealt_anew_from_the_page(
    guard: Keep, grant: Grant, custodians: Custodians, people: SimpleNamespace
) -> None:
    one = guard()
    custodians.add(people.lead)
    lead = with_key(people.lead)
    lead.post(f"/evidence/custodians/{custodians.rows['cat'].pk}/end", {"reason": "left"})
    page = words(lead.get("/evidence/custodians/"))
    assert one.reference in page
    assert "2 custodians have a part" in page
    answer = lead.post("/evidence/custodians/anew", follow=True)
    assert "Begun." in messages(answer)[-1]
    made = Renewal.objects.get()
    again = lead.post("/evidence/custodians/anew", follow=True)
    assert "anew already" in messages(again)[-1]
    for name in ("ann", "ben"):
        text = custodians.text(made.about, name)
        signed_in(custodians.people[name]).post(f"/evidence/parts/renewal/{made.pk}/", {"text": text})
    assert "2 custodians have a part" not in words(lead.get("/evidence/custodians/"))
    assert "Nothing can be brought" in words(lead.get(f"/evidence/parts/renewal/{made.pk}/"))
    access = grant(fresh(one))
    custodians.bring(access.about, "lead", "ann")
    assert read(fresh(one), access, people.reviewer) == b"a neutral text"


# --- answers ---------------------------------------------------------------------------------------------------------


def test_an_answer_with_something_guarded_leaves_with_the_parts_of_two_others(
    guard: Keep, keep: Keep, custodians: Custodians, people: SimpleNamespace
) -> None:
    guarded, plain = guard(), keep("plain")
    lead, other = people.lead, second_lead()
    custodians.add(lead)
    later = guard("later")
    demand = accepted(lead, "production")
    answer = prepare_answer(demand.pk, recipient=RECIPIENT, recipient_name="The prosecutor", person=lead)
    about, to = f"answer:{answer.pk}", io.BytesIO()
    with pytest.raises(NothingBrought, match="not approved"):
        custodians.bring(about, "ann")
    approve_answer(answer.pk, person=other, proof=proof())
    with pytest.raises(PartsMissing, match="0 of 2"):
        write_answer(answer.pk, to, person=lead)
    assert to.getvalue() == b""
    assert [step.fields["act"] for step in custody.check(plain)] == ["acquire"]
    with pytest.raises(PartRefused, match="who asked brings no part"):
        custodians.bring(about, "lead")
    page = words(signed_in(lead).get(f"/desk/demands/{demand.pk}/"))
    assert "2 of them are guarded" in page
    assert f"brought their parts of: {guarded.reference}, {later.reference}" in page
    assert "Take it out" not in page
    custodians.bring(about, "ann", "cat")
    assert "Take it out" in words(signed_in(lead).get(f"/desk/demands/{demand.pk}/"))
    write_answer(answer.pk, to, person=lead)
    bag = zipfile.ZipFile(to)
    assert sum(name.endswith(".age") for name in bag.namelist()) == 3
    assert not Brought.objects.exists()
    for one in (guarded, later):
        assert [step.fields["act"] for step in custody.check(one)] == ["acquire", "export"]


@pytest.mark.parametrize("how", ["dropped", "refused"])
def test_parts_for_an_answer_that_is_dropped_are_forgotten(
    guard: Keep, custodians: Custodians, people: SimpleNamespace, how: str
) -> None:
    guard()
    demand = accepted(people.lead, "production")
    answer = prepare_answer(demand.pk, recipient=RECIPIENT, recipient_name="The prosecutor", person=people.lead)
    approve_answer(answer.pk, person=second_lead(), proof=proof())
    custodians.bring(f"answer:{answer.pk}", "ann")
    if how == "dropped":
        drop_answer(answer.pk, why="not needed", person=people.lead)
    else:
        refuse_demand(demand.pk, ground="no-basis", text="forged", person=people.lead)
    assert not Brought.objects.exists()


def test_nobody_else_reads_what_is_in_an_answer_to_an_authority(
    guard: Keep, custodians: Custodians, people: SimpleNamespace
) -> None:
    of_before = people.reviewer
    custodians.add(of_before)
    one = guard("text 1")
    custodians.add(of_later := get_user_model().objects.create(username="dan", name="Dan", role="reviewer"))
    stranger = get_user_model().objects.create(username="eve", name="Eve", role="reviewer")
    demand = accepted(people.lead, "production", gag=True)
    answer = prepare_answer(demand.pk, recipient=RECIPIENT, recipient_name="The prosecutor", person=people.lead)
    approve_answer(answer.pk, person=second_lead(), proof=proof())
    about, where = f"answer:{answer.pk}", f"/evidence/parts/answer/{answer.pk}/"
    for person in (of_before, people.lead, custodians.people["ann"]):
        client = signed_in(person)
        assert f"answer {answer.pk} to an authority" in words(client.get("/evidence/custodians/"))
        assert one.reference in words(client.get(where))
    text = custodians.text(about, "ann")
    for person in (of_later, stranger):
        client = signed_in(person)
        assert "to an authority" not in words(client.get("/evidence/custodians/"))
        for response in (client.get(where), client.post(where + "file"), client.post(where, {"text": text})):
            assert response.status_code == 404
            assert one.reference not in response.content.decode()
        with pytest.raises(UnknownGathering):
            parts_file(about, person=person)
    assert not Brought.objects.exists()
    custodians.bring(about, "reviewer", "ann")
    write_answer(answer.pk, io.BytesIO(), person=people.lead)


def test_a_custodian_reads_of_an_answer_only_what_they_have_a_part_in(
    guard: Keep, custodians: Custodians, people: SimpleNamespace
) -> None:
    first = guard("text 1")
    custodians.add(people.reviewer)
    second = guard("text 2")
    demand = accepted(people.lead, "production", gag=True)
    answer = prepare_answer(demand.pk, recipient=RECIPIENT, recipient_name="The prosecutor", person=people.lead)
    approve_answer(answer.pk, person=second_lead(), proof=proof())
    about, where = f"answer:{answer.pk}", f"/evidence/parts/answer/{answer.pk}/"
    of_both, of_one = signed_in(custodians.people["ann"]), signed_in(people.reviewer)
    for client, seen in ((of_both, {first.reference, second.reference}), (of_one, {second.reference})):
        assert set(re.findall(r"E-2026-\d{6}", words(client.get(where)).partition("1. Take")[0])) == seen
    assert re.search(r"to an authority 1 ", words(of_one.get("/evidence/custodians/")))
    custodians.bring(about, "reviewer")
    shown = of_one.get(where).content.decode()
    assert first.reference not in shown
    custodians.bring(about, "ann", "ben")
    write_answer(answer.pk, io.BytesIO(), person=people.lead)


def test_the_page_of_a_guarded_rule_says_that_what_is_kept_already_stays_in_its_class(
    guard: Keep, people: SimpleNamespace
) -> None:
    set_rule("demands", terms=replace(HIGHEST, occasions=["demand"]), by="person:1")
    client = signed_in(people.lead)
    said = "in the class in which it was sealed"
    assert said in words(client.get("/evidence/rules/demands/"))
    assert said not in words(client.get("/evidence/rules/highest/"))
