"""A node that was restored signs nothing until all that have cosigned say that they have seen no more than it knows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from tests.log.conftest import OtherNode
from tests.log.test_rounds import due, set_back

from himaya.ledger import worker
from himaya.ledger.models import Job
from himaya.ledger.services import record
from himaya.log import queries
from himaya.log.keys import identity
from himaya.log.models import Checkpoint
from himaya.log.restored import ACT, meaning, remedy
from himaya.log.rounds import publish_when_due, publish_with_witnesses
from himaya.log.services import RefusesToSign, raise_alarm, remove_witness, settle_alarm
from himaya.site.health import log_health

pytestmark = pytest.mark.django_db
Add = Callable[[int], range]
Make = Callable[[str], OtherNode]
MADE_AT = "2026-01-10T03:00:00+00:00"


def restored() -> int:
    """As putting a backup back leaves it; the number of the alarm."""
    mine, newest = identity(), queries.latest()
    assert mine is not None
    with transaction.atomic():
        record(ACT, by="cli:test", about="node", name="himaya-…", made_at=MADE_AT, jobs=0)
        size = newest.size if newest else 0
        return raise_alarm(queries.RESTORED, origin=mine.origin, size=size, evidence="himaya-…").pk


def test_where_all_witnesses_have_seen_no_more_it_goes_on(add: Add, other_node: Make) -> None:
    nodes = [other_node(name) for name in ("one", "two")]
    add(4)
    publish_with_witnesses()
    restored()
    add(2)
    made, silent = publish_with_witnesses()
    size = queries.size()
    assert (made.size, silent, [node.size for node in nodes]) == (size, {}, [size, size])
    assert not queries.alarms().exists()


def test_one_that_is_silent_may_be_the_only_one_that_has_seen_more(add: Add, kept: Any, other_node: Make) -> None:
    """Two witnesses were away when the last checkpoint was signed, and the third one is away now."""
    nodes = [other_node(name) for name in ("one", "two", "three")]
    add(4)
    old = publish_with_witnesses()[0].size
    nodes[0].down = nodes[1].down = True
    add(3)
    publish_with_witnesses()
    set_back(old)
    for number in list(kept)[old:]:
        del kept[number]
    restored()
    nodes[0].down = nodes[1].down = False
    nodes[2].down = True
    with pytest.raises(RefusesToSign, match="restored from a backup of 2026-01-10 03:00 UTC; whether"):
        publish_with_witnesses()
    nodes[2].down = False
    nodes[2].shows = True
    with pytest.raises(RefusesToSign, match="witnesses have seen 3 leaves of its log more"):
        publish_with_witnesses()
    assert "3 leaves" in log_health().said
    assert "begin-again" in log_health().remedy
    assert Checkpoint.objects.count() == 1
    back, asked = (queries.alarms().get(kind=kind) for kind in (queries.SET_BACK, queries.RESTORED))
    assert meaning(asked).endswith(f"alarm {back.pk} says what is missing"), "it does not say that nobody knows"
    assert remedy(asked) == remedy(back)


def test_the_worker_asks_again_as_long_as_a_witness_is_silent(add: Add, other_node: Make) -> None:
    node = other_node("one")
    add(4)
    publish_with_witnesses()
    restored()
    node.down = True
    due()
    assert publish_when_due()
    worker.run_until_idle()
    assert Job.objects.get(kind="log").state == Job.READY, "tried again, and nobody is asked to look at it"
    node.down = False
    Job.objects.update(due=0)
    worker.run_until_idle()
    assert Job.objects.get(kind="log").state == Job.DONE
    assert not queries.alarms().exists()


def test_where_nobody_has_cosigned_a_person_decides(add: Add, other_node: Make) -> None:
    add(4)
    publish_with_witnesses()
    alarm = restored()
    add(1)
    for named in (False, True):
        if named:
            other_node("new")  # it has seen nothing of this log, so its word is none
        for _ in range(2):  # also once it has cosigned what is here
            with pytest.raises(RefusesToSign) as refused:
                publish_with_witnesses()
            assert f"--settle {alarm} --reason" in refused.value.advice()
    due()
    remove_witness("new", by="cli:test")
    assert publish_when_due() is False
    settle_alarm(alarm, reason="compared with a partner's copy", by="cli:test")
    assert publish_with_witnesses()[0].size == queries.size()
