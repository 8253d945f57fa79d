"""Deliveries: by the channel's own word a document is sent, tried again, given up or a person's to judge."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from django.db import transaction
from pydantic import BaseModel
from tests.configured import configured, file_route, free_port, mail_route
from tests.documents import FULL, HOSTILE, MINIMAL

from himaya.core import compose, registry
from himaya.core.documents import Document
from himaya.core.ports import Channel, MaybeSent, Message, NotSent, Receipt
from himaya.ledger import delivery, outbox
from himaya.ledger.models import Entry, Job
from himaya.ledger.worker import run_until_idle

pytestmark = pytest.mark.django_db


def deliver(document: Document = MINIMAL, *, route: str = "out") -> Job:
    """Queue a document and let the worker run; its job afterwards."""
    with transaction.atomic():
        delivery.queue(document, route=route, about="case:1")
    run_until_idle()
    return Job.objects.get()


def acts() -> list[str]:
    return [entry.act for entry in Entry.objects.order_by("seq")]


class NoSettings(BaseModel):
    pass


class Stub(Channel):
    """A channel whose answers a test chooses."""

    name = "stub"
    label = "Stub"
    audience = frozenset({"authority", "host"})
    repeatable = True
    Config = NoSettings

    def __init__(self, repeatable: bool, *answers: Exception | Receipt) -> None:
        self.repeatable = repeatable  # type: ignore[misc]
        self.answers = list(answers)
        self.sent: list[Message] = []

    def lane(self, config: BaseModel) -> str:
        return "stub:" + "x" * 500

    def compose(self, document: Document) -> Message:
        return compose.message(document)

    def send(self, message: Message, config: BaseModel) -> Receipt:
        self.sent.append(message)
        answer = self.answers.pop(0) if self.answers else Receipt("ok")
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Stub]]:
    """Install a stub as the channel of the route ``out``."""
    found = registry.plugins

    def install(repeatable: bool, *answers: Exception | Receipt) -> Stub:
        channel = Stub(repeatable, *answers)
        known = {**found("channels"), "stub": channel}
        monkeypatch.setattr(
            registry, "plugins", lambda kind: MappingProxyType(known) if kind == "channels" else found(kind)
        )
        return channel

    with configured(reports=[{"name": "out", "channel": "stub"}]):
        yield install


# --- what a channel says ---------------------------------------------------------------------------------------------


def test_a_document_that_was_taken_is_done_with_its_receipt(stub: Callable[..., Stub]) -> None:
    channel = stub(True, Receipt("4711", "accepted"))
    job = deliver()
    assert (job.state, json.loads(job.receipt)) == ("done", {"reference": "4711", "detail": "accepted"})
    assert [message.key for message in channel.sent] == [MINIMAL.key]
    assert acts() == ["delivery.sent"]


@pytest.mark.parametrize("repeatable", [True, False])
@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (NotSent(why="busy"), ("ready", [])),
        (NotSent(why="refused", permanent=True), ("dead", ["delivery.failed"])),
        (MaybeSent(why="silence"), {True: ("ready", []), False: ("unknown", ["delivery.unknown"])}),
        (RuntimeError("a defect"), {True: ("ready", []), False: ("unknown", ["delivery.unknown"])}),
    ],
    ids=["not-sent", "refused", "maybe-sent", "defect"],
)
def test_what_the_channel_says_decides_the_state(
    stub: Callable[..., Stub], repeatable: bool, answer: Exception, expected: Any
) -> None:
    stub(repeatable, answer)
    job = deliver()
    state, entries = expected[repeatable] if isinstance(expected, dict) else expected
    assert (job.state, acts()) == (state, entries)
    assert str(answer) in job.error


def test_every_attempt_carries_the_same_key_and_the_same_words(
    stub: Callable[..., Stub], hasten: Callable[[], None]
) -> None:
    channel = stub(True, NotSent(why="busy"), MaybeSent(why="silence"))
    deliver(replace(HOSTILE, kind="report"))
    for _ in range(2):
        hasten()
        run_until_idle()
    assert Job.objects.get().state == "done"
    assert len(channel.sent) == 3
    assert len(set(channel.sent)) == 1


@pytest.mark.parametrize("repeatable", [True, False])
def test_an_attempt_that_was_cut_off_is_repeated_only_over_a_channel_that_can_tell(
    stub: Callable[..., Stub], repeatable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    channel = stub(repeatable)
    with transaction.atomic():
        delivery.queue(MINIMAL, route="out", about="case:1")
    with monkeypatch.context() as patch:
        patch.setattr(channel, "send", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run_until_idle()
    Job.objects.update(due=0)
    run_until_idle()
    assert Job.objects.get().state == ("done" if repeatable else "unknown")
    assert len(channel.sent) == (1 if repeatable else 0)


def test_a_person_may_send_an_unknown_one_again_or_note_that_it_arrived(stub: Callable[..., Stub]) -> None:
    channel = stub(False, MaybeSent(why="silence"), MaybeSent(why="silence"))
    job = deliver()
    outbox.retry(job.pk, by="person:1")
    run_until_idle()
    assert (Job.objects.get().state, len(channel.sent)) == ("unknown", 2)
    outbox.settle(job.pk, by="person:1", reference="telephone, Ms Vella")
    run_until_idle()
    assert (Job.objects.get().state, len(channel.sent)) == ("done", 2)
    assert acts() == ["delivery.unknown", "delivery.retried", "delivery.unknown", "delivery.settled"]


# --- queueing --------------------------------------------------------------------------------------------------------


def test_the_same_document_twice_is_one_job_and_each_route_has_its_own(tmp_path: Path) -> None:
    with configured(reports=[file_route(tmp_path / "a", "a"), file_route(tmp_path / "b", "b")]):
        for route in ("a", "b", "a"):
            with transaction.atomic():
                delivery.queue(MINIMAL, route=route, about="case:1")
        assert run_until_idle() == 2
    assert sorted(path.name for path in tmp_path.rglob("*.json")) == ["r-1.json", "r-1.json"]


def test_a_destination_with_a_long_name_is_a_lane_that_the_database_takes(stub: Callable[..., Stub]) -> None:
    stub(True)
    assert len(deliver().lane) == 200


def test_what_an_operator_keeps_secret_is_not_in_the_job() -> None:
    route = mail_route(587, security="starttls", username="node", password="not for the database")
    with configured(notices=[route]), transaction.atomic():
        job = delivery.queue(FULL, route="mail", about="case:1")
    assert "not for the database" not in job.content
    assert job.payload == {"route": "mail", "document": FULL.as_json()}


BROKEN = {
    "no such channel": [{"name": "out", "channel": "pigeon"}],
    "an option that is unknown": [{"name": "out", "channel": "file", "options": {"folder": "/tmp"}}],
    "an option that is missing": [{"name": "out", "channel": "email"}],
    "no such route": [],
}


@pytest.mark.parametrize("why", BROKEN)
def test_a_route_that_cannot_be_used_loses_nothing(why: str, tmp_path: Path) -> None:
    with configured(reports=BROKEN[why]):
        job = deliver()
    assert (job.state, acts()) == ("dead", ["delivery.failed"])
    assert "report route 'out' cannot be used" in job.error
    assert "[[reports]]" in job.error, "the remedy"

    with configured(reports=[file_route(tmp_path, "out")]):
        outbox.retry(job.pk, by="person:1")
        run_until_idle()
    assert Job.objects.get().state == "done"
    assert (tmp_path / "r-1.json").exists()


# --- the channels that ship ------------------------------------------------------------------------------------------


def test_a_directory_that_is_not_named_lies_in_the_data_directory(tmp_path: Path) -> None:
    with configured(data=str(tmp_path), reports=[{"name": "out", "channel": "file"}]):
        assert deliver().state == "done"
    assert (tmp_path / "outbox" / "r-1.json").exists()


def test_a_directory_that_cannot_be_written_is_named_and_tried_again(
    tmp_path: Path, hasten: Callable[[], None]
) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the directory should be")
    with configured(reports=[file_route(blocked, "out")]):
        job = deliver()
        assert job.state == "ready"
        assert str(blocked) in job.error
        blocked.unlink()
        hasten()
        run_until_idle()
    assert Job.objects.get().state == "done"


class Smtp:
    """A mail server that answers ``DATA`` as a test says; ``cut`` takes the mail and hangs up."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.mails: list[bytes] = []

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        answer = self.answers.pop(0) if self.answers else "250 accepted"
        if answer[0] in "2c":
            self.mails.append(envelope.content)
        if answer == "cut":
            server.transport.abort()
        return answer


@contextmanager
def smtp(*answers: str) -> Iterator[Smtp]:
    handler = Smtp(*answers)
    server = Controller(handler, hostname="127.0.0.1", port=free_port())
    server.start()
    try:
        with configured(notices=[mail_route(server.port, "out")]):
            yield handler
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("answer", "state", "mails"),
    [("250 accepted", "done", 1), ("451 later", "ready", 0), ("550 never", "dead", 0), ("cut", "unknown", 1)],
)
def test_mail_over_smtp_ends_as_the_server_says(answer: str, state: str, mails: int) -> None:
    with smtp(answer) as server:
        job = deliver(FULL)
        Job.objects.update(due=0)
        settled = state != "ready"
        assert job.state == state
        assert len(server.mails) == mails
        run_until_idle()
        assert len(server.mails) == (mails if settled else 1), "nothing that may have arrived is sent again"


def test_a_mail_server_that_is_away_is_waited_for(hasten: Callable[[], None]) -> None:
    with configured(notices=[mail_route(free_port(), "out")]):
        job = deliver(FULL)
    assert job.state == "ready"
    assert "127.0.0.1" in job.error
    with smtp() as server:
        hasten()
        run_until_idle()
    assert Job.objects.get().state == "done"
    assert len(server.mails) == 1


def test_two_documents_over_one_server_are_two_mails() -> None:
    with smtp() as server:
        for key in ("n-1", "n-2"):
            with transaction.atomic():
                delivery.queue(replace(FULL, key=key), route="out", about="case:1")
        run_until_idle()
    assert len(server.mails) == 2
