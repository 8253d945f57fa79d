"""Where another Himaya is followed, a person's own mistake looks like a mistake, and not like an attack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.federation.hostile import Line
from tests.repositories import Keys

from himaya.core.config import config
from himaya.core.exchange import SourceTrouble
from himaya.core.notes import NOTE, SigningKey
from himaya.core.words import Said, told, unpacked
from himaya.ledger.queries import entries
from himaya.lists import services, subscribing
from himaya.lists.subscribing import BadSubscription, NotFromHere

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("nothing_published")]


def troubled(line: Line) -> dict[str, str]:
    """What the subscription tells after a round that failed: ``what`` and ``remedy``."""
    with pytest.raises(SourceTrouble):
        line.run()
    found: dict[str, Any] = line.one.trouble
    assert ".." not in found["what"] + found["remedy"]
    return found


def test_an_address_at_which_there_is_no_such_list_is_a_wrong_address_and_no_attack(line: Line) -> None:
    line.follow("typo", url=f"{line.url}/elsewhere")
    found = troubled(line)
    assert "answers 404: there is no such list for this key." in found["what"]
    assert "[" not in found["what"]
    assert "Check the address" in found["remedy"]
    assert "shared with this one and switched on" in found["remedy"]


def test_a_wrong_root_may_be_the_one_that_was_pinned_here(line: Line) -> None:
    line.stage.root = Keys().new_root()
    line.follow("other-root")
    found = troubled(line)
    assert "[forged]" in found["what"]
    assert "the root.json that is pinned here is not theirs" in found["remedy"]


def test_what_cannot_be_trusted_is_told_in_the_language_of_whoever_reads_it(line: Line) -> None:
    line.stage.root = Keys().new_root()
    line.follow("other-root")
    said, asked = troubled(line)["said"], []
    for kept in (said["what"], said["remedy"]):
        text = unpacked(kept)
        assert isinstance(text, Said)
        told(text, lambda english: asked.append(english) or english)
    assert "What {source} serves is not signed by enough keys: {why}." in asked
    assert "{file} was signed by {n} of {m} keys" in asked
    assert not [one for one in asked if "127.0.0.1" in one]


def test_a_file_that_is_no_bundle_is_an_error_for_whoever_brought_it_and_changes_nothing(
    line: Line, tmp_path: Path
) -> None:
    wrong = tmp_path / "b.himaya"
    wrong.write_bytes(b"no bundle")
    before = line.one
    assert subscribing.vouched(before) == 50
    with pytest.raises(SourceTrouble, match="no bundle"):
        subscribing.run(before, stick=wrong)
    after = line.one
    names = ("trouble", "failures", "failed_at", "due_at", "began_at", "checkpoint", "rounds")
    assert [getattr(after, name) for name in names] == [getattr(before, name) for name in names]
    assert subscribing.health(after).state == "fine"
    assert not entries(act="subscription.failed").exists()


def test_a_list_that_comes_by_stick_alone_is_followed_without_being_read(line: Line) -> None:
    to = services.create_list("by-stick", by="system")
    told_ = {"address": "https://north.example/exchange/himaya/known", "key": "", "root": line.stage.root.decode()}
    made = subscribing.subscribe("by-stick", to=to, exchange="himaya", options=told_, by="system", enabled=False)
    assert subscribing.health(made).state == "paused"
    assert "by-stick" not in {one.name for one in iter(subscribing.claim, None) if one}


LOG = SigningKey("north.example/log", NOTE, bytes([9]) * 32)


@pytest.mark.parametrize(
    ("option", "value", "why"),
    [
        ("root", "root.json", "give what stands in the file root.json, not its name"),
        ("address", "north.example/exchange/himaya/known", "must begin with https://"),
        ("address", "ftp://north.example/known", "must begin with https://"),
        ("address", "http://north.example/known", "--private"),
        ("log", "localhost/log/xx", "it is no verifier key of Ed25519"),
        ("witnesses", str(LOG.verifier), "these are keys of logs and not of witnesses"),
    ],
)
def test_a_wrong_option_is_told_before_anything_is_saved(line: Line, option: str, value: str, why: str) -> None:
    to = services.create_list("wrong", by="system")
    options = {"address": "https://north.example/exchange/himaya/known", "key": "k", "root": line.stage.root.decode()}
    with pytest.raises(BadSubscription) as caught:
        subscribing.subscribe("wrong", to=to, exchange="himaya", options={**options, option: value}, by="system")
    [flaw] = caught.value.errors
    assert flaw["where"] == option
    assert why in flaw["why"]
    assert not subscribing.subscriptions(to).exists()


def test_a_directory_of_the_node_itself_is_no_source(line: Line) -> None:
    to = services.create_list("own", by="system")
    options = {"directory": str(config().data / "lists"), "path": "a.csv"}
    with pytest.raises(BadSubscription) as caught:
        subscribing.subscribe("own", to=to, exchange="file", options=options, by="system", private=True)
    assert caught.value.errors[0]["where"] == "directory"
    with pytest.raises(NotFromHere) as near:
        subscribing.subscribe("own", to=to, exchange="file", options=options, by="system")
    assert "--private" in near.value.remedy
