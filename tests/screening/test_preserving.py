"""What matches is kept where a rule says so: sealed before its case is open, and with it; nothing else is kept."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests import drawn
from tests.desk import accepted
from tests.guarding import Custodians
from tests.program import Program, sha256

from himaya.core import faults
from himaya.core.config import config
from himaya.core.ports import ItemRow
from himaya.evidence.demands.queries import held_by
from himaya.evidence.guarded.custodians import end_custodian
from himaya.evidence.keys import CustodiansNeeded
from himaya.evidence.queries import exhibits
from himaya.evidence.reading import unsafe_content
from himaya.evidence.ruling import RuleTerms, set_rule
from himaya.ledger import queries as ledger
from himaya.lists import services as lists
from himaya.screening import services
from himaya.screening.preserving import ContentChanged

CONTENT = drawn.picture(1)


@pytest.fixture(autouse=True)
def _node(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config(), "evidence_store", f"file:{tmp_path / 'sealed'}")
    monkeypatch.setattr(config(), "epoch_keys", str(tmp_path / "epochs"))
    listed = lists.create_list("hotline", by="system")
    lists.add_items(listed, rows=[ItemRow(1, "sha256", sha256(CONTENT))], by="system")


@pytest.fixture
def rule() -> None:
    terms = RuleTerms("18 USC 2258A(h)", "US", "legal-obligation", ["match"], minimum="1 year")
    set_rule("us", terms=terms, by="system")


def sealed(tmp_path: Path) -> list[Path]:
    return list((tmp_path / "sealed").rglob("*.sealed"))


def send(program: Program, *contents: bytes, **more: Any) -> Any:
    return program.upload(*contents, **more)


def test_without_a_rule_nothing_is_kept(tmp_path: Path) -> None:
    (told,) = send(Program("screen"), CONTENT).json()["answers"]
    assert told["case"]
    assert told["exhibit"] is None
    assert not sealed(tmp_path)


@pytest.mark.usefixtures("rule")
def test_a_hit_is_kept_with_its_case_and_what_is_unknown_is_not(tmp_path: Path) -> None:
    unknown, known = send(Program("screen"), drawn.picture(2), CONTENT).json()["answers"]
    assert unknown["exhibit"] is None
    (exhibit,) = exhibits()
    assert known["exhibit"] == exhibit.reference
    assert exhibit.case == f"case:{known['case']['id']}"
    assert (exhibit.how, exhibit.media_type, exhibit.digests["sha256"]) == ("screened", "image/jpeg", sha256(CONTENT))
    assert b"".join(unsafe_content(exhibit)) == CONTENT
    assert len(sealed(tmp_path)) == 1


@pytest.mark.usefixtures("rule")
def test_what_is_only_asked_for_or_known_by_its_hash_is_not_kept(tmp_path: Path) -> None:
    program = Program("screen")
    send(program, CONTENT, open_cases="false")
    program.post("/screen", {"items": [{"signal": "sha256", "value": sha256(CONTENT)}]})
    assert not exhibits()
    assert not sealed(tmp_path)


@pytest.mark.usefixtures("rule")
def test_a_request_that_is_repeated_keeps_it_once() -> None:
    program = Program("screen")
    first, second = (send(program, CONTENT, key="one-and-the-same-key") for _ in range(2))
    assert first.json() == second.json()
    assert exhibits().count() == 1


@pytest.mark.usefixtures("rule")
def test_a_file_that_changes_while_it_is_screened_is_an_error(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(CONTENT)
    thing = services.File(bytes(file), "a file")
    looked = services.look([thing])
    file.write_bytes(CONTENT + b"!")
    with pytest.raises(ContentChanged):
        services.seal_hits(looked, things=[thing])
    assert not sealed(tmp_path)


@pytest.mark.usefixtures("rule")
def test_where_the_case_does_not_commit_no_exhibit_does(monkeypatch: pytest.MonkeyPatch) -> None:
    def point(name: str) -> None:
        if name == "cases.opened":
            raise RuntimeError(name)

    monkeypatch.setattr(faults, "point", point)
    with pytest.raises(RuntimeError):
        services.screen([services.Content(CONTENT, "a place")], by="system", origin="cli", occasion="one")
    assert not exhibits()


def test_what_matches_is_guarded_by_rule_and_the_hit_stands_where_custodians_are_too_few(tmp_path: Path) -> None:
    custodians = Custodians()
    terms = RuleTerms("18 USC 2258A(h)", "US", "legal-obligation", ["match"], minimum="1 year", kept_class="guarded")
    set_rule("us", terms=terms, by="system")
    (told,) = send(Program("screen"), CONTENT).json()["answers"]
    (exhibit,) = exhibits()
    assert (told["exhibit"], exhibit.kept_class) == (exhibit.reference, "guarded")
    with pytest.raises(CustodiansNeeded):
        b"".join(unsafe_content(exhibit))
    end_custodian(custodians.rows["ann"].pk, by="system", reason="left")
    (told,) = send(Program("screen"), CONTENT).json()["answers"]
    assert (told["case"] is not None, told["exhibit"]) == (True, None), "the hit stands, with its case"
    (entry,) = ledger.entries(act="evidence.not-kept")
    assert entry.data["why"][1] == {"least": 3, "found": 2}
    assert exhibits().count() == len(sealed(tmp_path)) == 1


def test_what_a_demand_asks_for_is_kept_by_its_rules_where_none_keeps_what_matches(
    people: SimpleNamespace, clock: Any
) -> None:
    terms = RuleTerms("18 USC 2703(f)", "US", "legal-obligation", ["demand"], minimum="90 days", begins="demanded")
    set_rule("demands", terms=terms, by="system")
    thing = services.Content(CONTENT, "example.org/ann/1.jpg")
    other = services.Content(CONTENT, "example.org/bob/1.jpg")
    asked: dict[str, Any] = {"by": "system", "origin": "api"}
    assert services.screen([thing], occasion="before", **asked)[0].exhibit is None
    demand = accepted(people.lead, scope="accounts: ann; from 2026-01-01T00:00Z; kinds: pictures")
    found = services.screen([thing, other], occasion="after", **asked)
    assert found[1].exhibit is None
    one = found[0].exhibit
    assert one is not None
    assert (one.occasion, one.case, one.how) == ("demand", found[0].case.about, "screened")
    assert [each.exhibit for each in held_by(demand)] == [one]
    assert b"".join(unsafe_content(exhibits().get())) == CONTENT
