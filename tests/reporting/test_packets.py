"""A packet is made by the engine as a whole: the node's key signs it, and it speaks the languages of the body."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

from django.utils import translation
from tests.configured import configured
from tests.filing_sides import GenericSide
from tests.reporting.conftest import fresh, work

from himaya.core.packets import SIGNED
from himaya.core.vault.recipients import decrypt
from himaya.evidence.custody import node_key
from himaya.reporting import drafting, filing
from himaya.reporting.models import Filing


def test_a_report_to_a_body_without_an_interface_is_signed_by_this_node(
    confirmed: Callable[..., Filing], tmp_path: Path
) -> None:
    options = {
        "body": "Example hotline", "node": "Example node", "keys": str(GenericSide.key.recipient), "takes_files": True,
        "deliver": "file", "directory": str(tmp_path / "stick"), "languages": ["ar"],
    }  # fmt: skip
    with configured(filings=[{"name": "hotline", "channel": "generic", "options": options}]):
        draft = confirmed(files=1)
        stated = {"report/summary": "A known file was uploaded and removed."}
        drafting.change_draft(draft.pk, values=stated, by="person:1")
        filing.queue_filing(draft.pk, by="person:1")
        work()
    done = fresh(draft)
    assert (done.state, done.trouble) == ("filed", "")
    plain = io.BytesIO()
    with (tmp_path / "stick" / done.receipt).open("rb") as packet:
        decrypt(packet, plain, identity=GenericSide.key)
    with zipfile.ZipFile(plain) as archive:
        found = {name: archive.read(name) for name in archive.namelist()}
    node_key().public_key().verify(found["report.sig"], SIGNED + found["report.json"])
    told = json.loads(found["report.json"])
    assert (told["key"], told["report"]["summary"]) == (done.key, "A known file was uploaded and removed.")
    assert [content for name, content in found.items() if name.startswith("files/")] == [b"file 0 of 1"]
    with translation.override("ar"):
        number = translation.gettext("Number")
    assert number != "Number"
    assert number in found["report.ar.html"].decode()
