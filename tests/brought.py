"""Deliveries of others, as their own tools write them: VICS, CASE, CyberTipline, bags. Everything in them is benign."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import bagit

CONTEXT = "http://github.com/VICSDATAMODEL/ProjectVic/DataModels/2.0.xml/US/$metadata#Cases"
UCO = "https://ontology.unifiedcyberontology.org/uco/"


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def vics(folder: Path, *contents: bytes, change: Any = None, **more: Any) -> Path:
    """An export with a media file for each content; ``change`` is given the document before it is written."""
    (folder / "Media").mkdir(parents=True, exist_ok=True)
    media = []
    for number, content in enumerate(contents, 1):
        (folder / "Media" / f"{number}.bin").write_bytes(content)
        media.append(
            {
                "MediaID": number, "Category": 1, "MD5": md5(content).upper(), "MediaSize": str(len(content)),
                "SHA1": hashlib.sha1(content).hexdigest(), "RelativeFilePath": f"Media\\{number}.BIN",
                "Tags": "a tag, another", "Series": "series 7", "VictimIdentified": True, "OffenderIdentified": None,
                "MediaFiles": [{"FileName": f"{number}.bin", "Created": "/Date(1767225600000)/", "SourceID": "disk 1"}],
                "Miniature": "AAAA", **more,
            }
        )  # fmt: skip
    case = {"CaseID": "c-1", "CaseNumber": "EX-2026-1", "ContactOrganization": "Example Police", "Media": media}
    document = {"@odata.context": CONTEXT, "value": [case]}
    if change is not None:
        change(document)
    (folder / "case.json").write_text(json.dumps(document))
    return folder


def cybertip(folder: Path, *contents: bytes, examples: Path | None = None) -> Path:
    """A report with details of each file but the last, which merely lies there."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report-4564654.xml").write_text(
        "<report><incidentSummary><incidentType>Misleading Domain Name</incidentType><platform>Example Chat</platform>"
        "<incidentDateTime>2026-01-02T03:04:05+01:00</incidentDateTime></incidentSummary><reporter><reportingPerson>"
        "<email>duty@esp.example</email></reportingPerson></reporter></report>"
    )
    for number, content in enumerate(contents):
        (folder / f"file-{number}.bin").write_bytes(content)
        if number < len(contents) - 1 or len(contents) == 1:
            (folder / f"details-{number}.xml").write_text(
                f"<fileDetails><reportId>4564654</reportId><fileId>{number:032x}</fileId>"
                f"<originalFileName>file-{number}.bin</originalFileName>"
                "<uploadedToEspTimestamp>2026-01-01T00:00:00Z</uploadedToEspTimestamp>"
                "<fileAnnotations><viral>true</viral></fileAnnotations>"
                "<industryClassification>B2</industryClassification>"
                f'<originalFileHash hashType="MD5">{md5(content)}</originalFileHash></fileDetails>'
            )
    return folder


def case(folder: Path, *contents: bytes) -> Path:
    """A graph with a file, its provenance record and the action that brought it about, for each content."""
    folder.mkdir(parents=True, exist_ok=True)
    context = {
        "kb": "urn:example:kb:", "investigation": "https://ontology.caseontology.org/case/investigation/",
        **{f"uco-{name}": f"{UCO}{name}/" for name in ("core", "action", "identity", "observable", "types")},
        "xsd": "http://www.w3.org/2001/XMLSchema#",
    }  # fmt: skip
    who = "kb:organization-8f3b1b8e-90a7-4a4b-9d3c-0c6f6f4b7a01"
    graph: list[dict[str, Any]] = [
        {"@id": who, "@type": "uco-identity:Organization", "uco-core:name": "Example Unit"},
        {"@id": "kb:investigation-8f3b1b8e-90a7-4a4b-9d3c-0c6f6f4b7a02", "@type": "investigation:Investigation",
         "uco-core:name": "EX-7", "investigation:investigationForm": "case"},
    ]  # fmt: skip
    for number, content in enumerate(contents):
        (folder / f"f{number}.bin").write_bytes(content)
        ids = {name: f"kb:{name}-8f3b1b8e-90a7-4a4b-9d3c-{number:012x}" for name in ("file", "record", "action")}
        graph += [
            {
                "@id": ids["file"], "@type": "uco-observable:File",
                "uco-core:hasFacet": [
                    {"@id": ids["file"].replace("file", "file-facet"), "@type": "uco-observable:FileFacet",
                     "uco-observable:fileName": f"f{number}.bin"},
                    {"@id": ids["file"].replace("file", "content-facet"), "@type": "uco-observable:ContentDataFacet",
                     "uco-observable:mimeType": "text/plain", "uco-observable:sizeInBytes": len(content),
                     "uco-observable:hash": [
                        {"@id": ids["file"].replace("file", "hash"), "@type": "uco-types:Hash",
                         "uco-types:hashMethod": "SHA256",
                         "uco-types:hashValue": {"@type": "xsd:hexBinary",
                                                 "@value": hashlib.sha256(content).hexdigest().upper()}}]},
                ],
            },
            {"@id": ids["record"], "@type": "investigation:ProvenanceRecord",
             "investigation:exhibitNumber": f"X-{number}", "uco-core:object": [{"@id": ids["file"]}]},
            {"@id": ids["action"], "@type": "investigation:InvestigativeAction", "uco-core:name": "seized",
             "uco-action:performer": {"@id": who},
             "uco-action:startTime": {"@type": "xsd:dateTime", "@value": "2026-01-05T10:00:00Z"},
             "uco-action:object": [{"@id": ids["file"]}], "uco-action:result": [{"@id": ids["record"]}]},
        ]  # fmt: skip
    (folder / "bundle.jsonld").write_text(json.dumps({"@context": context, "@graph": graph}))
    return folder


def bag(folder: Path, *contents: bytes, checksums: tuple[str, ...] = ("md5", "sha256")) -> Path:
    """A bag as python-bagit writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(contents):
        (folder / f"b{number}.bin").write_bytes(content)
    about = {"Source-Organization": "Example Archive", "External-Identifier": "BAG-9"}
    bagit.make_bag(str(folder), about, checksums=list(checksums))
    return folder


def zipped(folder: Path, *, top: str = "", method: int = zipfile.ZIP_DEFLATED) -> Path:
    """The same as a ZIP beside it."""
    to = folder.with_suffix(".zip")
    with zipfile.ZipFile(to, "w", method) as archive:
        for one in sorted(folder.rglob("*")):
            if one.is_file():
                archive.write(one, f"{top}{one.relative_to(folder)}")
    return to


def again(folder: Path, to: Path) -> Path:
    shutil.copytree(folder, to)
    return to
