"""Tables: keys point down and back to nobody; the database knows no lists of kinds."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from django.apps import apps
from django.db import models
from django.test.utils import isolate_apps
from tests.architecture import house


def tables() -> list[type[models.Model]]:
    """The tables of our own rooms."""
    return [m for m in apps.get_models() if m.__module__.startswith("himaya.")]


def room(table: type[models.Model]) -> str:
    """The room of a table; empty for those of libraries."""
    parts = table.__module__.split(".")
    return parts[1] if parts[0] == "himaya" else ""


def keys(table: type[models.Model]) -> Iterable[models.ForeignKey]:
    """The keys of a table that point elsewhere."""
    return [f for f in table._meta.get_fields(include_hidden=True) if f.is_relation and f.concrete]  # type: ignore[misc]


def wrong_keys(tables: Iterable[type[models.Model]]) -> list[str]:
    """Keys that point up or sideways, or that show up on the other side."""
    found = []
    for table in tables:
        for key in keys(table):
            target = key.related_model
            if key.remote_field.related_name != "+":
                found.append(f"{table.__name__}.{key.name} shows up on {target.__name__}: related_name='+'")
            down = (
                not room(target)
                or room(target) == room(table)
                or house.height(room(target)) < house.height(room(table))
            )
            if not down:
                found.append(f"{table.__name__}.{key.name} points to {room(target)}, which is not below {room(table)}")
    return found


def lists_of_kinds(tables: Iterable[type[models.Model]]) -> list[str]:
    """Fields with ``choices``: a plug-in would then be a migration."""
    return [f"{t.__name__}.{f.name}" for t in tables for f in t._meta.fields if f.choices]


def test_keys_point_down_and_do_not_show_up_on_the_other_side() -> None:
    assert len(tables()) > 5
    assert wrong_keys(tables()) == []


def test_no_field_lists_its_kinds() -> None:
    assert lists_of_kinds(tables()) == []


@pytest.fixture
def odd() -> type[models.Model]:
    """A table in the ledger's room with a key to a room above, visible there, and a list of kinds."""
    with isolate_apps("himaya.ledger"):

        class Odd(models.Model):
            case = models.ForeignKey("cases.Case", on_delete=models.PROTECT)
            kind = models.CharField(max_length=1, choices=[("a", "A")])

            class Meta:
                app_label = "ledger"

        Odd.__module__ = "himaya.ledger.models"
        Odd._meta.get_field("case").remote_field.model = apps.get_model("cases", "Case")
        return Odd


def test_a_wrong_key_and_a_list_of_kinds_are_found(odd: type[models.Model]) -> None:
    assert len(wrong_keys([odd])) == 2
    assert lists_of_kinds([odd]) == ["Odd.kind"]
