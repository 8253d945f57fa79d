"""Packets: a report for a body without an interface of its own, in one file that it opens with common tools.

A packet is a ZIP, encrypted with age to the body. In it is ``report.json`` (its shape is that of :func:`schema`), which
is signed with the node's key of custody, the same for people to read, and the files that go with it. Nothing of it can
be read on the way, and whoever has it can prove with openssl who made it.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from himaya.core.bundles.report import Language, code, data, facts, framed, pdf, pdf_possible, table
from himaya.core.errors import HimayaError
from himaya.core.filing import Draft, DraftFile, Files, Form, FormField
from himaya.core.filling import MOMENT, is_empty, listed, pruned
from himaya.core.mailing import token
from himaya.core.vault import recipients
from himaya.core.vault.recipients import Recipient
from himaya.core.vault.verifier import key_name
from himaya.core.words import N_

FORMAT = "himaya-report-1"
SIGNED = b"himaya report 1\n"
"""What stands before ``report.json`` in what is signed: the key signs other things, too."""
CHUNK = 1024 * 1024
README = """\
report.json   the report, for machines; its shape: docs/report.schema.json of the project Himaya
report.*.html report.*.pdf   the same, to read
report.sig    Ed25519 over the line "himaya report 1" and report.json; signer.pem is the key that made it
files/        what goes with it, byte for byte; report.json has the SHA-256 of each

Whose the key is, its holder says over another line; the name of the key is KEY. To prove the signature:

(printf 'himaya report 1\\n'; cat report.json) > signed
openssl pkeyutl -verify -pubin -inkey signer.pem -rawin -in signed -sigfile report.sig
"""
LEAD = N_(
    "A report of a node of the platform Himaya. Where files go with it, they lie in the folder “files” beside it; what "
    "is told of and does not lie there can be handed over as a bundle."
)
HEAD_REPORT, HEAD_FILES, HEAD_PROOF = N_("Report"), N_("Files"), N_("Proof")
PROOF = N_("The signature is over the file report.json, of which this is the SHA-256. The key that signed it is named:")
YES, NO = N_("yes"), N_("no")
ENCLOSED, OFFERED = N_("enclosed"), N_("not enclosed; can be handed over as a bundle")


class OtherFile(HimayaError):
    """What is kept as {key} is not the file of the draft: its size or its SHA-256 is another one."""

    status = 500
    exit_code = 3


def document(draft: Draft, form: Form, *, node: str, body: str, at: datetime) -> dict[str, Any]:
    """The report as JSON types.

    Args:
        draft: checked.
        form: by which it was checked.
        node: who reports.
        body: to whom.
        at: when it is made.
    """
    told = [
        {
            "key": one.key, "sha256": one.sha256, "size": one.size, "media_type": one.media_type,
            "enclosed": one.sent, **({"path": f"files/{token(one.key)}"} if one.sent else {}),
            **pruned(one.values),
        }
        for one in draft.files
    ]  # fmt: skip
    names = {field.name for field in form.report.fields}
    stated = {name: value for name, value in pruned(draft.values).items() if name in names}
    made = at.astimezone(UTC).replace(microsecond=0).isoformat()
    return {
        "format": FORMAT, "key": draft.key, "made_at": made, "node": node, "body": body, "report": stated,
        "files": told,
    }  # fmt: skip


def packet(
    told: Mapping[str, Any],
    draft: Draft,
    form: Form,
    *,
    signer: Ed25519PrivateKey,
    languages: Sequence[str],
    translate: Callable[[str, str], str],
    printed: bool,
    files: Files,
    to: Sequence[Recipient],
) -> bytes:
    """The packet, encrypted; in memory as a whole.

    Args:
        told: of :func:`document`.
        draft: the same.
        form: whose labels name what is told.
        signer: the node's key.
        languages: of what is to be read.
        translate: a text of ours in a language.
        printed: as PDF, too, where that is possible.
        files: gives those that go with it.
        to: who can open it.

    Raises:
        OtherFile: a file is not that of the draft.
    """
    content = json.dumps(told, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"
    public = signer.public_key()
    name = key_name(public.public_bytes_raw())
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    plain = io.BytesIO()
    with zipfile.ZipFile(plain, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("README.txt", README.replace("KEY", name))
        archive.writestr("report.json", content)
        archive.writestr("report.sig", signer.sign(SIGNED + content))
        archive.writestr("signer.pem", pem)
        for language in languages:
            lines = page(told, form, Language(language, partial(translate, language)), content=content, key=name)
            shown = "\n".join(lines).encode() + b"\n"
            archive.writestr(f"report.{language}.html", shown)
            if printed and pdf_possible():
                archive.writestr(f"report.{language}.pdf", pdf(shown))
        for one in draft.files:
            if one.sent:
                _enclose(archive, one, files)
    plain.seek(0)
    closed = io.BytesIO()
    recipients.encrypt(plain, closed, recipients=to)
    return closed.getvalue()


def _enclose(archive: zipfile.ZipFile, one: DraftFile, files: Files) -> None:
    digest, size = sha256(), 0
    with files.open(one.key) as source, archive.open(f"files/{token(one.key)}", "w") as to:
        while size <= one.size and (part := source.read(CHUNK)):
            digest.update(part)
            size += len(part)
            to.write(part)
    if size != one.size or digest.hexdigest() != one.sha256:
        raise OtherFile(key=one.key)


# --- to read ---------------------------------------------------------------------------------------------------------


def page(told: Mapping[str, Any], form: Form, language: Language, *, content: bytes, key: str) -> Iterator[str]:
    """The report as HTML that asks nobody for anything."""
    body = _body(told, form, language, content=content, key=key)
    return framed(HEAD_REPORT, body, language=language, number=told["key"], made=told["made_at"])


def _body(told: Mapping[str, Any], form: Form, language: Language, *, content: bytes, key: str) -> Iterator[str]:
    said = language.said
    yield f"<p>{said(LEAD)}</p>"
    head = ((N_("Number"), "key"), (N_("From"), "node"), (N_("To"), "body"), (N_("Made"), "made_at"))
    yield from facts((said(label), data(told[name])) for label, name in head)
    yield from _group(form.report, told["report"], language, 2)
    if told["files"] and form.file:
        yield f"<h2>{said(HEAD_FILES)}</h2>"
    for one in told["files"]:
        yield f"<h3>{data(one['key'])}</h3>"
        state = said(ENCLOSED if one["enclosed"] else OFFERED)
        about = (said(N_("File")), f"{data(one['media_type'])}, {state}")
        yield from facts([about, ("SHA-256", code(one["sha256"]))])
        if form.file:
            yield from _group(form.file, one, language, 4)
    yield f"<h2>{said(HEAD_PROOF)}</h2>\n<p>{said(PROOF)}</p>"
    yield f"<pre>{sha256(content).hexdigest()}\n{key}</pre>"


def _group(group: FormField, values: Mapping[str, Any], language: Language, level: int) -> Iterator[str]:
    """What is stated in a group: its plain fields as a table, then each group in it under its own head."""
    plain = [one for one in group.fields if one.kind != "group" and not is_empty(values.get(one.name))]
    if plain:
        shown = ((language.said(one.label), _shown(one, values[one.name], language)) for one in plain)
        yield from facts(shown)
    for one in group.fields:
        if one.kind == "group":
            yield from _groups(one, listed(values.get(one.name)), language, level)


def _groups(group: FormField, found: Sequence[Any], language: Language, level: int) -> Iterator[str]:
    """A table, where they are many of plain fields; else each under a head of its own, which has a number."""
    head, several = language.said(group.label), len(found) > 1
    if several and all(one.kind != "group" for one in group.fields):
        used = [one for one in group.fields if any(not is_empty(each.get(one.name)) for each in found)]
        rows = ([_shown(one, each.get(one.name), language) for one in used] for each in found)
        yield f"<h{level}>{head}</h{level}>"
        yield from table([one.label for one in used], rows, language)
        return
    for number, each in enumerate(found, 1):
        yield f"<h{level}>{head}{f' {number}' if several else ''}</h{level}>"
        yield from _group(group, each, language, min(level + 1, 6))


def _shown(field: FormField, value: Any, language: Language) -> str:
    return "<br>".join(_word(field, one, language) for one in listed(value))


def _word(field: FormField, value: Any, language: Language) -> str:
    if isinstance(value, bool):
        return language.said(YES if value else NO)
    label = next((one.label for one in field.choices if one.value == value), None)
    return data(value) if label is None else language.said(label)


# --- the shape -------------------------------------------------------------------------------------------------------


def schema(form: Form) -> dict[str, Any]:
    """What ``report.json`` is made of, as JSON Schema (2020-12)."""
    text = {"type": "string"}
    about = {
        "key": text, "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "size": {"type": "integer", "minimum": 0}, "media_type": text, "enclosed": {"type": "boolean"}, "path": text,
    }  # fmt: skip
    file: dict[str, Any] = _shape(form.file) if form.file else {"type": "object", "properties": {}}
    needed = ["key", "sha256", "size", "media_type", "enclosed", *file.get("required", ())]
    file = {**file, "properties": {**about, **file["properties"]}, "required": needed}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A report of a Himaya node",
        "type": "object",
        "required": ["format", "key", "made_at", "node", "body", "report", "files"],
        "additionalProperties": False,
        "properties": {
            "format": {"const": FORMAT}, "key": text, "made_at": _MOMENT, "node": text, "body": text,
            "report": _shape(form.report), "files": {"type": "array", "items": file},
        },
    }  # fmt: skip


_MOMENT = {"type": "string", "pattern": f"^{MOMENT}$"}


def _shape(field: FormField) -> dict[str, Any]:
    if field.kind == "group":
        required = [one.name for one in field.fields if one.required]
        return {
            "type": "object",
            "title": str(field.label),
            "properties": {one.name: _several(one) for one in field.fields},
            "additionalProperties": False,
            **({"required": required} if required else {}),
        }
    kinds: dict[str, dict[str, Any]] = {"flag": {"type": "boolean"}, "number": {"type": "integer"}, "moment": _MOMENT}
    made = dict(kinds.get(field.kind, {"type": "string"}))
    made["title"] = str(field.label)
    if field.choices:
        made["enum"] = [one.value for one in field.choices]
    if field.longest:
        made["maxLength"] = field.longest
    return made


def _several(field: FormField) -> dict[str, Any]:
    return {"type": "array", "items": _shape(field)} if field.many else _shape(field)
