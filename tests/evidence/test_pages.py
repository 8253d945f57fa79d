"""The console of evidence: what is kept, who may read it, by which law, until when."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from tests.browsing import messages, words
from tests.evidence.conftest import TERMS, Keep

from himaya.core import clock as now_of
from himaya.evidence import holding, queries
from himaya.evidence.models import Binding, Blob, Exhibit, Hold, Rule
from himaya.evidence.retention import note_occasion
from himaya.evidence.ruling import RuleTerms, set_rule
from himaya.ledger import queries as ledger

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
HOLD = {"authority": "A court", "review_on": "2026-06-01", "reason": "Letter 17"}
RULE = {
    "name": "lu-tips", "instrument": "A law", "jurisdiction": "LU", "basis": "legal-obligation", "occasions": ["tip"],
    "begins": "acquired", "minimum": "90 days", "after": "delete", "kept_class": "standard",
    "unlisted": "on",
}  # fmt: skip


def hold(about: str) -> Hold:
    day = now_of.now().date() + timedelta(days=30)
    return holding.place_hold(about, reason="Letter 17", authority="A court", review_on=day, by="person:1")


def test_exhibits_are_found_by_case_state_and_end(keep: Keep, sign_in: SignIn, clock: Any) -> None:
    one, two = keep(), keep("another", case="case:2")
    hold(two.about)
    client = sign_in("reviewer")
    clock.advance(timedelta(days=1))

    def found(query: str) -> set[str]:
        text = words(client.get(f"/evidence/{query}"))
        return {each.reference for each in (one, two) if each.reference in text}

    both = {one.reference, two.reference}
    assert found("") == found("?state=kept") == found("?ends=365") == both
    for query in ("?case=2", "?case=case:2", "?case=H-2026-000002", "?state=held"):
        assert found(query) == {two.reference}, query
    assert found("?ends=90") == found("?state=destroyed") == found("?case=x") == set()


def test_an_exhibit_s_page_tells_all_and_shows_nothing_of_it(keep: Keep, sign_in: SignIn, clock: Any) -> None:
    one = keep("the very text")
    hold("case:1")
    answer = sign_in("auditor").get(f"/evidence/exhibits/{one.pk}/")
    text = words(answer)
    for part in (one.reference, "us-reports 1 counts", "proved: 1 step", "A court", "18 USC 2258A(h)", "key:ab12cd34"):
        assert part in text, part
    assert one.digests["sha256"] in answer.content.decode()
    assert "the very text" not in answer.content.decode()
    assert "Ask for access" not in text


def test_the_picture_says_what_the_list_says(keep: Keep, sign_in: SignIn, clock: Any) -> None:
    one = keep()
    hold(one.about)
    clock.advance(timedelta(days=40))
    drawn = sign_in("lead").get(f"/evidence/exhibits/{one.pk}/").context["picture"]
    assert [mark.number for mark in drawn.marks] == [1]
    assert [(lane.kind, lane.open, lane.counts) for lane in drawn.lanes] == [
        ("least", False, True), ("hold", True, False)
    ]  # fmt: skip
    assert 10 < drawn.now < 13  # 40 days of 365
    assert drawn.solid == drawn.now
    assert drawn.until == 98.5
    assert "Held for: A court" in drawn.summary
    names = [name.strip("\u2068\u2069") for _, name, _ in drawn.ticks]
    assert names[0] == "15 Jan 2026"
    assert names[-1] == "15 Jan 2027"


def test_at_least_and_at_most_are_told_apart_by_shape_and_by_words(keep: Keep, sign_in: SignIn) -> None:
    ends = RuleTerms("A law on erasure", "LU", "legal-obligation", ["match"], maximum="3 years")
    set_rule("lu-erase", terms=ends, by="person:1")
    one = keep()
    answer = sign_in("lead").get(f"/evidence/exhibits/{one.pk}/")
    page = answer.content.decode()
    named = {lane.kind: re.sub("[\u2068\u2069]", "", lane.name) for lane in answer.context["picture"].lanes}
    assert named == {"least": "us-reports 1 (counts): at the least", "most": "lu-erase 1: at the most"}
    for shape in (
        'class="span span-least span-counts"',
        'class="span span-most"',
        'class="wall"',
        'd="M0 -3L8 4.5L0 12z"',
    ):
        assert shape in page, shape


def test_rules_that_collide_are_told(keep: Keep, sign_in: SignIn, clock: Any) -> None:
    ends = RuleTerms("A law on erasure", "LU", "legal-obligation", ["match"], maximum="30 days")
    set_rule("lu-erase", terms=ends, by="person:1")
    one = keep()
    assert one.review
    text = words(sign_in("lead").get(f"/evidence/exhibits/{one.pk}/"))
    assert "us-reports 1 keeps it for longer than lu-erase 1 allows" in text


def test_a_chain_that_does_not_hold_is_told_loudly(keep: Keep, sign_in: SignIn, monkeypatch: Any) -> None:
    one = keep()
    monkeypatch.setattr("himaya.evidence.custody.public_keys", dict)
    text = words(sign_in("lead").get(f"/evidence/exhibits/{one.pk}/"))
    assert "not proved" in text
    assert "The chain of custody does not hold" in text


def test_a_rotten_file_is_told_where_one_looks(keep: Keep, sign_in: SignIn) -> None:
    one = keep()
    Blob.objects.update(state="rotten")
    client = sign_in("auditor")
    assert "1 sealed file is rotten" in words(client.get("/evidence/"))
    assert one.reference in words(client.get("/evidence/?state=rotten"))
    assert "The sealed file is rotten" in words(client.get(f"/evidence/exhibits/{one.pk}/"))


def test_what_ends_next_says_what_happens_then(keep: Keep, sign_in: SignIn, clock: Any) -> None:
    one, two, three = keep(), keep("b", case="case:2"), keep("c", case="case:3")
    hold(two.about)
    Exhibit.objects.filter(pk=three.pk).update(review=True)
    client = sign_in("lead")
    clock.advance(timedelta(days=1))
    assert one.reference not in words(client.get("/evidence/ends/"))
    text = words(client.get("/evidence/ends/?days=365"))  # whose lead says that a hold keeps it
    assert [text.count(each) for each in ("it ends", "a hold keeps it", "a person looks at it first")] == [1, 2, 1]
    clock.advance(timedelta(days=366))
    assert client.get("/evidence/ends/").context["looks"][0]["one"] == three


def test_a_lead_renews_and_lets_end_and_says_why(keep: Keep, sign_in: SignIn, clock: Any) -> None:
    more = RuleTerms("L", "LU", "duty", ["match"], maximum="90 days", renewals=1, renewal="90 days", after="review")
    Rule.objects.all().delete()
    set_rule("lu", terms=more, by="person:1")
    one = keep(once="x")
    client, before = sign_in("lead"), Exhibit.objects.get(pk=one.pk).until
    assert client.post(f"/evidence/exhibits/{one.pk}/renew", {"rule": "lu"}).status_code == 422
    client.post(f"/evidence/exhibits/{one.pk}/renew", {"rule": "lu", "reason": "the court asked"})
    assert Exhibit.objects.get(pk=one.pk).until > before
    again = client.post(f"/evidence/exhibits/{one.pk}/renew", {"rule": "lu", "reason": "the court asked"})
    assert "they are used" in words(again)
    client.post(f"/evidence/exhibits/{one.pk}/let-end", {"reason": "nobody needs it"})
    assert not Exhibit.objects.get(pk=one.pk).review
    assert [entry.act for entry in ledger.entries(about=one.about)][:2] == ["evidence.reviewed", "evidence.renewed"]


def test_a_rule_is_set_gets_a_version_and_ends(sign_in: SignIn, clock: Any) -> None:
    client = sign_in("lead")
    assert "No rule was set" in words(client.get("/evidence/rules/"))
    assert client.post("/evidence/rules/new", {**RULE, "minimum": "long"}).status_code == 422
    unasked = client.post("/evidence/rules/new", {**RULE, "unlisted": ""})
    assert unasked.status_code == 422
    assert "the reference has none of that name for LU" in words(unasked)
    client.post("/evidence/rules/new", RULE)
    form = client.get("/evidence/rules/new?rule=lu-tips").context["form"]
    assert form.initial["minimum"] == "90 days"
    client.post("/evidence/rules/new", {**RULE, "minimum": "", "maximum": "1 year"})
    text = words(client.get("/evidence/rules/lu-tips/"))
    assert "version 2" in text
    assert "90 days" in text
    assert client.post("/evidence/rules/lu-tips/end", {}).status_code == 422
    client.post("/evidence/rules/lu-tips/end", {"reason": "the law lapsed"})
    assert not queries.rules_that_hold()
    assert client.get("/evidence/rules/nothing/").status_code == 404


def test_a_rule_begins_with_a_row_of_the_reference(sign_in: SignIn, db: None) -> None:
    client = sign_in("lead")
    assert "us-2258a-h-preserve" in client.get("/evidence/rules/new").content.decode()
    begun = client.get("/evidence/rules/new?limit=us-2258a-h-preserve").context["form"].initial
    assert (begun["jurisdiction"], begun["minimum"], begun["maximum"]) == ("US", "1 year", "")
    assert "2258A" in begun["instrument"]
    assert "us-2258a-h-preserve" in begun["note"]
    assert client.get("/evidence/rules/new?limit=nothing").status_code == 404


def test_a_hold_is_placed_told_when_it_is_late_and_lifted(keep: Keep, sign_in: SignIn, clock: Any) -> None:
    one, client = keep(), sign_in("lead")
    assert client.get(f"/evidence/holds/new?about={one.about}").context["form"].initial["about"] == one.about
    assert client.post("/evidence/holds/new", {**HOLD, "about": "exhibit:99"}).status_code == 422
    assert client.post("/evidence/holds/new", {**HOLD, "about": one.about}).status_code == 302
    held = Hold.objects.get()
    assert "stands" in words(client.get("/evidence/holds/"))
    clock.advance(timedelta(days=200))
    assert "to be reviewed" in words(client.get("/evidence/holds/"))
    assert client.post(f"/evidence/holds/{held.pk}/lift", {"reason": ""}).status_code == 422
    answer = client.post(f"/evidence/holds/{held.pk}/lift", {"reason": "Letter 18"}, follow=True)
    assert messages(answer) == ["Lifted. Its rules say again when it ends, a day later at the earliest."]
    assert "lifted" in words(client.get("/evidence/holds/?all=1"))
    assert client.post(f"/evidence/holds/{held.pk}/lift", {"reason": "Letter 18"}).status_code == 422


def test_a_list_of_many_asks_the_database_as_often_as_one_of_few(keep: Keep, sign_in: SignIn) -> None:
    client = sign_in("lead")
    counts = []
    for n in (2, 12):
        for each in range(n):
            keep(f"text {n} {each}", case=f"case:{each + 1}")
        for path in ("/evidence/", "/evidence/ends/?days=365"):
            client.get(path)
            with CaptureQueries() as seen:
                client.get(path)
            counts.append(seen.n)
    assert counts[:2] == counts[2:]


class CaptureQueries:
    """How many queries a block makes."""

    def __enter__(self) -> CaptureQueries:
        self.n, self._with = 0, connection.execute_wrapper(self._count)
        self._with.__enter__()
        return self

    def _count(self, execute: Any, *rest: Any) -> Any:
        self.n += 1
        return execute(*rest)

    def __exit__(self, *error: object) -> None:
        self._with.__exit__(*error)


def test_the_occasion_of_a_report_is_seen_on_the_page(keep: Keep, sign_in: SignIn, clock: Any) -> None:
    assert TERMS.begins == "acquired"
    set_rule("us-reported", terms=RuleTerms("L", "US", "duty", ["match"], "2 years", begins="reported"), by="person:1")
    one = keep()
    client = sign_in("lead")
    assert "it runs anew from then" in words(client.get(f"/evidence/exhibits/{one.pk}/"))
    clock.advance(timedelta(days=3))
    note_occasion("case:1", occasion="report", at=now_of.now(), by="system")
    assert Binding.objects.get(exhibit=one, rule__name="us-reported").begun
    assert "it runs anew from then" not in words(client.get(f"/evidence/exhibits/{one.pk}/"))


def test_the_page_of_whoever_asks_is_of_the_people_here(people: SimpleNamespace, keep: Keep, sign_in: SignIn) -> None:
    keep()
    assert sign_in("analyst").get("/evidence/").status_code == 403
    assert sign_in("admin").get("/evidence/").status_code == 403
