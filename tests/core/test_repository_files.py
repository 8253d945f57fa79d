"""Files of statements: small, the same every time, and refused whole where one byte is not right."""

from __future__ import annotations

import gzip
import io
import json
import tracemalloc
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.repositories import ORGANISATION, OTHER, TERMS, full, said

from himaya.core.repository import files
from himaya.core.repository.files import BadStatementFile, UnfitStatement
from himaya.core.repository.pieces import Piece, Terms
from himaya.core.statements import ACTS, BASES, Statement

PIECE = Piece("known", ORGANISATION, 7)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=200)
MOMENTS = st.integers(0, 4_000_000_000).map(lambda second: datetime.fromtimestamp(second, UTC))
WORDS = st.from_regex(r"[a-z0-9-]{0,20}", fullmatch=True)
STATEMENTS = st.builds(
    Statement,
    organisation=st.just(ORGANISATION),
    jurisdiction=st.sampled_from(["", "LU", "EU", "US-CA"]),
    act=st.sampled_from(list(ACTS)),
    signal=st.from_regex(r"[a-z0-9]{1,20}", fullmatch=True),
    value=TEXT.filter(bool),
    scheme=WORDS,
    code=WORDS,
    basis=st.sampled_from(list(BASES)),
    at=MOMENTS,
    until=st.none() | MOMENTS,
    reference=TEXT,
    reason=TEXT,
    parts=st.binary(max_size=100),
)
QUICK = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def reread(content: bytes, **expected: Any) -> list[Statement]:
    return list(files.read(io.BytesIO(content), **expected)[1])


def lines_of(content: bytes) -> list[bytes]:
    return gzip.decompress(content).splitlines(keepends=True)


def repacked(lines: list[bytes]) -> bytes:
    return gzip.compress(b"".join(lines), mtime=0)


def test_what_ends_in_the_second_in_which_it_was_said_is_read_back_so(tmp_path: Path) -> None:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    said = Statement(ORGANISATION, "", next(iter(ACTS)), "md5", "0", basis=next(iter(BASES)), at=at, until=at)
    path = tmp_path / "f"
    files.write_full(path, [said], terms=TERMS, organisation=ORGANISATION, sequence=7)
    assert list(files.read(io.BytesIO(path.read_bytes()), piece=PIECE)[1]) == [said]


@QUICK
@given(st.lists(STATEMENTS, max_size=12))
def test_what_was_written_is_read_back(tmp_path: Path, statements: list[Statement]) -> None:
    path = tmp_path / "f"
    header = files.write_full(path, statements, terms=TERMS, organisation=ORGANISATION, sequence=7)
    again, found = files.read(io.BytesIO(path.read_bytes()), piece=PIECE)
    assert list(found) == statements
    assert (again, again.terms, again.lines) == (header, TERMS, len(statements))


def test_the_same_statements_give_the_same_bytes(tmp_path: Path) -> None:
    assert full(tmp_path / "a", 7, said(500)).read_bytes() == full(tmp_path / "b", 7, said(500)).read_bytes()


def test_a_delta_of_ten_thousand_pictures_takes_a_minute_on_a_poor_line(tmp_path: Path) -> None:
    path = tmp_path / "d"
    files.write_delta(path, said(10_000), terms=TERMS, organisation=ORGANISATION, since=6, sequence=7)
    assert path.stat().st_size < 64_000 / 8 * 60 < 500_000


def test_a_file_cut_anywhere_is_refused(tmp_path: Path) -> None:
    content = full(tmp_path, 7, said(20)).read_bytes()
    for end in range(len(content)):
        with pytest.raises(BadStatementFile):
            reread(content[:end])


def test_a_changed_byte_is_refused_or_changes_nothing(tmp_path: Path) -> None:
    content = full(tmp_path, 7, said(20)).read_bytes()
    for place in range(len(content)):
        try:
            found = reread(content[:place] + bytes([content[place] ^ 0x11]) + content[place + 1 :])
        except BadStatementFile:
            continue
        assert place < 10, "only gzip's own header has bytes that mean nothing"
        assert found == said(20)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda lines: [lines[0], lines[2], lines[1], *lines[3:]], "not those that it was written with"),
        (lambda lines: lines[:-1], "has 4 lines, but announces 5"),
        (lambda lines: [*lines, lines[-1]], "more lines than the 5"),
        (lambda lines: [*lines[:-1], lines[-1][:-1]], "in the middle of a line"),
        (lambda lines: [*lines[:-1], b'[0,"' + b"a" * 1024**2 + b'",0]\n'], "longer than 1048576 bytes"),
        (lambda lines: [*lines[:-1], b'[9,"a",0]\n'], "line 6: its kind is none"),
        (lambda lines: [*lines[:-1], b'[0,"",0]\n'], "line 6: its value is missing"),
        (lambda lines: [*lines[:-1], b'[0,"a",NaN]\n'], "line 6: its time is no whole number"),
        (lambda lines: [*lines[:-1], b'[true,"a",0]\n'], "line 6: its kind"),
        (lambda lines: [*lines[:-1], b'[0,"a",' + b"9" * 400 + b"]\n"], "line 6: its time is not between"),
        (lambda lines: [*lines[:-1], b'[0,"\\ud800",0]\n'], "line 6: 'utf-8' codec"),
        (lambda lines: [*lines[:-1], b'{"a":1}\n'], "line 6: it is no array"),
        (lambda lines: [*lines[:-1], b"[" * 5000 + b"\n"], "line 6"),
        (lambda lines: [b'{"format":"himaya-statements","version":2}\n', *lines[1:]], "version 2"),
        (lambda lines: [b"[]\n", *lines[1:]], "no header"),
        (lambda lines: [b"[" * 100_000 + b"\n", *lines[1:]], "its header"),
    ],
)
def test_a_file_that_is_not_as_it_was_written_is_refused_with_the_reason(tmp_path: Path, change: Any, why: str) -> None:
    lines = lines_of(full(tmp_path, 7, said(5)).read_bytes())
    with pytest.raises(BadStatementFile) as caught:
        reread(repacked(change(lines)))
    assert why in str(caught.value)


@QUICK
@given(st.binary(max_size=400) | st.binary(max_size=400).map(lambda raw: gzip.compress(raw, mtime=0)))
def test_any_bytes_are_refused_and_nothing_else_happens(content: bytes) -> None:
    with pytest.raises(BadStatementFile):
        reread(content)


@QUICK
@given(
    st.fixed_dictionaries(
        {"format": st.just("himaya-statements"), "version": st.just(1)},
        optional={
            name: st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.integers(), max_size=3)
            for name in ("list", "organisation", "sequence", "since", "lines", "sha256", "kinds")
        },
    )
)
def test_any_header_is_refused_in_words(header: dict[str, Any]) -> None:
    with pytest.raises(BadStatementFile):
        reread(repacked([json.dumps(header).encode() + b"\n"]))


def test_a_small_file_that_unpacks_to_a_large_one_is_refused_in_little_memory(tmp_path: Path) -> None:
    lines = lines_of(full(tmp_path, 7, said(5)).read_bytes())
    pack = zlib.compressobj(9, zlib.DEFLATED, 31)
    header = {**json.loads(lines[0]), "lines": 90_000_000}
    bomb = pack.compress(json.dumps(header).encode() + b"\n")
    bomb += b"".join(pack.compress(lines[2] * 10_000) for _ in range(60)) + pack.flush()
    assert len(bomb) < 1_000_000
    zeros = gzip.compress(bytes(50_000_000), mtime=0)
    for content in (bomb, zeros):
        tracemalloc.start()
        with pytest.raises(BadStatementFile, match=r"unpacks to far more|longer than"):
            for _ in files.read(io.BytesIO(content))[1]:
                pass
        assert tracemalloc.get_traced_memory()[1] < 16 * 1024**2
        tracemalloc.stop()


def test_a_large_file_is_written_and_read_in_little_memory(tmp_path: Path) -> None:
    one = said(1)[0]
    many = (
        Statement(ORGANISATION, "LU", "vouch", "md5", f"{n * 2654435761:032x}", at=one.at + timedelta(seconds=n))
        for n in range(30_000)
    )
    tracemalloc.start()
    files.write_full(tmp_path / "f", many, terms=TERMS, organisation=ORGANISATION, sequence=7)
    with (tmp_path / "f").open("rb") as stream:
        assert sum(1 for _ in files.read(stream, piece=PIECE)[1]) == 30_000
    assert tracemalloc.get_traced_memory()[1] < 2 * 1024**2
    tracemalloc.stop()


def test_nobody_speaks_for_another_organisation_in_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "f"
    with pytest.raises(UnfitStatement, match=f"'{OTHER}' says it"):
        files.write_full(path, said(1, organisation=OTHER), terms=TERMS, organisation=ORGANISATION, sequence=7)
    assert list(tmp_path.iterdir()) == []
    forged = full(tmp_path, 7, said(1, organisation=OTHER), organisation=OTHER).read_bytes()
    with pytest.raises(BadStatementFile, match=r"signed as known/hotline.*, but it says it is known/police"):
        reread(forged, piece=PIECE)


def test_an_old_delta_under_a_new_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "d"
    files.write_delta(path, said(3), terms=TERMS, organisation=ORGANISATION, since=1, sequence=2)
    with pytest.raises(BadStatementFile, match=r"signed as .*delta-7-8.gz, but it says it is .*delta-1-2.gz"):
        reread(path.read_bytes(), piece=Piece("known", ORGANISATION, 8, 7))


def test_a_legal_basis_counts_only_where_the_root_has_the_word(tmp_path: Path) -> None:
    odd, path = said(1, basis="by-decree"), tmp_path / "f"
    with pytest.raises(UnfitStatement, match="basis 'by-decree' is none of"):
        files.write_full(path, odd, terms=TERMS, organisation=ORGANISATION, sequence=7)
    wider = {**BASES, "by-decree": "by decree"}
    files.write_full(path, odd, terms=TERMS, organisation=ORGANISATION, sequence=7, bases=wider)
    with pytest.raises(BadStatementFile, match="basis 'by-decree' is none of"):
        reread(path.read_bytes())
    assert reread(path.read_bytes(), bases=wider) == odd


def test_what_is_not_of_its_vocabulary_is_not_written(tmp_path: Path) -> None:
    for odd in (
        Statement(ORGANISATION, "LU", "praise", "pdq", "00"),
        Statement(ORGANISATION, "Luxembourg", "vouch", "pdq", "00"),
        Statement(ORGANISATION, "LU", "vouch", "", "00"),
        Statement(ORGANISATION, "LU", "vouch", "pdq", ""),
        Statement(ORGANISATION, "LU", "vouch", "pdq", "0" * 201),
        Statement(ORGANISATION, "LU", "vouch", "pdq", "00", until=datetime(1950, 1, 1, tzinfo=UTC)),
    ):
        with pytest.raises(UnfitStatement, match="Statement 2"):
            files.write_full(tmp_path / "f", [*said(1), odd], terms=TERMS, organisation=ORGANISATION, sequence=1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "path",
    [
        "known/root/full-1.gz", "known/a/full-0.gz", "known/a/full-01.gz", "known/a/delta-2-1.gz",
        "known/a/delta-1-1.gz", "../a/full-1.gz", "known/../full-1.gz", "known/a/b/full-1.gz",
        "known/a/full-1.gz\n", "Known/a/full-1.gz",
    ],
)  # fmt: skip
def test_what_is_no_name_of_a_piece_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match=r"named|names|between|forward"):
        Piece.from_path(path)


def test_terms_are_of_their_vocabulary() -> None:
    for odd in ({"tlp": "purple"}, {"radius": 65}, {"radius": True}, {"name": "A"}, {"title": "a\nb"}):
        with pytest.raises(ValueError, match="the list"):
            Terms.from_plain({**TERMS.plain(), **odd})
