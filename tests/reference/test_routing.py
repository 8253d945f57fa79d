"""Whom to tell: what is suggested stands in a row that holds, and what is not known is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from himaya.core.countries import COUNTRIES, MEMBERS
from himaya.core.periods import Period
from himaya.core.reference import TABLES, Contact, TimeLimit
from himaya.core.reference.contacts import TAKES_REPORTS
from himaya.core.reference.editions import shipped
from himaya.core.reference.limits import CONCERNED, RECIPIENTS, STANDINGS
from himaya.core.reference.routing import BEARERS, BOUND, FORCES, LEGALITIES, WHYS, Route, Situation, route, sources

DAY = date(2026, 11, 29)
LIMITS: list[TimeLimit] = [TABLES["limits"].made(key, row) for key, row in shipped("limits").items()]
CONTACTS: list[Contact] = [TABLES["contacts"].made(key, row) for key, row in shipped("contacts").items()]


def ask(ours: str, bearer: str, **more: object) -> Route:
    return route(Situation(ours=ours, bearer=bearer, on=DAY, **more), limits=LIMITS, contacts=CONTACTS)  # type: ignore[arg-type]


def named(found: Route) -> list[tuple[str, str, str]]:
    return [(one.contact.key, one.force, one.limit.key if one.limit else "") for one in found.suggestions]


NCMEC = ("us-hotline-ncmec-cybertipline", "duty", "us-2258a-a-report")


def test_a_provider_in_the_united_states_tells_ncmec_as_soon_as_it_can() -> None:
    found = ask("US", "provider", host="DE", user="FR")
    assert named(found)[0] == NCMEC
    clocks = [one.limit for one in found.suggestions[0].clocks]
    assert clocks[0].words == "as soon as reasonably possible"
    assert [one.key for one in clocks] == ["us-2258a-a-report", "int-cybertipline-finish"]
    assert {one[1] for one in named(found)[1:]} == {"open"}


def test_a_hotline_hands_what_is_hosted_abroad_to_that_countrys_hotlines_by_iccam() -> None:
    found = ask("NL", "hotline", host="DE")
    assert named(found) == [
        ("de-hotline-eco-fsm-beschwerdestelle", "agreement", "int-iccam-hosting"),
        ("de-hotline-jugendschutz-net", "agreement", "int-iccam-hosting"),
    ]
    assert {one.contact.iccam for one in found.suggestions} == {"32"}


def test_what_a_hotline_finds_at_home_is_not_handed_over_and_not_told_to_itself() -> None:
    found = ask("NL", "hotline", host="NL")
    assert named(found) == [("nl-authority-atkm", "open", "")]
    assert {(one.why, (one.contact or one.limit).key) for one in found.left} >= {  # type: ignore[union-attr]
        ("host-ours", "int-iccam-hosting"),
        ("ourselves", "nl-hotline-offlimits-meldpunt"),
    }


def test_a_host_in_the_union_tells_the_authority_of_the_state_concerned_where_life_is_in_danger() -> None:
    found = ask("NL", "hosting", host="DE", user="FR", danger=True)
    assert named(found)[0] == ("fr-police-pharos", "duty", "eu-dsa-18-suspicion")
    assert found.suggestions[0].clocks[0].limit.words == "promptly"
    assert ("nobody", "DE") in {(one.why, one.place) for one in found.unknown}
    calm = ask("NL", "hosting", host="DE", user="FR")
    assert "duty" not in {one.force for one in calm.suggestions}
    assert ("danger", "eu-dsa-18-suspicion") in {(one.why, one.limit.key) for one in calm.left if one.limit}


def test_where_neither_host_nor_user_is_in_the_union_the_own_state_is_concerned() -> None:
    found = ask("FR", "hosting", host="SN", danger=True)
    assert named(found)[0] == ("fr-police-pharos", "duty", "eu-dsa-18-suspicion")


def test_a_provider_that_does_not_say_whether_it_hosts_is_asked() -> None:
    found = ask("NL", "provider", host="DE", danger=True)
    assert ("maybe-bearer", "eu-dsa-18-suspicion") in {(one.why, one.limit.key) for one in found.left if one.limit}


def test_a_country_of_which_nothing_is_known_is_said_plainly() -> None:
    found = ask("NL", "hotline", host="SN")
    assert found.suggestions == ()
    assert [(one.why, one.place) for one in found.unknown] == [("no-hotline", "SN"), ("nothing", "SN")]
    assert [one.why for one in ask("", "hotline").unknown] == ["nowhere"]


def test_without_a_hotline_the_police_of_the_country_take_it_or_interpols_bureau_reaches_them() -> None:
    assert named(ask("NL", "hotline", host="IN"))[0] == ("in-hotline-iwf-reporting-portal", "open", "")
    ncb = replace(CONTACTS[0], key="own-nl-1", country="NL", kind="interpol-ncb", name="NCB")
    asked = Situation(ours="NL", bearer="hotline", host="SN", on=DAY)
    assert named(route(asked, limits=LIMITS, contacts=[*CONTACTS, ncb])) == [("own-nl-1", "open", "")]


def test_what_is_harmful_and_not_illegal_is_told_to_nobody() -> None:
    found = ask("US", "provider", host="DE", legality="harmful", danger=True)
    assert (found.suggestions, [one.why for one in found.unknown]) == ((), ["harmful"])
    assert ("legality", "us-2258a-a-report") in {(one.why, one.limit.key) for one in found.left if one.limit}


def test_a_law_that_is_not_verified_asks_for_nothing_and_is_named() -> None:
    found = ask("GB", "platform", host="GB")
    assert "duty" not in {one.force for one in found.suggestions}
    assert ("not-verified", "gb-osa-66-report") in {(one.why, one.limit.key) for one in found.left if one.limit}


def test_a_clock_ends_where_the_law_names_a_number_and_somebody_says_when_it_became_known() -> None:
    at = datetime(2026, 11, 29, 8, tzinfo=UTC)
    law = replace(next(one for one in LIMITS if one.key == "us-2258a-a-report"), period=Period(48, "hours"))
    asked = Situation(ours="US", bearer="provider", on=DAY, since=at)
    first = route(asked, limits=[law], contacts=CONTACTS).suggestions[0]
    assert first.clocks[0].due == at + timedelta(hours=48)
    other = replace(law, trigger="removal order")
    assert route(asked, limits=[other], contacts=CONTACTS).suggestions[0].clocks[0].due is None, (
        "from an order, not now"
    )
    assert route(replace(asked, since=None), limits=[law], contacts=CONTACTS).suggestions[0].clocks[0].due is None


def test_whoever_a_row_names_is_there_and_every_bearer_of_a_row_with_a_recipient_is_known() -> None:
    keys = {one.key for one in CONTACTS}
    for one in LIMITS:
        assert one.recipient in ("", *RECIPIENTS) or one.recipient in keys, one.key
        assert not one.recipient or one.bearer in (*BOUND, "reporter"), one.key
    assert set().union(*BOUND.values()) <= set(BEARERS)
    assert len(MEMBERS["EU"]) == 27
    assert MEMBERS["EU"] <= set(COUNTRIES)


PLACES = st.sampled_from(["", "US", "NL", "DE", "FR", "GB", "IN", "SN", "IT"])
SITUATIONS = st.builds(
    Situation, ours=PLACES, bearer=st.sampled_from(list(BEARERS)), host=PLACES, user=PLACES, danger=st.booleans(),
    legality=st.sampled_from(list(LEGALITIES)), on=st.dates(date(2020, 1, 1), date(2030, 1, 1)),
)  # fmt: skip
DATES = st.none() | st.dates(date(2020, 1, 1), date(2030, 1, 1))
LAWS = st.lists(
    st.builds(
        replace, st.sampled_from(LIMITS), jurisdiction=st.sampled_from(["US", "NL", "EU", "INT", "DE"]),
        bearer=st.sampled_from([*BOUND, "reporter", "a stranger"]), standing=st.sampled_from(list(STANDINGS)),
        valid_from=DATES, valid_to=DATES, occasion=st.sampled_from(["", "danger"]),
        recipient=st.sampled_from(["", *RECIPIENTS, "us-hotline-ncmec-cybertipline", "own-us-9"]),
    ),
    max_size=6, unique_by=lambda one: one.key,
)  # fmt: skip
SOME = st.lists(st.sampled_from([one for one in CONTACTS if one.kind != "helpline"]), unique_by=lambda one: one.key)


@settings(max_examples=150, deadline=None)
@given(SITUATIONS, LAWS, SOME, st.randoms())
def test_every_suggestion_rests_on_rows_that_hold_and_silence_is_explained(
    asked: Situation, laws: list[TimeLimit], contacts: list[Contact], chance: object
) -> None:
    found = route(asked, limits=laws, contacts=contacts)
    chance.shuffle(laws)  # type: ignore[attr-defined]
    chance.shuffle(contacts)  # type: ignore[attr-defined]
    again = route(asked, limits=laws, contacts=contacts)
    assert found.suggestions == again.suggestions
    assert set(found.left) == set(again.left)
    in_use = {("limits", one.key) for one in laws} | {("contacts", one.key) for one in contacts}
    assert len({one.contact.key for one in found.suggestions}) == len(found.suggestions)
    for one in found.suggestions:
        assert set(sources(one)) <= in_use
        assert one.force in FORCES
        assert (one.limit is None) is (one.force == "open")
        assert one.limit is not None or one.contact.kind in (*TAKES_REPORTS, "emergency", "interpol-ncb")
        for law in [clock.limit for clock in one.clocks]:
            assert law.standing == "in-force"
            assert law.holds_on(asked.on)
            assert asked.acts_in(law.jurisdiction)
            assert law.occasion == "" or asked.danger
            assert law.bearer == "reporter" or asked.bearer in BOUND[law.bearer]
        if one.limit and one.limit.recipient == CONCERNED:
            assert one.contact.kind in ("police", "authority")
    assert found.suggestions or found.unknown or found.left
    assert {one.why for one in (*found.unknown, *found.left)} <= set(WHYS)
    if asked.legality == "harmful":
        assert found.suggestions == ()


@pytest.mark.parametrize("recipient", ["Not A Key", "-x", "x" * 81])
def test_a_recipient_is_a_key(recipient: str) -> None:
    field = TABLES["limits"].field("recipient")
    assert field is not None
    assert field.wrong(recipient)
