"""A hub: what others signed is passed on unchanged under our root, of whom somebody here admitted and no further."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.federation import native
from tests.federation.conftest import Reader, fill, make, pdq
from tests.federation.hostile import Line
from tests.repositories import ORGANISATION, OTHER, TERMS, Shelf, full, said
from tuf.api.metadata import Metadata, Targets

from himaya.core import clock, faults
from himaya.core.errors import HimayaError
from himaya.core.exchange import SourceTrouble, left_for_hub
from himaya.core.outward import Client
from himaya.core.repository import files, keys
from himaya.core.repository.distrust import TooFewSigned
from himaya.core.repository.following import Follower, Seen
from himaya.core.repository.origins import Line as Origin
from himaya.core.repository.plan import offered
from himaya.core.repository.publishing import Repository
from himaya.core.statements import Statement
from himaya.federation.models import Publication, Signatory
from himaya.federation.native import hub, overview, passing, publishing
from himaya.federation.native.hub import NoSuchSignatory, NotPassedOn
from himaya.federation.native.keys import ring
from himaya.federation.queries import use_today
from himaya.ledger.models import Turn
from himaya.ledger.queries import entries
from himaya.lists import organisations, subscribing
from himaya.lists.models import HashList
from himaya.lists.terms import change_list
from himaya.log import queries as log

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("nothing_published")]
LIST = "from-theirs"


@pytest.fixture
def line(holders: native.Holders, tmp_path: Path) -> Iterator[Line]:
    """A publisher whose list (TLP:AMBER) is followed here, in a list that is stricter."""
    made = Line(tmp_path)
    with made.shelf.serving() as made.url:
        made.follow()
        yield made


def admitted(permission: str = "letter 7 of 2026") -> Signatory:
    return hub.admit(hub.examine("theirs", organisation=ORGANISATION, permission=permission), by="person:1")


def passed() -> bool:
    return passing.pass_on(hub.find(LIST, organisation=ORGANISATION))


def ours() -> HashList:
    return HashList.objects.get(name=LIST)


def says(line: Line, label: str, state: int) -> None:
    """The publisher labels the list anew, with another state of it."""
    path = line.folder / f"labelled-{state}"
    how: dict[str, Any] = {"organisation": ORGANISATION, "sequence": state}
    files.write_full(path, said(50), terms=replace(TERMS, tlp=label), **how)
    line.stage.made.publish(ORGANISATION, path)


class Follows:
    """Somebody who follows this node alone."""

    def __init__(self, holders: native.Holders, folder: Path, *, pinned: dict[str, set[str]] | None = None) -> None:
        self.folder, self.root, self.pinned = folder, holders.root, pinned or {}

    def look(self) -> tuple[Seen, dict[str, list[Statement]]]:
        """What is served, and what it says by organisation."""
        found: dict[str, list[Statement]] = {}
        with (
            Shelf(native.place(ours())).serving() as url,
            Client(private=True, attempts=1, wait=lambda _: None) as client,
        ):
            follower = Follower(self.folder, Origin(url, client), root=self.root, pinned=self.pinned)
            seen = follower.refresh()
            for of, who in offered(seen, LIST):
                for one in follower.fetch(of, who, to=self.folder / "files"):
                    with follower.statements(one) as (_, statements):
                        found.setdefault(who, []).extend(statements)
        return seen, found


@pytest.fixture
def follows(holders: native.Holders, tmp_path: Path) -> Follows:
    return Follows(holders, tmp_path / "c")


# --- passing on ------------------------------------------------------------------------------------------------------


def test_what_a_signatory_signed_stands_under_our_root_byte_for_byte(line: Line, follows: Follows) -> None:
    admitted()
    assert passed()
    seen, told = follows.look()
    assert (seen.refused, told[ORGANISATION]) == ({}, said(50))
    version = Metadata[Targets].from_bytes(_role(line.stage.directory)).signed.version
    assert _role(native.place(ours())) == _role(line.stage.directory)
    assert version == 1
    assert not passed()  # nothing is new
    line.publish(2)
    assert passed()
    assert follows.look()[1][ORGANISATION] == [*said(50), *said(1, seed=2)]


def _role(at: Path) -> bytes:
    newest = max(at.glob(f"metadata/*.{ORGANISATION}.json"), key=lambda path: int(path.name.split(".")[0]))
    return newest.read_bytes()


def test_our_own_words_stand_beside_it(line: Line, follows: Follows) -> None:
    admitted()
    passed()
    fill(ours(), [("pdq", pdq("of our own"))])
    publishing.publish(ours())
    assert set(follows.look()[0].until) == {organisations.own().name, ORGANISATION}


def test_nobody_is_passed_on_who_was_not_admitted(line: Line, follows: Follows) -> None:
    theirs = full(line.folder / "o", 1, said(5, organisation=OTHER), organisation=OTHER)
    line.stage.made.publish(OTHER, theirs)
    admitted()
    Signatory.objects.update(at=clock.now() - timedelta(seconds=2 * line.one.interval))  # its source was never read
    assert passing.pass_on_due()
    assert set(follows.look()[1]) == {ORGANISATION}
    [entry] = entries(act="signatory.admitted")
    assert entry.data["organisation"] == ORGANISATION
    assert entry.actor == "person:1"


def test_what_is_here_is_not_fetched_again(line: Line) -> None:
    admitted()
    passed()
    line.publish(2)
    line.shelf.asked.clear()
    passed()
    fetched = [path for path, _ in line.shelf.asked if "/targets/" in path]
    assert [path.rpartition(".gz")[0].rpartition(".")[2] for path in fetched] == ["delta-1-2"]


def test_what_a_round_has_read_is_passed_on_without_being_fetched_again(line: Line, follows: Follows) -> None:
    admitted()
    assert not passing.pass_on_due(), "its source is read before"
    for state in (1, 2, 3):
        assert state == 1 or line.publish(state)
        line.shelf.asked.clear()
        line.run()
        Turn.objects.all().delete()
        assert passing.pass_on_due(), "as soon as its source was read"
        fetched = [path for path, _ in line.shelf.asked if "/targets/" in path]
        assert len(fetched) == 1
        assert len(follows.look()[1][ORGANISATION]) == 49 + state
    left = left_for_hub(subscribing.client(line.one).keep, ORGANISATION)
    assert list(left.iterdir()) == []
    hub.dismiss(LIST, organisation=ORGANISATION, by="person:1")
    assert not left.exists()


def test_a_key_that_its_node_exchanges_is_exchanged_here(line: Line, follows: Follows) -> None:
    admitted()
    passed()
    fresh = keys.new()
    line.stage.held.own[ORGANISATION] = fresh
    made = Repository(line.stage.directory, line.stage.held.ring)
    made.add_signatory(ORGANISATION, [fresh.public_key])
    assert passed()
    assert hub.find(LIST, organisation=ORGANISATION).key == fresh.public_key.keyid
    assert entries(act="signatory.rekeyed").get().data["key"] == fresh.public_key.keyid[:16]
    assert follows.look()[1][ORGANISATION] == said(50)


def test_whoever_pinned_the_signatory_s_key_takes_nothing_that_we_signed_in_its_name(
    line: Line, holders: native.Holders, tmp_path: Path
) -> None:
    key = line.stage.held.own[ORGANISATION].public_key.keyid
    pinned = Follows(holders, tmp_path / "pinned", pinned={ORGANISATION: {key}})
    admitted()
    passed()
    assert pinned.look()[1][ORGANISATION] == said(50)
    hub.dismiss(LIST, organisation=ORGANISATION, by="person:1")
    mine = keys.new()  # and now we speak in its name
    known = Repository(native.place(ours()), [*ring(), mine])
    known.add_signatory(ORGANISATION, [mine.public_key])
    known.publish(ORGANISATION, full(tmp_path / "forged", 9, said(3, seed=9)))
    seen, told = pinned.look()
    assert ORGANISATION not in told
    assert isinstance(seen.refused[ORGANISATION], TooFewSigned)
    assert Follows(holders, tmp_path / "unpinned").look()[1][ORGANISATION] == said(3, seed=9)


def test_a_file_that_followers_could_not_read_is_not_passed_on_and_what_was_stays(line: Line, follows: Follows) -> None:
    admitted()
    passed()
    known = line.stage.held.new_root(previous=line.stage.root, bases={"national": "By law.", "treaty": "By treaty."})
    line.stage.made.install_root(known)
    path = line.folder / "treaty"
    how: dict[str, Any] = {"organisation": ORGANISATION, "sequence": 2, "since": 1, "bases": ("treaty",)}
    files.write_delta(path, said(1, seed=2, basis="treaty"), terms=TERMS, **how)
    line.stage.made.publish(ORGANISATION, path)
    with pytest.raises(HimayaError, match="treaty"):
        passed()
    assert follows.look()[1][ORGANISATION] == said(50)
    assert "treaty" in hub.find(LIST, organisation=ORGANISATION).trouble["what"]


def test_what_is_passed_on_stands_in_our_log_and_counts_for_who_reads_it(line: Line) -> None:
    admitted()
    passed()
    [known] = Publication.objects.filter(list=ours())
    assert log.leaf_of(publishing.KIND, known.pk)
    assert entries(act="list.passed-on").get().data["signatory"] == ORGANISATION
    reader = Reader().reads(LIST)
    [name] = native.files(ours())
    assert reader.get(f"himaya/{LIST}/targets/{name}").status_code == 200
    assert use_today(reader.partner)[1] == 50


def test_a_bundle_holds_what_is_passed_on(line: Line, tmp_path: Path) -> None:
    admitted()
    passed()
    written = publishing.write_bundle(ours(), tmp_path / "b", by="person:1")
    assert ORGANISATION in {part.piece.organisation for part in written.parts}


# --- how far a list may be handed on ---------------------------------------------------------------------------------


def test_a_list_that_is_not_for_others_is_passed_on_with_its_publisher_s_permission_alone(line: Line) -> None:
    with pytest.raises(NotPassedOn, match="TLP:AMBER"):
        admitted(permission="")
    assert not Signatory.objects.exists()
    assert admitted().permission == "letter 7 of 2026"


def test_a_red_list_is_never_passed_on_and_a_green_one_without_asking(line: Line) -> None:
    says(line, "red", 2)
    with pytest.raises(NotPassedOn, match="RED"):
        admitted()
    says(line, "green", 3)
    assert admitted(permission="").tlp == "green"


def test_nothing_is_passed_on_in_a_list_that_is_for_more_readers(line: Line) -> None:
    HashList.objects.filter(name=LIST).update(tlp="green")
    with pytest.raises(NotPassedOn, match="for more readers"):
        admitted()


def test_a_list_that_became_stricter_is_withheld_at_once_and_comes_back(line: Line, follows: Follows) -> None:
    admitted()
    passed()
    reader = Reader().reads(LIST)
    [name] = native.files(ours())
    says(line, "red", 2)
    with pytest.raises(NotPassedOn):
        passed()
    assert follows.look()[1] == {}
    assert reader.get(f"himaya/{LIST}/targets/{name}").status_code == 404
    assert [one.about for one in overview.concerns()] == ["Signatories"]
    assert entries(act="signatory.withheld").count() == 1
    says(line, "amber", 3)
    assert passed()
    assert follows.look()[1][ORGANISATION] == said(50)
    assert entries(act="signatory.resumed").count() == 1


def test_while_a_signatory_is_withheld_rounds_leave_no_files_of_it(line: Line) -> None:
    admitted()
    passed()
    left = left_for_hub(subscribing.client(line.one).keep, ORGANISATION)
    says(line, "red", 2)
    with pytest.raises(NotPassedOn):
        passed()
    line.run()
    assert not left.exists()
    says(line, "amber", 3)
    assert passed()
    line.publish(4)
    line.run()
    assert list(left.iterdir()), "what is passed on again is left again"


def test_where_our_list_is_opened_to_more_readers_nothing_is_told_from_that_moment(line: Line) -> None:
    admitted()
    passed()
    reader = Reader().reads(LIST)
    [name] = native.files(ours())
    HashList.objects.filter(name=LIST).update(tlp="clear")
    assert passing.pass_on_due()  # whoever looks at the metadata sees it gone, too, though its source is not asked
    assert ORGANISATION not in publishing.repository(LIST).signatories()
    assert reader.get(f"himaya/{LIST}/targets/{name}").status_code == 404
    with pytest.raises(NotPassedOn, match="for more readers"):
        passed()
    HashList.objects.filter(name=LIST).update(tlp="amber")
    assert passed()  # what it had signed comes back under the same number
    assert reader.get(f"himaya/{LIST}/targets/{name}").status_code == 200


@pytest.mark.usefixtures("holders")
def test_a_publisher_s_other_label_is_told_though_no_item_changed() -> None:
    one = make("mine", tlp="green")
    fill(one, [("pdq", pdq("x"))])
    publishing.publish(one)
    change_list("mine", by="person:1", tlp="red")
    one = HashList.objects.get(pk=one.pk)
    assert publishing.publish(one)
    assert not publishing.publish(one)
    [held] = publishing.repository("mine").holdings().values()
    assert held.terms.tlp == "red"


# --- who is admitted -------------------------------------------------------------------------------------------------


def test_a_signatory_that_is_dismissed_is_gone_and_can_come_back(line: Line, follows: Follows) -> None:
    admitted()
    passed()
    reader = Reader().reads(LIST)
    [name] = native.files(ours())
    hub.dismiss(LIST, organisation=ORGANISATION, by="person:1")
    assert follows.look()[1] == {}
    assert reader.get(f"himaya/{LIST}/targets/{name}").status_code == 404
    assert entries(act="signatory.dismissed").get().actor == "person:1"
    with pytest.raises(NoSuchSignatory):
        hub.dismiss(LIST, organisation=ORGANISATION, by="person:1")
    assert not passing.pass_on_due()
    admitted()
    assert passed()
    assert follows.look()[1][ORGANISATION] == said(50)


def test_what_cannot_be_admitted_is_refused_in_words(line: Line) -> None:
    with pytest.raises(NotPassedOn, match="own name"):
        hub.examine("theirs", organisation=organisations.own().name)
    with pytest.raises(SourceTrouble):
        hub.examine("theirs", organisation="nobody.example")
    with pytest.raises(NotPassedOn, match="200 characters"):
        admitted(permission="x" * 201)
    admitted()
    with pytest.raises(NotPassedOn, match="already"):
        admitted()


def test_a_signature_that_ends_soon_is_told(line: Line, time_machine: Any) -> None:
    admitted()
    passed()
    time_machine.move_to(clock.now() + timedelta(days=26))
    assert any("ends within days" in str(one.said) for one in overview.concerns())


# --- killed in between -----------------------------------------------------------------------------------------------


@pytest.fixture
def _disarmed() -> Iterator[None]:
    yield
    faults.arm("")


@pytest.mark.usefixtures("_disarmed")
@pytest.mark.parametrize("point", ["hub.fetched", "hub.logged", "hub.attached"])
def test_cut_off_at_any_point_the_next_round_does_the_rest(point: str, line: Line, follows: Follows) -> None:
    admitted()
    faults.arm(f"{point}:raise")
    with pytest.raises(faults.InjectedFault):
        passed()
    faults.arm("")
    passed()
    assert follows.look()[1][ORGANISATION] == said(50)
    assert Publication.objects.filter(list=ours()).count() == 1
    assert hub.find(LIST, organisation=ORGANISATION).lines == 50


@pytest.mark.usefixtures("_disarmed")
def test_who_was_dismissed_is_told_no_more_even_where_that_was_cut_off(line: Line, follows: Follows) -> None:
    admitted()
    passed()
    reader = Reader().reads(LIST)
    [name] = native.files(ours())
    faults.arm("hub.dismissed:raise")
    with pytest.raises(faults.InjectedFault):
        hub.dismiss(LIST, organisation=ORGANISATION, by="person:1")
    faults.arm("")
    assert reader.get(f"himaya/{LIST}/targets/{name}").status_code == 404
    assert passing.pass_on_due()
    assert follows.look()[1] == {}
