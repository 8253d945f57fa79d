"""What others bring over the web: sealed as it comes, looked through beside the worker, confirmed by a person."""

from __future__ import annotations

import io
import shutil
from base64 import b64encode
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests import brought, drawn
from tests.browsing import messages, words
from tests.program import Program, sha256

from himaya.core import clock as now_of
from himaya.core.config import config
from himaya.core.ports import ItemRow
from himaya.core.vault.sealed import PART, SealBroken, new_key, seal
from himaya.core.vault.seeking import Unsealed
from himaya.evidence import custody
from himaya.evidence.granting import Proof, ask_access, grant_access
from himaya.evidence.models import Exhibit
from himaya.evidence.ruling import RuleTerms, set_rule
from himaya.lists import services as lists
from himaya.screening.incoming import queries, uploads, working
from himaya.screening.incoming.models import Intake

pytestmark = pytest.mark.django_db(transaction=True)
SignIn = Callable[[str], Client]
KNOWN, TEXT = drawn.picture(1), b"a neutral text that nobody has seen before"


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    monkeypatch.setattr(config(), "evidence_store", f"file:{tmp_path / 'sealed'}")
    monkeypatch.setattr(config(), "epoch_keys", str(tmp_path / "epochs"))
    shutil.rmtree(uploads.place())
    listed = lists.create_list("hotline", by="system")
    lists.add_items(listed, rows=[ItemRow(1, "sha256", sha256(KNOWN))], by="system")
    terms = RuleTerms("an order", "NL", "legal-obligation", ["received"], minimum="1 year")
    set_rule("received", terms=terms, by="system")
    return SimpleNamespace(at=tmp_path)


def laid_down() -> list[Path]:
    return sorted(uploads.place().glob("*.incoming"))


def upload(path: Path) -> SimpleUploadedFile:
    return SimpleUploadedFile("export.zip", path.read_bytes(), "application/zip")


def bring(client: Client, path: Path, **more: str) -> Any:
    return client.post("/evidence/incoming/add", {"file": upload(path), **more})


def work() -> None:
    while working.take_due():
        pass


def test_it_is_sealed_as_it_comes_shown_first_and_taken_when_somebody_confirms(
    node: SimpleNamespace, sign_in: SignIn
) -> None:
    folder = brought.vics(node.at / "v", KNOWN, TEXT)
    (folder / "Media" / "2.bin").write_bytes(TEXT[::-1])
    client = sign_in("reviewer")
    assert "Take what others bring" in words(client.get("/evidence/incoming/add"))
    answer = bring(client, brought.zipped(folder, method=0), sender="Police of the North", basis="order 17")
    intake = queries.intakes().get()
    assert answer["Location"] == f"/evidence/incoming/{intake.pk}/"
    (lies,) = laid_down()
    assert TEXT[::-1] not in lies.read_bytes()
    assert KNOWN[:64] not in lies.read_bytes()
    assert "being looked through" in words(client.get(answer["Location"]))
    work()
    page = words(client.get(answer["Location"]))
    for part in (
        "to be confirmed", "Police of the North", "order 17", "EX-2026-1", "differs", "1 match",
        "its md5 is not the one in case.json, Media 2", "series: series 7", "a victim was identified: yes",
    ):  # fmt: skip
        assert part in page, part
    assert not Exhibit.objects.exists()
    client.post(f"/evidence/incoming/{intake.pk}/confirm")
    work()
    intake = queries.intake(intake.pk)
    assert (intake.state, queries.tally(intake)["kept"], laid_down()) == ("done", 2, [])
    page = words(client.get(answer["Location"]))
    assert "taken" in page
    exhibit = Exhibit.objects.get(digests__sha256=sha256(KNOWN))
    assert exhibit.reference in page
    assert "series 7" not in words(client.get(f"{answer['Location']}?fate=differs")) or "differs" in page
    assert "1 of 3 kept" not in words(client.get("/evidence/incoming/"))
    assert "2 of 3 kept" in words(client.get("/evidence/incoming/"))
    shown = words(client.get(f"/evidence/exhibits/{exhibit.pk}/"))
    assert "What others say of it" in shown
    assert "Police of the North" in shown
    assert exhibit.reference in words(client.get("/evidence/?label=series:series 7"))
    assert exhibit.reference not in words(client.get("/evidence/?label=series 9"))
    # A whole copy brings what differed.
    (folder / "Media" / "2.bin").write_bytes(TEXT)
    other = bring(client, brought.zipped(folder))["Location"]
    work()
    assert f"it was brought before, as {intake.reference}" in words(client.get(other))
    assert queries.tally(queries.intake(intake.pk))["kept"] == 3
    assert laid_down() == []


def test_nothing_is_left_of_what_is_refused_damaged_or_no_delivery(node: SimpleNamespace, sign_in: SignIn) -> None:
    client = sign_in("lead")
    (node.at / "x.zip").write_bytes(b"no ZIP")
    answer = bring(client, node.at / "x.zip")
    assert answer.status_code == 422
    assert "it is no ZIP that is whole" in words(answer)
    folder = node.at / "nothing"
    folder.mkdir()
    (folder / "x.txt").write_text("x")
    unknown = bring(client, brought.zipped(folder))["Location"]
    work()
    assert "in no form that can be taken" in words(client.get(unknown))
    assert queries.intakes().get().state == "refused"
    Intake.objects.all().delete()
    bag = brought.zipped(brought.bag(node.at / "b", TEXT))
    assert "There is no case 999" in words(bring(client, bag, case="999"))
    assert laid_down() == []
    assert not queries.intakes().exists()
    bring(client, bag)
    work()
    intake = queries.intakes().get()
    client.post(f"/evidence/incoming/{intake.pk}/refuse")
    assert (queries.intake(intake.pk).state, laid_down()) == ("refused", [])
    answer = client.post(f"/evidence/incoming/{intake.pk}/refuse", follow=True)
    assert "decided already" in messages(answer)[-1]
    bring(client, bag)  # brought again, it is looked through again
    work()
    assert (queries.intake(intake.pk).state, len(laid_down())) == ("ready", 1)


def test_what_is_too_large_leaves_nothing(
    node: SimpleNamespace, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config(), "max_intake_bytes", 1000)
    path = brought.zipped(brought.bag(node.at / "b", KNOWN), method=0)
    answer = bring(sign_in("lead"), path)
    assert answer.status_code == 413
    assert laid_down() == []


def test_without_a_rule_it_is_looked_at_and_not_taken(node: SimpleNamespace, sign_in: SignIn) -> None:
    client = sign_in("lead")
    bring(client, brought.zipped(brought.cybertip(node.at / "t", TEXT)))
    work()
    intake = queries.intakes().get()
    assert "No rule with a legal basis says that this is kept" in words(client.get(f"/evidence/incoming/{intake.pk}/"))
    answer = client.post(f"/evidence/incoming/{intake.pk}/confirm", follow=True)
    assert "no rule with a legal basis says so" in messages(answer)[0]
    work()
    assert not Exhibit.objects.exists()


def test_what_nobody_confirms_is_removed_in_time_and_so_is_what_was_cut_off(
    clock: Any, node: SimpleNamespace, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    bring(sign_in("lead"), brought.zipped(brought.bag(node.at / "b", TEXT)))
    work()
    cut = uploads.place() / "0.incoming"
    cut.write_bytes(b"x")
    clock.advance(timedelta(days=8))
    monkeypatch.setattr(working, "SWEEP_EVERY", 0)
    monkeypatch.setattr(working, "OLD", -1)
    work_once = working.take_due()
    assert not work_once
    assert (queries.intakes().get().state, laid_down()) == ("refused", [])


def test_a_file_that_is_gone_is_told(node: SimpleNamespace, sign_in: SignIn) -> None:
    client = sign_in("lead")
    bring(client, brought.zipped(brought.bag(node.at / "b", TEXT)))
    for one in laid_down():
        one.unlink()
    work()
    intake = queries.intakes().get()
    assert "not there any more" in words(client.get(f"/evidence/incoming/{intake.pk}/"))


# --- programs --------------------------------------------------------------------------------------------------------


def sent(program: Program, path: Path, key: str | None = None, **fields: str) -> Any:
    headers = {"Idempotency-Key": key} if key else {}
    return program._client.post("/api/v1/evidence/incoming", {"file": upload(path), **fields}, headers=headers)


def test_a_program_brings_asks_and_has_it_taken(node: SimpleNamespace) -> None:
    program = Program("evidence:write", "evidence:read")
    path = brought.zipped(brought.vics(node.at / "v", KNOWN, TEXT))
    told = sent(program, path, "one", sender="Police of the North")
    assert told.status_code == 201, told.content
    number = told.json()["id"]
    assert (told.json()["state"], told.json()["form"]) == ("reading", "")
    assert sent(program, path, "one", sender="Police of the North").json() == told.json()
    assert len(laid_down()) == 1
    work()
    told = program.get(f"/evidence/incoming/{number}").json()
    assert (told["state"], told["form"], told["occasion"]) == ("ready", "vics", "received")
    assert program.post(f"/evidence/incoming/{number}/take", {}).json()["state"] == "wanted"
    work()
    told = program.get(f"/evidence/incoming/{number}").json()
    assert (told["state"], told["counts"]["kept"], told["counts"]["known"]) == ("done", 3, 1)
    files = program.get(f"/evidence/incoming/{number}/files").json()["files"]
    assert [one["matches"] for one in files] == [0, 1, 0]
    assert {"kind": "series", "value": "series 7"} in files[1]["labels"]
    assert [one["id"] for one in program.get("/evidence/incoming").json()["intakes"]] == [number]
    found = program.get("/evidence/exhibits", label="series:series 7").json()["exhibits"]
    assert {one["id"] for one in found} == {files[1]["exhibit"], files[2]["exhibit"]}
    said = program.get(f"/evidence/exhibits/{files[1]['exhibit']}").json()["labels"]
    assert {"kind": "series", "value": "series 7", "said_by": "Police of the North"} in said


def test_what_a_program_brings_wrongly_leaves_nothing(node: SimpleNamespace) -> None:
    program = Program("evidence:write", "evidence:read")
    path = brought.zipped(brought.bag(node.at / "b", TEXT))
    for fields, status in (({"case": "C-12"}, 422), ({"case": "case:999"}, 404), ({"occasion": "match"}, 422)):
        assert sent(program, path, **fields).status_code == status, fields
    (node.at / "x.zip").write_bytes(b"no ZIP")
    assert sent(program, node.at / "x.zip").status_code == 422
    assert laid_down() == []
    assert program.post("/evidence/incoming/9/take", {}).status_code == 404
    sent(program, path)
    number = queries.intakes().get().pk
    assert program.post(f"/evidence/incoming/{number}/refuse", {}).json()["state"] == "refused"
    assert program.post(f"/evidence/incoming/{number}/refuse", {}).status_code == 409
    assert laid_down() == []


# --- between nodes ---------------------------------------------------------------------------------------------------


def test_a_grant_goes_on_at_another_node_and_its_receipt_is_taken(
    node: SimpleNamespace, sign_in: SignIn, people: SimpleNamespace
) -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from himaya.core.bundles.reading import opened
    from himaya.core.vault.custody import accepted
    from himaya.core.vault.recipients import Identity

    client = sign_in("lead")
    bring(client, brought.zipped(brought.bag(node.at / "b", TEXT)))
    work()
    client.post(f"/evidence/incoming/{queries.intakes().get().pk}/confirm")
    work()
    exhibit, mine, other = Exhibit.objects.get(), Identity.new(), Ed25519PrivateKey.generate()
    facts = {"purpose": "a node", "reason": "an order", "recipient": str(mine.recipient)}
    access = ask_access([exhibit], person=people.reviewer, **facts)
    grant_access(access.pk, person=people.lead, proof=Proof("webauthn", now_of.now()))
    key = b64encode(other.public_key().public_bytes_raw()).decode()
    reviewer = sign_in("reviewer")
    wrong = reviewer.post(f"/evidence/access/{access.pk}/bundle", {"to_node": "nonsense"})
    assert wrong.status_code == 422
    assert "This is no custody key" in words(wrong)
    answer = reviewer.post(f"/evidence/access/{access.pk}/bundle", {"to_node": key})
    (node.at / "bundle.zip").write_bytes(b"".join(answer.streaming_content))
    with opened(node.at / "bundle.zip") as received:
        (offer,) = received.bundle.transfers
    receipt = SimpleUploadedFile("receipt", accepted(offer, other) + b"\n")
    wrong = reviewer.post("/evidence/receipts/add", {"file": receipt, "key": b64encode(bytes(32)).decode()})
    assert wrong.status_code == 422
    receipt.seek(0)
    answer = reviewer.post("/evidence/receipts/add", {"file": receipt, "key": key}, follow=True)
    assert "1 exhibit went on at the other node" in messages(answer)[0]
    assert [step.fields["act"] for step in custody.check(exhibit)][-1] == "transfer"
    ours = b64encode(custody.own_key()).decode()
    assert ours in words(reviewer.get("/evidence/incoming/")).replace(" ", "")


# --- a sealed file at any place --------------------------------------------------------------------------------------


def test_a_sealed_file_is_read_at_any_place_and_what_was_changed_is_not(tmp_path: Path) -> None:
    from uuid import uuid4

    content = bytes(range(256)) * (PART // 256) + b"and the rest"
    number, key = uuid4(), new_key()
    with (tmp_path / "sealed").open("wb") as to:
        seal(io.BytesIO(content), to, key=key, exhibit=number)
    with Unsealed(tmp_path / "sealed", key=key, number=number, size=len(content)) as file:
        for start in (0, PART - 3, PART + 5, len(content), 7):
            file.seek(start)
            assert file.read(5) == content[start : min(start + 5, PART if start < PART else len(content))]
        assert file.seek(-4, io.SEEK_END) == len(content) - 4
        assert file.read() == b"rest"
    damaged = bytearray((tmp_path / "sealed").read_bytes())
    damaged[-1] ^= 1
    (tmp_path / "sealed").write_bytes(damaged)
    with Unsealed(tmp_path / "sealed", key=key, number=number, size=len(content)) as file:
        file.seek(PART)
        with pytest.raises(SealBroken):
            file.read(1)


def test_the_page_of_what_came_names_who_else_brought_it(node: SimpleNamespace, sign_in: SignIn) -> None:
    client, bag = sign_in("lead"), brought.zipped(brought.bag(node.at / "b", TEXT))
    bring(client, bag, sender="Police of the North")
    work()
    bring(client, bag, sender="Hotline of the East", basis="order 18")
    intake = queries.intakes().get()
    page = words(client.get(f"/evidence/incoming/{intake.pk}/"))
    assert "Brought by somebody else as well Hotline of the East" in page
    assert "order 18" in page
    assert "From whom Police of the North" in page
    (other,) = Program("evidence:read").get(f"/evidence/incoming/{intake.pk}").json()["brought_again"]
    assert (other["sender"], other["basis"]) == ("Hotline of the East", "order 18")
    assert len(laid_down()) == 1
