"""CSV in the manner of the IWF: columns by name, in every spelling that is taken."""

from __future__ import annotations

import io

import pytest

from himaya.core import registry
from himaya.core.ports import BadListFile, ItemRow

iwf = registry.format_("iwf")
MD5, SHA1 = "900150983cd24fb0d6963f7d28e17f72", "a9993e364706816aba3e25717850c26c9cd0d89d"


def read(content):
    return list(iwf.read(io.BytesIO(content.encode())))


@pytest.mark.parametrize("header", ["MD5,Category", "md5 hash,CATEGORY", "MD5_Hash,IWF Category", "\ufeffMD5,Grade"])
@pytest.mark.parametrize("category", ["A", "a", "Category A", "cat. A"])
def test_columns_and_categories_are_understood_in_many_spellings(header, category):
    content = f"{header}\n{MD5},{category}\n"
    assert read(content) == [ItemRow(2, "md5", MD5, "uk-sap", "A")]
    assert iwf.recognises(content.encode())


def test_a_record_has_a_row_for_each_fingerprint_and_columns_that_are_not_known_are_passed_over():
    assert read(f"Image ID;SHA-1;Remarks;MD5;Category\n7;{SHA1};SECRET;{MD5};B") == [
        ItemRow(2, "md5", MD5, "uk-sap", "B", reference="7"),
        ItemRow(2, "sha1", SHA1, "uk-sap", "B", reference="7"),
    ]


def test_a_photodna_beside_another_hash_bars_nothing():
    assert [row.signal for row in read(f"MD5,PhotoDNA,Category\n{MD5},AAAA,C\n,AAAA,C\n")] == ["md5", "photodna"]


@pytest.mark.parametrize(
    ("line", "why"),
    [(f"{MD5},D", "its category D is none of A, B, C"), (",A", "it has no hash"), (f"{MD5},5", "its category 5 is")],
)
def test_a_line_is_refused_with_its_reason_and_reading_goes_on(line, why):
    refused, row = read(f"MD5,Category\n{line}\n{MD5},\n")
    assert refused.why.startswith(why)
    assert (row.line, row.scheme) == (3, "")


def test_a_header_without_a_fingerprint_is_refused_as_a_whole():
    with pytest.raises(BadListFile, match="none of the columns MD5, SHA-1, SHA-256, PhotoDNA, PDQ; it has 'url'"):
        read("URL,Category\nx,A\n")


@pytest.mark.parametrize("header", [b"signal,value", b"MD5,SHA1", b"URL,Category", b"md5;image id;baseline"])
def test_other_tables_are_not_taken_for_it(header):
    assert not iwf.recognises(header + b"\n")


def test_what_is_written_keeps_the_category_and_the_reference():
    rows = [ItemRow(0, "sha1", SHA1, "uk-sap", "B", reference="+7"), ItemRow(0, "md5", MD5, "interpol", "baseline")]
    text = b"".join(iwf.render(rows)).decode()
    assert text.splitlines() == [
        "ID,MD5,SHA-1,SHA-256,PhotoDNA,PDQ,Category", f"'+7,,{SHA1},,,,B", f",{MD5},,,,,",
    ]  # fmt: skip
    assert [(row.code, row.reference) for row in read(text)] == [("B", "+7"), ("", "")]
