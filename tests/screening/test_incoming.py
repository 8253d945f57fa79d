"""What others bring is taken file by file: proved, sealed, matched, put to its case, and never twice."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests import brought, drawn
from tests.evidence.test_preserving import content
from tests.program import sha256

from himaya.cases import queries as cases
from himaya.core.config import config
from himaya.core.intake.offered import Label
from himaya.core.intake.reading import opened_delivery
from himaya.core.ports import ItemRow
from himaya.evidence import labelling
from himaya.evidence.models import Blob, Exhibit
from himaya.evidence.ruling import RuleTerms, set_rule
from himaya.evidence.services import NoGround
from himaya.ledger import queries as ledger
from himaya.ledger.queries import proof
from himaya.lists import services as lists
from himaya.screening.incoming import checking, queries, taking
from himaya.screening.incoming.models import Intake, IntakeFile

KNOWN, UNKNOWN, TEXT = drawn.picture(1), drawn.picture(2), b"a neutral text"
Take = Callable[..., Intake]


@pytest.fixture
def node(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    monkeypatch.setattr(config(), "evidence_store", f"file:{tmp_path / 'sealed'}")
    monkeypatch.setattr(config(), "epoch_keys", str(tmp_path / "epochs"))
    listed = lists.create_list("hotline", by="system")
    lists.add_items(listed, rows=[ItemRow(1, "sha256", sha256(KNOWN))], by="system")
    return SimpleNamespace(list=listed, sealed=tmp_path / "sealed")


@pytest.fixture
def rule(node: SimpleNamespace) -> None:
    terms = RuleTerms("an order", "NL", "legal-obligation", ["received", "tip"], minimum="1 year")
    set_rule("received", terms=terms, by="system")


@pytest.fixture
def take(rule: None) -> Take:
    """Takes a delivery as the command line does."""

    def taken(path: Path, **terms: Any) -> Intake:
        with opened_delivery(path) as delivery:
            made = taking.start_intake(
                delivery, checked=checking.check(delivery), path=str(path), by="person:1", **terms
            )  # fmt: skip
            made = taking.confirm_intake(made.pk, by="person:1")
            made = taking.look_again(made, delivery=delivery, by="person:1")
            if made.state == "wanted":
                taking.take_intake(made, delivery=delivery, by="person:1")
        return queries.intake(made.pk)

    return taken


def fates(intake: Intake) -> list[tuple[str, str, int]]:
    return [(one.called, one.state, one.matches) for one in queries.files(intake)]


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_each_file_is_sealed_matched_and_put_to_the_case_of_what_is_known(
    take: Take, tmp_path: Path, kind: str
) -> None:
    folder = brought.vics(tmp_path / "v", UNKNOWN, KNOWN, TEXT)
    intake = take(folder if kind == "folder" else brought.zipped(folder), sender="Police of the North")
    assert intake.state == "done"
    assert fates(intake) == [
        ("case.json", "kept", 0), ("Media\\1.BIN", "kept", 0), ("Media\\2.BIN", "kept", 1), ("Media\\3.BIN", "kept", 0),
    ]  # fmt: skip
    case = cases.case(int(intake.case.removeprefix("case:")))
    assert case is not None
    (seen,) = cases.sightings(case)
    assert (seen.origin, seen.occasion) == ("intake", intake.about)
    assert seen.place == f"{intake.reference}: Media\\2.BIN"
    for row, wanted in zip(queries.files(intake)[1:], (UNKNOWN, KNOWN, TEXT), strict=True):
        exhibit = Exhibit.objects.get(pk=row.exhibit)
        assert content(exhibit) == wanted
        assert (exhibit.case, exhibit.occasion, exhibit.how) == (intake.case, "received", "received")
        assert exhibit.origin.startswith("Police of the North, vics EX-2026-1: Media")
        assert row.called not in exhibit.label
    assert {one.sha256 for one in Blob.objects.all()} >= {sha256(KNOWN), sha256(TEXT)}
    assert proof().whole


def test_what_a_decoder_turns_into_a_likeness_is_found_too(take: Take, node: SimpleNamespace, tmp_path: Path) -> None:
    from himaya.screening import services as screening

    (answer,) = screening.look([screening.Content(UNKNOWN, "x")]).answers
    pdq = next(value for signal, value, _ in answer.fingerprints if signal == "pdq")
    lists.add_items(node.list, rows=[ItemRow(1, "pdq", pdq)], by="system")
    intake = take(brought.zipped(brought.vics(tmp_path / "v", UNKNOWN)))
    assert fates(intake)[1] == ("Media\\1.BIN", "kept", 1)


def test_what_is_too_large_to_decode_is_matched_by_its_digests(
    take: Take, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(config(), "max_file_bytes", 1000)
    for kind in (brought.zipped(brought.vics(tmp_path / "v", KNOWN)), brought.vics(tmp_path / "w", KNOWN, Tags="x")):
        intake = take(kind)
        row = queries.files(intake)[1]
        assert (row.state, row.matches) == ("kept", 1)
        assert queries.file_told(row)["skipped"] == "too large"


def test_without_a_rule_nothing_is_read_into_the_store(node: SimpleNamespace, tmp_path: Path) -> None:
    with opened_delivery(brought.vics(tmp_path / "v", KNOWN)) as delivery:
        intake = taking.start_intake(delivery, checked=checking.check(delivery), path="x", by="person:1")
        with pytest.raises(NoGround):
            taking.confirm_intake(intake.pk, by="person:1")
    assert not Exhibit.objects.exists()
    assert not node.sealed.exists() or not list(node.sealed.rglob("*.sealed"))


def test_a_report_of_the_cybertipline_is_a_tip_and_needs_a_rule_for_that(node: SimpleNamespace, tmp_path: Path) -> None:
    terms = RuleTerms("an order", "NL", "legal-obligation", ["received"], minimum="1 year")
    set_rule("received", terms=terms, by="system")
    with opened_delivery(brought.cybertip(tmp_path / "t", TEXT)) as delivery:
        intake = taking.start_intake(delivery, checked=checking.check(delivery), path="x", by="person:1")
        with pytest.raises(NoGround, match="somebody brought it"):
            taking.confirm_intake(intake.pk, by="person:1")


def test_told_twice_nothing_is_taken_twice_and_another_copy_repairs_what_differed(take: Take, tmp_path: Path) -> None:
    folder = brought.vics(tmp_path / "v", KNOWN, TEXT)
    whole = brought.again(folder, tmp_path / "whole")
    (folder / "Media" / "2.bin").write_bytes(TEXT[::-1])
    (folder / "Media" / "1.bin").unlink()
    first = take(folder)
    assert [state for _, state, _ in fates(first)] == ["kept", "absent", "differs"]
    assert "its md5 is not the one in" in queries.file_told(queries.files(first)[2])["why"]
    numbers = Exhibit.objects.count()
    assert take(folder).pk == first.pk
    assert Exhibit.objects.count() == numbers == 1
    again = take(brought.zipped(whole))
    assert again.pk == first.pk
    assert [state for _, state, _ in fates(again)] == ["kept", "kept", "kept"]
    assert again.case
    assert Exhibit.objects.count() == 3
    case = cases.case(int(again.case.removeprefix("case:")))
    assert case is not None
    assert case.sightings == 1


def test_whoever_names_a_case_has_all_of_it_there_and_what_is_known_is_seen_as_ever(take: Take, tmp_path: Path) -> None:
    before = take(brought.vics(tmp_path / "v", KNOWN))
    intake = take(brought.vics(tmp_path / "w", KNOWN, TEXT), case="case:77")
    assert {one.case for one in Exhibit.objects.filter(pk__in=[r.exhibit for r in queries.files(intake)])} == {
        "case:77"
    }
    case = cases.case(int(before.case.removeprefix("case:")))
    assert case is not None
    assert case.sightings == 2


def test_what_changes_after_it_was_looked_through_is_not_kept(rule: None, tmp_path: Path) -> None:
    folder = brought.bag(tmp_path / "b", TEXT, KNOWN)
    with opened_delivery(folder) as delivery:
        intake = taking.start_intake(delivery, checked=checking.check(delivery), path="x", by="person:1")
        intake = taking.confirm_intake(intake.pk, by="person:1")
        (folder / "data" / "b0.bin").write_bytes(TEXT[::-1])
        (folder / "data" / "b1.bin").unlink()
        taking.take_intake(intake, delivery=delivery, by="person:1")
    assert [state for _, state, _ in fates(intake)] == ["differs", "unread"]
    assert not Exhibit.objects.exists()
    assert not Blob.objects.exists()


def test_another_delivery_is_not_taken_for_the_one_that_was_looked_through(rule: None, tmp_path: Path) -> None:
    with opened_delivery(brought.bag(tmp_path / "b", TEXT)) as delivery:
        intake = taking.start_intake(delivery, checked=checking.check(delivery), path="x", by="person:1")
        taking.confirm_intake(intake.pk, by="person:1")
    with opened_delivery(brought.bag(tmp_path / "c", KNOWN)) as other, pytest.raises(taking.ElsewhereNow):
        taking.take_intake(queries.intake(intake.pk), delivery=other, by="person:1")


def test_lists_that_moved_on_meanwhile_count(clock: Any, rule: None, node: SimpleNamespace, tmp_path: Path) -> None:
    folder = brought.bag(tmp_path / "b", TEXT)
    with opened_delivery(folder) as delivery:
        intake = taking.start_intake(delivery, checked=checking.check(delivery), path="x", by="person:1")
        intake = taking.confirm_intake(intake.pk, by="person:1")
        lists.add_items(node.list, rows=[ItemRow(1, "sha256", sha256(TEXT))], by="system")
        clock.advance(timedelta(hours=2))
        taking.take_intake(intake, delivery=delivery, by="person:1")
    assert fates(intake) == [("data/b0.bin", "kept", 1)]
    assert queries.intake(intake.pk).case


# --- what they say of it ---------------------------------------------------------------------------------------------


def said(exhibit: Exhibit) -> set[tuple[str, str, str]]:
    return {(one.kind, one.value, one.said_by) for one in labelling.labels_of([exhibit])[exhibit.pk]}


def test_what_investigators_say_is_kept_as_theirs_and_contradictions_stand_beside_one_another(
    take: Take, tmp_path: Path
) -> None:
    take(brought.vics(tmp_path / "v", TEXT), sender="Police of the North")
    (exhibit,) = Exhibit.objects.filter(digests__sha256=sha256(TEXT))
    assert ("series", "series 7", "Police of the North") in said(exhibit)
    assert ("victim-identified", "yes", "Police of the North") in said(exhibit)
    before = said(exhibit)

    def change(document: Any) -> None:
        (media,) = document["value"][0]["Media"]
        del media["RelativeFilePath"]  # digests alone
        media |= {"Series": "series 8", "PrecategorizationSource": "Unit of the West", "Category": 2}

    take(brought.vics(tmp_path / "w", TEXT, change=change), sender="Police of the South")
    assert before < said(exhibit)
    assert ("series", "series 8", "Unit of the West, passed on by Police of the South") in said(exhibit)
    assert labelling.contradictions(labelling.labels_of([exhibit])[exhibit.pk]) == {"series", "category"}
    from himaya.evidence.queries import find

    assert list(find(label="series:SERIES 8")) == [exhibit]
    assert list(find(label="a tag")) == [exhibit]
    assert not find(label="tag:series 8")


def test_the_same_content_brought_by_two_bodies_shares_what_both_say(take: Take, tmp_path: Path) -> None:
    for folder, series, sender in (("v", "series 7", "Police of the North"), ("w", "series 8", "Police of the South")):
        take(brought.vics(tmp_path / folder, TEXT, Series=series), sender=sender)
    one, two = Exhibit.objects.filter(digests__sha256=sha256(TEXT))
    assert said(one) == said(two)
    assert {who for _, _, who in said(one)} == {"Police of the North", "Police of the South"}
    assert labelling.contradictions(labelling.labels_of([one])[one.pk]) == {"series"}


def test_a_digest_that_is_not_all_equal_is_another_thing(take: Take, tmp_path: Path) -> None:
    take(brought.vics(tmp_path / "v", TEXT))
    (exhibit,) = Exhibit.objects.filter(digests__sha256=sha256(TEXT))
    same_md5 = {"md5": exhibit.digests["md5"], "sha1": "0" * 40}
    every = [
        labelling.Said(same_md5, (Label("tag", "x"),), "A"),
        labelling.Said({"md5": exhibit.digests["md5"]}, (Label("tag", "y"),), "A"),
        labelling.Said({}, (Label("tag", "z"),), "A"),
    ]
    done = labelling.apply_labels(every, came_with="tags:1", by="person:1")
    assert (done.exhibits, done.labels, done.unknown) == (1, 1, 2)
    assert ("tag", "y", "A") in said(exhibit)
    done = labelling.apply_labels(every, came_with="tags:1", by="person:1")
    assert (done.exhibits, done.labels) == (0, 0)


@pytest.mark.parametrize("label", [Label("verdict", "x"), Label("tag", ""), Label("tag", "x" * 201)])
def test_a_label_that_is_none_is_refused(take: Take, tmp_path: Path, label: Label) -> None:
    take(brought.bag(tmp_path / "b", TEXT))
    with pytest.raises(labelling.BadLabel):
        labelling.add_labels(Exhibit.objects.get(), labels=[label], said_by="A", came_with="x", by="person:1")


def test_rows_of_a_reading_that_was_cut_off_are_read_anew(take: Take, tmp_path: Path) -> None:
    folder = brought.bag(tmp_path / "b", TEXT, KNOWN)

    def cut(delivery: Any) -> Any:
        yield next(checking.check(delivery))
        raise KeyboardInterrupt

    with opened_delivery(folder) as delivery, pytest.raises(KeyboardInterrupt):
        taking.start_intake(delivery, checked=cut(delivery), path="x", by="person:1")
    assert queries.intakes().get().state == "reading"
    assert take(folder).state == "done"
    assert IntakeFile.objects.count() == 2
    shutil.rmtree(folder)


def test_who_else_brings_the_same_is_noted_once_and_nothing_is_taken_twice(take: Take, tmp_path: Path) -> None:
    folder = brought.bag(tmp_path / "bag", TEXT)
    first = take(folder, sender="Police of the North")
    for sender in ("Hotline of the East", "Police of the North", "", "Hotline of the East"):
        with opened_delivery(folder) as delivery:
            taking.note_sender(first, sender=sender, basis="order 18", by="person:2")
            assert taking.find_intake(delivery) == first
    (again,) = queries.brought_again(first)
    assert (again.sender, again.basis, again.by) == ("Hotline of the East", "order 18", "person:2")
    assert queries.intake(first.pk).sender == "Police of the North"
    assert Exhibit.objects.count() == 1
    assert [entry.act for entry in ledger.entries(about=first.about)].count("intake.brought-again") == 1
