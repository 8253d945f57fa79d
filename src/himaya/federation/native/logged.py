"""What stands in the log of a publication, and how it is given again; light enough to be loaded with the room."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from himaya.federation.models import Publication
from himaya.log.events import provides

KIND = "publication"


def canonical(one: Publication) -> bytes:
    """The bytes that the log holds of a publication."""
    told = {
        "kind": KIND, "list": one.list.name, "sequence": one.sequence, "since": one.since, "sha256": one.sha256,
        "length": one.length,
    }  # fmt: skip
    return json.dumps(told, sort_keys=True, separators=(",", ":")).encode()


def shown(numbers: Collection[int]) -> Mapping[int, bytes]:
    """The bytes of these publications, by number."""
    rows = Publication.objects.select_related("list").filter(pk__in=list(numbers))
    return {one.pk: canonical(one) for one in rows}


provides(KIND, shown)
