"""The hash export of ICSE, in both headers that are known."""

from __future__ import annotations

import io

import pytest

from himaya.core import registry
from himaya.core.ports import BadListFile, ItemRow, Refusal

icse = registry.format_("icse")
MD5, SHA1 = "900150983cd24fb0d6963f7d28e17f72", "a9993e364706816aba3e25717850c26c9cd0d89d"
SHORT = (
    "MD5;SHA1;PhotoDNA;Image ID;Is distributed;Victim identified;Offender identified;Series name;"
    "Number of submissions;File Available;Media Type;Baseline"
)
LONG = (
    "MD5;SHA1;ZZ40;PhotoDNA;Lace;Image ID;Is distributed;Victim identified;Offender identified;Series name;"
    "Investigation name;Agency;Number of submissions;File Available;Media Type;Baseline"
)


def line(header, **fields):
    told = dict.fromkeys(header.split(";"), "") | {"Baseline": "true", "Image ID": "17"} | fields
    return ";".join(told.values())


def read(header, *rows):
    content = "\r\n".join([header, *rows]).encode()
    assert icse.recognises(content)
    return list(icse.read(io.BytesIO(content)))


@pytest.mark.parametrize("header", [SHORT, LONG], ids=["short", "long"])
def test_both_headers_are_read(header):
    assert read(header, line(header, MD5=MD5, SHA1=SHA1)) == [
        ItemRow(2, "md5", MD5, "interpol", "baseline", reference="17"),
        ItemRow(2, "sha1", SHA1, "interpol", "baseline", reference="17"),
    ]


@pytest.mark.parametrize("header", [SHORT, LONG], ids=["short", "long"])
def test_names_of_investigations_and_agencies_stay_behind(header):
    private = {"Investigation name": "SECRET", "Agency": "SECRET"} if header is LONG else {"Media Type": "SECRET"}
    rows = read(header, line(header, MD5=MD5, **private))
    assert rows == read(header, line(header, MD5=MD5))


@pytest.mark.parametrize("header", [SHORT, LONG], ids=["short", "long"])
def test_series_and_flags_about_persons_are_marks_and_nothing_else(header):
    said = {"Series name": "Lighthouse", "Is distributed": "true", "Victim identified": "FALSE"}
    (row,) = read(header, line(header, MD5=MD5, **said))
    assert set(row.marks) == {("series", "Lighthouse"), ("distributed", "yes"), ("victim-identified", "no")}
    assert [row._replace(marks=())] == read(header, line(header, MD5=MD5))


@pytest.mark.parametrize(("said", "code"), [("TRUE", "baseline"), ("1", "baseline"), ("false", ""), ("", "")])
def test_baseline_is_the_class_and_all_else_has_none(said, code):
    (row,) = read(SHORT, line(SHORT, MD5=MD5, Baseline=said))
    assert (row.scheme, row.code) == ("interpol" if code else "", code)


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"MD5": MD5, "Baseline": "perhaps"}, "the column Baseline says neither true nor false"),
        ({}, "it has no hash"),
    ],
)
def test_a_line_is_refused_with_its_reason_and_reading_goes_on(fields, why):
    refused, row = read(SHORT, line(SHORT, **fields), line(SHORT, MD5=MD5))
    assert isinstance(refused, Refusal)
    assert (refused.line, refused.why, row.line) == (2, why, 3)


def test_what_alone_is_not_read_here_is_told_all_the_same():
    (row,) = read(LONG, line(LONG, PhotoDNA="A" * 192))
    assert row.signal == "photodna"


@pytest.mark.parametrize("header", ["MD5;SHA1", "Image ID;Baseline", "signal,value", "\n"])
def test_another_header_is_refused_as_a_whole(header):
    with pytest.raises(BadListFile, match="the header has no column"):
        list(icse.read(io.BytesIO(header.encode())))


def test_what_is_written_is_the_short_header_with_the_class_in_its_column():
    rows = [ItemRow(0, "sha1", SHA1, "interpol", "baseline", reference="=1"), ItemRow(0, "md5", MD5, "uk-sap", "A")]
    first, second, third = b"".join(icse.render(rows)).decode().splitlines()
    assert first == SHORT
    assert second == f";{SHA1};;'=1;;;;;;;;true"
    assert third == f"{MD5};;;;;;;;;;;false"
    assert [row.reference for row in icse.read(io.BytesIO("\n".join([first, second]).encode()))] == ["=1"]
