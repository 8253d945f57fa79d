"""Adding a file to a case, for programs. The body is the file: it is sealed as it is read, in constant memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO, Literal, cast

from django.http import HttpRequest, HttpResponse
from ninja import Router

from himaya.accounts.idempotency import Answer, answer_once, declared, digest, ticket
from himaya.accounts.keys import Key, caller, require_media_type
from himaya.cases import filing
from himaya.cases.filing import BadFile
from himaya.core.wire import Id, Told, problems
from himaya.core.words import N_
from himaya.evidence import services
from himaya.evidence.api import Label, MediaType, Origin, Tool

if TYPE_CHECKING:
    from himaya.cases.filing import Added
    from himaya.evidence.services import Acquired, Sealed

router = Router(tags=["cases"])
BYTES = "application/octet-stream"


class FileTold(Told):
    """A file that was added to a case. `lists`: those that know it by a digest; `is_content`: it is the content about
    which the case was opened. `until`: when its time is over by the rule that counts.
    """

    exhibit: int
    reference: str
    case: str
    size: int
    digests: dict[str, str]
    until: str
    lists: list[str]
    is_content: bool


@router.post(
    "/cases/{case_id}/files",
    auth=Key("evidence:write"),
    response={201: FileTold, **problems(404, 409, body=True)},
    openapi_extra={
        "requestBody": {"required": True, "content": {BYTES: {"schema": {"type": "string", "format": "binary"}}}}
    },
    summary="Add a file to a case",
)
@declared
def add_file(
    request: HttpRequest, case_id: Id, label: Label,
    occasion: Literal["received", "tip", "demand", "verdict"] = "received",
    origin: Origin = "", media_type: MediaType = "", tool: Tool = "",
) -> HttpResponse:  # fmt: skip
    """Seal a file and keep it with a case, where a rule says that it is kept on this occasion: 409 where none does. The
    body is the file. `occasion`: another body sent it (`received`), somebody brought it (`tip`), a demand that was
    accepted asks for it, or the case was confirmed (`verdict`). It is looked up by its digests, and not decoded.
    """
    require_media_type(request, BYTES)
    acquired = filing.acquired_for(
        case_id, label=label, occasion=occasion, by=caller(request).actor, origin=origin, media_type=media_type,
        tool=tool,
    )  # fmt: skip
    sealed = services.begin(cast(BinaryIO, request), occasion=occasion)
    done: list[Added] = []
    try:
        if sealed.seal.size != int(request.META.get("CONTENT_LENGTH") or sealed.seal.size):
            raise BadFile(why=N_("it was broken off on its way here"))
        given = ticket(request, body=digest([sealed.seal.digests["sha256"].encode()]))
        return answer_once(given, lambda: _kept(case_id, sealed, acquired, done))
    finally:
        if not done:
            services.discard(sealed)


def _kept(case_id: int, sealed: Sealed, acquired: Acquired, done: list[Added]) -> Answer:
    added = filing.keep(case_id, sealed, acquired=acquired)
    one = added.exhibit
    told = FileTold(
        exhibit=one.pk, reference=one.reference, case=one.case, size=one.blob.size, digests=one.digests,
        until=one.until.isoformat(), lists=list(added.lists), is_content=added.is_content,
    ).model_dump_json()  # fmt: skip
    done.append(added)
    return 201, told
