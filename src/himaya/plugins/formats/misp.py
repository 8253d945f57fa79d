"""MISP events (core format, JSON), as MISP and its tools export and import them."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Generator, Iterable, Iterator
from itertools import chain
from typing import Any, BinaryIO, ClassVar

from himaya.core import labels, misp, objects
from himaya.core.ports import Format, ItemRow, Refusal
from himaya.core.words import N_

_MARK = re.compile(rb'"Event"\s*:\s*\{|"response"\s*:\s*[\[{]')


class MISP(Format):
    """One event, a list of events, or the answer to a search: attributes that are digests, and those of the type hex
    whose comment names a signal (pdq), also in objects. The attribute's UUID is the reference.

    The class stands in a tag of the attribute, as in himaya:uk-sap="A". Deleted attributes are left out, and so are
    names of files, comments, and attributes that name no fingerprint.
    """

    name: ClassVar[str] = "misp"
    label: ClassVar[str] = N_("MISP event")
    accepts: ClassVar[tuple[str, ...]] = (".json",)
    media_type: ClassVar[str] = "application/x-misp+json"

    def recognises(self, head: bytes) -> bool:
        """By the event, or the answer, that it begins with."""
        return bool(_MARK.search(head[:200]))

    def read(self, stream: BinaryIO) -> Generator[ItemRow | Refusal, None, str]:
        """A row for each attribute that names a fingerprint; ``line`` is the one on which it begins, or its object. A
        tag of the Traffic Light Protocol, on one of these or on an event, marks the file.
        """
        label = ""
        for found in misp.attributes(stream, format=self.name):
            if isinstance(found, Refusal):
                yield found
                continue
            line, thing = found
            told, tags, key = misp.fingerprint(thing), thing.get("Tag"), thing.get("uuid")
            tags = tags if isinstance(tags, list) else []
            if "type" not in thing or (told and not misp.is_deleted(thing)):
                label = labels.narrowest((label, labels.of_tags(tags)))
            if told and not misp.is_deleted(thing):
                (scheme, code), note = misp.classed(tags)
                note = note or (N_("disputed at the source") if misp.is_disputed(tags) else "")
                yield ItemRow(line, *told, scheme, code, reference=key if isinstance(key, str) else "", note=note)
        return label

    def render(self, rows: Iterable[ItemRow]) -> Iterator[bytes]:
        """One event, not shared beyond the organisation that takes it in. Its UUID is made from its first attribute, so
        that two lists are two events and one list, exported again, is the same; times are fixed.
        """
        wanted = (row for row in rows if not row.negative)
        first = next(wanted, None)
        given = chain([first] if first else [], wanted)
        name = str(uuid.uuid5(misp.NAMESPACE, f"event:{first.signal}:{first.value}" if first else "event"))
        head = json.dumps(_event(name)).removesuffix("}")
        before = f'{{"Event": {head}, "Attribute": ['.encode()
        told = (misp.attribute(row.signal, row.value, scheme=row.scheme, code=row.code) for row in given)
        yield from objects.write(before, told, b"\n]}}\n")


def _event(name: str) -> dict[str, Any]:
    return {
        "uuid": name,
        "info": "Fingerprints of known material",
        "date": "2020-01-01",
        "threat_level_id": "4",
        "analysis": "2",
        "distribution": "0",
        "published": False,
        "timestamp": str(misp.BEGINNING),
        "Orgc": {"name": "Himaya", "uuid": str(uuid.uuid5(misp.NAMESPACE, "organisation"))},
    }


PLUGIN = MISP()
