"""One list does not wait for another: neither for its damage, nor for witnesses that are asked about it."""

from __future__ import annotations

import fcntl
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from tests.federation import native
from tests.federation.conftest import fill, item, make, md5
from tests.log.conftest import OtherNode, other_node
from tests.sources import Answer, Asked

from himaya.core.repository.publishing import Repository
from himaya.federation.models import Served
from himaya.federation.native import publishing
from himaya.federation.native.keys import directory
from himaya.ledger.models import Turn
from himaya.lists import voting
from himaya.lists.models import HashList

pytestmark = pytest.mark.django_db(transaction=True)
__all__ = ["other_node"]


@pytest.fixture
def lists(clock: Any, holders: native.Holders) -> list[HashList]:
    """Three that are published."""
    made = [make(name) for name in ("alpha", "beta", "gamma")]
    for one in made:
        fill(one, [("md5", md5(one.name))])
        publishing.publish(one)
    return made


def signed(name: str) -> Any:
    return Repository(directory() / name).store.timestamp().signed.expires


def test_a_damaged_repository_stops_the_renewal_of_no_other(lists: list[HashList], clock: Any) -> None:
    before = signed("gamma")
    Turn.objects.all().delete()
    (directory() / "beta/metadata/timestamp.json").write_text("{")
    clock.advance(timedelta(hours=20))
    assert publishing.publish_due()
    assert signed("gamma") > before
    noted = Served.objects.get(list__name="beta")
    assert noted.trouble["remedy"]
    assert Served.objects.filter(trouble={}).count() == 2


def test_a_damaged_repository_keeps_a_new_root_from_no_other_and_gets_it_once_it_is_restored(
    lists: list[HashList], holders: native.Holders
) -> None:
    stamp = directory() / "beta/metadata/timestamp.json"
    whole = stamp.read_bytes()
    stamp.write_text("{")
    holders.install()
    versions = {one.name: Repository(directory() / one.name).store.root().signed.version for one in lists}
    assert versions == {"alpha": 2, "beta": 1, "gamma": 2}
    assert Served.objects.get(list__name="beta").trouble["code"] == "not-renewed"
    stamp.write_bytes(whole)
    publishing.publish(lists[1])
    assert Repository(directory() / "beta").store.root().signed.version == 2


def test_what_was_not_renewed_is_told_until_it_is(lists: list[HashList], clock: Any) -> None:
    clock.advance(timedelta(hours=20))
    held = Repository(directory() / "beta")
    assert not publishing._tend(held, held.renew)  # the keys are not at hand
    assert Served.objects.get(list__name="beta").trouble["code"] == "not-renewed"
    publishing.publish(lists[1])  # nothing is new, which mends nothing
    assert Served.objects.get(list__name="beta").trouble["code"] == "not-renewed"
    Turn.objects.all().delete()
    assert publishing.publish_due()
    assert Served.objects.get(list__name="beta").trouble == {}


class Watching(OtherNode):
    """A witness that tries, while it is asked, whether somebody else could publish."""

    tried: list[bool]

    def answer(self, asked: Asked) -> Answer:
        with (directory() / ".publishing").open("wb") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.tried.append(True)
            except BlockingIOError:
                self.tried.append(False)
        return super().answer(asked)


def test_whoever_publishes_holds_up_nobody_while_witnesses_are_asked(
    lists: list[HashList], other_node: Callable[..., OtherNode]
) -> None:
    node = other_node("slow")
    node.__class__, node.tried = Watching, []  # type: ignore[attr-defined]
    voting.vote(item(lists[0], md5("alpha")).pk, opinion="confirm", by="system", reason="looked at again")
    assert publishing.publish(lists[0])
    assert node.tried == [True] * len(node.asked)  # type: ignore[attr-defined]
    assert node.asked


def test_what_somebody_else_published_meanwhile_stands(
    lists: list[HashList], other_node: Callable[..., OtherNode]
) -> None:
    """The second one begins while the first asks the witness; both have the same to say."""
    alpha, node, came = lists[0], other_node("slow"), list[bool]()
    voting.vote(item(alpha, md5("alpha")).pk, opinion="confirm", by="system", reason="looked at again")
    checked_in = publishing.check_in

    def meanwhile() -> None:
        publishing.check_in = checked_in
        came.append(publishing.publish(alpha))
        checked_in()

    publishing.check_in = meanwhile
    try:
        came.append(publishing.publish(alpha))
    finally:
        publishing.check_in = checked_in
    assert came == [True, False]
    assert node.asked
    assert not publishing.publish(alpha)
