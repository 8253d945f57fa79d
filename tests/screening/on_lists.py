"""Items on lists, some of each kind of signal, and how far away the matches are."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from himaya.core import registry
from himaya.core.ports import ItemRow
from himaya.lists import lasting
from himaya.lists.models import HashList, Item
from himaya.lists.services import add_items, create_list
from himaya.screening import matching

PDQ, MD5 = "5a" * 32, "ab" * 16
SCENES = [hashlib.sha256(bytes([n])).hexdigest() for n in range(4)]
"""What four frames of a video look like."""


def away(bits: int) -> str:
    """A value that differs from :data:`PDQ` in so many bits."""
    return differing(PDQ, bits)


def differing(value: str, bits: int) -> str:
    """The value with so many of its bits turned."""
    return f"{int(value, 16) ^ ((1 << bits) - 1):064x}"


def film(bits: int) -> str:
    """A video, of which each frame differs from :data:`SCENES` in so many bits."""
    return json.dumps([f"{differing(one, bits)},100,{n}.000" for n, one in enumerate(SCENES)])


def known(*values: str, signal: str = "pdq", to: str = "hotline") -> list[Item]:
    """Items on a list, which is made where it is missing."""
    listed = HashList.objects.filter(name=to).first() or create_list(to, by="system")
    add_items(listed, rows=[ItemRow(0, signal, value) for value in values], by="system")
    canonical = [registry.signal(signal).parse(value) for value in values]
    return list(Item.objects.filter(list=listed, signal=signal, value__in=canonical).order_by("pk"))


def distances() -> list[int]:
    """How far from PDQ and from the video of SCENES the matches are, and 0 for MD5."""
    value, body = registry.signal("vpdq").read(film(0))
    asked = [("pdq", PDQ, ""), ("md5", MD5, ""), ("vpdq", value, "")]
    return [hit.distance for hit in matching.find([asked], limit=99, bodies={value: body})[0].matches]


@contextmanager
def set_back() -> Iterator[None]:
    """As where a copy of the database is put back: rows vanish that it otherwise refuses to delete."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        lasting.unsafe_remove(connection)
        yield
        if connection.vendor == "postgresql":
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        lasting.install(connection)
