"""CASE / UCO as JSON-LD, with the files that it tells of: digests, sizes, and the actions that brought them about.

Nodes may lie within one another or refer to one another. Prefixes are each writer's own: names are read behind the last
``/``, ``:`` or ``#``, which tell them apart within CASE and UCO.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

from himaya.core import objects
from himaya.core.intake.offered import Declared, Intake, Offered, Told, declared, short, when
from himaya.core.intake.parcels import BadPlace, Parcel, head_of
from himaya.core.objects import EACH
from himaya.core.ports import BadListFile, Refusal
from himaya.core.words import N_, Said

MAX_DOCUMENTS, MAX_DEEP, MAX_NODES, MAX_SIZE = 5, 4, 200_000, 64 * 1024**2
MANY = 100
"""Facets of a file, digests of a facet, names of those who acted: many files may share them."""
_MARK = re.compile(
    rb"https?://(?:ontology\.caseontology\.org|ontology\.unifiedcyberontology\.org|unifiedcyberontology)"
)
_KEPT = frozenset(
    {"File", "FileFacet", "ContentDataFacet", "Hash", "InvestigativeAction", "ProvenanceRecord", "Investigation",
     "Authorization", "Identity", "Organization", "Person", "Tool", "Location", "Role"}
)  # fmt: skip
_FIELDS = frozenset(
    {"@types", "hasFacet", "hash", "hashMethod", "hashValue", "sizeInBytes", "mimeType", "filePath", "fileName",
     "object", "result", "exhibitNumber", "name", "description", "performer", "instrument", "location", "startTime",
     "authorizationType", "authorizationIdentifier"}
)  # fmt: skip
"""What is kept of a node."""
Node = dict[str, Any]


class Case(Intake):
    """Each file with digests, size and path; provenance records and investigative actions as how it came to them."""

    name: ClassVar[str] = "case"
    label: ClassVar[str] = N_("CASE/UCO (JSON-LD)")

    def documents(self, parcel: Parcel) -> tuple[str, ...]:
        """JSON files that name one of the two ontologies at their beginning."""
        found = (
            name
            for name in sorted(parcel.files)
            if name.lower().endswith((".jsonld", ".json")) and name.count("/") < MAX_DEEP
            and _MARK.search(head_of(parcel, name))
        )  # fmt: skip
        return tuple(name for _, name in zip(range(MAX_DOCUMENTS), found, strict=False))

    def told(self, parcel: Parcel, documents: tuple[str, ...]) -> Told:
        """The investigation, by what right, and who."""
        graph = _graph(parcel, documents)
        case = next(iter(graph.of("Investigation")), {})
        right = next(iter(graph.of("Authorization")), {})
        who = next(iter([*graph.of("Organization"), *graph.of("Identity")]), {})
        basis = " ".join(filter(None, (_text(right, "authorizationType"), _text(right, "authorizationIdentifier"))))
        number = _text(case, "name") or _text(case, "description")
        return Told(number, _text(who, "name"), basis, when(_value(case.get("startTime"))), {})

    def offered(self, parcel: Parcel, documents: tuple[str, ...]) -> Iterator[Offered]:
        """Each ``observable:File`` that has a digest or a path."""
        graph = _graph(parcel, documents)
        there = {name.lower(): name for name in parcel.files if name not in documents}
        by_last = defaultdict[str, list[str]](list)
        for name in there.values():
            by_last[name.rpartition("/")[2].lower()].append(name)
        for number, one in enumerate(graph.of("File"), 1):
            yield _offered(graph, one, number, documents[0], there, by_last)


@dataclass(slots=True)
class _Graph:
    """The nodes that matter, by their names; what is acted upon → the actions."""

    nodes: dict[str, Node] = field(default_factory=dict)
    about: dict[str, list[Node]] = field(default_factory=lambda: defaultdict(list))
    _first: dict[str, Node | None] = field(default_factory=dict)

    def of(self, kind: str) -> list[Node]:
        return [one for one in self.nodes.values() if kind in one["@types"]]

    def first(self, name: str) -> Node | None:
        """The first action about something; looked for once, however many files come to ask."""
        if name not in self._first:
            actions = (one for one in self.about.get(name, ()) if "InvestigativeAction" in one["@types"])
            self._first[name] = min(actions, key=_began, default=None)
        return self._first[name]

    def get(self, value: object, *, most: int | None = MANY) -> list[Node]:
        """The nodes that a property names or holds, ``most`` of them."""
        found = []
        for one in value[:most] if isinstance(value, list) else [value]:
            name = one.get("@id") if isinstance(one, dict) else None
            if isinstance(name, str) and name in self.nodes:
                found.append(self.nodes[name])
        return found


def _graph(parcel: Parcel, documents: tuple[str, ...]) -> _Graph:
    graph = _Graph()
    for name in documents:
        if parcel.files[name] > MAX_SIZE:
            raise BadPlace(where=name, why=Said("it has more than {n} bytes", n=MAX_SIZE))
        try:
            with parcel.open(name) as file:
                for found in objects.read(file, {("@graph", EACH): None}, format="case"):
                    where = Said("{file}, line {n}", file=name, n=found.line)
                    if isinstance(found, Refusal):
                        raise BadPlace(where=where, why=found.why)
                    if isinstance(found.value, dict):
                        _add(graph, found.value, where, 0)
        except BadListFile as error:
            raise BadPlace(where=name, why=error.facts["why"]) from None
    for one in [*graph.of("InvestigativeAction"), *graph.of("ProvenanceRecord")]:
        for key in ("object", "result"):
            for about in graph.get(one.get(key), most=None):
                graph.about[about["@id"]].append(one)
    return graph


def _add(graph: _Graph, node: Node, where: str, depth: int) -> None:
    """A node and those that lie in it, each under its name; one without a name gets one."""
    if depth > 12 or len(graph.nodes) >= MAX_NODES:
        raise BadPlace(where=where, why=N_("it holds more than it should"))
    types = node.get("@type", ())
    short_types = {_local(one) for one in (types if isinstance(types, list) else [types]) if isinstance(one, str)}
    made: Node = {"@types": short_types}
    for key, value in node.items():
        name = _local(key)
        inside = [_within(graph, one, where, depth) for one in (value if isinstance(value, list) else [value])]
        if name in _FIELDS:
            made[name] = inside if isinstance(value, list) else inside[0]
    if not short_types & _KEPT:
        return
    called = node.get("@id")
    made["@id"] = called if isinstance(called, str) else f"_:{where}-{len(graph.nodes)}"
    node["@id"] = made["@id"]
    graph.nodes.setdefault(made["@id"], made)


def _within(graph: _Graph, value: object, where: str, depth: int) -> object:
    if isinstance(value, dict) and "@type" in value and "@value" not in value:
        _add(graph, value, where, depth + 1)
        return {"@id": value.get("@id")}
    return value


def _began(action: Node) -> str:
    return str(_value(action.get("startTime")) or "~")


def _local(name: str) -> str:
    return re.split(r"[/:#]", name)[-1]


def _value(value: object) -> object:
    one = value[0] if isinstance(value, list) and value else value
    return one.get("@value") if isinstance(one, dict) else one


def _text(node: Node, key: str) -> str:
    return short(_value(node.get(key)))


def _offered(
    graph: _Graph, one: Node, number: int, document: str, there: dict[str, str], by_last: dict[str, list[str]]
) -> Offered:
    facets = graph.get(one.get("hasFacet"))
    called, size, kind = "", None, ""
    digests: list[Declared] = []
    for facet in facets:
        called = called or _text(facet, "filePath") or _text(facet, "fileName")
        kind = kind or _text(facet, "mimeType")
        told = str(_value(facet.get("sizeInBytes")) or "")
        size = int(told) if told.isdigit() and len(told) < 16 else size
        for each in graph.get(facet.get("hash")):
            method, value = _value(each.get("hashMethod")), _value(each.get("hashValue"))
            digests += declared(short(method, 20), value, document)
    name = _place(called, there, by_last)
    facts, at = _facts(graph, one)
    media = kind.lower() if re.fullmatch(r"[a-z0-9.+-]+/[a-z0-9.+-]+", kind.lower()) and len(kind) <= 60 else ""
    return Offered(
        name=name, called=called or f"File {number}", declared=tuple(dict.fromkeys(digests)), size=size,
        media_type=media, facts=facts, at=at, trouble="" if name else N_("it is not there"),
    )  # fmt: skip


def _place(called: str, there: dict[str, str], by_last: dict[str, list[str]]) -> str:
    parts = [part for part in called.replace("\\", "/").lower().split("/") if part not in ("", ".", "..")]
    for start in range(len(parts)):
        if found := there.get("/".join(parts[start:])):
            return found
    found_by_name = by_last.get(parts[-1], []) if parts else []
    return found_by_name[0] if len(found_by_name) == 1 else ""


def _facts(graph: _Graph, one: Node) -> tuple[dict[str, str], Any]:
    """How it came to them: exhibit numbers of provenance records, and the first action that brought it about."""
    facts: dict[str, str] = {}
    at = None
    records = [each for each in graph.about.get(one["@id"], ()) if "ProvenanceRecord" in each["@types"]]
    for record in records:
        if number := _text(record, "exhibitNumber"):
            facts.setdefault("exhibit number", number)
    actions = [found for each in (one, *records) if (found := graph.first(each["@id"]))]
    for action in sorted(actions, key=_began)[:1]:
        at = when(_value(action.get("startTime")))
        for key, said in (("performer", "by"), ("instrument", "with"), ("location", "place")):
            names = [_text(each, "name") for each in graph.get(action.get(key))]
            if told := ", ".join(filter(None, names)):
                facts[said] = told[:300]
        if told := _text(action, "name"):
            facts["act"] = told
    return facts, at


PLUGIN = Case()
