"""The log is killed while it grows: what is there is whole, and in the end it is that of an undisturbed run."""

from __future__ import annotations

import random
import shutil

import pytest
from tests.crash.conftest import SCALE, MakeNode, Node

LEAVES, BATCH = int(100_000 * SCALE), 500


@pytest.mark.slow
def test_a_log_that_is_killed_while_it_grows_has_the_root_of_an_undisturbed_one(
    make_node: MakeNode, seed: random.Random
) -> None:
    killed, undisturbed = make_node(server=""), make_node(server="")
    killed.run("log_secrets")
    undisturbed.environment["HIMAYA_DATA"] = f"{undisturbed.home}/copy"
    shutil.copytree(killed.environment["HIMAYA_DATA"], undisturbed.environment["HIMAYA_DATA"])
    undisturbed.run("log_events", count=LEAVES, batch=BATCH)
    kills = 0
    while True:
        running = killed.start("log_events", count=LEAVES, batch=BATCH)
        running.join(seed.uniform(0.1, 0.4))
        if running.exitcode == 0:
            break
        running.kill()
        running.join()
        kills += 1
        size, _, why = killed.run("log_standing")
        assert (why, size % BATCH) == ("", 0), f"after {kills} kills"
        assert kills < 200
    assert kills >= 1
    assert killed.run("log_standing") == undisturbed.run("log_standing")


@pytest.mark.parametrize("nth", [1, 2, 5])
def test_a_batch_that_is_killed_before_it_is_committed_leaves_nothing(node: Node, nth: int) -> None:
    node.run("log_secrets")
    running = node.start("log_events", fault=f"log.grown:kill@{nth}", count=3000, batch=300)
    running.join(60)
    assert running.exitcode == -9, node.log(running)
    size, _, why = node.run("log_standing")
    assert (size, why) == ((nth - 1) * 300, "")
    node.run("log_events", count=3000, batch=300)
    assert node.run("log_standing")[0] == 3000


def test_two_who_add_at_once_do_not_lose_a_leaf(node: Node) -> None:
    running = [node.start("log_beside", first=n * 100_000, count=1500, batch=100) for n in (1, 2, 3)]
    for process in running:
        node.end(process)
    assert node.run("log_standing")[::2] == [4500, ""]
