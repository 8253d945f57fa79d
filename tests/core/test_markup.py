"""XML of strangers: piece by piece, with an end to everything."""

from __future__ import annotations

import tracemalloc

import pytest

from himaya.core.markup import DEEPEST, PIECES, BadMarkup, child, named, pieces, text, whole


def test_pieces_are_given_whole_with_the_name_of_what_is_around_them_and_let_go_of() -> None:
    content = b'<r xmlns="a:b"><x><one k="v"> 1 </one><two/></x><y><one><in>2</in></one></y></r>'
    seen = [
        (around, named(one), text(one), text(child(one, "in"))) for around, one in pieces(content, root="r", depth=2)
    ]
    assert seen == [("x", "one", "1", ""), ("x", "two", "", ""), ("y", "one", "", "2")]
    assert [named(one) for _, one in pieces(content, root="r")] == ["x", "y"]
    assert [child(one, "k") for one in whole(content, root="r")] == [None, None]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no element found"),
        (b"<r>", "no element found"),
        (b"<r></s>", "mismatched tag"),
        (b"<r/>x", "junk"),
        (b"<s/>", "begins with s, not with r"),
        (b"\xff\xfe\x00", "."),
        (b'<?xml version="1.0" encoding="no-such"?><r/>', "encoding"),
        (b'<?xml version="1.0" encoding="shift_jis"?><r/>', "encoding"),
        (b'<!DOCTYPE r [<!ENTITY a "b">]><r>&a;</r>', "DTD"),
        (b'<!DOCTYPE r SYSTEM "file:///etc/hosts"><r/>', "DTD"),
        (b"<r>&amp;&unknown;</r>", "undefined entity"),
        (b"<r>" + b"<a>" * DEEPEST + b"</a>" * DEEPEST + b"</r>", "more elements"),
        (b"<r>" + b"<a><b/></a>" * PIECES + b"</r>", ""),
        (b"<r><a>" + b"<b/>" * PIECES + b"</a></r>", "more elements"),
        (b"<r><a " + b"".join(b'k%d="" ' % n for n in range(9000)) + b"/></r>", "too long"),
    ],
)
def test_what_is_not_as_it_should_be_is_said_so_and_costs_little(content: bytes, words: str) -> None:
    tracemalloc.start()
    try:
        if not words:  # many pieces are well, as each is let go of
            assert sum(1 for _ in pieces(content, root="r")) == PIECES
        else:
            with pytest.raises(BadMarkup, match=words):
                list(pieces(content, root="r"))
        assert tracemalloc.get_traced_memory()[1] < 12 * 1024**2
    finally:
        tracemalloc.stop()
