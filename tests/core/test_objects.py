"""JSON documents of strangers, object by object, in constant memory."""

from __future__ import annotations

import io
import json
import resource
import subprocess
import sys
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from himaya.core import objects
from himaya.core.objects import EACH, EVERY, MAX_TEXT, UNREAD, Found
from himaya.core.ports import BadListFile, Refusal

ITEMS = {("value", EACH): None}
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=5), inner), max_leaves=10
)


def read(content, wanted=ITEMS, **how):
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    return list(objects.read(io.BytesIO(data), wanted, format="test", **how))


def refusal(content):
    with pytest.raises(BadListFile) as caught:
        read(content)
    return caught.value.facts["why"]


@given(st.lists(st.dictionaries(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), values)))
def test_objects_come_as_they_stand(given_values):
    assert [found.value for found in read({"value": given_values})] == given_values


@given(st.lists(st.dictionaries(st.sampled_from("abc"), values), max_size=4), st.integers(1, 40))
def test_it_is_the_same_in_pieces_of_any_size(given_values, size):
    content = json.dumps({"value": given_values}, ensure_ascii=False).encode()

    class Slow(io.BytesIO):
        def readline(self, limit=-1):
            return super().readline(size)

    assert [f.value for f in objects.read(Slow(content), ITEMS, format="test")] == given_values


def test_what_is_wanted_inside_what_is_wanted_is_told_of_by_itself():
    wanted = {("value", EACH): frozenset({"a"}), ("value", EACH, "Media", EACH): frozenset({"b"}), ("kind",): None}
    content = {"kind": "k", "value": [{"a": 1, "x": [[{}]], "Media": [{"b": 2, "c": 3}]}]}
    assert read(content, wanted) == [
        Found(1, ("kind",), "k"),
        Found(1, ("value", EACH, "Media", EACH), {"b": 2}),
        Found(1, ("value", EACH), {"a": 1}),
    ]


@pytest.mark.parametrize("content", [{"objects": [{"a": 1}], "more": True}, [], None, 5, {"objects": 5}])
def test_the_whole_document_may_be_wanted_without_what_is_told_of_by_itself(content):
    *inner, whole = read(content, {(): frozenset({"more", "objects"}), ("objects", EACH): None})
    expected = {**content, "objects": []} if inner else content
    assert (whole.path, whole.value) == ((), expected)


def test_every_name_of_an_object_may_be_wanted_one_by_one():
    content = {"one": {"a": 1}, "two": [1, {"b": 2}], "three": 5, "more": {"c": 3, "d": 4}}
    wanted = {(): frozenset({"three"}), (EVERY,): None, ("more",): frozenset({"d"})}
    found = [(one.path, one.value) for one in read(content, wanted)]
    assert found == [(("one",), {"a": 1}), (("two",), [1, {"b": 2}]), (("three",), 5), (("more",), {"d": 4}), ((), {})]
    assert [one.value for one in read([{"a": 1}, 2], {(): None, (EVERY,): None})] == [[{"a": 1}, 2]]


def test_an_object_stands_on_the_line_on_which_it_begins():
    assert [f.line for f in read(b'{"value": [\n{"a": 1},\n\n{"a":\n2}, {}\n]}')] == [2, 4, 5]


def test_strings_that_are_not_to_be_read_are_not_kept():
    assert read({"value": [{"picture": "AAAA", "a": "b"}]}, unread=frozenset({"picture"}))[0].value == {
        "picture": UNREAD,
        "a": "b",
    }
    assert read(b'{"value": [{"a": "x\\u0000y"}]}')[0].value == {"a": UNREAD}


@pytest.mark.parametrize("unit", [b"a", b'\\"', b"\\\\", b"\\u0061", "é".encode(), "\U0001f600".encode()], ids=repr)
@pytest.mark.parametrize("offset", range(7))
def test_a_string_that_is_too_long_is_cut_out_and_what_is_around_it_is_read(unit, offset):
    long = b"." * offset + unit * (3 * MAX_TEXT // len(unit))
    content = b'{"value": [{"a": "1"}, {"a": "' + long + b'", "b": "2"}, {"a": "3"}]}'
    assert [found.value for found in read(content)] == [{"a": "1"}, {"a": UNREAD, "b": "2"}, {"a": "3"}]


@pytest.mark.parametrize("unit", ["a", '"', "\\", "é"])
def test_a_string_as_long_as_a_value_may_be_is_taken(unit):
    text = unit * (MAX_TEXT // 2 - 100_000)
    assert read(json.dumps({"value": [{"a": text}]}, ensure_ascii=False).encode())[0].value == {"a": text}


def test_an_entry_without_end_is_refused_and_reading_goes_on():
    content = b'{"value": [{"a": [' + b"1," * 2_000_000 + b'1]}, {"a": 2}]}'
    tracemalloc.start()
    try:
        refused, good = read(content)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert isinstance(refused, Refusal)
    assert good.value == {"a": 2}
    assert peak < 60_000_000


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"\xef\xbb\xbf", "it is not JSON"),
        ("{}".encode("utf-16"), "it is UTF-16 text; save it as UTF-8"),
        (b"[" * 100, "it is nested deeper than 64 levels"),
        (b'{"value": [' + b"9" * 100_000, "it has a number of thousands of digits"),
        (b'{"value": [', "it is not JSON"),
        (b'{"value": []} x', "it is not JSON"),
        (b'{"value": [{"a": "\xff"}]}', "it is not JSON"),
        (b'{"value": [' + b"9" * 5000 + b"]}", "it is not JSON"),
    ],
)
def test_what_is_no_document_is_refused_as_a_whole(content, why):
    assert refusal(content).startswith(why)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_and_nothing_else(content):
    for start in (b"", b'{"value": [', b'{"value": [{"a": "'):
        try:
            found = read(start + content)
        except BadListFile:
            continue
        assert all(isinstance(one, Found | Refusal) for one in found)


def test_a_picture_of_200_megabytes_in_a_string_needs_no_memory():
    program = """
import io, resource
resource.setrlimit(resource.RLIMIT_AS, (MOST, MOST))
from himaya.core import objects
class Big(io.RawIOBase):
    left, head, tail = 200 * 1024 * 1024, b'{"value": [{"b": "1", "a": "', b'", "c": "2"}]}'
    def readable(self): return True
    def readinto(self, buffer):
        if self.head:
            n = len(self.head); buffer[:n] = self.head; self.head = b''; return n
        if self.left:
            n = min(self.left, len(buffer)); buffer[:n] = b'A' * n; self.left -= n; return n
        n = len(self.tail); buffer[:n] = self.tail; self.tail = b''; return n
(one,) = objects.read(io.BufferedReader(Big()), {("value", objects.EACH): None}, format="test")
print(one.value)
"""
    limit = 100 * 1024 * 1024
    done = subprocess.run(
        [sys.executable, "-c", program.replace("MOST", str(limit))], capture_output=True, text=True, check=False
    )
    assert done.stdout == "{'b': '1', 'a': UNREAD, 'c': '2'}\n", done.stderr
    assert resource.getrlimit(resource.RLIMIT_AS)[0] != limit


def test_what_is_written_is_json_in_pieces():
    pieces = list(objects.write(b'{"value": [', ({"n": n, "text": "é" * 50} for n in range(5000)), b"]}"))
    assert len(pieces) > 3
    assert [found.value["n"] for found in read(b"".join(pieces))] == list(range(5000))
    assert json.loads(b"".join(objects.write(b"[", [], b"]"))) == []
