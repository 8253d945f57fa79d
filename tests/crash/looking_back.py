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
