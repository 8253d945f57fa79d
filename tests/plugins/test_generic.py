"""Packets for bodies without an interface: closed on the way, proved with common tools, sent once."""

from __future__ import annotations

import io
import json
import subprocess
import zipfile
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from tests.filing_sides import GenericSide
from tests.filing_walks import AT, BYTES, EVERY_GROUND, FILES, FULLEST, SIGNER, Kept, attempt, walk

from himaya.core import neutral, packets, registry
from himaya.core.bundles.report import pdf_possible
from himaya.core.filing import Attempt, Draft, FoundOut
from himaya.core.ports import NotSent
from himaya.core.vault.recipients import decrypt

generic = registry.filings()["generic"]
ROOT = Path(__file__).parents[2]
COMPLETE = GenericSide().completed(generic.fill(FULLEST, generic.Config(**GenericSide().config())))


def opened(packet: bytes) -> dict[str, bytes]:
    plain = io.BytesIO()
    decrypt(io.BytesIO(packet), plain, identity=GenericSide.key)
    with zipfile.ZipFile(plain) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def way(directory: Path, **more: Any) -> Any:
    return generic.Config(**{**GenericSide().config(), "deliver": "file", "directory": directory, **more})


def laid_down(draft: Draft, config: Any, **more: Any) -> Attempt:
    return Attempt(draft, {}, config, Kept(), AT, **{"signer": SIGNER, **more})


def test_a_mail_tells_nothing_in_clear_and_its_packet_all() -> None:
    side = GenericSide()
    with side.serving():
        done = walk(generic, COMPLETE, side)
        assert isinstance(done, dict)
    (mail,) = side.mails
    assert generic.receipt(done) == mail["Message-ID"] == "<n-1@example.org>"
    text, attached = mail.iter_parts()
    clear = str(mail["Subject"]) + text.get_content()
    for fact in ("greenlamp", "C-7", "host.example", "baseline", "192.0.2.7"):
        assert fact not in clear
    assert "age -d -i KEY.txt -o n-1.zip n-1.zip.age" in clear
    assert attached.get_filename() == "n-1.zip.age"
    found = opened(attached.get_content())
    told = json.loads(found["report.json"])
    assert told == packets.document(COMPLETE, neutral.FORM, node="Example node", body="Example hotline", at=AT)
    assert told["report"]["accounts"][0]["connections"][0]["address"] == "192.0.2.7"
    assert {name.removeprefix("files/"): found[name] for name in found if name.startswith("files/")} == BYTES
    assert "report.en.pdf" not in found
    assert b"greenlamp" in found["report.en.html"]


def test_where_it_can_be_made_the_report_goes_along_as_pdf(tmp_path: Path) -> None:
    generic.take("send", laid_down(replace(COMPLETE, files=()), way(tmp_path, pdf=True, languages=("en", "ar"))))
    found = opened((tmp_path / "n-1.zip.age").read_bytes())
    made = {name for name, content in found.items() if content.startswith(b"%PDF-")}
    assert made == ({"report.en.pdf", "report.ar.pdf"} if pdf_possible() else set())


def test_whoever_has_the_packet_proves_with_openssl_who_made_it(tmp_path: Path) -> None:
    for name, content in opened(_made(tmp_path / "out", files=())).items():
        (tmp_path / name).write_bytes(content)
    readme = (tmp_path / "README.txt").read_text()
    commands = [line for line in readme.splitlines() if line.startswith(("(printf", "openssl"))]
    ran = subprocess.run(["/bin/sh", "-ec", "\n".join(commands)], cwd=tmp_path, capture_output=True, text=True)
    assert "Verified Successfully" in ran.stdout, ran.stderr
    (tmp_path / "report.json").write_bytes((tmp_path / "report.json").read_bytes() + b" ")
    ran = subprocess.run(["/bin/sh", "-c", "\n".join(commands)], cwd=tmp_path, capture_output=True, text=True)
    assert "Verified Successfully" not in ran.stdout


def _made(directory: Path, **changes: Any) -> bytes:
    draft = replace(COMPLETE, **changes)
    answer = generic.take("send", laid_down(draft, way(directory)))
    return (directory / answer["file"]).read_bytes()


def test_the_report_is_read_in_the_languages_of_the_body(tmp_path: Path) -> None:
    words = {"Report": "بلاغ", "Report {key}": "بلاغ {key}"}
    config = way(tmp_path, languages=("ar", "en"))
    now = laid_down(
        replace(COMPLETE, files=()),
        config,
        translate=lambda code, text: words.get(text, text) if code == "ar" else text,
    )
    generic.take("send", now)
    found = opened((tmp_path / "n-1.zip.age").read_bytes())
    arabic = found["report.ar.html"].decode()
    assert 'lang="ar" dir="rtl"' in arabic
    assert "<h1>بلاغ</h1>" in arabic
    assert "<h1>Report</h1>" in found["report.en.html"].decode()


def test_what_strangers_wrote_is_escaped_for_readers_and_kept_for_machines(tmp_path: Path) -> None:
    for grounds in EVERY_GROUND:
        told = grounds.particulars.model_copy(update={"note": "<script>alert(1)</script>"})
        filled = generic.fill(replace(grounds, particulars=told, files=()), way(tmp_path / grounds.document.key))
        answer = generic.take("send", laid_down(filled, way(tmp_path / grounds.document.key)))
        found = opened((tmp_path / grounds.document.key / answer["file"]).read_bytes())
        assert b"<script>" not in found["report.en.html"]
        assert json.loads(found["report.json"])["report"]["summary"] == "<script>alert(1)</script>"


def test_a_packet_in_a_directory_is_there_once_and_whole(tmp_path: Path) -> None:
    now = laid_down(COMPLETE, way(tmp_path))
    assert generic.find_out("send", now) == FoundOut("not-taken")
    first = generic.take("send", now)
    content = (tmp_path / first["file"]).read_bytes()
    assert sha256(content).hexdigest() == first["sha256"]
    assert generic.take("send", now)["file"] == first["file"]
    assert (tmp_path / first["file"]).read_bytes() == content
    assert generic.find_out("send", now) == FoundOut("taken", {"file": first["file"]})
    assert [path.name for path in tmp_path.iterdir()] == [first["file"]]
    assert generic.receipt({"send": first}) == "n-1.zip.age"


def test_a_file_that_is_not_the_one_of_the_draft_goes_nowhere(tmp_path: Path) -> None:
    other = replace(FILES[0], sha256="0" * 64, values={"viewed": False})
    for wrong in (other, replace(other, sha256=FILES[0].sha256, size=FILES[0].size - 1)):
        with pytest.raises(NotSent, match="exhibit-1") as caught:
            generic.take("send", laid_down(replace(COMPLETE, files=(wrong,)), way(tmp_path)))
        assert caught.value.permanent
    assert list(tmp_path.iterdir()) == []


def test_files_go_along_only_where_the_route_lets_them_and_they_fit(tmp_path: Path) -> None:
    closed = way(tmp_path, takes_files=False)
    filled = generic.fill(FULLEST, closed)
    assert [one.sent for one in filled.files] == [False, False]
    assert "file:exhibit-1" in {gap.path for gap in generic.check(COMPLETE, closed) if gap.blocks}
    large = replace(FULLEST, files=(replace(FILES[0], size=16 * 1024**2), FILES[1]))
    assert [one.sent for one in generic.fill(large, way(tmp_path)).files] == [False, False]
    sent = replace(COMPLETE, files=tuple(replace(one, values={"viewed": False}) for one in large.files))
    (gap,) = (gap for gap in generic.check(sent, way(tmp_path)) if gap.blocks)
    assert "17 MB together, and 15 MB go" in gap.why
    told = packets.document(filled, neutral.FORM, node="n", body="b", at=AT)
    assert [(one["enclosed"], "path" in one) for one in told["files"]] == [(False, False)] * 2


def test_a_node_without_a_key_sends_nothing(tmp_path: Path) -> None:
    with pytest.raises(NotSent, match="no key") as caught:
        generic.take("send", laid_down(COMPLETE, way(tmp_path), signer=None))
    assert caught.value.permanent


def test_a_directory_that_cannot_be_written_can_be_tried_again(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(NotSent, match="cannot be written") as caught:
        generic.take("send", laid_down(COMPLETE, way(tmp_path / "file" / "out")))
    assert not caught.value.permanent


def test_of_a_mail_without_an_answer_a_person_is_told_whom_to_ask_for_what() -> None:
    side = GenericSide()
    side.lose(0, "after")
    with side.serving():
        found = walk(generic, COMPLETE, side)
    assert isinstance(found, FoundOut)
    assert found.what == "unknown"
    for fact in ("Example hotline", "reports@example.net", "<n-1@example.org>", "n-1"):
        assert fact in found.ask
    assert len(side.mails) == 1


def test_a_server_that_refuses_has_taken_nothing() -> None:
    side = GenericSide()

    async def refuse(*_: Any) -> str:
        return "554 no"

    side.handle_DATA = refuse  # type: ignore[method-assign]
    with side.serving(), pytest.raises(NotSent, match="554 no") as caught:
        generic.take("send", attempt(COMPLETE, side, generic, {}, Kept()))
    assert caught.value.permanent


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"keys": "age1notakey"}, "line 1"),
        ({"keys": "AGE-SECRET-KEY-1ABC"}, "private key"),
        ({"deliver": "file"}, "directory"),
        ({"recipient": ""}, "recipient"),
        ({"host": "mail.example.org"}, "sealed"),
        ({"languages": ()}, "languages"),
    ],
)
def test_options_that_lead_nowhere_are_refused_when_they_are_set(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as caught:
        generic.Config(**{**GenericSide().config(), **changes})
    assert "SECRET-KEY-1ABC" not in "".join(one["msg"] for one in caught.value.errors())


def test_the_published_schema_is_that_of_the_packets() -> None:
    published = json.loads((ROOT / "docs" / "report.schema.json").read_text())
    assert published == packets.schema(neutral.FORM)
