"""The schema of the CyberTipline: NCMEC's own document where it lies beside the project, which may not hold it;
and where it does not, one that is written from the project's own table.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from lxml import etree

from himaya.core.cybertip.table import Element, file_details, report

NCMECS = Path(__file__).resolve().parents[2] / "shared" / "standards" / "schemas" / "cyber_tipline.xsd"
XS = "{http://www.w3.org/2001/XMLSchema}"
_PLAIN = {
    "text": "string", "long": "string", "boolean": "boolean", "flag": "boolean", "moment": "dateTime", "day": "date",
    "number": "long", "decimal": "double",
}  # fmt: skip
_ALL = ("reportAnnotations", "fileAnnotations")
_ANSWERS = """
<xs:element name="reportResponse"><xs:complexType><xs:sequence>
<xs:element name="responseCode" type="xs:int"/><xs:element name="responseDescription" type="xs:string"/>
<xs:element name="reportId" type="xs:long" minOccurs="0"/><xs:element name="fileId" type="xs:token" minOccurs="0"/>
<xs:element name="hash" type="xs:token" minOccurs="0"/></xs:sequence></xs:complexType></xs:element>
<xs:element name="reportDoneResponse"><xs:complexType><xs:sequence>
<xs:element name="responseCode" type="xs:int"/><xs:element name="reportId" type="xs:long"/>
<xs:element name="files"><xs:complexType><xs:sequence>
<xs:element name="fileId" type="xs:string" minOccurs="0" maxOccurs="unbounded"/>
</xs:sequence></xs:complexType></xs:element></xs:sequence></xs:complexType></xs:element>"""
_NUMBERS = '<xs:element name="reportId" type="xs:long"/><xs:element name="fileId" type="xs:token"/>'


@cache
def source() -> bytes:
    """The schema as a document."""
    return NCMECS.read_bytes() if NCMECS.exists() else own()


@cache
def schema() -> etree.XMLSchema:
    return etree.XMLSchema(etree.fromstring(source()))


@cache
def own() -> bytes:
    """The schema as the table has it, what is nested written out in its place."""
    roots = _element(report()) + _element(file_details(), _NUMBERS)
    return f'<xs:schema xmlns:xs="{XS[1:-1]}">{roots}{_ANSWERS}</xs:schema>'.encode()


def _element(element: Element, before: str = "") -> str:
    root = element.name in ("report", "fileDetails")
    occurs = "" if root else f' minOccurs="{int(element.required)}" maxOccurs="{"unbounded" if element.many else 1}"'
    if element.type in _PLAIN:
        fixed = ' fixed="true"' if element.type == "flag" else ""
        return f'<xs:element name="{element.name}" type="xs:{_PLAIN[element.type]}"{occurs}{fixed}/>'
    if element.plain:
        return f'<xs:element name="{element.name}"{occurs}>{_enumerated(element)}</xs:element>'
    attributes = "".join(_attribute(one) for one in element.children if one.name.startswith("@"))
    if element.valued:
        kind = _PLAIN[element.children[0].type]
        within = f'<xs:simpleContent><xs:extension base="xs:{kind}">{attributes}</xs:extension></xs:simpleContent>'
    else:
        order = "choice" if element.choice else "all" if element.type in _ALL else "sequence"
        parts = "".join(_element(one) for one in element.children if not one.name.startswith("@"))
        within = f"<xs:{order}>{before}{parts}</xs:{order}>{attributes}"
    return f'<xs:element name="{element.name}"{occurs}><xs:complexType>{within}</xs:complexType></xs:element>'


def _attribute(element: Element) -> str:
    use = ' use="required"' if element.required else ""
    if element.type in _PLAIN:
        pattern = {"calling-code": r"\+[0-9]{1,3}", "digits": "[0-9]+"}.get("".join(element.rules[:1]))
        if pattern is None:
            return f'<xs:attribute name="{element.name[1:]}" type="xs:{_PLAIN[element.type]}"{use}/>'
        inner = _restricted(f'<xs:pattern value="{pattern}"/>')
    else:
        inner = _enumerated(element)
    return f'<xs:attribute name="{element.name[1:]}"{use}>{inner}</xs:attribute>'


def _enumerated(element: Element) -> str:
    values = "".join(f'<xs:enumeration value="{one}"/>' for one in element.choices)
    return _restricted(values)


def _restricted(facets: str) -> str:
    return f'<xs:simpleType><xs:restriction base="xs:string">{facets}</xs:restriction></xs:simpleType>'
