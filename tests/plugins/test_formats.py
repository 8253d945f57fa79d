"""The promises that every list format keeps, and those of the two plain ones.

Some promises speak of lines: they are of the formats that are made of lines, and JSON keeps its own
(``tests/core/test_objects.py``).
"""

import io
import time
import tracemalloc
from itertools import islice
from string import ascii_lowercase, digits

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from himaya.core import registry
from himaya.core.lines import MAX_LINE
from himaya.core.ports import BadListFile, ItemRow, Refusal

FORMATS = list(registry.formats().values())
csv, hashes = registry.format_("csv"), registry.format_("hashes")
every_format = pytest.mark.parametrize("format_", FORMATS, ids=lambda f: f.name)
LINES = [format_ for format_ in FORMATS if "json" not in format_.media_type]
every_format_of_lines = pytest.mark.parametrize("format_", LINES, ids=lambda f: f.name)
NUMBERED = {"vics", "misp"}
"""Formats whose entries have a key by their nature, which is read as the reference."""

VALUE = "900150983cd24fb0d6963f7d28e17f72"


def read(format_, content):
    return list(format_.read(io.BytesIO(content)))


def refusal(content, format_=csv):
    with pytest.raises(BadListFile) as caught:
        read(format_, content)
    return caught.value.facts["why"]


def rendered(format_, rows):
    return b"".join(format_.render(rows))


names = st.builds(
    str.__add__, st.sampled_from(ascii_lowercase), st.text(ascii_lowercase + digits, min_size=1, max_size=9)
)
hex_values = st.text("0123456789abcdef", min_size=32, max_size=64)
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)


def row_of(*fields):
    """A row with these fields and no others: of a named tuple hypothesis would draw all."""
    return ItemRow(0, *fields)


bare_rows = st.builds(row_of, names, hex_values)


def carried(format_, rows):
    """Rows with a signal that the format has a place for."""
    kinds = format_.carries or (None,)
    return [row._replace(signal=kinds[n % len(kinds)] or row.signal) for n, row in enumerate(rows)]


full_rows = st.builds(row_of, names, hex_values, names, names, texts, texts, texts)


@every_format
def test_a_format_declares_itself(format_):
    assert format_.label
    assert format_.accepts
    assert all(ending.startswith(".") and ending == ending.lower() for ending in format_.accepts)
    assert "/" in format_.media_type


@every_format
@given(rows=st.lists(bare_rows, max_size=20))
def test_what_was_rendered_is_read_back(format_, rows):
    rows = carried(format_, rows)
    found = [row._replace(line=0, tells_class=True) for row in read(format_, rendered(format_, rows))]
    assert [row._replace(reference="") if format_.name in NUMBERED else row for row in found] == rows


@every_format
@given(rows=st.lists(bare_rows, min_size=1, max_size=5), place=st.integers(0, 4))
def test_what_is_known_to_be_benign_is_never_taken_for_the_contrary(format_, rows, place):
    rows = carried(format_, rows)
    place %= len(rows)
    rows[place] = rows[place]._replace(negative=True, note="a benign picture")
    found = read(format_, rendered(format_, rows))
    assert len(found) == len(rows) - (not any(row.negative for row in found))
    assert [row.value for row in found if not row.negative] == [row.value for row in rows if not row.negative]


@every_format
def test_a_signal_without_a_place_is_left_out(format_):
    rows = [ItemRow(0, "somethingelse", VALUE), ItemRow(0, "md5", VALUE)]
    assert len(read(format_, rendered(format_, rows))) == (1 if format_.carries else 2)


@every_format
@given(rows=st.lists(bare_rows, max_size=5))
def test_rendering_is_deterministic(format_, rows):
    assert rendered(format_, rows) == rendered(format_, rows)


@every_format
@given(content=st.binary(max_size=300))
@example(content=b'signal,value\n"')
@example(content=b'signal,value\n"\n"\n"a"b\n')
@example(content=b"signal,value\n\r\r\n")
@example(content=b"\xef\xbb\xbf")
@example(content=b"\xff\xfes\0i\0")
def test_any_bytes_are_read_or_refused_and_nothing_else(format_, content):
    try:
        rows = read(format_, content)
    except BadListFile:
        return
    assert all(isinstance(row, ItemRow | Refusal) for row in rows)


@every_format_of_lines
@given(tail=st.text(st.sampled_from('",;\n\r\0#: =\\ab1\ufeff'), max_size=60))
def test_any_text_after_a_good_header_is_taken_line_by_line(format_, tail):
    for row in read(format_, rendered(format_, []) + tail.encode()):
        assert 1 <= row.line <= 2 + tail.count("\n")
        assert isinstance(row, ItemRow) or (row.why and len(row.excerpt) <= 80 and row.excerpt.isprintable())


@every_format
def test_an_empty_file_is_refused_in_words(format_):
    assert refusal(b"", format_) == "it is empty"


@every_format
def test_utf16_is_refused_with_the_remedy(format_):
    assert refusal("signal,value\n".encode("utf-16"), format_) == "it is UTF-16 text; save it as UTF-8"


@every_format_of_lines
@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"md5,\0", "it contains a NUL character"),
        (b"md5,\xff", "it is not UTF-8 text: byte 0xff at position 5"),
        (b"md5," + b"a" * MAX_LINE, "it is longer than 2048 KiB"),
    ],
)
def test_a_bad_line_is_refused_by_its_number_and_reading_goes_on(format_, line, why):
    good = rendered(format_, [ItemRow(0, "md5", VALUE)])
    content = good + line + b"\n" + good.splitlines(keepends=True)[-1]
    first, refused, second = read(format_, content)
    assert (first.value, second.value) == (VALUE, VALUE)
    assert (first.line, refused.line, second.line) == (2, 3, 4)
    assert refused.why == why
    assert refused.excerpt.startswith("md5,")
    assert len(refused.excerpt) <= 80
    assert refused.excerpt.isprintable()


@every_format_of_lines
def test_ten_megabytes_in_one_field_are_refused_without_being_held(format_):
    head = rendered(format_, [])

    class Stream(io.RawIOBase):
        left = 10_000_000

        def readable(self):
            return True

        def readinto(self, buffer):
            if head_left := len(head) - self.sent:
                count = min(head_left, len(buffer))
                buffer[:count] = head[self.sent : self.sent + count]
                self.sent += count
                return count
            count = min(self.left, len(buffer))
            buffer[:count] = b"a" * count
            self.left -= count
            return count

        sent = 0

    tracemalloc.start()
    try:
        (refused,) = format_.read(io.BufferedReader(Stream()))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refused.why == "it is longer than 2048 KiB"
    assert peak < 5_000_000


@every_format
def test_rows_come_as_they_are_read(format_):
    def endless():
        while True:
            yield ItemRow(0, "md5", VALUE)

    chunks = format_.render(endless())
    assert len(list(islice(chunks, 3))) == 3


@every_format
def test_a_format_that_can_be_told_is_told_by_what_it_writes(format_):
    head = rendered(format_, [ItemRow(0, "md5", VALUE)])[:4096]
    by = [other.name for other in FORMATS if other.recognises(head)]
    assert by == ([] if format_ is hashes else [format_.name])


@every_format
@given(head=st.binary(max_size=100))
def test_any_beginning_is_told_or_not_and_nothing_else(format_, head):
    assert format_.recognises(head) in (True, False)


# --- CSV -------------------------------------------------------------------------------------------------------------


@given(rows=st.lists(full_rows, max_size=10))
@example(rows=[ItemRow(0, "md5", VALUE, "s", "c", "=SUM(A1)", "'=x", "''+")])
@example(rows=[ItemRow(0, "md5", VALUE, "s", "c", "a\r\nb", 'say "no"', "x\ry")])
def test_csv_gives_every_column_back(rows):
    assert [row._replace(line=0) for row in read(csv, rendered(csv, rows))] == rows


def test_csv_guards_a_spreadsheet_against_formulas():
    content = rendered(csv, [ItemRow(0, "md5", VALUE, note='=HYPERLINK("http://example.org")')])
    assert b"\"'=HYPERLINK(" in content


def test_csv_takes_a_mark_crlf_semicolons_and_columns_in_any_order():
    content = f"\ufeffNote; value ;signal\r\nA, b;{VALUE};md5\r\n".encode()
    assert read(csv, content) == [ItemRow(2, "md5", VALUE, note="A, b", tells_class=False)]


def test_csv_leaves_values_as_they_stand():
    assert read(csv, b"signal,value\n MD5 , ABC \n") == [ItemRow(2, " MD5 ", " ABC ", tells_class=False)]


def test_csv_passes_over_blank_lines_and_counts_them():
    assert [row.line for row in read(csv, b"signal,value\n\nmd5,1\r\n\r\nmd5,2")] == [3, 5]


def test_line_numbers_are_true_after_line_breaks_in_quotes():
    content = b'signal,value,note\nmd5,1,"a\nb\r\nc"\nmd5,2,d\nmd5,3\n'
    assert [row.line for row in read(csv, content)] == [2, 5, 6]


def test_a_quote_that_never_closes_costs_one_line():
    content = b'signal,value,note\nmd5,1,"open\n' + b"md5,2,x\n" * 3
    refused, *rows = read(csv, content)
    assert (refused.line, refused.why) == (2, "a quote is opened and never closed")
    assert [(row.line, row.value) for row in rows] == [(3, "2"), (4, "2"), (5, "2")]


def test_a_quote_that_closes_too_far_away_costs_one_line_of_a_long_file():
    content = b'signal,value,note\nmd5,1,"open\n' + b"md5,2,x\n" * 20_000
    kinds = [type(row) for row in read(csv, content)]
    assert kinds == [Refusal] + [ItemRow] * 20_000


def test_a_file_of_open_quotes_is_given_up_before_it_costs_much():
    content = b"signal,value\n" + b'x","y\n' * 20_000
    begun = time.process_time()
    assert refusal(content).startswith("too many quotes are opened and never closed, up to line ")
    assert time.process_time() - begun < 10  # reading on to the end from each of them takes minutes


def test_an_unreadable_line_inside_quotes_is_refused_as_itself():
    content = b'signal,value,note\nmd5,1,"open\nmd5,\0,\nmd5,2,x\n'
    assert [(row.line, type(row)) for row in read(csv, content)] == [(2, Refusal), (3, Refusal), (4, ItemRow)]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"md5", "it has 1 fields, the header has 2"),
        (b"md5,a,b", "it has 3 fields, the header has 2"),
        (b"md5, ", "the value is empty"),
        (b'md5,"a"b', "a closing quote is followed by more text"),
        (b"md5,a\rmd5,b", "a carriage return stands outside quotes"),
    ],
)
def test_a_csv_line_is_refused_with_its_reason(line, why):
    assert [row.why for row in read(csv, b"signal,value\n" + line + b"\n")] == [why]


@pytest.mark.parametrize(
    ("header", "why"),
    [
        (b"\n", "the header has no column signal and no column value; it has none"),
        (b"hash\n", "the header has no column signal and no column value; it has 'hash'"),
        (b"value,note\n", "the header has no column signal; it has 'value', 'note'"),
        (
            b"signal,value,Colour,x\n",
            (
                "the header has columns that are not known: 'colour', 'x'; "
                "known are signal, value, scheme, code, source, reference, note, negative"
            ),
        ),
        (b"signal,value,value\n", "the header names a column twice: 'signal', 'value', 'value'"),
        (b"signal,\0value\n", "it is not UTF-8 text"),
        (b'"signal,value\n', "the header cannot be read: a quote is opened and never closed"),
    ],
)
def test_a_csv_with_a_wrong_header_is_refused_as_a_whole(header, why):
    assert refusal(header + b"md5,1\n") == why


# --- plain files -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "signal", "value"),
    [
        ("abc123", "", "abc123"),
        ("  abc123\t", "", "abc123"),
        ("sha256:abc123", "sha256", "abc123"),
        ("PDQ: abc123", "pdq", "abc123"),
        ("abc123  holiday.jpg", "", "abc123"),
        ("abc123 *holiday.jpg", "", "abc123"),
        ("\\abc123  a\\nb.jpg", "", "abc123"),
        ("SHA256 (my (old) file.jpg) = abc123", "sha256", "abc123"),
        ("MD5(file)= abc123", "md5", "abc123"),
        ("kAFQmDzST7DWlj99KOF/cg==", "", "kAFQmDzST7DWlj99KOF/cg=="),
    ],
)
def test_a_plain_file_is_understood_in_every_common_spelling(line, signal, value):
    assert read(hashes, line.encode()) == [ItemRow(1, signal, value, tells_class=False)]


def test_comments_and_blank_lines_of_a_plain_file_are_counted_and_passed_over():
    assert read(hashes, b"# a comment\r\n\r\nabc\r\n  # more\r\n") == [ItemRow(3, "", "abc", tells_class=False)]


def test_file_names_are_left_behind():
    assert "holiday" not in repr(read(hashes, b"abc123  holiday.jpg"))
