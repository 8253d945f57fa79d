"""One publisher's list in the place of another of its lists: all are signed with the same keys, and never mixed up."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.federation import native
from tests.federation.conftest import fill, make, md5

from himaya.core.exchange import SourceTrouble
from himaya.federation.native import publishing
from himaya.lists import subscribing
from himaya.lists.models import HashList, Item

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("nothing_published")]


def stick(of: HashList, to: Path) -> Path:
    publishing.publish(of)
    publishing.write_bundle(of, to / of.name, by="person:1")
    return to / of.name


def test_a_stick_with_another_list_of_the_same_publisher_is_refused_and_the_right_one_is_taken_after_it(
    filled: HashList, holders: native.Holders, tmp_path: Path
) -> None:
    other = make("other")
    fill(other, [("md5", md5("0"))])
    right = stick(filled, tmp_path)
    for _ in range(5):  # of higher versions than the right one
        wrong = stick(other, tmp_path)
    options = {"address": "https://node.example/exchange/himaya/hotline", "key": "k", "root": holders.root.decode()}
    subscribing.subscribe("by-stick", to=make("from-there"), exchange="himaya", options=options, by="person:1")
    with pytest.raises(SourceTrouble, match="is of the list other, and this follows the list hotline"):
        subscribing.run(subscribing.find("by-stick"), stick=wrong)
    assert not Item.objects.filter(list__name="from-there").exists()
    subscribing.run(subscribing.find("by-stick"), stick=right)
    there = Item.objects.filter(list__name="from-there", state="active").values_list("value", flat=True)
    assert set(there) == set(Item.objects.filter(list=filled).values_list("value", flat=True))
