"""VICS 1.3 and 2.0: what is read, what is refused unread, and what stays behind."""

from __future__ import annotations

import io
import json
import subprocess
import sys

import pytest

from himaya.core import registry
from himaya.core.config import config
from himaya.core.ports import BadListFile, ItemRow, Refusal

vics = registry.format_("vics")
MD5, SHA1 = "900150983CD24FB0D6963F7D28E17F72", "A9993E364706816ABA3E25717850C26C9CD0D89D"
PDQ = "f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22"
V13 = {"odata.metadata": "http://github.com/ICMEC/ProjectVic/DataModels/1.3.xml#{what}"}
V20 = {"@odata.context": "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/{region}/$metadata#{what}"}


def media(number=1, **fields):
    return {"MediaID": number, "Category": 1, "MD5": MD5, **fields}


def document(*given, version=V20, region="US", what="Media"):
    (name, address), *_ = version.items()
    value = list(given) if what == "Media" else [{"CaseID": "1", "ContactName": "Duty Officer", "Media": list(given)}]
    return {name: address.format(region=region, what=what), "value": value}


def read(content):
    data = content if isinstance(content, bytes) else json.dumps(content, indent=1).encode()
    return list(vics.read(io.BytesIO(data)))


def hashes(content):
    return [(row.signal, row.value) for row in read(content)]


@pytest.fixture
def categories(monkeypatch):
    """Lets an operator say which categories of other regions count."""

    def say(*given):
        monkeypatch.setenv("HIMAYA_VICS_CATEGORIES", json.dumps(given))
        config.cache_clear()

    yield say
    config.cache_clear()


@pytest.mark.parametrize("version", [V13, V20], ids=["1.3", "2.0"])
@pytest.mark.parametrize("what", ["Cases", "Media"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["bare", "with a mark"])
def test_both_versions_in_both_shapes_are_read(categories, version, what, mark):
    categories(":1")
    content = document(media(), media(2, SHA1=SHA1), version=version, what=what)
    rows = read(mark + json.dumps(content).encode())
    assert [(row.signal, row.value, row.reference) for row in rows] == [
        ("md5", MD5, "1"), ("md5", MD5, "2"), ("sha1", SHA1, "2"),
    ]  # fmt: skip
    assert vics.recognises(mark + json.dumps(content).encode()[:200])


def test_the_whole_of_a_media_is_told_by_its_reference_and_line():
    others = [
        {"MD5": MD5, "HashName": "PDQ", "HashValue": PDQ},
        {"MD5": MD5, "HashName": "SHA-256", "HashValue": "ab" * 32},
        {"MD5": MD5, "HashName": "md5", "HashValue": MD5},
        {"HashName": None},
        "x",
    ]
    rows = read(document(media(7, AlternativeHashes=others)))
    assert rows == [
        ItemRow(4, signal, value, "vic-us", "1", reference="7")
        for signal, value in (("md5", MD5), ("pdq", PDQ), ("sha256", "ab" * 32))
    ]


def test_several_media_of_one_md5_are_all_told():
    assert hashes(document(media(1), media(2), media(3))) == [("md5", MD5)] * 3


def test_photodna_beside_another_hash_bars_nothing_and_alone_it_is_told():
    dna = "A" * 192
    assert hashes(document(media(PhotoDNA=dna))) == [("md5", MD5)]
    assert hashes(document(media(MD5=None, PhotoDNA=dna))) == [("photodna", dna)]


@pytest.mark.parametrize("number", [1, "1", " 1 "])
def test_numbers_are_taken_as_numbers_and_as_strings(number):
    assert read(document(media(number, Category=number))) == [
        ItemRow(4, "md5", MD5, "vic-us", "1", reference="1"),
    ]  # fmt: skip


OTHERS = pytest.mark.parametrize(
    ("version", "region", "named", "told"),
    [(V20, "UK", "UK:2", "UK"), (V20, "CUSTOM", "CUSTOM:2", "CUSTOM"), (V13, "", ":2", "not stated")],
)


@OTHERS
def test_categories_of_other_regions_are_refused_unless_the_operator_says_that_they_count(
    categories, version, region, named, told
):
    content = document(media(Category=2), media(2, Category=3), version=version, region=region)
    assert all(isinstance(one, Refusal) and "vics_categories" in one.why for one in read(content))
    categories(named)
    row, refused = read(content)
    assert (row.scheme, row.code, row.note) == ("", "", f"VICS category 2 of region {told}")
    assert isinstance(refused, Refusal)
    assert "category, 3," in refused.why


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["bare", "with a mark"])
@pytest.mark.parametrize("what", ["Cases", "Media"])
def test_the_context_counts_wherever_it_stands(what, mark):
    content = document(media(Category=0), media(2), media(3, Category=5), what=what)
    last = dict(reversed(content.items()))
    assert list(last) == ["value", "@odata.context"]
    refused, row, other = read(mark + json.dumps(last, indent=1).encode())
    assert isinstance(refused, Refusal)
    assert isinstance(other, Refusal)
    assert (row.scheme, row.code, row.reference) == ("vic-us", "1", "2")


def test_a_file_that_names_two_regions_is_refused_as_a_whole():
    content = document(media()) | {"odata.metadata": V20["@odata.context"].format(region="UK", what="Media")}
    with pytest.raises(BadListFile, match="it names two data models"):
        read(content)


@pytest.mark.parametrize("category", [0, "0", 4, 5])
def test_what_the_file_says_is_not_of_a_list_is_refused(category):
    (refused,) = read(document(media(Category=category)))
    assert isinstance(refused, Refusal)
    assert f"category, {category}," in refused.why


@pytest.mark.parametrize("category", [None, True, [], {}])
def test_no_category_is_no_class(category):
    (row,) = read(document(media(Category=category)))
    assert (row.scheme, row.code, row.note) == ("", "", "")


def test_a_picture_in_it_is_refused_and_its_media_is_taken():
    refused, row, other = read(document(media(5, Miniature="AAAA"), media(6, Miniature="")))
    assert refused == Refusal(4, "the picture (Miniature) of Media 5 was not read", "5")
    assert (row.reference, other.reference) == ("5", "6")


def test_what_may_be_about_a_person_stays_behind():
    private = {
        "Series": "SECRET", "Comments": "SECRET", "Tags": "SECRET", "RelativeFilePath": "..\\SECRET\\a.png",
        "VictimIdentified": "true", "OffenderIdentified": None, "IsDistributed": True, "DateUpdated": "/Date(0)/",
        "MediaSize": "12", "Exifs": [{"PropertyName": "Artist", "PropertyValue": "SECRET"}],
        "MediaFiles": [{"FileName": "SECRET", "FilePath": "/SECRET", "Created": "2026-01-01T00:00:00Z"}],
    }  # fmt: skip
    rows = read(document(media(**private)))
    assert rows == read(document(media()))
    assert "SECRET" not in repr(rows)


@pytest.mark.parametrize("broken", [{"MD5": ""}, {"MD5": None}, {"MD5": 5.5}, {"MD5": [MD5]}, {"MD5": "x\0y"}])
def test_a_media_without_a_hash_is_refused_and_the_next_one_is_read(broken):
    refused, row = read(document(media(**broken), media(2)))
    assert refused.why in ("it has no hash", "its hash is too long or no text")
    assert (refused.excerpt, row.reference) == ("Media 1", "2")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ({}, "it names no data model"),
        ([], "it names no data model"),
        ({"value": 5}, "it names no data model"),
        ({"@odata.context": "http://example.org/$metadata#Users", "value": []}, "it names another data model"),
        ({"@odata.context": 5}, "it names another data model"),
    ],
)
def test_another_document_is_refused_as_a_whole(content, why):
    with pytest.raises(BadListFile) as caught:
        read(content)
    assert caught.value.facts["why"].startswith(why)


def test_what_is_written_has_the_shape_of_vics_2_0():
    rows = [ItemRow(0, "md5", MD5.lower(), "vic-us", "1"), ItemRow(0, "pdq", PDQ, "uk-sap", "A", "hotline-x")]
    told = json.loads(b"".join(vics.render(rows)))
    assert told["@odata.context"].endswith("/2.0.xml/US/$metadata#Media")
    first, second = told["value"]
    assert (first["MediaID"], first["Category"], first["MD5"]) == (1, 1, MD5.lower())
    assert (second["MediaID"], second["Category"], second["MD5"]) == (2, None, None)
    assert second["AlternativeHashes"] == [{"MD5": None, "HashName": "PDQ", "HashValue": PDQ}]
    assert second["PrecategorizationSource"] == "hotline-x"
    assert [row.code for row in read(told)] == ["1", ""]


def test_a_picture_of_200_megabytes_is_passed_over_in_little_memory():
    program = """
import io, resource
from himaya.core import registry
PLUGIN = registry.format_("vics")
registry.signals()
now = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (now + 50 * 1024 * 1024,) * 2)
class File(io.RawIOBase):
    parts = [b'{"@odata.context": "http://x/ProjectVic/DataModels/2.0.xml/US/$metadata#Media", "value": [',
             b'{"MediaID": 1, "Miniature": "', 200 * 1024 * 1024, b'", "MD5": "MD5-VALUE"}]}']
    def readable(self): return True
    def readinto(self, buffer):
        if not self.parts: return 0
        part = self.parts[0]
        if isinstance(part, int):
            n = min(part, len(buffer)); buffer[:n] = b'A' * n; self.parts[0] -= n
            if not self.parts[0]: self.parts.pop(0)
            return n
        n = min(len(part), len(buffer)); buffer[:n] = part[:n]; self.parts[0] = part[n:]
        if not self.parts[0]: self.parts.pop(0)
        return n
for row in PLUGIN.read(io.BufferedReader(File())): print(type(row).__name__, getattr(row, "value", ""))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["Refusal ", "ItemRow MD5-VALUE"], done.stderr
