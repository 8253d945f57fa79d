"""What signatories of another Himaya think of items is followed, and leaves alone what they vouch for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.configured import configured
from tests.federation.hostile import Line
from tests.repositories import ORGANISATION, OTHER, TERMS, said

from himaya.core.repository import files
from himaya.core.statements import Statement as Word
from himaya.lists import organisations, services, subscribing
from himaya.lists.models import Item, Statement

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("nothing_published")]
FIRST, SECOND = said(50)[:2]


@pytest.fixture
def line(db: None, tmp_path: Path) -> Iterator[Line]:
    """Fifty statements of one signatory, whose members are believed; another one signs, too."""
    made = Line(tmp_path)
    with made.shelf.serving() as made.url:
        made.follow()
        subscribing.change("theirs", by="system", members=True)
        made.run()
        yield made


def word(act: str, of: Word = FIRST, *, by: str = ORGANISATION, reason: str = "looked at again") -> Word:
    return replace(of, act=act, organisation=by, scheme="", code="", basis="unstated", reason=reason)


def tells(line: Line, state: int, *words: Word, by: str = ORGANISATION, whole: bool = False) -> None:
    """A file with these words is published, and read here."""
    path = line.folder / f"{by}-{state}"
    how: dict[str, Any] = {"terms": TERMS, "organisation": by, "sequence": state}
    if whole:
        files.write_full(path, words, **how)
    else:
        files.write_delta(path, words, since=state - 1, **how)
    line.stage.made.publish(by, path)
    line.run()


def state(of: Word = FIRST) -> str:
    return Item.objects.get(list__name="from-theirs", value=of.value).state


def acts(by: str = ORGANISATION, of: Word = FIRST) -> list[str]:
    rows = Statement.objects.filter(item__value=of.value, organisation__name=by).order_by("pk")
    return list(rows.values_list("act", flat=True))


def test_a_signatory_s_dispute_makes_its_own_item_disputed_and_takes_nothing_back(line: Line) -> None:
    tells(line, 2, FIRST, word("dispute"))
    assert (state(), acts()) == ("disputed", ["vouch", "dispute"])
    assert Statement.objects.get(act="dispute").reason == "looked at again"


def test_a_vote_alone_neither_replaces_nor_retracts_the_vouch(line: Line) -> None:
    tells(line, 2, word("dispute"))
    assert (state(), acts()) == ("disputed", ["vouch", "dispute"])
    item = Item.objects.get(value=FIRST.value)
    assert (item.scheme, item.code) == ("interpol", "baseline")


def test_a_vote_that_is_taken_back_goes(line: Line) -> None:
    tells(line, 2, word("dispute"))
    tells(line, 3, word("abstain"))
    assert (state(), acts()) == ("active", ["vouch", "dispute", "abstain"])


def test_a_vouch_that_is_taken_back_leaves_the_vote(line: Line) -> None:
    tells(line, 2, word("confirm"))
    tells(line, 3, word("retract"))
    assert (state(), acts()) == ("withdrawn", ["vouch", "confirm", "retract"])


def test_another_signatory_votes_in_its_own_name(line: Line) -> None:
    tells(line, 1, word("dispute", by=OTHER), by=OTHER, whole=True)
    assert (state(), acts(), acts(OTHER)) == ("disputed", ["vouch"], ["dispute"])
    tells(line, 2, word("confirm"))
    assert state() == "active"  # as many confirm it
    tells(line, 3, word("abstain"))
    assert state() == "disputed"  # what the one does takes nothing back of the other
    assert state(SECOND) == "active"


def test_whoever_tells_everything_takes_back_the_votes_that_it_does_not_tell(line: Line) -> None:
    tells(line, 1, word("dispute", by=OTHER), word("confirm", SECOND, by=OTHER), by=OTHER, whole=True)
    tells(line, 2, word("confirm", SECOND, by=OTHER), by=OTHER, whole=True)
    assert (state(), acts(OTHER)) == ("active", ["dispute", "abstain"])
    assert acts(OTHER, SECOND) == ["confirm"]


def test_the_same_vote_told_again_is_nothing_new(line: Line) -> None:
    tells(line, 2, word("dispute"))
    before = Statement.objects.count()
    tells(line, 3, word("dispute"))
    assert Statement.objects.count() == before


def test_a_vote_may_come_before_the_word_that_it_is_about(line: Line) -> None:
    new = said(1, seed=9)[0]
    tells(line, 1, word("dispute", new, by=OTHER), by=OTHER, whole=True)
    assert state(new) == "proposed"
    tells(line, 2, new)
    assert (state(new), acts(of=new)) == ("disputed", ["vouch"])


def test_a_source_whose_members_are_not_believed_votes_as_itself(line: Line) -> None:
    subscribing.change("theirs", by="system", members=False)
    tells(line, 2, word("dispute"))
    assert state() == "disputed"
    assert Statement.objects.get(act="dispute").organisation.name == "theirs"


def test_nobody_votes_in_our_own_name(line: Line) -> None:
    with configured(organisation=OTHER):
        assert organisations.own().name == OTHER
        tells(line, 1, word("dispute", by=OTHER), by=OTHER, whole=True)
        assert (state(), acts(OTHER)) == ("active", [])


def test_a_value_that_is_none_is_counted_and_makes_no_item(line: Line) -> None:
    before = Item.objects.count()
    tells(line, 2, replace(word("dispute"), signal="md5", value="0" * 40))
    assert Item.objects.count() == before
    assert line.one.told["refused"] == 1


def test_on_a_common_list_one_signatory_s_dispute_counts_as_one(line: Line) -> None:
    services.change_list("from-theirs", by="system", disputes=2)
    tells(line, 2, word("dispute"))
    assert state() == "active"
    tells(line, 1, word("dispute", by=OTHER), by=OTHER, whole=True)
    assert state() == "disputed"
