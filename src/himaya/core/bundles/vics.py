"""The exhibits of a bundle as VICS 2.0: a case with one Media each, for tools of the field. No pictures, no paths."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from himaya import __version__
from himaya.core import objects, vics
from himaya.core.bundles.case import named
from himaya.core.bundles.facts import Bundle, ExhibitFacts, moment


def written(bundle: Bundle) -> Iterator[bytes]:
    """``data/vics.json``, in pieces. The SourceID of the file of each Media is the number of the exhibit."""
    number = str(named(bundle, "vics"))
    case = {
        "CaseID": number,
        "CaseNumber": bundle.case,
        "ContactOrganization": bundle.organisation,
        "TotalMediaFiles": len(bundle.exhibits),
        "SourceApplicationName": "Himaya",
        "SourceApplicationVersion": __version__,
        "CaseMetadata": [{"CaseID": number, "PropertyName": "bundle", "PropertyValue": bundle.number}],
    }
    begin = json.dumps(case, ensure_ascii=False)[:-1]
    before = f'{{"@odata.context": "{vics.context("Cases")}", "value": [{begin}, "Media": ['.encode()
    yield from objects.write(before, (_media(n, one) for n, one in enumerate(bundle.exhibits, 1)), b"\n]}]}\n")


def _media(number: int, one: ExhibitFacts) -> dict[str, Any]:
    md5, acquired = one.digests["md5"], moment(one.acquisition.at)
    file = {"MD5": md5, "FileName": one.label, "FilePath": "", "SourceID": str(one.uuid), "Created": acquired}
    others = (("SHA256", one.digests["sha256"]), ("SHA512", one.digests["sha512"]))
    return vics.media(
        number,
        md5=md5,
        sha1=one.digests["sha1"],
        others=others,
        **{
            "MediaSize": one.size,
            "MimeType": one.media_type,
            **vics.said((label.kind, label.value) for label in one.labels),
            "PrecategorizationSource": ", ".join(sorted({label.said_by for label in one.labels})) or None,
            "MediaFiles": [file],
        },
    )
