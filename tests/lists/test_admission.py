"""The admission rule: what has to have been said before an item counts. Pure, and searched for a case against it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from himaya.core.statements import ABSTAIN, ACTS, CONFIRM, DISPUTE, DOUBT, RESTORE, RETRACT, VOUCH, WITHDRAW
from himaya.lists.admission import (
    ACTIVE,
    DISPUTED,
    EXPIRED,
    MATCHING,
    PROPOSED,
    STEWARD,
    WITHDRAWN,
    Rule,
    Word,
    standing,
)

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
OURS = 1
PLACES = {1: "NL", 2: "NL", 3: "FR", 4: "DE", 5: ""}
"""Organisation → its jurisdiction; the first is the list's steward, the last names none."""

ends = st.sampled_from([None, NOW - HOUR, NOW, NOW + HOUR])


@st.composite
def words(draw: st.DrawFn, acts: tuple[str, ...] = tuple(ACTS)) -> Word:
    """Anything that one of five organisations may say, under one of three keys."""
    who, act = draw(st.sampled_from(sorted(PLACES))), draw(st.sampled_from(acts))
    key = draw(st.sampled_from(["", "a", "b"])) if act in (VOUCH, RETRACT) else ""
    until = draw(ends) if act not in (RETRACT, *STEWARD) else None
    borrowed = act in (VOUCH, RETRACT) and who != OURS and draw(st.booleans())
    return Word(who, PLACES[who], act, until, key, who == OURS, borrowed)


said = st.lists(words(), max_size=14)
rules = st.builds(Rule, st.integers(1, 4), st.integers(1, 4), st.integers(1, 3), st.booleans())


def word(who: int, act: str = VOUCH, *, until: datetime | None = None, key: str = "") -> Word:
    return Word(who, PLACES[who], act, until, key, who == OURS)


def state(*spoken: Word, rule: Rule | None = None) -> str:
    return standing(spoken, rule or Rule(), now=NOW).state


def vouching(spoken: list[Word]) -> set[int]:
    """Told plainly: whose last word under any of their keys is a vouch that has not ended. What is borrowed says as
    much as one organisation, and only where nobody else vouches.
    """
    back = {(one.organisation, one.key): n for n, one in enumerate(spoken) if one.act == RETRACT}
    stands = [one for n, one in enumerate(spoken) if one.act == VOUCH and n > back.get((one.organisation, one.key), -1)]
    last = {(one.organisation, one.key, one.borrowed): one for one in stands}
    lasting = [one for one in last.values() if not one.until or one.until > NOW]
    return {one.organisation for one in lasting if not one.borrowed} or {one.organisation for one in lasting[:1]}


# --- who has to vouch ------------------------------------------------------------------------------------------------


@given(said, rules)
def test_an_item_matches_only_if_enough_organisations_in_enough_named_jurisdictions_vouch(
    spoken: list[Word], rule: Rule
) -> None:
    found, who = standing(spoken, rule, now=NOW), vouching(spoken)
    sound = vouching([one for one in spoken if not one.borrowed])
    named = {PLACES[one] for one in sound} - {""}
    enough = len(who) >= rule.organisations and (rule.jurisdictions == 1 or len(named) >= rule.jurisdictions)
    steward = [one.act for one in spoken if one.own and one.act in STEWARD]
    assert (found.state in MATCHING) == (bool(who) and enough and steward[-1:] != [WITHDRAW])
    assert found.vouching == len(who)
    assert (found.organisation in who) if who else found.organisation == 0


@given(st.integers(1, 5), st.lists(st.sampled_from("abcdefgh"), min_size=1), st.integers(2, 9))
def test_one_organisation_under_many_keys_is_one(who: int, keys: list[str], n: int) -> None:
    spoken = [word(who, key=key) for key in keys]
    assert state(*spoken, rule=Rule(organisations=n)) == PROPOSED
    assert state(*spoken, rule=Rule(jurisdictions=n)) == PROPOSED
    assert standing(spoken, Rule(), now=NOW).vouching == 1


def test_two_organisations_of_one_country_are_one_jurisdiction_and_one_without_a_country_is_none() -> None:
    two = Rule(organisations=2, jurisdictions=2)
    assert state(word(1), word(2), rule=two) == PROPOSED
    assert state(word(1), word(5), rule=two) == PROPOSED
    assert state(word(1), word(3), rule=two) == ACTIVE


RANK = {WITHDRAWN: 0, EXPIRED: 0, PROPOSED: 1, DISPUTED: 2, ACTIVE: 2}


@given(said, st.integers(0, 14), words((VOUCH,)), rules)
def test_a_vouch_more_never_makes_less_of_an_item(spoken: list[Word], place: int, more: Word, rule: Rule) -> None:
    lasting = more._replace(until=None)
    at = min(place, len(spoken))
    before = standing(spoken, rule, now=NOW)
    # a vouch that another word of the same organisation follows is heard no more, and changes nothing
    after = standing([*spoken[:at], lasting, *spoken[at:]], rule, now=NOW)
    assert RANK[after.state] >= RANK[before.state]
    assert after.vouching >= before.vouching


@given(said, words((RETRACT,)), rules)
def test_a_retraction_never_makes_more_of_an_item(spoken: list[Word], less: Word, rule: Rule) -> None:
    before, after = standing(spoken, rule, now=NOW), standing([*spoken, less], rule, now=NOW)
    assert RANK[after.state] <= RANK[before.state]
    assert after.vouching <= before.vouching


@given(said, st.randoms(use_true_random=False), rules)
def test_in_which_order_different_organisations_speak_is_irrelevant(
    spoken: list[Word], chance: st.DataObject, rule: Rule
) -> None:
    each = [list(some) for _, some in groupby(sorted(spoken, key=lambda w: w.organisation), lambda w: w.organisation)]
    mixed: list[Word] = []
    while each:
        one = chance.choice(each)  # type: ignore[attr-defined]
        mixed.append(one.pop(0))
        each = [some for some in each if some]
    one, other = standing(spoken, rule, now=NOW), standing(mixed, rule, now=NOW)
    assert one._replace(organisation=0) == other._replace(organisation=0)


@given(said, rules, st.sampled_from(["organisations", "jurisdictions"]))
def test_a_stricter_rule_never_makes_more_of_an_item(spoken: list[Word], rule: Rule, which: str) -> None:
    stricter = replace(rule, **{which: getattr(rule, which) + 1})
    assert RANK[standing(spoken, stricter, now=NOW).state] <= RANK[standing(spoken, rule, now=NOW).state]


# --- withdrawn -------------------------------------------------------------------------------------------------------


@given(said, said, rules)
def test_what_the_steward_withdrew_is_withdrawn_until_the_steward_restores_it(
    before: list[Word], after: list[Word], rule: Rule
) -> None:
    later = [one for one in after if not (one.own and one.act in (RESTORE, DOUBT))]
    assert state(*before, word(OURS, WITHDRAW), *later, rule=rule) == WITHDRAWN
    plain = [one for one in (*before, *later) if one.act not in STEWARD]
    again = standing([*before, word(OURS, WITHDRAW), *later, word(OURS, RESTORE)], rule, now=NOW)
    assert again == standing(plain, rule, now=NOW)


@given(said, rules)
def test_nobody_else_withdraws_or_restores(spoken: list[Word], rule: Rule) -> None:
    without = [one for one in spoken if one.own or one.act not in STEWARD]
    assert standing(spoken, rule, now=NOW) == standing(without, rule, now=NOW)


def test_what_nobody_vouches_for_any_more_is_withdrawn_and_what_nobody_vouches_for_in_time_is_expired() -> None:
    assert state() == WITHDRAWN
    assert state(word(3), word(3, RETRACT)) == WITHDRAWN
    assert state(word(3, until=NOW - HOUR)) == EXPIRED
    assert state(word(3, until=NOW - HOUR), word(3, RETRACT)) == WITHDRAWN
    assert state(word(3, until=NOW - HOUR), word(4)) == ACTIVE


def test_what_is_taken_back_is_gone_however_it_was_said_and_by_whomever_it_is_taken_back() -> None:
    for vouch in (False, True):
        for back in (False, True):
            said = (word(3)._replace(borrowed=vouch), word(3, RETRACT)._replace(borrowed=back))
            assert state(*said) == WITHDRAWN
            assert state(*said, word(4, CONFIRM)) == WITHDRAWN
            assert state(*said, word(3)._replace(borrowed=True)) == ACTIVE


# --- votes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("votes", "disputes", "wanted"),
    [
        ([(3, DISPUTE)], 1, DISPUTED),
        ([(3, DISPUTE)], 2, ACTIVE),
        ([(3, DISPUTE), (4, DISPUTE)], 2, DISPUTED),
        ([(3, DISPUTE), (3, DISPUTE)], 2, ACTIVE),
        ([(3, DISPUTE), (4, CONFIRM)], 1, ACTIVE),
        ([(3, DISPUTE), (5, DISPUTE), (4, CONFIRM)], 1, DISPUTED),
        ([(3, DISPUTE), (3, ABSTAIN)], 1, ACTIVE),
        ([(3, DISPUTE), (3, CONFIRM)], 1, ACTIVE),
        ([(3, CONFIRM), (3, DISPUTE)], 1, DISPUTED),
        ([(OURS, DISPUTE)], 3, DISPUTED),
        ([(OURS, DISPUTE), (3, CONFIRM), (4, CONFIRM)], 3, DISPUTED),
        ([(OURS, DISPUTE), (OURS, ABSTAIN)], 1, ACTIVE),
    ],
)
def test_disputes_and_confirmations_are_weighed(votes: list[tuple[int, str]], disputes: int, wanted: str) -> None:
    assert state(word(2), *(word(*one) for one in votes), rule=Rule(disputes=disputes)) == wanted


@pytest.mark.parametrize(
    ("votes", "disputes", "wanted"),
    [
        ([(OURS, DISPUTE)], 1, DISPUTED),
        ([(OURS, DISPUTE)], 2, ACTIVE),
        ([(OURS, DISPUTE), (3, CONFIRM)], 1, ACTIVE),
        ([(OURS, DISPUTE), (3, DISPUTE)], 2, DISPUTED),
        ([(OURS, DOUBT)], 3, DISPUTED),
        ([(OURS, DOUBT), (OURS, CONFIRM), (3, CONFIRM)], 3, DISPUTED),
        ([(OURS, DOUBT), (OURS, RESTORE)], 1, ACTIVE),
        ([(3, DOUBT)], 1, ACTIVE),
    ],
)
def test_on_a_common_list_our_vote_is_one_among_others_and_the_steward_s_mark_stands_apart(
    votes: list[tuple[int, str]], disputes: int, wanted: str
) -> None:
    rule = Rule(disputes=disputes, common=True)
    assert state(word(2), *(word(*one) for one in votes), rule=rule) == wanted


def test_a_vote_is_no_vouch_and_makes_nothing_active() -> None:
    assert state(word(3, CONFIRM), word(4, CONFIRM)) == PROPOSED
    assert state(word(2), word(3, CONFIRM), rule=Rule(organisations=2)) == PROPOSED
    assert state(word(2), word(3, DISPUTE), rule=Rule(organisations=2)) == PROPOSED


def test_a_vote_that_has_ended_is_heard_no_more() -> None:
    assert state(word(2), word(3, DISPUTE, until=NOW - HOUR)) == ACTIVE
    assert state(word(2), word(3, DISPUTE, until=NOW + HOUR)) == DISPUTED


# --- time ------------------------------------------------------------------------------------------------------------


@given(said, rules)
def test_until_the_named_moment_an_item_stands_where_it_stands(spoken: list[Word], rule: Rule) -> None:
    found = standing(spoken, rule, now=NOW)
    assert found.until is None or found.until > NOW
    just_before = (found.until or NOW + 9 * HOUR) - timedelta(microseconds=1)
    assert standing(spoken, rule, now=just_before) == found
    if found.until is None:
        assert all(not one.until or one.until <= NOW or heard_no_more(one, spoken) for one in spoken)


def heard_no_more(one: Word, spoken: list[Word]) -> bool:
    """Whether its organisation said something else on the matter later, or it never was on one of these matters."""
    same = {VOUCH: (VOUCH, RETRACT)}.get(one.act, (CONFIRM, DISPUTE, ABSTAIN))
    later = [w for w in spoken if (w.organisation, w.key) == (one.organisation, one.key) and w.act in same]
    return not later or later[-1] is not one
