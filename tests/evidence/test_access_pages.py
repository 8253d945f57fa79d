"""Asking, granting with a security key, refusing, ending, reading at once, taking out: as pages."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pyrage
import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from tests.browsing import messages, words
from tests.conftest import PASSWORD
from tests.evidence.conftest import Keep
from tests.windows import signed_in

from himaya.accounts import streams
from himaya.core.bundles.reading import opened
from himaya.core.vault.recipients import Identity
from himaya.evidence import custody
from himaya.evidence.awaiting import overdue
from himaya.evidence.granting import Proof, ask_access, grant_access, read_exhibit
from himaya.evidence.models import Access, Blob, Exhibit

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_factor")]
RECIPIENT = str(pyrage.x25519.Identity.generate().to_public())
ASKED = {"purpose": "court", "reason": "an order", "recipient": RECIPIENT}
Ask = Callable[..., Access]


@pytest.fixture(autouse=True)
def _one_time(clock: Any, time_machine: Any) -> None:
    """The proofs of a session are of the machine's clock."""
    time_machine.move_to(clock.now(), tick=False)


@pytest.fixture
def ask(keep: Keep, people: SimpleNamespace) -> Ask:
    def asked(*exhibits: Exhibit, by: str = "reviewer", recipient: str = RECIPIENT) -> Access:
        facts = {**ASKED, "recipient": recipient}
        return ask_access(exhibits or [keep()], person=getattr(people, by), **facts)

    return asked


def with_key(person: Any, *, ago: float = 0) -> Client:
    """A client in which the person has just shown the security key that they have."""
    Authenticator.objects.get_or_create(user=person, type="webauthn", defaults={"data": {}})
    client = signed_in(person)
    session = client.session
    shown = {"method": "mfa", "type": "webauthn", "reauthenticated": True, "at": time.time() - ago}
    session["account_authentication_methods"] = [*session["account_authentication_methods"], shown]
    session.save()
    return client


def test_one_asks_for_several_and_the_key_is_remembered(keep: Keep, people: SimpleNamespace) -> None:
    one, two = keep(), keep("b", case="case:2")
    client = signed_in(people.reviewer)
    where = f"/evidence/access/new?exhibit={one.pk}&exhibit={two.pk}&exhibit=x&exhibit=99"
    text = words(client.get(where))
    assert one.reference in text
    assert two.reference in text
    wrong = client.post("/evidence/access/new", {**ASKED, "recipient": "age1no", "exhibit": [one.pk]})
    assert wrong.status_code == 422
    assert one.reference in words(wrong)
    client.post("/evidence/access/new", {**ASKED, "exhibit": [one.pk, two.pk]})
    made = Access.objects.get()
    assert "request" in words(client.get("/evidence/access/"))
    assert RECIPIENT in client.get(where).content.decode()
    assert "Another lead has to decide." in words(client.get(f"/evidence/access/{made.pk}/"))
    nothing = client.post("/evidence/access/new", ASKED)
    assert nothing.status_code == 422
    assert "names 1 to 100 exhibits" in words(nothing)


def test_a_lead_without_a_fresh_key_is_asked_for_it(ask: Ask, people: SimpleNamespace) -> None:
    made = ask()
    where = f"/evidence/access/{made.pk}/grant"
    none = signed_in(people.lead).post(where, follow=True)
    assert "you have none yet" in messages(none)[0]
    for client in (with_key(people.lead, ago=300), with_key(people.lead, ago=-60)):
        answer = client.post(where)
        assert answer.status_code == 302
        assert answer.url.startswith("/accounts/2fa/webauthn/reauthenticate/?next=")
    assert Access.objects.get().state == "asked"
    answer = with_key(people.lead).post(where, follow=True)
    assert messages(answer) == ["Granted for 30 minutes: each exhibit once."]
    assert Access.objects.get().decided_by == people.lead


def test_one_use_of_the_key_grants_one_request(ask: Ask, people: SimpleNamespace, clock: Any) -> None:
    first, second, lead = ask(), ask(), with_key(people.lead)
    clock.advance(timedelta(seconds=1))
    assert messages(lead.post(f"/evidence/access/{first.pk}/grant", follow=True))[0].startswith("Granted")
    answer = lead.post(f"/evidence/access/{second.pk}/grant")
    assert answer.url.startswith("/accounts/2fa/webauthn/reauthenticate/?next=")
    assert Access.objects.get(pk=second.pk).state == "asked"


def test_a_password_is_no_key_even_where_it_was_given_last(ask: Ask, people: SimpleNamespace) -> None:
    made, client = ask(), with_key(people.lead, ago=400)
    assert "reauthenticate" in client.post(f"/evidence/access/{made.pk}/grant").url
    assert Access.objects.get().state == "asked"


def test_nobody_grants_their_own_nor_what_is_decided(ask: Ask, people: SimpleNamespace) -> None:
    own, other = ask(by="lead"), ask()
    client = with_key(people.lead)
    answer = client.post(f"/evidence/access/{own.pk}/grant", follow=True)
    assert "cannot decide on your own request" in messages(answer)[0]
    assert "Grant it" not in words(client.get(f"/evidence/access/{own.pk}/"))
    assert "Grant it" in words(client.get(f"/evidence/access/{other.pk}/"))
    refused = client.post(f"/evidence/access/{other.pk}/refuse", {"reason": ""})
    assert refused.status_code == 422
    client.post(f"/evidence/access/{other.pk}/refuse", {"reason": "not needed"})
    again = client.post(f"/evidence/access/{other.pk}/grant", follow=True)
    assert "not open any more" in messages(again)[-1]
    assert "not needed" in words(signed_in(people.reviewer).get(f"/evidence/access/{other.pk}/"))


def test_a_request_is_taken_back_and_a_grant_is_ended(ask: Ask, people: SimpleNamespace) -> None:
    first, second = ask(), ask()
    mine, lead = signed_in(people.reviewer), with_key(people.lead)
    mine.post(f"/evidence/access/{first.pk}/end")
    lead.post(f"/evidence/access/{second.pk}/grant")
    lead.post(f"/evidence/access/{second.pk}/end")
    assert list(Access.objects.order_by("pk").values_list("state", flat=True)) == ["ended", "ended"]
    assert "Nothing waits" in words(lead.get("/evidence/access/"))
    assert "Download" not in words(mine.get(f"/evidence/access/{second.pk}/"))
    auditor = signed_in(people.auditor).post(f"/evidence/access/{first.pk}/end", follow=True)
    assert auditor.status_code == 200
    assert "not open any more" in messages(auditor)[0] or "role does not allow" in messages(auditor)[0]


def test_urgent_reading_warns_is_told_and_waits_for_another_lead(
    keep: Keep, people: SimpleNamespace, clock: Any
) -> None:
    one, client = keep(), with_key(people.lead)
    text = words(client.get(f"/evidence/access/urgent?exhibit={one.pk}"))
    assert "Only where a life may hang on it" in text
    given = {"exhibit": [one.pk], "reason": "a life", "recipient": RECIPIENT}
    assert "reauthenticate" in with_key(people.lead, ago=400).post("/evidence/access/urgent", given).url
    assert client.post("/evidence/access/urgent", given).status_code == 302
    made = Access.objects.get()
    assert made.urgent
    assert "to be looked at" in words(client.get("/evidence/access/"))
    mine = client.post(f"/evidence/access/{made.pk}/look", {"note": "fine"}, follow=True)
    assert "own request" in messages(mine)[0]
    clock.advance(timedelta(days=1, minutes=1))
    assert list(overdue()) == [made]
    people.reviewer.role = "lead"
    people.reviewer.save()
    other = signed_in(people.reviewer)
    assert other.post(f"/evidence/access/{made.pk}/look", {"note": " "}).status_code == 422
    other.post(f"/evidence/access/{made.pk}/look", {"note": "it was needed"})
    assert not overdue()
    assert "it was needed" in words(other.get(f"/evidence/access/{made.pk}/"))


@pytest.mark.django_db(transaction=True)
def test_a_granted_bundle_is_downloaded_once_and_opened_by_its_key(
    ask: Ask, keep: Keep, people: SimpleNamespace, tmp_path: Any
) -> None:
    mine = Identity.new()
    one, two = keep("a neutral text"), keep("b" * 3_000_000, case="case:2")
    made = ask(one, two, recipient=str(mine.recipient))
    client = signed_in(people.reviewer)
    early = client.post(f"/evidence/access/{made.pk}/bundle", follow=True)
    assert "You have no access" in messages(early)[0]
    with_key(people.lead).post(f"/evidence/access/{made.pk}/grant")
    half = client.post(f"/evidence/access/{made.pk}/bundle", {"instrument": "A law"})
    assert half.status_code == 422
    right = {"instrument": "Code of criminal procedure", "number": "17/2026", "authority": "District court"}
    answer = client.post(f"/evidence/access/{made.pk}/bundle", right)
    assert answer["Content-Disposition"] == f'attachment; filename="B-{one.acquired_at.year}-{made.pk:06d}.zip"'
    assert answer["Content-Security-Policy"] == "sandbox"
    assert answer["Content-Type"] == "application/zip"
    path = tmp_path / "bundle.zip"
    path.write_bytes(b"".join(answer.streaming_content))
    names = zipfile.ZipFile(path).namelist()
    assert {name[-7:] for name in names} >= {"en.html", "ar.html"}
    with opened(path) as received:
        assert received.bundle.authorisation.authority == "District court"
        clear = io.BytesIO()
        received.take(one.uuid, clear, identity=mine)
        assert clear.getvalue() == b"a neutral text"
    assert custody.check(one)[-1].fields["act"] == "export"
    again = client.post(f"/evidence/access/{made.pk}/bundle", follow=True)
    assert "all its readings are used" in messages(again)[0]


@pytest.mark.django_db(transaction=True)
def test_a_bundle_that_cannot_be_finished_breaks_off(
    ask: Ask, keep: Keep, people: SimpleNamespace, tmp_path: Any
) -> None:
    one = keep()
    made = ask(one)
    with_key(people.lead).post(f"/evidence/access/{made.pk}/grant")
    for file in (tmp_path / "sealed").rglob("*"):
        if file.is_file():
            file.chmod(0o600)
            file.write_bytes(file.read_bytes()[:-20])
    answer = signed_in(people.reviewer).post(f"/evidence/access/{made.pk}/bundle")
    with pytest.raises(Exception, match="seal"):
        b"".join(answer.streaming_content)
    assert Blob.objects.get().state == "rotten"


def test_what_is_written_while_it_is_sent_ends_with_its_reader() -> None:
    ended = []

    def write(to: Any) -> None:
        try:
            for _ in range(1000):
                to.write(b"x" * 65536)
        finally:
            ended.append(True)

    parts = streams.written(write)
    assert next(parts) == b"x" * 65536
    parts.close()
    for _ in range(500):
        if ended:
            break
        time.sleep(0.01)
    assert ended
    assert b"".join(streams.written(lambda to: to.write(b"all of it"))) == b"all of it"

    def fails(to: Any) -> None:
        to.write(b"some")
        raise OSError("the disk")

    with pytest.raises(OSError, match="the disk"):
        list(streams.written(fails))


def test_whoever_is_asked_for_the_key_is_offered_nothing_else(ask: Ask, people: SimpleNamespace) -> None:
    made, client = ask(), with_key(people.lead, ago=400)
    Authenticator.objects.update(data={"name": "k", "credential": {}})
    question = client.post(f"/evidence/access/{made.pk}/grant").url
    assert "by%3Dkey" in question
    answer = client.get("/accounts/reauthenticate/?next=" + question.partition("next=")[2])
    assert "needs your security key" in answer.content.decode()
    assert "or</p>" not in answer.content.decode()
    given = {"password": PASSWORD, "next": "/evidence/access/"}
    client.post("/accounts/reauthenticate/", given)
    assert Access.objects.get().state == "asked"


def test_ending_a_grant_is_offered_only_while_something_can_be_read_by_it(
    keep: Keep, people: SimpleNamespace, clock: Any
) -> None:
    one, two = keep(), keep("b")
    asked = ask_access([one, two], person=people.reviewer, **ASKED)
    page = f"/evidence/access/{asked.pk}/"
    reader = signed_in(people.reviewer)
    assert "Withdraw the request" in words(reader.get(page))
    grant_access(asked.pk, person=people.lead, proof=Proof("webauthn", clock.now()))
    b"".join(read_exhibit(one, access=asked.pk, person=people.reviewer))
    assert "End it now" in words(reader.get(page))
    b"".join(read_exhibit(two, access=asked.pk, person=people.reviewer))
    for client in (reader, signed_in(people.lead)):
        assert "End it now" not in words(client.get(page))
    other = ask_access([one], person=people.reviewer, **ASKED)
    grant_access(other.pk, person=people.lead, proof=Proof("webauthn", clock.now()))
    clock.advance(timedelta(minutes=31))
    assert "End it now" not in words(signed_in(people.lead).get(f"/evidence/access/{other.pk}/"))
