"""What the processes of a crash test do with lists and what came before; :mod:`tests.crash.worker` runs them."""

from __future__ import annotations


def withdraw(*, value: str) -> None:
    from himaya.lists.models import Item
    from himaya.lists.services import mark_item

    mark_item(Item.objects.get(value=value).pk, state="withdrawn", by="system", reason="Not what it seemed.")


def look_back() -> None:
    """Compare what the lists gained with what is kept, until nothing is left."""
    from himaya.screening import before

    before.SETTLED = 0.0
    before.look()
    while before.standing().done < before.standing().last:
        before.look()


def keep(*, number: int, upto: int) -> None:
    """Screen so many contents that no list knows, and keep their fingerprints."""
    from himaya.screening import counting, services

    things = [services.Value("md5", f"{n:032x}", f"/before/{n}") for n in range(number, upto)]
    services.screen(things, by="system", origin="cli", occasion="keep")
    counting.flush()


def look_back_in_steps() -> None:
    """As the worker does, a few contents at a time."""
    from himaya.screening import before

    before.OPENED = before.EXACT = 3
    look_back()


def import_and_look_back(*, rows: str) -> None:
    """The comparison begins with what the lists gain from here on."""
    from tests.crash.worker import import_list

    look_back()
    import_list(rows=rows)
    look_back()


# --- what waits for an item in quarantine ----------------------------------------------------------------------------

PDQ = "5a" * 32


def show(*, upto: int) -> list[int]:
    """Show so many contents that are like one item, each once; those whose answer came."""
    from himaya.cases.queries import already_seen
    from himaya.core.ports import ItemRow
    from himaya.lists.queries import lists
    from himaya.lists.services import add_items, create_list
    from himaya.screening import services

    if not lists().filter(name="authority").exists():
        add_items(create_list("authority", by="system"), rows=[ItemRow(0, "pdq", PDQ)], by="system")
    for n in range(1, upto + 1):
        value = f"{int(PDQ, 16) ^ (1 << n):064x}"
        if not already_seen(f"pdq:{value}", f"/shown/{n}", ()):
            services.screen([services.Value("pdq", value, f"/shown/{n}")], by="system", origin="cli", occasion=f"{n}")
    return waiting()


def waiting() -> list[int]:
    """How many cases there are, how much waits, and what the figures say."""
    from himaya.cases.models import Case
    from himaya.lists.models import Quarantine
    from himaya.screening.models import Waiting

    return [Case.objects.count(), Waiting.objects.count(), sum(Quarantine.objects.values_list("kept", flat=True))]


def let_go() -> None:
    from himaya.lists.quarantine import quarantines, release_item

    release_item(quarantines().get().item_id, by="lead", reason="A series of one scene.")


def open_waiting() -> None:
    """As the worker does, a few at a time."""
    from himaya.screening import released

    released.OPENED = 3
    while released.look():
        pass
