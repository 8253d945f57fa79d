"""A bundle as CASE 1.5 / UCO (JSON-LD): the investigation, by what right, each file, and the actions of its custody.
Where it changed hands, both sides take part.

``case_validate`` of case-utils holds. Every node is named by a UUID that follows from what it is about, so that the
same facts give the same file.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid5

from himaya.core import objects
from himaya.core.bundles.facts import Bundle, ExhibitFacts, moment
from himaya.core.vault.verifier import BOTH_SIGN

_SPACE = UUID("6f2b1f5e-8c1c-5d0e-9a55-2f6f0c3b7f10")
_UCO = "https://ontology.unifiedcyberontology.org/uco/"
CONTEXT = {
    "kb": "urn:himaya:kb:",
    "case-investigation": "https://ontology.caseontology.org/case/investigation/",
    **{f"uco-{name}": f"{_UCO}{name}/" for name in ("core", "action", "identity", "location", "tool", "types")},
    "uco-observable": f"{_UCO}observable/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_METHODS = {"md5": "MD5", "sha1": "SHA1", "sha256": "SHA256", "sha512": "SHA512"}
Node = dict[str, Any]


def named(bundle: Bundle, *what: str) -> UUID:
    """The UUID of a thing of this bundle."""
    return uuid5(_SPACE, json.dumps([bundle.organisation, bundle.number, *what]))


def _of(one: ExhibitFacts, *what: str) -> UUID:
    """The UUID of a thing of this exhibit, in whatever bundle."""
    return uuid5(one.uuid, json.dumps(what))


def written(bundle: Bundle) -> Iterator[bytes]:
    """``data/case.jsonld``, in pieces."""
    before = f'{{"@context": {json.dumps(CONTEXT, indent=1)},\n"@graph": ['.encode()
    yield from objects.write(before, _nodes(bundle), b"\n]}\n")


def _nodes(bundle: Bundle) -> Iterator[Node]:
    seen: set[str] = set()
    yield from _investigation(bundle)
    for one in bundle.exhibits:
        yield _file(one)
        yield _record(one)
        for node in _custody(bundle, one):
            if node["@id"] not in seen:
                yield node
            if not node["@type"].endswith("InvestigativeAction"):
                seen.add(node["@id"])


def _investigation(bundle: Bundle) -> Iterator[Node]:
    right = bundle.authorisation
    focus = [_ref("provenance-record", _of(one, "record")) for one in bundle.exhibits]
    node: Node = {
        "@id": f"kb:investigation-{named(bundle, 'investigation')}",
        "@type": "case-investigation:Investigation",
        "uco-core:name": bundle.case,
        "uco-core:description": f"Bundle {bundle.number} of {bundle.organisation}, {moment(bundle.made_at)}",
        "case-investigation:investigationForm": "case",
    }
    if right is not None:
        number = named(bundle, "authorization")
        node["case-investigation:relevantAuthorization"] = _ref("authorization", number)
        yield {
            "@id": f"kb:authorization-{number}",
            "@type": "case-investigation:Authorization",
            "case-investigation:authorizationType": right.instrument,
            "case-investigation:authorizationIdentifier": right.number,
            "uco-core:name": right.authority,
        }
    yield {**node, "uco-core:object": focus} if focus else node
    yield _agent(bundle, bundle.organisation, "Organization")


def _file(one: ExhibitFacts) -> Node:
    facet: Node = {
        "@id": f"kb:content-data-facet-{_of(one, 'content')}",
        "@type": "uco-observable:ContentDataFacet",
        "uco-observable:mimeType": one.media_type,
        "uco-observable:sizeInBytes": one.size,
        "uco-observable:hash": [_hash(one, name) for name in _METHODS],
    }
    return {"@id": f"kb:file-{one.uuid}", "@type": "uco-observable:File", "uco-core:hasFacet": [facet]}


def _hash(one: ExhibitFacts, name: str) -> Node:
    return {
        "@id": f"kb:hash-{_of(one, 'hash', name)}",
        "@type": "uco-types:Hash",
        "uco-types:hashMethod": _METHODS[name],  # a plain string: a typed one is warned of
        "uco-types:hashValue": {"@type": "xsd:hexBinary", "@value": one.digests[name].upper()},
    }


def _record(one: ExhibitFacts) -> Node:
    return {
        "@id": f"kb:provenance-record-{_of(one, 'record')}",
        "@type": "case-investigation:ProvenanceRecord",
        "uco-core:description": f"data/exhibits/{one.uuid}.age, encrypted; the digests are those of the file in clear",
        "case-investigation:exhibitNumber": one.label,
        "uco-core:object": [{"@id": f"kb:file-{one.uuid}"}],
    }


def _custody(bundle: Bundle, one: ExhibitFacts) -> Iterator[Node]:
    """The steps as actions, each informed by the one before, after who did them, with what and where."""
    before: Node | None = None
    holders = {key.name: key.holder for key in bundle.keys}
    for line in one.custody:
        step = json.loads(line)["step"]
        agent = _agent(bundle, step["by"])
        yield agent
        node: Node = {
            "@id": f"kb:investigative-action-{_of(one, 'step', str(step['number']))}",
            "@type": "case-investigation:InvestigativeAction",
            "uco-core:name": step["act"],
            "uco-core:description": f"line {step['number'] + 1} of data/custody/{one.uuid}.jsonl, which is signed",
            "uco-action:performer": {"@id": agent["@id"]},
            "uco-action:startTime": _time(step["at"]),
            "uco-action:endTime": _time(step["at"]),
        }
        if step["act"] in BOTH_SIGN:
            sides = [_agent(bundle, holders.get(name, name)) for name in (step["facts"]["from"], step["facts"]["to"])]
            yield from sides
            node["uco-action:participant"] = [{"@id": each["@id"]} for each in sides]
        record = _ref("provenance-record", _of(one, "record"))
        if before is None:
            tool, place = _tool(bundle, one), _place(bundle, one)
            yield from (tool, place)
            node["uco-action:instrument"] = [{"@id": tool["@id"]}]
            node["uco-action:location"] = [{"@id": place["@id"]}]
            node["uco-action:object"] = [{"@id": f"kb:file-{one.uuid}"}]
        else:
            node["case-investigation:wasInformedBy"] = {"@id": before["@id"]}
            node["uco-action:object"] = [record]
        node["uco-action:result"] = [record]
        yield node
        before = node


def _agent(bundle: Bundle, name: str, kind: str = "Identity") -> Node:
    return {
        "@id": f"kb:{kind.lower()}-{named(bundle, kind, name)}",
        "@type": f"uco-identity:{kind}",
        "uco-core:name": name,
    }


def _tool(bundle: Bundle, one: ExhibitFacts) -> Node:
    taken = one.acquisition
    return {
        "@id": f"kb:tool-{named(bundle, 'tool', taken.tool, taken.version)}",
        "@type": "uco-tool:Tool",
        "uco-core:name": taken.tool,
        "uco-tool:version": taken.version,
    }


def _place(bundle: Bundle, one: ExhibitFacts) -> Node:
    source = one.acquisition.source
    return {
        "@id": f"kb:location-{named(bundle, 'location', source)}",
        "@type": "uco-location:Location",
        "uco-core:name": source,
    }


def _ref(kind: str, number: UUID) -> Node:
    return {"@id": f"kb:{kind}-{number}"}


def _time(at: str) -> Node:
    return {"@type": "xsd:dateTime", "@value": at}
