"""The states of a case: declared, and checked before anything can go wrong."""

from __future__ import annotations

import pytest

from himaya.cases.states import CASE, DECIDED, OPEN, WrongMove
from himaya.core.states import Graph, Move


def test_a_case_is_open_until_it_is_decided_and_can_be_opened_again() -> None:
    assert CASE.initial == OPEN
    assert CASE.after("decided", OPEN) == DECIDED
    assert CASE.after("reopened", DECIDED) == OPEN


@pytest.mark.parametrize(("act", "state"), [("decided", DECIDED), ("reopened", OPEN)])
def test_a_way_that_is_not_declared_is_refused_in_words(act: str, state: str) -> None:
    with pytest.raises(WrongMove, match=f"A case that is {state} cannot be {act}"):
        CASE.after(act, state)


def test_every_state_has_a_way_out() -> None:
    assert {state for move in CASE.moves for state in move.sources} == set(CASE.states)


@pytest.mark.parametrize(
    ("states", "moves", "words"),
    [
        (("a", "b"), (), r"cannot be reached: \['b'\]"),
        (
            ("a", "b", "c"),
            (Move("go", frozenset({"c"}), "b"), Move("come", frozenset({"b"}), "c")),
            "cannot be reached",
        ),
        (("a",), (Move("go", frozenset({"a"}), "b"),), r"unknown states: \['b'\]"),
        (("a",), (Move("go", frozenset({"x"}), "a"),), r"unknown states: \['x'\]"),
        (("b",), (Move("go", frozenset({"b"}), "b"),), r"unknown states: \['a'\]"),
        (("a",), (Move("go", frozenset({"a"}), "a"), Move("go", frozenset({"a"}), "a")), "one name"),
    ],
)
def test_a_graph_with_a_mistake_cannot_be_made(states: tuple[str, ...], moves: tuple[Move, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Graph(initial="a", states=states, moves=moves, wrong=WrongMove)
