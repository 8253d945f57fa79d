"""``himaya subscriptions``: sources on the command line, secrets never on it."""

from __future__ import annotations

import importlib
import os
import pty
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.nodes import HIMAYA, Node
from tests.sources import Answer, Asked, Source

KEYS = {"SOURCE_SECRET_FETCH_KEY": "fetch", "SOURCE_SECRET_SUBSCRIPTION_KEY": "subscription"}


@pytest.fixture
def source() -> Iterator[Any]:
    found = importlib.import_module("tests.plugins.recorded.stopncii").Recorded()
    with found.serving():
        yield found


def add(node: Node, name: str, url: str, *more: str, **how: Any) -> subprocess.CompletedProcess[str]:
    command = ("subscriptions", "add", name, "--list", "hotline", "--source", "stopncii", "--set", f"address={url}/v1")
    return node.run(*command, "--private", *more, **how)


@pytest.mark.one_database
def test_sources_say_what_they_are_and_what_each_needs(node: Node) -> None:
    shown = node.run("subscriptions", "sources").stdout
    for name in ("stopncii", "file", "threatexchange"):
        assert name in shown
    one = node.run("subscriptions", "sources", "stopncii").stdout
    assert "Partners of StopNCII.org" in one
    assert "fetch_key" in one
    assert "(secret)" in one
    assert (
        "There is no exchange plug-in named 'nothing'"
        in node.run("subscriptions", "sources", "nothing", status=2).stderr
    )


def test_a_source_is_followed_checked_read_and_shown(node: Node, source: Any) -> None:
    node.run("lists", "create", "whole")
    said = add(node, "whole", source.url, "--basis", "person-shown", "--list", "whole", env=KEYS)
    assert "whole fills whole" in said.stderr
    assert "✓" in node.run("subscriptions", "check", "whole").stderr
    ran = node.run("subscriptions", "run", "whole")
    assert "3 added, 0 changed" in ran.stderr
    assert "not read here: 1 of the kind URL" in ran.stdout
    shown = node.run("subscriptions", "show").stdout
    assert "whole" in shown
    assert "fine" in shown
    one = node.run("subscriptions", "show", "whole").stdout
    assert "set, not shown" in one
    assert "person-shown" in one
    assert " fetch\n" not in one
    assert "hotline" in node.counts()


@pytest.mark.one_database
def test_secrets_come_from_files_or_the_environment_and_never_from_the_command(
    node: Node, source: Any, tmp_path: Path
) -> None:
    refused = add(node, "typed", source.url, "--set", "fetch_key=fetch", status=2).stderr
    assert "nobody writes on a command line" in refused
    assert "There is no terminal to ask at" in add(node, "typed", source.url, status=2).stderr.replace("there", "There")
    (tmp_path / "fetch").write_text("fetch\n")
    file = ("--secret-file", f"fetch_key={tmp_path / 'fetch'}")
    only = {"SOURCE_SECRET_SUBSCRIPTION_KEY": "subscription"}
    add(node, "filed", source.url, *file, env=only)
    assert "✓" in node.run("subscriptions", "check", "filed").stderr
    missing = ("--secret-file", f"fetch_key={tmp_path / 'none'}")
    assert "No such file" in add(node, "typed", source.url, *missing, env=only, status=2).stderr
    plain = ("--secret-file", f"member={tmp_path / 'fetch'}")
    assert "it is no secret" in add(node, "typed", source.url, *plain, env=KEYS, status=2).stderr
    assert "typed" not in node.run("subscriptions", "show").stdout


@pytest.mark.one_database
def test_on_a_terminal_a_secret_is_asked_for_and_not_echoed(node: Node, source: Any) -> None:
    ours, theirs = pty.openpty()
    command = [str(HIMAYA), "subscriptions", "add", "asked", "--list", "hotline", "--source", "stopncii",
               "--set", f"address={source.url}/v1", "--private"]  # fmt: skip
    running = subprocess.Popen(
        command,
        env=node.environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = b""
    # the blank is written once nothing is echoed any more
    for prompt, answer in ((b"(fetch_key): ", b"fetch\n"), (b"(subscription_key): ", b"subscription\n")):
        while prompt not in shown:
            shown += os.read(ours, 4096)
        os.write(ours, answer)
        shown = shown.partition(prompt)[2]
    said = shown
    while True:
        try:
            part = os.read(ours, 4096)
        except OSError:
            break
        if not part:
            break
        said += part
    os.close(ours)
    assert running.wait(60) == 0, said
    assert b"subscription\r" not in said
    assert "✓" in node.run("subscriptions", "check", "asked").stderr


def test_it_is_paused_resumed_and_changed(node: Node, source: Any) -> None:
    add(node, "changed", source.url, "--set", "member=Us", env=KEYS)
    node.run("subscriptions", "pause", "changed")
    assert "paused" in node.run("subscriptions", "show", "changed").stdout
    node.run("subscriptions", "resume", "changed")
    node.run("subscriptions", "set", "changed", "--every", "7200", "--clear", "member", "--basis", "harmful")
    one = node.run("subscriptions", "show", "changed").stdout
    assert "7,200 seconds" in one
    assert "harmful" in one
    assert "Us" not in one
    there = ("subscriptions", "set", "changed", "--set", "address=https://elsewhere.example/v1")
    assert "give it again" in node.run(*there, status=2).stderr
    node.run(*there, env=KEYS)
    assert "elsewhere.example" in node.run("subscriptions", "show", "changed").stdout


@pytest.mark.one_database
@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--set", "colour=red"), "the option 'colour' cannot be set so"),
        (("--set", "address"), "write NAME=VALUE"),
        (("--every", "5"), "every 60 to 86,400 seconds"),
        (("--basis", "whatever"), "a legal basis is one of"),
        (("--organisation", "No Good"), "small letters"),
    ],
)
def test_what_is_wrong_is_said(node: Node, source: Any, more: tuple[str, ...], says: str) -> None:
    said = add(node, "wrong", source.url, *more, env=KEYS, status=2).stderr
    assert says.lower().replace(",", "") in said.lower().replace(",", "")
    assert "wrong" not in node.run("subscriptions", "show").stdout


def test_what_fails_says_the_remedy_and_is_kept_with_it(node: Node, source: Any) -> None:
    source.answer = lambda asked: Answer(status=401)
    add(node, "failing", source.url, env=KEYS)
    said = node.run("subscriptions", "run", "failing", status=2).stderr
    assert "status 401" in said
    one = node.run("subscriptions", "show", "failing").stdout
    assert "failing" in one
    assert "status 401" in one
    assert "remedy" in one
    assert "these sources cannot be read: failing" in node.run("doctor", status=1).stdout


class Slow(Source):
    """Two pages, the second of which comes only when it is let."""

    def __init__(self, recorded: Any) -> None:
        super().__init__()
        self._recorded, self.let = recorded, False

    def answer(self, asked: Asked) -> Answer:
        if "nextPageToken" in asked.query:
            for _ in range(600):
                if self.let:
                    break
                time.sleep(0.05)
        return self._recorded.answer(asked)  # type: ignore[no-any-return]


def test_ctrl_c_keeps_what_was_read_and_the_next_round_goes_on_behind_it(node: Node) -> None:
    slow = Slow(importlib.import_module("tests.plugins.recorded.stopncii").Recorded())
    with slow.serving() as url:
        add(node, "slow", url, env=KEYS)
        running = node.begin("subscriptions", "run", "slow")
        while len(slow.asked) < 2:
            assert running.poll() is None
            time.sleep(0.02)
        assert "is being read just now" in node.run("subscriptions", "run", "slow", status=2).stderr
        os.killpg(running.pid, signal.SIGINT)
        assert running.wait(60) == 130
        slow.let = True
        assert "1 page of a round" in node.run("subscriptions", "show", "slow").stdout
        before = len(slow.asked)
        assert "added" in node.run("subscriptions", "run", "slow").stderr
        assert all("nextPageToken" in asked.query for asked in slow.asked[before:])
    running.communicate()
