"""Whatever comes, in whichever batches and with whatever said in between: an item stands where its statements say."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase
from tests.program import sha256

from himaya.core import clock
from himaya.core.ports import ItemRow
from himaya.lists import organisations, services
from himaya.lists.admission import Rule, Word, standing
from himaya.lists.arrivals import Arrival, Voice, words
from himaya.lists.arrivals.revisions import Kind
from himaya.lists.models import HashList, Item, Portion, Statement, Subscription

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
VALUES = [sha256(str(n)) for n in range(4)]
MEMBERS = [("", ""), ("north", "NL"), ("south", "FR")]

one_row = st.tuples(
    st.integers(0, 3),
    st.sampled_from(["", "baseline"]),
    st.sampled_from(["k1", "k2", "k3"]),
    st.sampled_from(MEMBERS),
    st.sampled_from([None, NOW + timedelta(hours=1)]),
    st.booleans(),
)
batches = st.lists(st.lists(one_row, max_size=4), max_size=3)
kept = st.dictionaries(st.sampled_from(["k1", "k2", "k3"]), st.lists(st.integers(0, 3), max_size=2), max_size=3)
marks = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(["active", "disputed", "withdrawn"])), max_size=2)
ARRIVALS = st.tuples(st.sampled_from(["", "first", "second"]), batches, kept, marks, st.booleans())
RULES = st.sampled_from([(1, 1, 1), (2, 1, 1), (2, 2, 1), (1, 1, 2), (3, 2, 1)])


def source(hash_list: HashList, name: str) -> Voice:
    """A subscription's voice; that of this node where it has no name."""
    if not name:
        return Voice(organisations.own())
    who = organisations.named(name, by="system", jurisdiction="DE")
    made, _ = Subscription.objects.get_or_create(
        name=name,
        defaults={
            "list": hash_list, "organisation": who, "exchange": "file", "interval": 3600, "due_at": NOW,
            "created_at": NOW, "created_by": "system",
        },
    )  # fmt: skip
    return Voice(who, subscription=made.pk, members=True)


def row(n: int, code: str, key: str, member: tuple[str, str], until: datetime | None, negative: bool) -> ItemRow:
    return ItemRow(
        1, "sha256", VALUES[n], "interpol" if code else "", code, reference=key, negative=negative,
        organisation=member[0], jurisdiction=member[1], until=until,
    )  # fmt: skip


def mark(n: int, state: str) -> None:
    for item in Item.objects.filter(value=VALUES[n]).order_by("pk"):
        services.mark_item(item.pk, state=state, by="system", reason="As drawn.", benign=True)


def arrive(hash_list: HashList, name: str, parts: list[Any], told: dict[str, list[int]], marked: list[Any]) -> None:
    """One import; what is marked is marked while it is on its way."""
    with Arrival(hash_list, by="system", voice=source(hash_list, name), sweeps=False) as come:
        for some in parts:
            come.take([row(*one) for one in some])
        if name:
            come.keep_only({key: [("sha256", VALUES[n]) for n in named] for key, named in told.items()})
        for one in marked:
            mark(*one)
        come.weigh()
        come.publish()


def stands(item: Item, now: datetime) -> tuple[Any, ...]:
    """Where it stands by its statements alone."""
    said = Statement.objects.filter(item=item).select_related("organisation").order_by("pk")
    spoken = [
        Word(s.organisation_id, s.organisation.jurisdiction, s.act, s.until, s.key, s.organisation.own) for s in said
    ]
    one = item.list
    rule = Rule() if item.negative else Rule(one.organisations, one.jurisdictions, one.disputes)
    place = standing(spoken, rule, now=now)
    return place.state, place.vouching, place.organisation or item.organisation_id, place.until


def counted() -> Counter[Kind]:
    kinds = Item.objects.values_list(*Kind._fields).annotate(n=Count("pk")).order_by()
    return Counter({Kind(*kind): n for *kind, n in kinds})


def written() -> Counter[Kind]:
    rows = Portion.objects.exclude(number=0).values_list(*Kind._fields, "number")
    return Counter({Kind(*kind): n for *kind, n in rows})


def all_is_well(now: datetime) -> None:
    """Every item stands where its statements say, and is counted where it stands."""
    for item in Item.objects.select_related("list"):
        assert (item.state, item.agreement, item.organisation_id, item.until) == stands(item, now)
        lead = words.read([item.pk])[item.pk].leading(now)
        if lead and item.state != "withdrawn":
            assert (item.scheme, item.code) == (lead.scheme, lead.code)
    assert written() == counted()


class Standing(TestCase):
    """Over random imports of three voices, with marks in between."""

    @settings(max_examples=40, deadline=None)
    @given(RULES, st.lists(ARRIVALS, max_size=5))
    def test_after_any_imports_and_marks_every_item_stands_where_its_statements_say(
        self, rule: tuple[int, int, int], acts: list[Any]
    ) -> None:
        with clock.use(clock.SetClock(NOW)):
            made = services.create_list("hotline", by="system")
            made.organisations, made.jurisdictions, made.disputes = rule
            made.save()
            for name, parts, told, marked, before in acts:
                if before:
                    for one in marked:
                        mark(*one)
                arrive(made, name, parts, told, [] if before else marked)
                all_is_well(NOW)

    @settings(max_examples=25, deadline=None)
    @given(st.lists(one_row, max_size=6), kept)
    def test_what_a_source_does_not_tell_any_more_it_does_not_vouch_for(
        self, rows: list[Any], told: dict[str, list[int]]
    ) -> None:
        with clock.use(clock.SetClock(NOW)):
            made = services.create_list("hotline", by="system")
            arrive(made, "first", [rows], told, [])
            keys = {item.pk: item.value for item in Item.objects.all()}
            last = {
                (s.item_id, s.organisation_id, s.key): s.act
                for s in Statement.objects.filter(act__in=("vouch", "retract")).order_by("pk")
            }
            gone = [one for one in last if one[2] in told and keys[one[0]] not in {VALUES[n] for n in told[one[2]]}]
            assert all(last[one] == "retract" for one in gone)
            assert all(act == "vouch" for one, act in last.items() if one not in gone)
