"""What the processes of a crash test do with lists that are published and followed: see :mod:`tests.crash.worker`.

The clock stands still: whatever is killed and repeated has to leave the very log that an undisturbed run leaves."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
LIST, NAME = "authority", "theirs"


def _stand_still() -> None:
    from himaya.core import clock

    clock._clock = clock.SetClock(AT)


# --- publishing ------------------------------------------------------------------------------------------------------


def begin_publishing(*, number: int) -> str:
    """A root, and a list with so many items; the root."""
    from tests.federation.native import Holders

    from himaya.lists import services

    made = Holders()
    root = made.install()
    services.create_list(LIST, by="system")
    add_own(first=0, number=number)
    return root.decode()


def add_own(*, first: int, number: int) -> None:
    """So many items more that we vouch for."""
    from himaya.core.ports import ItemRow
    from himaya.lists import services

    rows = [ItemRow(0, "sha256", _value(n)) for n in range(first, first + number)]
    assert services.add_items(services.find_list(LIST), rows=rows, by="system").imported


def publish() -> bool:
    """One round of publishing, as the worker does it."""
    from himaya.federation.native.publishing import publish
    from himaya.lists.services import find_list

    return publish(find_list(LIST))


def published(*, root: str, folder: str) -> dict[str, Any]:
    """What a follower who begins now is told; and what the log and the tables have of it."""
    from tests.federation.native import place
    from tests.leaves import leaves_of
    from tests.repositories import Shelf, following

    from himaya.federation.models import Publication
    from himaya.ledger.queries import entries
    from himaya.lists import organisations
    from himaya.lists.services import find_list

    of = find_list(LIST)
    values: set[str] = set()
    digests: set[str] = set()
    with following(Shelf(place(of)), Path(folder), root.encode()) as follower:
        key = (LIST, organisations.own().name)
        begun = (place(of) / "metadata" / "timestamp.json").exists()
        if begun and key in follower.refresh().offers:
            for one in follower.fetch(*key, to=Path(folder) / "files"):
                digests.add(one.part.target.hashes["sha256"])
                with follower.statements(one) as (_, said):
                    values |= {statement.value for statement in said}
    logged = list(Publication.objects.values_list("sha256", flat=True))
    return {
        "items": len(values),
        "unlogged": sorted(digests - set(logged)),
        "twice": len(logged) - len(set(logged)),
        "leaves": leaves_of("publication").count() - len(logged),
        "on record": entries(act="list.published").count() - len(logged),
    }


# --- a hub -----------------------------------------------------------------------------------------------------------


def begin_hub(*, url: str, root: str) -> str:
    """A node that follows a publisher and has admitted its signatory; the node's own root."""
    from tests.federation.native import Holders
    from tests.repositories import ORGANISATION

    from himaya.federation.native import hub
    from himaya.lists import services, subscribing

    own = Holders().install()
    to = services.create_list(LIST, by="system", radius=24)
    options = {"address": f"{url}/known", "key": "k", "root": root}
    subscribing.subscribe(NAME, to=to, exchange="himaya", options=options, by="system", private=True)
    hub.admit(hub.examine(NAME, organisation=ORGANISATION, permission="letter 7"), by="system")
    return own.decode()


def pass_on() -> bool:
    """Take over what is new of the signatory."""
    from tests.repositories import ORGANISATION

    from himaya.federation.native import hub, passing

    return passing.pass_on(hub.find(LIST, organisation=ORGANISATION))


def dismiss() -> None:
    """Pass on nothing of it any more."""
    from tests.repositories import ORGANISATION

    from himaya.federation.native import hub

    hub.dismiss(LIST, organisation=ORGANISATION, by="system")


def settle() -> bool:
    """What the worker's round does about whom nobody admits."""
    from himaya.federation.native.hub import settle
    from himaya.lists.services import find_list

    return settle(find_list(LIST))


def passed_on(*, root: str, folder: str) -> dict[str, Any]:
    """What a follower who begins now is told of the signatory; and what the log and the tables have of it."""
    from tests.federation.native import place
    from tests.repositories import ORGANISATION, Shelf, following

    from himaya.core.repository.plan import offered
    from himaya.federation.models import Publication
    from himaya.federation.native.hub import may_tell
    from himaya.ledger.queries import entries
    from himaya.lists.services import find_list

    of, said, digests = find_list(LIST), 0, set[str]()
    if (place(of) / "metadata" / "timestamp.json").exists():
        with following(Shelf(place(of)), Path(folder), root.encode()) as follower:
            for list_, who in offered(follower.refresh(), LIST):
                for one in follower.fetch(list_, who, to=Path(folder) / "files"):
                    digests.add(one.part.target.hashes["sha256"])
                    with follower.statements(one) as (_, statements):
                        said += sum(1 for _ in statements)
    logged = list(Publication.objects.values_list("sha256", flat=True))
    return {
        "said": said,
        "told": may_tell(of, ORGANISATION),
        "unlogged": sorted(digests - set(logged)),
        "twice": len(logged) - len(set(logged)),
        "on record": entries(act="list.passed-on").count() - len(logged),
    }


# --- a file, and a subscription to one -------------------------------------------------------------------------------


def _value(number: int) -> str:
    return hashlib.sha256(b"%d" % number).hexdigest()


def write_rows(path: Path, numbers: range) -> None:
    """A file of hashes of drawn words."""
    with path.open("w") as file:
        file.write("signal,value,scheme,code\n")
        for n in numbers:
            file.write(f"sha256,{_value(n)},interpol,baseline\n")


def make_lists() -> None:
    """The keys of the log, and the lists."""
    from himaya.lists import services
    from himaya.log.keys import keys

    keys()
    for name in (LIST, "other"):
        services.create_list(name, by="system")


def import_file(*, path: str, batch: int) -> None:
    """Import a file as a person does, who begins again where it was killed."""
    from himaya.lists import importing, services
    from himaya.lists.models import HashList

    _stand_still()
    importing.BATCH = batch
    found = HashList.objects.get(name=LIST)
    with Path(path).open("rb") as stream:
        assert services.import_items(found, stream=stream, format_name="csv", by="system").imported


def subscribe_to(*, path: str) -> None:
    """Follow that file."""
    from himaya.lists import services, subscribing

    _stand_still()
    file = Path(path)
    options = {"directory": str(file.parent), "path": file.name, "format": "csv"}
    subscribing.subscribe(
        NAME, to=services.find_list(LIST), exchange="file", options=options, by="system", private=True
    )


def follow_file(*, batch: int, page: int = 0) -> None:
    """A round of the subscription, in small pages and batches."""
    from himaya.core import registry
    from himaya.lists import subscribing
    from himaya.lists.subscribing import rounds

    _stand_still()
    rounds.BATCH = batch
    if page:
        import sys

        sys.modules[type(registry.exchange("file")).__module__].PAGE_SIZE = page  # type: ignore[attr-defined]
    subscribing.run(subscribing.find(NAME), wait=lambda _: None)


def commit_all(*, batch: int = 0) -> None:
    """Log all that was said."""
    from himaya.lists import committing

    _stand_still()
    committing.BATCH = batch or committing.BATCH
    while committing.commit():
        pass


def standing() -> dict[str, Any]:
    """The list as others see it, its figures, and where the log stands."""
    from himaya.core.merkle import root_of
    from himaya.lists import queries
    from himaya.lists.admission import MATCHING
    from himaya.lists.models import HashList, Item, Portion, Statement
    from himaya.log.models import Leaf

    of = HashList.objects.get(name=LIST)
    digest = hashlib.sha256()
    rows = Item.objects.filter(list=of, state__in=MATCHING).order_by("value").values_list("value", flat=True)
    number = 0
    for value in rows.iterator(chunk_size=5000):
        digest.update(value.encode())
        number += 1
    return {
        "matching": number,
        "digest": digest.hexdigest(),
        "counted": sum(Portion.objects.filter(list=of, state__in=MATCHING).values_list("number", flat=True)),
        "items": queries.standings()[of.pk].items if of.pk in queries.standings() else 0,
        "statements": Statement.objects.filter(item__list=of).count(),
        "root": root_of(bytes(one) for one in Leaf.objects.order_by("index").values_list("hash", flat=True)).hex(),
    }


def settle_imports() -> None:
    """What the worker does with imports that were killed."""
    from himaya.lists.arrivals import sweeping

    while sweeping.sweep():
        pass
