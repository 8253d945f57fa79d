"""A row as it counts here: what the program ships, and over it what this node wrote."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db.models import Exists, OuterRef

from himaya.core.errors import HimayaError
from himaya.core.reference import TABLES, Table
from himaya.core.reference.editions import shipped
from himaya.reference.models import Revision

if TYPE_CHECKING:
    from django.db.models import QuerySet

_LAST = 1_000_000


class UnknownTable(HimayaError):
    """The reference has no table {name!r}; it has: {known}."""

    status = 404


class UnknownRow(HimayaError):
    """The table {table} of the reference has no row {key!r}."""

    status = 404


class BadDay(HimayaError):
    """{given!r} is no day: {why}."""

    status = 422


class UnknownCountry(HimayaError):
    """{code!r} is the code of no country."""

    remedy = "Write two capital letters of ISO 3166-1, as in NL."
    status = 404


class UnknownWord(HimayaError):
    """{field}: there is no {given!r}; there are: {known}."""

    status = 422


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it counts here.

    Attributes:
        table: it is of this table.
        key: names it for good.
        values: every field, as a text.
        shipped: how the program ships it now; None: not at all.
        revision: the last change here; None: there is none.
    """

    table: Table
    key: str
    values: Mapping[str, str]
    shipped: Mapping[str, str] | None
    revision: Revision | None

    @property
    def ours(self) -> bool:
        """Whether its values were written here."""
        return self.revision is not None and self.revision.values is not None

    @property
    def aside(self) -> bool:
        """Whether it was set aside."""
        return self.revision is not None and self.revision.aside

    @property
    def moved(self) -> bool:
        """Whether the program ships it otherwise than when it was changed here: somebody should compare the two."""
        return self.ours and self.revision is not None and self.revision.shipped != _plain(self.shipped)

    @property
    def number(self) -> int:
        """How often it was changed here."""
        return self.revision.number if self.revision else 0

    def typed(self) -> Any:
        """The row as others use it: a ``TimeLimit``, a ``Contact`` or a ``RequestField``."""
        return self.table.made(self.key, self.values, ours=self.ours)


def known(field: str, given: str, choices: Collection[str]) -> str:
    """What was given, where it is one of these.

    Raises:
        UnknownWord: it is none.
    """
    if given not in choices:
        names = [one for one in choices if one]
        several = ", ".join(names[:12]) + (" …" if len(names) > 12 else "")
        raise UnknownWord(field=field, given=given[:40], known=several)
    return given


def find_table(name: str) -> Table:
    """The table of that name.

    Raises:
        UnknownTable: there is none.
    """
    if name not in TABLES:
        raise UnknownTable(name=name[:40], known=", ".join(TABLES))
    return TABLES[name]


def find_row(table: Table, key: str) -> Row:
    """One row, set aside or not.

    Raises:
        UnknownRow: there is none of that key.
    """
    last = Revision.objects.filter(table=table.name, key=key).order_by("-number").first()
    return _row(table, key, last)


def all_rows(table: Table) -> list[Row]:
    """Every row, those set aside too: by place, by kind, and then as the program ships them."""
    changed = {one.key: one for one in last_revisions(table)}
    here = shipped(table.name)
    rows = [_row(table, key, changed.get(key)) for key in [*here, *(key for key in changed if key not in here)]]
    order = {key: place for place, key in enumerate(here)}
    places, kinds = _ranks(table, table.place), _ranks(table, table.kind)

    def rank(row: Row) -> tuple[int, int, int, str]:
        place, kind = row.values[table.place], row.values.get(table.kind, "")
        return places.get(place, _LAST), kinds.get(kind, _LAST), order.get(row.key, _LAST), row.key

    return sorted(rows, key=rank)


def last_revisions(table: Table) -> QuerySet[Revision]:
    """The last change of every row that was changed here."""
    same = Revision.objects.filter(table=OuterRef("table"), key=OuterRef("key"), number__gt=OuterRef("number"))
    return Revision.objects.filter(~Exists(same), table=table.name)


def digest(values: Mapping[str, str]) -> str:
    """What the ledger keeps of a row: SHA-256 of its fields as JSON, sorted, without spaces, in UTF-8."""
    text = json.dumps(dict(values), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _row(table: Table, key: str, last: Revision | None) -> Row:
    """A row from its parts. A field that is newer than a change made here is empty in it.

    Raises:
        UnknownRow: it is neither shipped nor was it written here.
    """
    here = shipped(table.name).get(key)
    written = last.values if last else None
    if written is None and here is None and last is not None:  # no longer shipped: as it was then
        written = last.shipped
    values = written if written is not None else here
    if values is None:
        raise UnknownRow(table=table.name, key=key[:80])
    return Row(table, key, {one.name: values.get(one.name, "") for one in table.fields}, here, last)


def _ranks(table: Table, name: str) -> dict[str, int]:
    field = table.field(name)
    return {choice: n for n, choice in enumerate(field.choices)} if field and field.choices else {}


def _plain(values: Mapping[str, str] | None) -> dict[str, str] | None:
    return None if values is None else dict(values)
