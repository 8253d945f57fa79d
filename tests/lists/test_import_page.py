"""A file by the console: chosen, looked at, imported as it was looked at, or not at all."""

from __future__ import annotations

import csv
import errno
import io
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests.browsing import messages, words
from tests.configured import configured
from tests.program import sha256

from himaya.core.config import config
from himaya.ledger.queries import entries
from himaya.lists import canaries, organisations, previewing, proposals, services, uploads
from himaya.lists.models import HashList, Item, Organisation, Proposal, Statement

SignIn = Callable[[str], Client]
ONE, TWO, THREE = sha256("1"), sha256("2"), sha256("3")
HERE = "/lists/hotline/import"


def file(*lines: str, name: str = "list.csv") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, "\n".join(lines).encode())


def good(**more: str) -> SimpleUploadedFile:
    return file("signal,value,scheme,code", f"sha256,{ONE},interpol,baseline", f"md5,{'ab' * 16},,", **more)


def looked(client: Client, given: SimpleUploadedFile, **more: str) -> Any:
    """The page that shows what a file would bring."""
    answer = client.post(HERE, {"file": given, **more}, follow=True)
    assert answer.status_code == 200, words(answer)
    assert "Nothing was imported yet" in words(answer)
    assert len(answer.redirect_chain) == 1
    return answer


def bring(client: Client, answer: Any) -> Any:
    """Press the one button."""
    return client.post(f"{answer.request['PATH_INFO']}/bring", follow=True)


def kept() -> list[Path]:
    return sorted((config().data / "previews").iterdir())


@pytest.fixture(autouse=True)
def _nothing_kept(hotline: HashList) -> None:
    """The data directory is that of the session."""
    previewing.sweep()
    for path in kept():
        path.unlink()


# --- choosing --------------------------------------------------------------------------------------------------------


def test_the_page_for_a_file_reproaches_nobody_before_anything_was_sent(sign_in: SignIn, hotline: HashList) -> None:
    client = sign_in("lead")
    answer = client.get(HERE)
    assert answer.status_code == 200
    assert "Choose a file." not in words(answer)
    assert "negative says yes of what is known to be benign" in words(answer)
    answer = client.post(HERE, {})
    assert answer.status_code == 422
    assert "Choose a file." in words(answer)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({}, "Choose a file."),
        ({"file": file("colour,value", "red,1")}, "no column signal"),
        ({"file": SimpleUploadedFile("a.csv", b"")}, "The file is empty."),
        ({"file": file(ONE, name="list.txt")}, "could be pdq or sha256. Choose the signal here."),
        ({"file": file(ONE, name="list.txt"), "signal": "sha512"}, "Select a valid choice"),
        ({"file": good(), "whose": "other"}, "Say which organisation."),
        ({"file": good(), "whose": "own", "organisation": "north"}, "You named another organisation: choose that here"),
        ({"file": good(), "whose": "other", "organisation": "No Good"}, "valid value"),
        ({"file": good(), "whose": "other", "organisation": "ours"}, "This is the node's own"),
        ({"file": good(), "whose": "other", "organisation": "b", "jurisdiction": "nl"}, "valid value"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_at_the_form(
    sign_in: SignIn, hotline: HashList, given: dict[str, Any], why: str
) -> None:
    with configured(organisation="ours", second_factor=False):
        answer = sign_in("lead").post(HERE, given)
    assert answer.status_code == 422
    assert why in words(answer)
    assert "--signal" not in words(answer)
    assert not Item.objects.exists()
    assert kept() == []


def test_a_file_that_is_too_large_is_refused_unread(sign_in: SignIn, hotline: HashList) -> None:
    client = sign_in("lead")
    with configured(max_request_bytes=1024 * 1024, second_factor=False):
        answer = client.post(HERE, {"file": file("signal,value", "#" * 1024 * 1024)})
    assert answer.status_code == 413
    assert "larger than 1 MiB" in words(answer)


def test_a_file_goes_to_the_disk_and_not_into_memory(
    sign_in: SignIn, hotline: HashList, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []
    look = previewing.look

    def noted(to: HashList, stream: Any, **how: Any) -> Any:
        seen.append(stream.name)
        return look(to, stream, **how)

    monkeypatch.setattr(previewing, "look", noted)
    looked(sign_in("lead"), good())
    assert seen[0].endswith(".upload.csv")


def test_a_full_disk_is_said_in_words(sign_in: SignIn, hotline: HashList, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(uploads.TemporaryFileUploadHandler, "receive_data_chunk", full)
    answer = sign_in("lead").post(HERE, {"file": good()})
    assert answer.status_code == 507
    assert "no room left on the disk" in words(answer)


def test_a_disk_that_is_full_a_little_later_is_said_too(
    sign_in: SignIn, hotline: HashList, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(previewing.files, "replace", full)
    assert sign_in("lead").post(HERE, {"file": good()}).status_code == 507


def test_an_import_needs_the_token_of_our_own_page(people: Any, sign_in: SignIn, hotline: HashList) -> None:
    """The view chooses where uploads go before the token is read; it must be read all the same."""
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = sign_in("lead").cookies
    assert strict.post(HERE, {"file": good()}).status_code == 403
    assert not (config().data / "previews").exists() or kept() == []
    token = str(strict.get(HERE).context["csrf_token"])
    answer = strict.post(HERE, {"file": good(), "csrfmiddlewaretoken": token})
    assert answer.status_code == 302
    assert strict.post(f"{answer['Location']}/bring").status_code == 403
    assert strict.post(f"{answer['Location']}/bring", {"csrfmiddlewaretoken": token}).status_code == 302
    assert Item.objects.count() == 2


# --- looking at it ---------------------------------------------------------------------------------------------------


def test_nothing_is_imported_by_looking(sign_in: SignIn, hotline: HashList) -> None:
    before = [entry.seq for entry in entries()]
    page = words(looked(sign_in("lead"), good()))
    assert "2 lines of this file can be taken" in page
    assert "Import 2 items" in page
    assert "Baseline (INTERPOL Baseline)" in page
    assert "CSV with a header" in page
    assert not Item.objects.exists()
    assert [entry.seq for entry in entries() if entry.act.startswith(("list.", "item."))] == before
    assert all(path.stat().st_mode & 0o077 == 0 for path in kept())


def test_it_says_what_is_new_known_and_withdrawn_here(sign_in: SignIn, hotline: HashList, put: Any) -> None:
    put(["signal,value", f"sha256,{ONE}", f"sha256,{TWO}"])
    services.mark_item(Item.objects.get(value=TWO).pk, state="withdrawn", by="system", reason="A logo.")
    rows = [f"sha256,{value}" for value in (ONE, TWO, THREE)]
    page = words(looked(sign_in("lead"), file("signal,value", *rows)))
    assert "New here 1 Known here 1 Withdrawn here 1: they stay so Refused 0" in page.replace(" :", ":")


def test_refused_lines_are_shown_by_number_and_all_of_them_are_a_file(sign_in: SignIn, hotline: HashList) -> None:
    lines = ["signal,value", f"sha256,{ONE}", "sha256,<i>short</i>", "md5,=1+1", *["sha512,x"] * 150]
    client = sign_in("lead")
    answer = looked(client, file(*lines))
    assert "152 lines are refused" in words(answer)
    assert "the first 100 of 152" in words(answer)
    assert [line["line"] for line in answer.context["refusals"]][:3] == [3, 4, 5]
    assert "unknown signal 'sha512'" in words(answer)
    assert b"<i>short" not in answer.content
    got = client.get(f"{answer.request['PATH_INFO']}/refused.csv")
    rows = list(csv.reader(io.StringIO(b"".join(got.streaming_content).decode())))
    assert rows[0] == ["line", "why", "excerpt"]
    assert [int(row[0]) for row in rows[1:]] == list(range(3, 155))
    assert rows[2][2] == "'=1+1"  # no formula for a spreadsheet
    assert "Import 1 item" in words(answer)


def test_the_first_lines_are_shown_and_the_rest_counted(sign_in: SignIn, hotline: HashList) -> None:
    answer = looked(sign_in("lead"), file("signal,value", *(f"sha256,{sha256(str(n))}" for n in range(2500))))
    assert len(answer.context["rows"]) == 20
    assert "the first 20 of 2,500" in words(answer)
    assert "Import 2,500 items" in words(answer)


def test_a_file_of_which_nothing_can_be_taken_has_no_button(sign_in: SignIn, hotline: HashList) -> None:
    answer = looked(sign_in("lead"), file("signal,value", "md5,x"))
    assert "No line of this file can be taken" in words(answer)
    assert b"/bring" not in answer.content


def test_canaries_are_called_out_and_put_on_record(sign_in: SignIn, hotline: HashList) -> None:
    drawn = f"{canaries.PDQ[5]:064x}"
    answer = looked(sign_in("lead"), file("signal,value", f"pdq,{drawn}", f"sha256,{ONE}"))
    assert "1 line matches a picture that was drawn to be benign" in words(answer)
    assert [entry.data["items"] for entry in entries(act="list.canary")] == [1]


def test_format_and_signal_come_from_the_file_unless_somebody_says_otherwise(
    sign_in: SignIn, hotline: HashList
) -> None:
    client = sign_in("lead")
    bring(client, looked(client, file(ONE, name="list.sha256")))
    bring(client, looked(client, file(TWO, name="list.csv"), format="hashes", signal="pdq"))
    bring(client, looked(client, good(name="no-ending")))
    found = set(Item.objects.values_list("signal", "value"))
    assert {("sha256", ONE), ("pdq", TWO), ("md5", "ab" * 16)} <= found


# --- importing it ----------------------------------------------------------------------------------------------------


def test_just_what_was_looked_at_is_imported_and_the_file_is_gone(sign_in: SignIn, hotline: HashList) -> None:
    client = sign_in("lead")
    page = looked(client, good())
    answer = bring(client, page)
    assert answer.redirect_chain == [("/lists/hotline/", 302)]
    assert messages(answer) == ["2 added, 0 changed, 0 unchanged."]
    assert Item.objects.filter(added_by=answer.wsgi_request.user.actor).count() == 2
    assert kept() == []
    assert bring(client, page).status_code == 404
    assert messages(bring(client, looked(client, good()))) == ["0 added, 0 changed, 2 unchanged."]


def test_the_good_lines_are_taken_without_the_others(sign_in: SignIn, hotline: HashList) -> None:
    client = sign_in("lead")
    answer = bring(client, looked(client, file("signal,value", f"sha256,{ONE}", "sha256,short")))
    assert messages(answer) == ["1 added, 0 changed, 0 unchanged. 1 line was refused."]
    assert Item.objects.get().value == ONE


def test_a_file_may_speak_for_another_organisation(sign_in: SignIn, hotline: HashList) -> None:
    client = sign_in("lead")
    terms = {"whose": "other", "organisation": "police.example", "jurisdiction": "NL", "basis": "national"}
    page = looked(client, good(), **terms)
    assert "police.example ( NL )" in words(page)
    assert not Organisation.objects.filter(name="police.example").exists()
    bring(client, page)
    said = Statement.objects.values_list("organisation__name", "organisation__jurisdiction", "basis").distinct()
    assert list(said) == [("police.example", "NL", "national")]


def test_the_node_s_own_word_may_have_a_basis(sign_in: SignIn, hotline: HashList) -> None:
    client = sign_in("lead")
    bring(client, looked(client, good(), whose="own", basis="harmful"))
    assert list(Statement.objects.values_list("organisation", "basis").distinct()) == [
        (organisations.own().pk, "harmful")
    ]


def test_a_lead_alone_brings_what_is_known_to_be_benign(sign_in: SignIn, hotline: HashList) -> None:
    lines = ("signal,value,note,negative", f"sha256,{ONE},Our logo.,yes")
    assert "only a lead may say" in words(looked(sign_in("admin"), file(*lines)))
    client = sign_in("lead")
    bring(client, looked(client, file(*lines)))
    assert Item.objects.get().negative


def test_a_common_list_waits_for_a_second_person_and_for_whom_it_speaks_stays(
    sign_in: SignIn, hotline: HashList, people: Any
) -> None:
    HashList.objects.filter(pk=hotline.pk).update(common=True)
    client = sign_in("admin")
    terms = {"whose": "other", "organisation": "police.example", "jurisdiction": "FR", "basis": "national"}
    page = looked(client, good(), **terms)
    assert "it will wait for a second person" in words(page)
    answer = bring(client, page)
    assert "second person" in messages(answer)[0]
    assert not Item.objects.exists()
    assert kept() == []
    waiting = Proposal.objects.get()
    shown = words(sign_in("lead").get(f"/lists/proposals/{waiting.pk}"))
    assert "Organisation police.example Jurisdiction FR Legal basis" in shown
    proposals.approve(waiting.pk, person=people.lead)
    assert Item.objects.count() == 2
    assert list(Statement.objects.values_list("organisation__name", "basis").distinct()) == [
        ("police.example", "national")
    ]


# --- whose it is, and for how long -----------------------------------------------------------------------------------


def test_nobody_else_sees_or_imports_what_a_person_brought(sign_in: SignIn, hotline: HashList) -> None:
    services.create_list("other", by="system")
    page = looked(sign_in("lead"), good())
    place = page.request["PATH_INFO"]
    for client, there in (
        (sign_in("admin"), place),
        (sign_in("lead"), place.replace("hotline", "other")),
        (sign_in("lead"), place[:-1] + ("a" if place[-1] != "a" else "b")),
        (sign_in("lead"), f"{HERE}/..%2F..%2Fsecrets"),
    ):
        assert client.get(there).status_code == 404
        assert client.get(f"{there}/refused.csv").status_code == 404
        assert client.post(f"{there}/bring").status_code == 404
    assert not Item.objects.exists()


def test_after_an_hour_it_is_gone(sign_in: SignIn, hotline: HashList) -> None:
    client = sign_in("lead")
    place = looked(client, good()).request["PATH_INFO"]
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=61)):
        client = sign_in("lead")
        assert client.get(place).status_code == 404
        assert client.post(f"{place}/bring").status_code == 404
    assert not previewing.sweep()
    for path in kept():
        os.utime(path, (time.time() - 3700, time.time() - 3700))
    assert previewing.sweep()
    assert kept() == []


def test_a_file_that_was_changed_on_the_disk_is_not_imported(sign_in: SignIn, hotline: HashList) -> None:
    client = sign_in("lead")
    page = looked(client, good())
    data = next(path for path in kept() if path.suffix == ".data")
    data.write_bytes(data.read_bytes().replace(b"md5", b"MD5"))
    answer = client.post(f"{page.request['PATH_INFO']}/bring")
    assert answer.status_code == 409
    assert "not the one that was looked at" in words(answer)
    assert not Item.objects.exists()


def test_of_one_person_few_files_are_kept(sign_in: SignIn, hotline: HashList) -> None:
    client = sign_in("lead")
    for n in range(5):
        with time_machine.travel(datetime.now(UTC) + timedelta(seconds=n), tick=False):
            last = looked(client, file("signal,value", f"sha256,{sha256(str(n))}"))
    assert len(kept()) == 2 * previewing.MOST
    assert messages(bring(client, last)) == ["1 added, 0 changed, 0 unchanged."]


def test_another_import_in_the_way_keeps_the_file(
    sign_in: SignIn, hotline: HashList, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = sign_in("lead")
    page = looked(client, good())
    stream = io.BytesIO(f"sha256:{THREE}".encode())
    with services.staged(hotline, stream=stream, format_name="hashes", by="system"):
        answer = bring(client, page)
    assert "Another import into hotline is under way" in messages(answer)[0]
    assert answer.redirect_chain[0][0] == page.request["PATH_INFO"]
    assert messages(bring(client, page)) == ["2 added, 0 changed, 0 unchanged."]


def test_a_file_that_contradicts_itself_says_so_and_counts_items_and_not_lines(
    sign_in: SignIn, hotline: HashList
) -> None:
    one, two = "a" * 32, "b" * 32
    lines = ["signal,value,scheme,code", f"md5,{one},uk-sap,A", f"md5,{two},uk-sap,A", f"md5,{one},uk-sap,B"]
    client = sign_in("lead")
    answer = looked(client, SimpleUploadedFile("a.csv", "\n".join([*lines, f"md5,{two},uk-sap,A"]).encode()))
    one_ = answer.context["one"]
    assert (one_.good, one_.new, one_.repeated, one_.otherwise) == (4, 2, 2, 1)
    assert "Line 4 repeats line 2 with another class." in words(answer)
    assert "Import 2 items" in words(answer)
    assert "2 added" in messages(bring(client, answer))[0]
