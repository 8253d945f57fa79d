"""What is stored as a code, or was written in English by the program, is shown in the language of whoever reads it."""

from __future__ import annotations

import pytest
from django.utils import translation

from himaya.accounts.faces import Actors
from himaya.core.words import told
from himaya.evidence.demands.words import code_word
from himaya.evidence.reasons import listed
from himaya.evidence.words import MADE, basis, fact_value, made
from himaya.screening.preserving import LABEL
from himaya.site.pages.act_words import act_words

NOBODY = Actors([])


@pytest.fixture
def arabic() -> object:
    with translation.override("ar"):
        yield


@pytest.mark.django_db
@pytest.mark.usefixtures("arabic")
def test_in_arabic_no_code_of_a_step_is_shown() -> None:
    for name, value in (("how", "screened"), ("clock", "error_ms 7, source synchronised"), ("clock", "source system")):
        shown = fact_value(name, value, NOBODY)
        assert value not in shown
        assert any("\u0600" <= letter <= "\u06ff" for letter in shown), shown
    assert fact_value("to", "system", NOBODY) != "system"
    assert fact_value("rules", ["a", "b"], NOBODY) == "a، b"
    assert code_word("channel", "portal") != "portal"


@pytest.mark.django_db
def test_times_and_clocks_of_a_step_are_read_as_people_write_them() -> None:
    assert fact_value("met", "2026-01-15T14:00:05+02:00", NOBODY) == "15 Jan 2026, 12:00:05 UTC"
    assert fact_value("until", "whenever", NOBODY) == "whenever"
    assert fact_value("clock", "error_ms 7, source synchronised", NOBODY) == "kept right, at most 7 ms off"
    assert fact_value("clock", "somebody's watch", NOBODY) == "somebody's watch"
    assert fact_value("reason", "screened", NOBODY) == "screened"


def test_a_label_of_the_program_is_known_by_what_is_stored_and_one_of_a_person_stays() -> None:
    with translation.override("en"):
        assert made(LABEL) == LABEL
        assert made("file 3 of I-2026-000002") == "file 3 of I-2026-000002"
        assert made("file of a letter") == "file of a letter"
    assert LABEL in MADE


def test_a_legal_basis_is_said_in_words_and_an_unknown_one_stays() -> None:
    assert basis("legal-obligation") == "a legal obligation"
    assert basis("article 7") == "article 7"


def test_the_ledger_says_grounds_and_channels_of_a_demand_in_words() -> None:
    said = act_words("demand.refused", {"ground": "not-competent"})
    assert said == "Demand refused: The authority is not competent, or not for us"
    assert act_words("demand.amended", {"fields": "channel, scope"}) == "Demand put right: How it came, Scope"


def test_names_of_an_error_stand_behind_one_another_with_the_comma_of_the_language() -> None:
    arabic = {"{one}, {other}": "{one}، {other}"}
    several = listed(["a", "b", "c"], more=True)
    assert several == "a, b, c …"
    assert told(several, lambda text: arabic.get(text, text)) == "a، b، c …"
    assert listed(["a"]) == "a"


@pytest.mark.parametrize("n", [1, 2])
def test_the_ledger_counts_exhibits_without_a_wrong_plural(n: int) -> None:
    for act, facts in (
        ("demand.accepted", {"held": n}), ("demand.handing-over", {"answer": 3, "exhibits": n}),
        ("demand.held", {"n": n, "review_on": "2026-05-01"}), ("evidence.handed-over", {"bundle": "A", "exhibits": n}),
    ):  # fmt: skip
        assert act_words(act, facts).endswith(f": {n}")
