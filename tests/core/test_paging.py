"""Cursors come back as they went out, and nothing else is one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from himaya.core import paging
from himaya.core.errors import BadCursor


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_cursor_comes_back_as_its_key(key: int) -> None:
    assert paging.decode("items", paging.encode("items", key)) == key


@given(st.text(min_size=1))
def test_what_was_not_given_out_is_refused(text: str) -> None:
    with pytest.raises(BadCursor):
        paging.decode("items", text)


def test_the_cursor_of_another_listing_is_refused() -> None:
    with pytest.raises(BadCursor):
        paging.decode("items", paging.encode("cases", 7))


def test_the_empty_cursor_is_the_beginning() -> None:
    assert paging.decode("items", "") == 0


def test_a_page_says_whether_more_follows() -> None:
    shown, cursor = paging.page([1, 2, 3], "n", limit=2, key=int)
    assert (shown, cursor and paging.decode("n", cursor)) == ([1, 2], 2)
    assert paging.page([1, 2], "n", limit=2, key=int) == ([1, 2], None)
    assert paging.page([], "n", limit=2, key=int) == ([], None)
