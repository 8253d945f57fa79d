"""Clock, faults, documents and errors: what every room stands on."""

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from himaya.core import clock, errors, faults
from himaya.core.documents import Document, FingerprintFact, MatchFact, SightingFact, VerdictFact
from himaya.core.errors import HimayaError
from himaya.core.ports import MaybeSent, NotSent, Scheme

AT = datetime(2026, 11, 24, 12, tzinfo=UTC)


# --- clock -----------------------------------------------------------------------------------------------------------


def test_the_clock_tells_the_time_in_utc():
    assert clock.now().tzinfo is UTC
    assert abs(clock.now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_a_set_clock_stands_still_until_it_is_moved():
    with clock.use(clock.SetClock(AT)) as hands:
        assert clock.now() == clock.now() == AT
        hands.advance(timedelta(hours=-1))
        assert clock.now() == AT - timedelta(hours=1)


def test_after_an_error_the_clock_before_is_back():
    with clock.use(clock.SetClock(AT)):
        with pytest.raises(KeyError), clock.use(clock.SetClock(AT + timedelta(1))):
            raise KeyError
        assert clock.now() == AT
    assert clock.now() != AT


# --- faults ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def disarmed():
    yield
    faults.arm("")


def test_a_point_that_is_not_armed_does_nothing(disarmed):
    faults.arm("elsewhere:raise")
    assert faults.point("here") is None


def test_a_point_fails_from_the_pass_it_is_told(disarmed):
    faults.arm("here:raise@3")
    faults.point("here")
    faults.point("here")
    with pytest.raises(faults.InjectedFault, match="here"):
        faults.point("here")


def test_several_points_are_armed_at_once(disarmed):
    faults.arm("one:raise, two:sleep=0.05")
    began = time.monotonic()
    faults.point("two")
    assert time.monotonic() - began >= 0.05
    with pytest.raises(faults.InjectedFault):
        faults.point("one")


def test_a_killed_process_dies_as_if_the_power_went():
    program = "from himaya.core import faults; faults.point('here'); faults.point('here'); print('alive')"
    environment = os.environ | {"HIMAYA_FAULT": "here:kill@2", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert done.stdout == b""


# --- documents -------------------------------------------------------------------------------------------------------

times = st.datetimes(timezones=st.just(UTC))
words = st.text(max_size=20)
documents = st.builds(
    Document,
    st.sampled_from(["report", "notice"]),
    words,
    words,
    words,
    times,
    st.builds(VerdictFact, words, words, words, words, times),
    st.lists(st.builds(FingerprintFact, words, words, st.none() | st.integers(0, 100)), max_size=3).map(tuple),
    st.lists(
        st.builds(MatchFact, words, words, words, st.integers(0, 64), st.integers(0, 64), words, words, words),
        max_size=3,
    ).map(tuple),
    st.lists(st.builds(SightingFact, times, words, words), max_size=3).map(tuple),
)


@given(document=documents)
def test_a_document_survives_json(document):
    assert Document.from_json(json.loads(json.dumps(document.as_json()))) == document


def test_a_document_keeps_its_moment_in_any_zone():
    east = timezone(timedelta(hours=3))
    document = Document("report", "k", "c", "n", AT.astimezone(east), VerdictFact("s", "c", "l", "r", AT))
    assert Document.from_json(document.as_json()).made_at == AT


@pytest.mark.parametrize("data", [{}, {"verdict": None}, {"verdict": {"decided_at": "yesterday"}}])
def test_what_is_not_a_document_is_not_read(data):
    with pytest.raises((KeyError, TypeError, ValueError)):
        Document.from_json(data)


# --- errors ----------------------------------------------------------------------------------------------------------


class LostKey(HimayaError):
    """The key {name!r} is lost,
    and nobody has another.
    """

    remedy = "Make a new key for {name}."
    status = 410


def test_the_docstring_of_an_error_is_its_message():
    assert str(LostKey(name="front")) == "The key 'front' is lost, and nobody has another."


@pytest.mark.parametrize(
    ("name", "code"), [("NotAFile", "not-a-file"), ("NotADemo", "not-a-demo"), ("UnknownList", "unknown-list")]
)
def test_the_name_of_an_error_for_machines_has_its_words(name: str, code: str) -> None:
    assert type(name, (HimayaError,), {}).code() == code


def test_an_error_has_a_name_for_machines_and_a_remedy_for_people():
    error = LostKey(name="front")
    assert error.code() == "lost-key"
    assert error.diagnostics() == f"{error}\nMake a new key for front."
    assert HimayaError().diagnostics() == "Something went wrong."


def test_a_fact_that_the_message_needs_cannot_be_forgotten():
    with pytest.raises(KeyError, match="name"):
        LostKey()


def test_facts_with_braces_are_not_templates():
    assert "{evil}" in str(LostKey(name="{evil}"))
    assert "{evil}" in LostKey(name="{evil}").diagnostics()


@pytest.mark.parametrize(
    "error", [e for e in vars(errors).values() if isinstance(e, type) and issubclass(e, HimayaError)]
)
def test_every_error_has_a_message_and_a_status_that_is_one(error):
    assert error.template().endswith(".")
    assert 400 <= error.status <= 599


def test_not_sent_says_whether_trying_again_can_help():
    assert not NotSent(why="busy").permanent
    assert NotSent(why="no such user", permanent=True).permanent
    assert "this key arrived" in MaybeSent(why="cut").diagnostics()


def test_a_scheme_without_that_code_says_none():
    scheme = Scheme()
    scheme.codes = ()
    assert scheme.get("A") is None
