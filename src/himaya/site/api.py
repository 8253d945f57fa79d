"""The API of a node: every room's router, one way of saying what went wrong, and its description (OpenAPI 3.1)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from django.core.exceptions import (
    BadRequest,
    RequestDataTooBig,
    SuspiciousOperation,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, UnreadablePostError
from django.http.multipartparser import MultiPartParserError
from django.http.response import HttpResponseBase
from django.urls import URLPattern, URLResolver
from ninja import NinjaAPI, Router
from ninja.errors import AuthenticationError, HttpError, ValidationError
from ninja.openapi.schema import OpenAPISchema
from ninja.operation import Operation
from ninja.parser import Parser
from pydantic_core import from_json

from himaya import __version__
from himaya.accounts.keys import (
    Key,
    MissingScope,
    NoKey,
    RequestTooLarge,
    check_length,
    reply,
    require_media_type,
)
from himaya.cases.api import router as cases
from himaya.cases.files_api import router as case_files
from himaya.cases.quality.api import router as appeals
from himaya.core import registry
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.wire import PARAMETERS, WORDS, Problem, Told, problems
from himaya.evidence.api import router as evidence
from himaya.evidence.demands.api import router as demands
from himaya.evidence.hands_api import router as hands
from himaya.federation.api import router as partners
from himaya.federation.native.api import router as exchange
from himaya.ledger.queries import head
from himaya.lists.api import router as lists
from himaya.lists.api.subscriptions import router as subscriptions
from himaya.log.api import router as log
from himaya.reference.api import router as reference
from himaya.reference.api.countries import router as countries
from himaya.reporting.api import router as reports
from himaya.screening.api import router as screening
from himaya.screening.incoming.api import router as incoming
from himaya.site.errors import PROBLEM, problem, problem_document, server_error
from himaya.site.flaws import why
from himaya.site.metrics import router as metrics
from himaya.site.terms_api import router as terms
from himaya.transparency.api import router as transparency

RETRY_AFTER = "5"
FLAWS_SHOWN = 100
View = Callable[..., HttpResponseBase]


class UnknownParameter(HimayaError):
    """There is no parameter {names} here; there are: {known}."""

    status = 422


class BadMethod(HimayaError):
    """{method} is not possible here; there are: {allowed}."""

    status = 405


class Unreadable(HimayaError):
    """The request cannot be read: {why}."""

    status = 400


class JsonBodies(Parser):
    """Reads bodies strictly: JSON that says it is JSON, without NaN and without half characters."""

    def parse_body(self, request: HttpRequest) -> Any:
        """The body; what this raises is the cause of the ``HttpError`` that ninja makes of it."""
        require_media_type(request, "application/json")
        return from_json(request.body, allow_inf_nan=False)


class Description(OpenAPISchema):
    """Ninja's description, with errors as problem documents and with the scope that each call needs."""

    def responses(self, operation: Operation) -> dict[int, Any]:
        """Every answer, in the order of its status."""
        found: dict[int, Any] = super().responses(operation)
        for status, details in found.items():
            if status in WORDS:
                details["description"] = WORDS[status]
                details["content"] = {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        if 401 in found:
            found[401]["headers"] = {"WWW-Authenticate": {"schema": {"type": "string"}, "description": "Bearer …"}}
        if 503 in found:
            found[503]["headers"] = {"Retry-After": {"schema": {"type": "string"}, "description": "Seconds."}}
        return found

    def operation_parameters(self, operation: Operation) -> list[dict[str, Any]]:
        """With what they mean."""
        found: list[dict[str, Any]] = super().operation_parameters(operation)
        for parameter in found:
            if parameter["name"] in PARAMETERS:
                parameter["description"] = PARAMETERS[parameter["name"]]
        return found

    def operation_security(self, operation: Operation) -> list[dict[str, Any]] | None:
        """The scope stands with the security scheme, as OpenAPI 3.1 has it for roles."""
        super().operation_security(operation)
        scopes = [auth.scope for auth in operation.auth_callbacks if isinstance(auth, Key)]
        return [{"Key": [scope] if scope else []} for scope in scopes] or None

    def get_components(self) -> dict[str, Any]:
        """With the problem document, which is declared by status alone."""
        schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
        self.add_schema_definitions(schema.pop("$defs", {}))
        self.schemas["Problem"] = schema
        found: dict[str, Any] = super().get_components()
        found["schemas"] = dict(sorted(self.schemas.items()))
        return found


class Api(NinjaAPI):
    """The node's API."""

    def get_openapi_schema(
        self, *, path_prefix: str | None = None, path_params: dict[str, Any] | None = None
    ) -> OpenAPISchema:
        """The description."""
        return Description(self, self.get_root_path(path_params or {}) if path_prefix is None else path_prefix)

    def get_openapi_operation_id(self, operation: Operation) -> str:
        """The view's name: short, and unique here."""
        return operation.view_func.__name__.strip("_")

    def _get_urls(self) -> list[URLResolver | URLPattern]:
        patterns: list[URLResolver | URLPattern] = super()._get_urls()
        for pattern in patterns:
            if isinstance(pattern, URLPattern):
                pattern.callback = guarded(pattern.callback)
        return patterns


def guarded(view: View) -> View:
    """Refuse what need not be read, and say in our way that a method is not there."""

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            check_length(request)
        except HimayaError as error:
            return problem(error)
        told = view(request, *args, **kwargs)
        if isinstance(told, HttpResponseNotAllowed):
            refused = problem(BadMethod(method=request.method, allowed=told["Allow"]))
            refused["Allow"] = told["Allow"]
            return refused
        return told

    answer.for_programs = True  # type: ignore[attr-defined]
    return answer


def known_parameters(view: View) -> View:
    """Refuse parameters in the address that the operation does not have: a mistyped filter must not mean "all"."""
    operation: Operation = view._ninja_operation  # type: ignore[attr-defined]
    known = {
        name
        for model in operation.models
        if model.__ninja_param_source__ == "query"
        for name in getattr(model, "__ninja_flatten_map__", None) or model.model_fields
    }

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if strange := set(request.GET) - known:
            named = ", ".join(sorted(name[:40] for name in strange)[:10])
            raise UnknownParameter(names=named, known=", ".join(sorted(known)) or "none")
        return view(request, *args, **kwargs)

    return checked


api = Api(
    title="Himaya",
    version="1",
    description="Screening, lists, cases and numbers of a node. Errors are problem documents (RFC 9457).",
    docs_url=None,
    openapi_url="/openapi.json",
    urls_namespace="api",
    parser=JsonBodies(),
)
api.add_decorator(known_parameters)


# --- errors ----------------------------------------------------------------------------------------------------------


@api.exception_handler(HimayaError)
def _refused(request: HttpRequest, error: HimayaError) -> HttpResponse:
    told = problem(error)
    if isinstance(error, MissingScope):
        told["WWW-Authenticate"] = f'Bearer error="insufficient_scope", scope="{error.facts["scope"]}"'
    if error.status == 409:
        told["Retry-After"] = RETRY_AFTER
    return told


@api.exception_handler(AuthenticationError)
def _stranger(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    told = problem(NoKey())
    wrong = ', error="invalid_token"' if request.headers.get("Authorization") else ""
    told["WWW-Authenticate"] = f'Bearer realm="himaya"{wrong}'
    return told


@api.exception_handler(ValidationError)
def _flawed(request: HttpRequest, error: ValidationError) -> HttpResponse:
    flaws = [{"where": _where(flaw["loc"]), "why": why(flaw)} for flaw in error.errors[:FLAWS_SHOWN]]
    body = problem_document(
        422, "The request is not as it must be", code="bad-request", detail=_sentence(flaws), errors=flaws
    )
    return HttpResponse(body, status=422, content_type=PROBLEM)


def _where(place: Sequence[str | int]) -> str:
    """``("body", "asked", "items", 3, "value")`` is ``body.items[3].value``: the view's own name for it left out."""
    source, *path = place
    path = path[1:] if source == "body" and path[:1] == ["asked"] else path
    return str(source) + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)


def _sentence(flaws: list[dict[str, str]]) -> str:
    return "; ".join(f"{flaw['where']}: {flaw['why']}" for flaw in flaws[:3]) or "The request is not as it must be"


@api.exception_handler(HttpError)
def _http_error(request: HttpRequest, error: HttpError) -> HttpResponse:
    cause = error.__cause__
    if isinstance(cause, HimayaError):
        return problem(cause)
    if isinstance(cause, ValueError | RecursionError):
        return problem(Unreadable(why=f"the body is not JSON: {cause}"))
    told = problem_document(error.status_code, str(error))
    return HttpResponse(told, status=error.status_code, content_type=PROBLEM)


@api.exception_handler(SuspiciousOperation)
@api.exception_handler(MultiPartParserError)
@api.exception_handler(UnreadablePostError)
@api.exception_handler(BadRequest)
def _unreadable(request: HttpRequest, error: Exception) -> HttpResponse:
    """Django's names for bodies that are too large, cut off or garbled."""
    if isinstance(error, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent):
        return problem(RequestTooLarge(size=request.META.get("CONTENT_LENGTH"), limit=config().max_request_bytes))
    why = "the connection was cut" if isinstance(error, UnreadablePostError) else str(error).strip().rstrip(".")
    return problem(Unreadable(why=why or "it is not of the type that it says"))


@api.exception_handler(Exception)
def _broken(request: HttpRequest, error: Exception) -> HttpResponseBase:
    """A trouble of the machine (503) or a defect of ours (500): the words are for the log."""
    told = server_error(request)
    if told.status_code == 503:
        told["Retry-After"] = RETRY_AFTER
    return told


# --- what the node can do --------------------------------------------------------------------------------------------

node = Router(tags=["node"])


class SignalTold(Told):
    """A way to fingerprint content. ``radius`` in bits; exact signals have a largest radius of 0."""

    name: str
    label: str
    media: str
    bits: int
    radius: int
    max_radius: int


class Signals(Told):
    """The signals that this node knows."""

    signals: list[SignalTold]


class CodeTold(Told):
    """One class. ``confirms``: a verdict with it confirms that the content is material to act on."""

    code: str
    label: str
    definition: str
    confirms: bool


class SchemeTold(Told):
    """A published classification."""

    name: str
    label: str
    authority: str
    version: str
    source: str
    codes: list[CodeTold]


class Schemes(Told):
    """The schemes that this node knows."""

    schemes: list[SchemeTold]


class Health(Told):
    """The node answers and reaches its database."""

    status: str
    version: str


@node.get("/signals", auth=Key(), response={200: Signals, **problems()}, summary="List signals")
def signals(request: HttpRequest) -> HttpResponse:
    """What can be screened for."""
    return reply(
        Signals(
            signals=[
                SignalTold(**{name: getattr(signal, name) for name in SignalTold.model_fields})
                for signal in registry.signals().values()
            ]
        )
    )


@node.get("/schemes", auth=Key(), response={200: Schemes, **problems()}, summary="List schemes")
def schemes(request: HttpRequest) -> HttpResponse:
    """The classifications in which items and verdicts are classed."""
    told = []
    for scheme in registry.schemes().values():
        codes = [CodeTold(**{name: getattr(code, name) for name in CodeTold.model_fields}) for code in scheme.codes]
        told.append(
            SchemeTold(
                name=scheme.name,
                label=scheme.label,
                authority=scheme.authority,
                version=scheme.version,
                source=scheme.source,
                codes=codes,
            )
        )
    return reply(Schemes(schemes=told))


@node.get(
    "/health", auth=None, response={200: Health, 422: Problem, 500: Problem, 503: Problem}, summary="Is the node well?"
)
def health(request: HttpRequest) -> HttpResponse:
    """Whether the node answers and reaches its database. Needs no key and tells nothing else."""
    head()
    return reply(Health(status="ok", version=__version__))


for router in (
    screening,
    lists,
    subscriptions,
    partners,
    exchange,
    cases,
    case_files,
    appeals,
    reports,
    evidence,
    hands,
    incoming,
    demands,
    reference,
    countries,
    terms,
    transparency,
    metrics,
    log,
    node,
):
    api.add_router("", router)
