"""The product in one page: from a picture in a folder to a report, a notice and a number."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from email import message_from_bytes
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiosmtpd.controller import Controller
from tests.configured import configured, file_route, free_port, mail_route
from tests.drawn import picture

from himaya.cases.history import history
from himaya.cases.queries import queue, sightings
from himaya.cases.services import claim, decide
from himaya.core import registry
from himaya.core.contents import Content
from himaya.ledger.queries import proof
from himaya.ledger.worker import run_until_idle
from himaya.lists.services import create_list, import_items
from himaya.screening.scanning import scan
from himaya.transparency.queries import numbers


class Mailbox:
    """What a host's mail server took."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []

    async def handle_DATA(self, server: object, session: object, envelope: SimpleNamespace) -> str:  # noqa: N802
        self.mails.append(envelope.content)
        return "250 accepted"


@pytest.fixture
def mailbox(tmp_path: Path) -> Iterator[Mailbox]:
    """A node that reports into a directory and writes to a host's mail server."""
    box = Mailbox()
    server = Controller(box, hostname="127.0.0.1", port=free_port())
    server.start()
    with configured(reports=[file_route(tmp_path / "authority")], notices=[mail_route(server.port)]):
        yield box
    server.stop()


def test_one_picture_from_a_folder_to_a_report(people: SimpleNamespace, mailbox: Mailbox, tmp_path: Path) -> None:
    # An authority's list names one picture by its perceptual fingerprint.
    known, other = picture(seed=1), picture(seed=2)
    fingerprint = registry.signal("pdq").compute(Content(known))[0].value
    rows = f"signal,value,scheme,code\npdq,{fingerprint},interpol,baseline\n"
    authority = create_list("authority", source="Drawn for this test", by=people.lead.actor)
    result = import_items(authority, stream=io.BytesIO(rows.encode()), format_name="csv", by=people.lead.actor)
    assert (result.added, result.refused) == (1, 0)

    # A folder holds that picture, compressed anew and under another name, beside an innocent one and a text.
    folder = tmp_path / "uploads"
    (folder / "2026").mkdir(parents=True)
    (folder / "2026" / "holiday.jpg").write_bytes(picture(seed=1, quality=60))
    (folder / "2026" / "garden.jpg").write_bytes(other)
    (folder / "readme.txt").write_text("nothing to see")
    seen = scan([str(folder)], by=people.admin.actor)
    assert (seen.files, seen.hits, dict(seen.skipped)) == (3, 1, {})

    # The hit is a case in the queue, which says why; nothing of the other files is kept.
    case = queue().get()
    assert (case.state, case.sightings, case.media_type) == ("open", 1, "image/jpeg")
    assert 0 <= case.distance <= authority.radius
    assert sightings(case).get().place == str(folder / "2026" / "holiday.jpg")

    # The same picture again, somewhere else, is the same case seen a second time.
    copy = tmp_path / "elsewhere.jpg"
    copy.write_bytes(picture(seed=1, quality=60))
    assert scan([str(copy)], by=people.admin.actor).cases == {case.pk}
    assert queue().get().sightings == 2

    # A reviewer takes it and decides, with a reason. The rest follows by itself.
    claim(case.pk, person=people.reviewer)
    decide(case.pk, person=people.reviewer, scheme="interpol", code="baseline", reason="Same picture as the item.")
    assert run_until_idle() == 2

    # The report lies where the authority fetches it: facts and fingerprints, no content.
    [report] = (tmp_path / "authority").glob("*.json")
    told = json.loads(report.read_text())
    assert (told["kind"], told["case"], told["verdict"]["code"]) == ("report", case.reference, "baseline")
    assert {match["list_name"] for match in told["matches"]} == {"authority"}
    assert {place["where"] for place in told["sightings"]} == {str(copy), str(folder / "2026" / "holiday.jpg")}

    # The notice has arrived in the host's mailbox, once.
    [mail] = [message_from_bytes(raw) for raw in mailbox.mails]
    assert mail["To"] == "abuse@host.example"
    assert case.reference in mail["Subject"]
    assert str(folder) not in str(mail)  # where we keep a copy, and on which list it stands, is no host's affair

    # Everybody can read what happened, in order, and the ledger proves that nobody changed it.
    acts = [line.act for line in history(case).lines][::-1]
    assert acts[:4] == ["case.opened", "case.seen", "case.claimed", "case.decided"]
    assert sorted(acts[4:]) == ["delivery.sent", "delivery.sent", "notice.queued", "report.queued"]
    assert proof().whole

    # And the numbers add up.
    count = numbers().flat()
    assert count["screened"] == count["screened.hits"] + count["screened.misses"]
    assert count["sightings"] == count["screened.hits"] == 2
    assert count["cases.confirmed"] == count["cases.decided"] == count["reports.sent"] == count["notices.sent"] == 1
    assert (count["cases.open"], count["deliveries.waiting"], count["deliveries.need-a-person"]) == (0, 0, 0)
    assert count["ledger.entries"] == proof().entries

    # Looking again changes nothing: no second report, no second mail.
    assert run_until_idle() == 0
    assert len(mailbox.mails) == 1
