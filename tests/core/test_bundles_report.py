"""Reports of custody: each step, what proves it and how, in one language, and what strangers wrote does no harm."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from uuid import UUID

import pytest
from tests import bundling

from himaya.core.bundles import report, writing
from himaya.core.bundles.alone import program
from himaya.core.bundles.report import Language

ENGLISH = Language("en")


def text(page: bytes) -> str:
    """Without elements and the characters that isolate."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>|[\u2068\u2069]", " ", page.decode().partition("<body>")[2]))


def test_it_tells_each_exhibit_each_step_and_who_signed() -> None:
    made = bundling.bundle(2)
    told = text(report.html(made, ENGLISH))
    for one in made.exhibits:
        assert all(fact in told for fact in (one.label, str(one.uuid), *one.digests.values()))
    for key in made.keys:
        assert f"{key.holder} {key.name}" in told
    for act in ("acquired", "analysed", "handed over"):
        assert told.count(f" {act} ") >= 2
    for command in ("python3 verify.py .", "sha256sum -c manifest-sha256.txt", "openssl ts -verify"):
        assert command in told
    assert "production order PO-2026-7 of District Court of Example" in re.sub(" +", " ", told)
    assert "2026-11-29T03:01:00Z" in told


def test_it_holds_no_pictures_and_asks_nobody() -> None:
    page = report.html(bundling.bundle(1), ENGLISH).decode()
    assert not re.search(r"<(img|script|link|iframe|object|svg)|url\(|@import|https?:", page)


def test_what_strangers_wrote_is_text() -> None:
    one = bundling.exhibit(0)
    taken = bundling.replaced(one.acquisition, source="<script>alert(1)</script> {number} \u202eevil")
    made = bundling.replaced(bundling.bundle(1), exhibits=(bundling.replaced(one, acquisition=taken),))
    page = report.html(made, ENGLISH).decode()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "\u202e" not in page


def test_every_text_of_it_goes_through_the_translator() -> None:
    seen = set()

    def marked(said: str) -> str:
        seen.add(said)
        return f"§{said}§"

    page = report.html(bundling.bundle(1), Language("ar", marked)).decode()
    assert '<html lang="ar" dir="rtl">' in page
    heads = re.findall(r"<(?:h1|h2|li|p|th)(?: [^>]*)?>([^<]*)", page)
    digests = {"MD5", "SHA-1", "SHA-256", "SHA-512"}
    assert len(heads) > 20
    assert [one for one in heads if not one.startswith("§") and one not in digests] == []
    assert "handed over" in seen


@pytest.mark.pango
def test_there_is_html_and_pdf_in_each_language(monkeypatch: pytest.MonkeyPatch) -> None:
    made = report.reports(bundling.bundle(2), (ENGLISH, Language("ar")))
    assert sorted(made) == ["ar.html", "ar.pdf", "en.html", "en.pdf"]
    assert all(b"".join(parts).startswith(b"%PDF-") for name, parts in made.items() if name.endswith(".pdf"))


def test_many_exhibits_are_told_in_parts_and_a_pdf_lists_them_in_a_row_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "DETAILED", 2)
    monkeypatch.setattr(report, "PART", 3)
    monkeypatch.setattr(report, "pdf_possible", lambda: True)
    monkeypatch.setattr(report, "pdf", lambda page: page)  # what would be printed
    many = bundling.bundle(4)
    made = report.reports(many, (ENGLISH,))
    assert sorted(made) == ["en.1.html", "en.1.pdf", "en.2.html", "en.2.pdf"]
    pages = {name: text(b"".join(parts)) for name, parts in made.items()}
    for number, one in enumerate(many.exhibits):
        here, there = (1, 2) if number < 3 else (2, 1)
        for ending in ("html", "pdf"):
            told = pages[f"en.{here}.{ending}"]
            assert all(fact in told for fact in (one.label, str(one.uuid), one.digests["sha256"]))
            assert one.label not in pages[f"en.{there}.{ending}"]
    assert "exhibits 4 to 4 of 4" in pages["en.2.pdf"]
    assert pages["en.1.html"].count("handed over") > pages["en.1.pdf"].count("handed over")  # steps, in HTML alone
    assert "here is a row of each" in pages["en.1.pdf"]
    few = report.reports(bundling.bundle(2), (ENGLISH,))
    assert text(b"".join(few["en.pdf"])) == text(b"".join(few["en.html"]))


def test_a_report_is_made_when_it_is_written_behind_the_exhibits(monkeypatch: pytest.MonkeyPatch) -> None:
    done = []
    monkeypatch.setattr(report, "pdf_possible", lambda: True)
    monkeypatch.setattr(report, "pdf", lambda page: done.append("pdf") or b"%PDF-1.7\n")
    made = bundling.bundle(2)

    def given(uuid: UUID) -> Iterator[bytes]:
        done.append("exhibit")
        yield from bundling.contents(made)(uuid)

    told = report.reports(made, (ENGLISH,))
    writing.stream_zip(made, BytesIO(), contents=given, reports=told, signer=bundling.ANNA)
    assert done == ["exhibit", "exhibit", "pdf"]


@pytest.mark.pango
def test_what_stands_in_a_pdf_is_fetched_from_nowhere(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.css"
    sheet.write_text("body { break-before: page } p { break-after: page }")
    page = f'<link rel="stylesheet" href="file://{sheet}"><p>one</p><p>two</p>'
    report.pdf(b"<p>one</p>")  # it sets back what the library sets for the whole process
    import weasyprint

    pages = lambda made: len(re.findall(rb"/Type /Page\b", made))  # noqa: E731
    plain = {"uncompressed_pdf": True}
    assert pages(weasyprint.HTML(string=page).write_pdf(**plain)) > 1
    assert len(report.pdf(page.encode())) < len(weasyprint.HTML(string=page).write_pdf())


@pytest.mark.parametrize("possible", [True, False])
def test_a_bundle_says_whether_there_is_a_pdf(possible: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "pdf_possible", lambda: possible)
    monkeypatch.setattr(report, "pdf", lambda page: b"%PDF-1.7\n")
    made = bundling.bundle(1)
    given = report.reports(made, (ENGLISH,))
    writing.write_folder(made, tmp_path / "bag", contents=bundling.contents(made), reports=given, signer=bundling.ANNA)
    info = (tmp_path / "bag" / "bag-info.txt").read_text()
    assert ("no PDF" in info) is not possible
    assert (tmp_path / "bag" / "data" / "report.en.pdf").exists() is possible
    assert not program.verify_bundle(str(tmp_path / "bag")).problems


def test_without_what_pdf_needs_of_the_system_there_is_html_alone(tmp_path: Path) -> None:
    (tmp_path / "weasyprint.py").write_text("raise OSError('cannot load library pango')")
    program_ = (
        "from himaya.core.bundles import report; from tests.bundling import bundle;"
        "print(*report.reports(bundle(1), (report.Language('en'),)))"
    )
    path = f"{tmp_path}:{Path(__file__).parent.parent.parent}"
    ran = subprocess.run(
        [sys.executable, "-c", program_], env={"PYTHONPATH": path}, capture_output=True, text=True, check=False
    )
    assert ran.stdout.split() == ["en.html"], ran.stderr


def test_the_command_line_tells_the_same(tmp_path: Path) -> None:
    made = bundling.bundle(1)
    path = tmp_path / "bag.zip"
    bundling.zipped(made, path, contents=bundling.contents(made), reports={}, signer=bundling.ANNA)
    program_ = Path(sys.executable).with_name("himaya")
    run = lambda *more: subprocess.run(  # noqa: E731
        [program_, "evidence", "verify", *more], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"HIMAYA_DATA": str(tmp_path / "none"), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    fine = run(str(path))
    assert (fine.returncode, fine.stdout) == (0, program.report(program.verify_bundle(str(path)), str(path)))
    assert run(str(path), "--key", "0" * 32).returncode == 1
    assert run(str(tmp_path / "nowhere")).returncode == 2
    assert not (tmp_path / "none").exists()
