"""A key of an epoch that is lost for good: two leads say so, nothing is certified, and what is found opens again."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.browsing import words
from tests.desk import proof, second_lead
from tests.evidence.conftest import HIGHEST, Grant, Keep, read
from tests.evidence.test_access_pages import _one_time, with_key
from tests.evidence.test_ending import YEAR, end_all, fresh, hold
from tests.evidence.test_guarded_at_once import at_once
from tests.evidence.test_preserving import content, files
from tests.evidence.test_returning import MINE, Nodes, acts, nodes, states
from tests.guarding import Custodians
from tests.program import Program
from tests.windows import signed_in

from himaya.core.config import config
from himaya.core.vault.epochs import EpochKeys, EpochLost
from himaya.evidence import custody, losing, queries, stopping
from himaya.evidence.guarded.bringing import PartRefused, bring_parts
from himaya.evidence.holding import lift_hold
from himaya.evidence.keys import can_open, epoch_keys, epoch_name, lost_epochs
from himaya.evidence.models import Exhibit, InnerKey, Step
from himaya.evidence.receiving import AlreadyHere, receive_bundle
from himaya.evidence.ruling import set_rule
from himaya.evidence.stopping import stuck
from himaya.ledger import queries as ledger
from himaya.site.evidence_health import evidence_health

__all__ = ["_one_time", "nodes"]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("one_factor")]


def said() -> str:
    return " ".join(str(one.said) for one in evidence_health())


def lose(one: Exhibit, people: SimpleNamespace) -> Path:
    """The key of its epoch is lost, as two leads say; where it can still be found."""
    name = epoch_name(one)
    path = epoch_keys().directory / f"{name}.key"
    aside = path.rename(path.with_suffix(".aside"))
    made = losing.report_lost(name, reason="no archive has it", person=people.lead, proof=proof())
    losing.confirm_lost(made.pk, person=second_lead(), proof=proof())
    return aside


def test_two_leads_call_it_lost_and_what_is_found_opens_again(keep: Keep, people: SimpleNamespace, clock: Any) -> None:
    one = keep()
    name = epoch_name(one)
    path = epoch_keys().directory / f"{name}.key"
    aside = path.rename(path.with_suffix(".aside"))
    lead = with_key(people.lead)
    assert "Keys of epochs that are not here" in words(lead.get("/evidence/stops/"))
    assert "are not here" in said()
    lead.post("/evidence/stops/lost", {"name": name, "reason": "the disk broke, no archive has it"})
    (loss,) = losing.losses()
    assert not losing.lost_generations(), "one alone says nothing"
    assert "Confirm that it is lost" not in words(lead.get("/evidence/stops/"))
    with pytest.raises(losing.OwnLoss):
        losing.confirm_lost(loss.pk, person=people.lead, proof=proof())
    other = with_key(second_lead())
    assert "Confirm that it is lost" in words(other.get("/evidence/stops/"))
    assert f"{name} · A lead says that its key is lost for good" in words(other.get("/"))
    assert "that its key is lost" not in words(lead.get("/"))
    other.post(f"/evidence/stops/lost/{loss.pk}/confirm")
    page = words(lead.get("/evidence/stops/"))
    assert f"Lost, as {people.lead} said and Second Lead confirmed: the disk broke" in page
    for where in ("/evidence/", f"/evidence/exhibits/{one.pk}/"):
        assert "lost: its key is gone" in words(signed_in(people.reviewer).get(where))
    assert "are not here" not in said()
    assert Program("evidence:read").get(f"/evidence/exhibits/{one.pk}").json()["lost"]
    assert "as the keys of their epochs are lost: 1" in said()
    losing.note_found()
    assert losing.lost_generations(), "it is not here"
    aside.rename(path)
    assert content(one) == b"a neutral text"
    losing.note_found()
    assert not losing.losses().exists()
    acts = [entry.act for entry in ledger.entries(about="evidence")]
    told = ["evidence.key-found", "evidence.key-lost", "evidence.loss-said"]
    assert [act for act in acts if act in told] == told


def test_what_is_lost_goes_when_its_time_is_over_and_no_certificate_says_that_somebody_destroyed_its_key(
    keep: Keep, people: SimpleNamespace, clock: Any
) -> None:
    one = keep()
    name = epoch_name(one)
    (epoch_keys().directory / f"{name}.key").unlink()
    made = losing.report_lost(name, reason="no archive has it", person=people.lead, proof=proof())
    losing.confirm_lost(made.pk, person=second_lead(), proof=proof())
    two = keep("another text")
    assert epoch_name(two) != name
    assert content(two) == b"another text"
    with pytest.raises(losing.BadLoss, match="no key of this name is missing"):
        losing.report_lost(epoch_name(two), reason="a mistake", person=people.lead, proof=proof())
    clock.advance(YEAR)
    end_all()
    assert (fresh(one).state, fresh(two).state, stuck().exists()) == ("destroyed", "destroyed", False)
    told = [custody.check(each)[-1].fields["facts"]["how"] for each in (one, two)]
    assert told == ["its outer key was lost before; what it had closed was removed", "the outer key was destroyed"]
    step = Step.objects.get(exhibit=one, act="destroy")
    assert custody.shown([step.pk]) == {step.pk: custody.lines(one)[-1]}, "its certificate says just that"
    assert (fresh(one).wrapped, files()) == (None, [])
    assert next(entry.act for entry in ledger.entries(about=one.about)) == "evidence.lost-ended"


def test_what_was_lost_here_is_sealed_anew_when_it_comes_back(
    nodes: Nodes, keep: Keep, people: SimpleNamespace
) -> None:
    lent = keep("a neutral text")
    back = nodes.bundle(nodes.lend(lent), purpose="return")
    nodes.to("a")
    lose(lent, people)
    fates: dict[int, str] = {}
    (anew,) = receive_bundle(back, identity=MINE, by="person:1", told=fates)
    assert fates == {anew.pk: "new"}
    assert f"it was {lent.reference} here, which nothing opens" in anew.origin
    assert content(anew) == b"a neutral text"
    assert (acts(anew), acts(lent)) == (["acquire"], ["acquire", "export", "transfer"])
    assert states() == ["came-back", "back"]
    assert receive_bundle(back, identity=MINE, by="person:1", told=fates) == [anew]
    assert fates == {anew.pk: "known"}


def test_a_copy_of_what_was_lost_is_kept_and_heals_it_and_is_refused_while_it_is_here(
    nodes: Nodes, keep: Keep, people: SimpleNamespace
) -> None:
    one = keep("a neutral text")
    copy = nodes.bundle(one, purpose="copy")
    with pytest.raises(AlreadyHere):
        receive_bundle(copy, identity=MINE, by="person:1")
    lose(one, people)
    (anew,) = receive_bundle(copy, identity=MINE, by="person:1")
    assert anew != one
    assert content(anew) == content(fresh(one)) == b"a neutral text"


def test_what_comes_back_while_its_key_was_just_destroyed_is_sealed_anew(nodes: Nodes, keep: Keep) -> None:
    lent = keep("a neutral text")
    back = nodes.bundle(nodes.lend(lent), purpose="return")
    nodes.to("a")
    Exhibit.objects.update(state="ending")
    epoch_keys().destroy(epoch_name(lent))  # and the database is about to say so
    (anew,) = receive_bundle(back, identity=MINE, by="person:1")
    assert f"it was {lent.reference} here, which has ended" in anew.origin
    assert content(anew) == b"a neutral text"
    assert not can_open(fresh(lent))


def test_a_directory_of_others_or_a_key_that_opens_nothing_finds_no_lost_key(
    keep: Keep, people: SimpleNamespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = keep()
    aside = lose(one, people)
    name, ours = epoch_name(one), config().epoch_keys
    others = EpochKeys(tmp_path / "others")
    others.own("another node")
    others.key_for(name)
    monkeypatch.setattr(config(), "epoch_keys", str(others.directory))
    losing.note_found()
    assert losing.lost_generations(), "it is the directory of another node"
    monkeypatch.setattr(config(), "epoch_keys", ours)
    wrong = aside.with_suffix(".key")
    wrong.write_bytes((others.directory / f"{name}.key").read_bytes())
    losing.note_found()
    assert losing.lost_generations(), "it opens nothing"
    aside.replace(wrong)
    losing.note_found()
    assert not losing.losses().exists()


def test_a_guarded_exhibit_that_is_lost_holds_up_no_part_of_another(
    guard: Keep, custodians: Custodians, grant: Grant, people: SimpleNamespace
) -> None:
    gone = guard("a neutral text")
    set_rule("highest", terms=replace(HIGHEST, minimum="2 years"), by="person:1")  # it ends in another month
    left = guard("another text")
    access = grant(gone, left)
    both = custodians.text(access.about, "ann")
    path = epoch_keys().directory / f"{epoch_name(gone)}.key"
    aside = path.rename(path.with_suffix(".gone-aside"))
    with pytest.raises(PartRefused, match="There is no key of epoch"):
        bring_parts(access.about, text=both, by="person:1")
    aside.rename(path)
    lose(gone, people)
    assert [one.exhibit for one in custodians.bring(access.about, "ann", "ben")] == [left]
    assert read(left, access, people.reviewer) == b"another text"
    with pytest.raises(EpochLost):
        read(gone, access, people.reviewer)


def test_what_is_lost_and_held_stays_and_a_key_that_is_found_after_the_end_is_refused(
    keep: Keep, people: SimpleNamespace, clock: Any, django_capture_on_commit_callbacks: Any
) -> None:
    free, held = keep("a neutral text", case=""), keep("another text", case="case:2")
    aside = lose(free, people)
    order = hold(held.about)
    clock.advance(YEAR)
    end_all()
    assert (fresh(free).state, fresh(held).state) == ("destroyed", "kept")
    assert not InnerKey.objects.filter(about=f"exhibit:{free.uuid}").exists()
    assert losing.exhibits_lost() == 1
    assert [*queries.find(state="lost")] == [held]
    lift_hold(order.pk, reason="the court let it go", by="person:1")
    clock.advance(timedelta(days=2))
    with django_capture_on_commit_callbacks(execute=True):
        end_all()
    assert (fresh(held).state, losing.losses().exists()) == ("destroyed", False)
    aside.rename(aside.with_suffix(".key"))
    assert epoch_keys().returned() == [epoch_name(held)]


def test_what_is_lost_and_was_ending_ends_and_after_a_restore_once_more_in_the_same_words(
    keep: Keep, people: SimpleNamespace, clock: Any
) -> None:
    one = keep()
    lose(one, people)
    Exhibit.objects.update(state="ending")
    epoch_keys().mark(epoch_name(one))  # what the directory of keys knows, and this database of before does not
    clock.advance(YEAR)
    end_all()
    assert fresh(one).state == "destroyed"
    assert custody.check(one)[-1].fields["facts"]["how"].startswith("its outer key was lost before")


def test_what_is_found_at_the_last_moment_ends_as_all_else(keep: Keep, people: SimpleNamespace, clock: Any) -> None:
    one = keep()
    aside = lose(one, people)
    clock.advance(YEAR)
    aside.rename(aside.with_suffix(".key"))
    end_all()
    assert custody.check(one)[-1].fields["facts"]["how"] == "the outer key was destroyed"


def test_what_comes_while_a_key_is_missing_is_kept_and_the_missing_one_stays_known(
    keep: Keep, people: SimpleNamespace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    one = keep()
    path = epoch_keys().directory / f"{epoch_name(one)}.key"
    aside = path.rename(path.with_suffix(".aside"))
    two = keep("another text")
    assert epoch_name(two) == f"{epoch_name(one)}-2"
    assert content(two) == b"another text"
    assert lost_epochs() == [epoch_name(one)]
    aside.rename(path)
    assert (content(one), lost_epochs()) == (b"a neutral text", [])
    ours = config().epoch_keys
    monkeypatch.setattr(config(), "epoch_keys", str(tmp_path / "not mounted"))
    with pytest.raises(EpochLost):
        keep("a third text")
    monkeypatch.setattr(config(), "epoch_keys", ours)
    assert epoch_name(keep("a fourth text")) == epoch_name(two)


def test_an_end_that_was_stuck_before_its_key_was_called_lost_is_none_any_more(
    keep: Keep, people: SimpleNamespace, clock: Any
) -> None:
    one = keep()
    path = epoch_keys().directory / f"{epoch_name(one)}.key"
    content_of = path.read_bytes()
    path.unlink()
    clock.advance(YEAR)
    end_all()
    assert [each.about for each in stuck()] == [epoch_name(one)]
    path.write_bytes(content_of)
    lose(one, people)
    end_all()
    assert (fresh(one).state, stuck().exists(), losing.losses().exists()) == ("destroyed", False, False)


@pytest.mark.django_db(transaction=True)
def test_of_several_leads_who_say_it_at_once_one_is_noted_and_the_others_are_told(
    keep: Keep, people: SimpleNamespace
) -> None:
    name = epoch_name(keep())
    (epoch_keys().directory / f"{name}.key").unlink()
    made = proof()
    say = partial(losing.report_lost, name, reason="the disk broke", person=people.lead, proof=made)
    got, failed = at_once(4, say)
    assert (len(got), {type(error) for error in failed}) == (1, {losing.BadLoss})
    assert stopping.meaning(got[0]).endswith("nobody has confirmed it: the disk broke")
    assert stopping.remedy(got[0])


def test_who_said_it_takes_it_back_and_nobody_else_does(keep: Keep, people: SimpleNamespace) -> None:
    name = epoch_name(keep())
    (epoch_keys().directory / f"{name}.key").unlink()
    made = losing.report_lost(name, reason="the disk broke", person=people.lead, proof=proof())
    with pytest.raises(losing.BadLoss, match="nothing that you said"):
        losing.withdraw_loss(made.pk, person=second_lead())
    lead = with_key(people.lead)
    assert "Take it back" in words(lead.get("/evidence/stops/"))
    lead.post(f"/evidence/stops/lost/{made.pk}/withdraw")
    page = words(lead.get("/evidence/stops/"))
    assert "It is lost for good" in page
    assert "Take it back" not in page
    assert not losing.losses().exists()
    assert next(entry.act for entry in ledger.entries(about="evidence")) == "evidence.loss-withdrawn"
