"""The page of our own publishing, and the same for programs: what is published, by which root and keys."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from tests.browsing import messages, words
from tests.federation.conftest import fill, make, sha256
from tests.holders import Holders
from tests.program import Program, is_problem

from himaya.core.config import config
from himaya.core.notes import COSIGNATURE, SigningKey
from himaya.core.repository import bundle, ceremony
from himaya.core.repository.publishing import Repository
from himaya.core.repository.states import NotAttached
from himaya.federation import queries as partners
from himaya.federation.models import Publication, Served
from himaya.federation.native import keys, overview, publishing
from himaya.ledger.queries import entries
from himaya.ledger.turns import show_life
from himaya.lists import organisations
from himaya.lists.models import HashList
from himaya.log import services as log
from himaya.log.keys import keys as log_keys

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def disk() -> Iterator[None]:
    """No repository of another test."""
    shutil.rmtree(config().data / "repository", ignore_errors=True)
    yield
    shutil.rmtree(config().data / "repository", ignore_errors=True)


@pytest.fixture
def hotline() -> HashList:
    made = make()
    fill(made, [("sha256", sha256(str(n))) for n in range(3)])
    return made


@pytest.fixture
def holders() -> Holders:
    return Holders()


def signed_by_one(root: bytes) -> bytes:
    told = json.loads(root)
    return json.dumps({**told, "signatures": told["signatures"][:1]}).encode()


def upload(content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("root.json", content)


# --- the page --------------------------------------------------------------------------------------------------------


def test_a_node_without_a_root_is_told_how_people_make_one(sign_in: Callable[[str], Client], hotline: HashList) -> None:
    answer = sign_in("admin").get("/publishing/")
    said = words(answer)
    assert "How people make a root" in said
    for command in ("himaya keys make", "himaya exchange key --to", "himaya keys new-root", "himaya keys sign"):
        assert command in said
    assert "Put the root in force" in said
    assert "Publish now" not in said
    assert sign_in("lead").get("/publishing/root.json").status_code == 404


def test_a_root_is_put_in_force_lists_are_published_and_what_to_hand_over_is_shown(
    sign_in: Callable[[str], Client], hotline: HashList, holders: Holders
) -> None:
    admin, made = sign_in("admin"), holders.root()
    assert "no root names this key of the node as yet" in words(admin.get("/publishing/"))
    answer = admin.post("/publishing/root", {"file": upload(made)}, follow=True)
    assert messages(answer) == ["Root 1 is in force. Give root.json to those who begin to follow, by another way."]
    show_life()
    answer = admin.post("/publishing/publish", follow=True)
    assert messages(answer) == ["Queued: a worker publishes what is new within seconds."]
    assert "It is about to." in words(answer)
    assert not Publication.objects.exists()  # no answer waits for it
    assert publishing.publish_due()
    assert "It is about to." not in words(admin.get("/publishing/"))
    said = words(admin.get("/publishing/"))
    assert "2, of 0 needed" not in said
    assert "http://testserver/exchange/himaya/" in said
    assert str(log_keys().log.verifier) in said
    assert "2 of 3 holders" in said
    assert keys.ring()[0].public_key.keyid[: overview.SHORT] in said
    assert "no root names" not in said
    down = sign_in("auditor").get("/publishing/root.json")
    assert (down.content, down["Content-Disposition"]) == (made, 'attachment; filename="root.json"')
    admin.post("/publishing/publish")
    assert not publishing.publish_due()


def test_without_a_worker_the_page_says_that_nobody_will_publish(
    sign_in: Callable[[str], Client], hotline: HashList, holders: Holders
) -> None:
    holders.begin()
    [said] = messages(sign_in("admin").post("/publishing/publish", follow=True))
    assert said.startswith("Queued, and no worker runs")


def test_who_may_only_look_sees_no_button(
    sign_in: Callable[[str], Client], hotline: HashList, holders: Holders
) -> None:
    holders.begin()
    for role in ("lead", "auditor"):
        page = sign_in(role).get("/publishing/").content.decode()
        assert "What is published" in page
        assert 'action="/publishing/' not in page
        assert 'href="/publishing/"' in page  # in the navigation
    assert 'href="/publishing/"' not in sign_in("reviewer").get("/").content.decode()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda made: b"{}", "it is no root.json"),
        (lambda made: signed_by_one(made), "too few of its keys"),
        (lambda made: b"", "The file is empty."),
    ],
)
def test_what_is_no_root_of_ours_is_refused_and_nothing_is_changed(
    wrong: Any, says: str, sign_in: Callable[[str], Client], hotline: HashList, holders: Holders
) -> None:
    made = holders.root()
    answer = sign_in("admin").post("/publishing/root", {"file": upload(wrong(made))})
    assert answer.status_code == 422
    assert says in words(answer)
    assert keys.current() is None
    assert not entries(act="node.root").exists()


def test_a_bundle_comes_down_whole_on_record_and_leaves_no_file(
    sign_in: Callable[[str], Client], hotline: HashList, holders: Holders, tmp_path: Path
) -> None:
    root, admin = holders.begin(), sign_in("admin")
    assert "a worker does so now" in words(admin.post("/publishing/bundle", {"list": "hotline"}))
    publishing.publish(hotline)
    answer = admin.post("/publishing/bundle", {"list": "hotline"})
    assert answer["Content-Disposition"] == 'attachment; filename="hotline.bundle"'
    (tmp_path / "came").write_bytes(b"".join(answer.streaming_content))
    with bundle.opened(tmp_path / "came", directory=tmp_path / "follower", root=root) as (follower, *_):
        assert [name for name, _ in follower.refresh().offers] == ["hotline"]
    [entry] = entries(act="list.bundled")
    assert entry.actor.startswith("person:")
    assert [path.name for path in keys.directory().glob("tmp*")] == []
    assert partners.tally()["published.lists"] == partners.tally()["published.bundles"] == 1


def test_a_bundle_without_a_root_or_of_no_list_is_refused_in_words(
    sign_in: Callable[[str], Client], hotline: HashList, holders: Holders
) -> None:
    admin = sign_in("admin")
    assert admin.post("/publishing/bundle", {"list": "hotline"}).status_code == 422
    holders.begin()
    assert admin.post("/publishing/bundle", {"list": "another"}).status_code == 422
    assert not entries(act="list.bundled").exists()


def test_a_list_that_cannot_be_published_says_why_and_the_others_are(
    sign_in: Callable[[str], Client], hotline: HashList, holders: Holders
) -> None:
    fill(make("other"), [("sha256", sha256("x"))])
    holders.begin()
    publishing.attempt(hotline)
    for path in (keys.directory() / "hotline/metadata").glob("*.snapshot.json"):
        path.unlink()
    fill(hotline, [("sha256", sha256("more"))])
    assert publishing.publish_due()
    answer = sign_in("admin").get("/publishing/")
    assert Served.objects.get(list__name="other").sequence
    assert "not published" in words(answer)
    assert Served.objects.get(list=hotline).trouble["what"] in words(answer)
    arabic = sign_in("admin")
    arabic.cookies["language"] = "ar"
    assert arabic.get("/publishing/").status_code == 200


# --- what a person should see to -------------------------------------------------------------------------------------


def said() -> list[str]:
    return [str(one.said) for one in overview.all_concerns()]


def test_the_end_of_a_root_is_told_sixty_days_before_and_again_when_it_has_come(clock: Any, holders: Holders) -> None:
    holders.begin()
    clock.advance(timedelta(days=304))
    assert not any("root 1" in one for one in said())
    clock.advance(timedelta(days=2))
    assert [one.state for one in overview.concerns()] == ["wait"]
    assert "root 1 ends on" in said()[0]
    clock.advance(timedelta(days=60))
    assert [one.state for one in overview.concerns()] == ["danger"]
    assert "root 1 has ended on" in said()[0]


def test_a_list_that_changed_and_was_not_published_for_two_hours_is_told(
    clock: Any, hotline: HashList, holders: Holders
) -> None:
    holders.begin()
    publishing.publish(hotline)
    clock.advance(timedelta(hours=5))
    assert overview.concerns() == []
    fill(hotline, [("sha256", sha256("more"))])
    clock.advance(timedelta(hours=1, minutes=59))
    assert overview.concerns() == []
    clock.advance(timedelta(minutes=2))
    [one] = overview.concerns()
    assert (one.state, "hotline" in one.said) == ("danger", True)
    publishing.publish(hotline)
    assert overview.concerns() == []


def test_a_list_was_published_when_it_was_and_not_when_it_was_looked_at(
    clock: Any, hotline: HashList, holders: Holders
) -> None:
    holders.begin()
    publishing.publish(hotline)
    at = Served.objects.get().at
    clock.advance(timedelta(hours=1))
    publishing.publish(hotline)
    assert Served.objects.get().at == at


def test_signatures_that_no_worker_renews_are_told(clock: Any, hotline: HashList, holders: Holders) -> None:
    holders.begin()
    publishing.publish(hotline)
    clock.advance(timedelta(days=22))
    assert any("in the name of our organisation" in one for one in said())
    for known in publishing.repositories():
        known.renew()
    assert not any("in the name of our organisation" in one for one in said())


def test_that_nobody_witnesses_the_log_and_who_is_silent_is_told(
    clock: Any, hotline: HashList, holders: Holders
) -> None:
    holders.begin()
    assert any("nobody witnesses the log" in one for one in said())
    log.add_witness(
        "north",
        key=str(SigningKey("north.example/witness", COSIGNATURE, bytes(32)).verifier),
        address="https://north.example/log/v1",
        by="system",
    )
    assert not any("nobody witnesses the log" in one for one in said())
    assert any("have cosigned nothing for a day or more: north" in one for one in said())


# --- another key -----------------------------------------------------------------------------------------------------


def test_a_further_key_signs_nothing_until_a_root_names_it_and_then_the_old_one_is_retired(
    hotline: HashList, holders: Holders
) -> None:
    first = holders.begin()
    publishing.publish(hotline)
    old = keys.ring()[0].public_key.keyid
    told = keys.public_key(by="system", new=True)
    assert keys.public_key(by="system", new=True) == told  # it waits: no third one is made
    new = json.loads(told)["keyid"]
    assert [one.state for one in overview.node_keys()] == ["waits", "signs"]
    fill(make("other"), [("sha256", sha256("x"))])
    publishing.publish(HashList.objects.get(name="other"))
    assert signed_by("other") == signed_by("hotline") == {old}

    publishing.install_root(holders.root(previous=first, by=(1, 2), node=told), by="system")
    assert [one.state for one in overview.node_keys()] == ["signs", "retired"]
    assert signed_by("hotline") == signed_by("other") == {new}
    assert keys.public_key(by="system") == told
    assert [one.data["key"] for one in entries(act="node.key-retired")] == [old[:16]]
    fill(hotline, [("sha256", sha256("more"))])
    assert publishing.publish(hotline)
    assert Repository(keys.directory() / "hotline").store.root().signed.version == 2
    assert overview.concerns() == []


def signed_by(name: str) -> set[str]:
    """Whose signatures the metadata of our organisation bears, and its timestamp."""
    known = Repository(keys.directory() / name)
    ours = known.store.role(organisations.own().name, known.store.snapshot().signed)
    assert ours is not None
    admitted = set(known.signatories()[organisations.own().name].keyids)
    assert set(ceremony.read_targets(ours).signatures) == admitted
    return admitted


def test_a_root_that_is_not_the_next_one_is_refused(holders: Holders) -> None:
    first = holders.begin()
    second = holders.root(previous=first)
    third = holders.root(previous=second)
    with pytest.raises(keys.NotOurRoot, match="root 2 comes next"):
        publishing.install_root(third, by="system")
    with pytest.raises(keys.NotOurRoot, match="root 1 is in force"):
        publishing.install_root(Holders().root(), by="system")  # of others, in the place of ours
    with pytest.raises(NotAttached, match="too few"):
        publishing.install_root(signed_by_one(second), by="system")
    assert keys.roots() == [first]
    publishing.install_root(first, by="system")  # again: whoever does not know whether it was done
    assert keys.roots() == [first]


def test_a_root_that_has_ended_is_refused(clock: Any, holders: Holders) -> None:
    made = holders.root()
    clock.advance(timedelta(days=366))
    with pytest.raises(keys.NotOurRoot, match="it was good until"):
        publishing.install_root(made, by="system")


# --- programs --------------------------------------------------------------------------------------------------------


def test_programs_see_the_same_and_publish(hotline: HashList, holders: Holders) -> None:
    program = Program("publishing:read", "publishing:write")
    told = program.get("/exchange").json()
    assert (told["root"], told["lists"]) == (None, [])
    is_problem(program.post("/exchange/publish", {}), 409, "no-root")
    holders.begin()
    is_problem(program.post("/exchange/publish", {"list": "nowhere"}), 404, "unknown-list")
    for asked in ({"list": "hotline"}, {}):
        answer = program.post("/exchange/publish", asked)
        assert (answer.status_code, answer.json()) == (202, {"lists": ["hotline"]})
    assert not Publication.objects.exists()
    assert publishing.publish_due()
    told = program.get("/exchange").json()
    assert (told["root"]["version"], len(told["root"]["holders"]), told["root"]["threshold"]) == (1, 3, 2)
    assert [one["state"] for one in told["keys"]] == ["signs"]
    [one] = told["lists"]
    assert (one["name"], one["statements"], one["trouble"]) == ("hotline", 3, None)
    assert one["state"] == Publication.objects.get().sequence
    assert told["log"] == [str(log_keys().log.verifier)]


def test_a_partner_s_key_does_not_publish(hotline: HashList, holders: Holders) -> None:
    holders.begin()
    is_problem(Program("exchange").post("/exchange/publish", {}), 403, "missing-scope")
    assert not Publication.objects.exists()
