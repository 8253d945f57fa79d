"""Drafts: made of a verdict, filled as far as the case tells, completed by a person."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import Max
from pydantic import ValidationError

from himaya.cases.naming import check_case
from himaya.cases.queries import facts
from himaya.core import clock
from himaya.core.config import config
from himaya.core.documents import Document
from himaya.core.errors import HimayaError
from himaya.core.filing import Draft, DraftFile, Gap, Grounds
from himaya.core.particulars import Particulars
from himaya.core.words import N_, Said, storable
from himaya.ledger.services import record
from himaya.reporting import paths
from himaya.reporting.clocks import due_of
from himaya.reporting.enclosing import kept_of, may_go
from himaya.reporting.models import CaseParticulars, Filing
from himaya.reporting.routes import BadFilingRoute, find_route, resolve, routes
from himaya.reporting.states import DRAFT, FILING_GRAPH, REFUSED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from himaya.cases.queries import CaseFacts
    from himaya.core.filing import FormField

LARGEST = 1024 * 1024
"""Characters of a draft as JSON."""
RESTORED = N_(
    "A backup was restored after this draft was made. Look at the other side whether it was filed meanwhile, before "
    "it is filed here."
)
"""The trouble of such a draft, until a person files it or gives it up."""


class UnknownFiling(HimayaError):
    """There is no report {filing} in a form of another body."""

    status = 404


class BadParticulars(HimayaError):
    """The particulars cannot be taken: {why}."""

    status = 422


class DraftChanged(HimayaError):
    """Somebody else has changed this draft since you opened it."""

    remedy = "Load it again, and look at what is new before you change it."
    status = 409


class BadDraft(HimayaError):
    """The draft cannot be changed so: {why}."""

    status = 422


def draft_of(filing: Filing) -> Draft:
    """A filing as its channel sees it."""
    files = tuple(DraftFile(**one) for one in filing.files)
    return Draft(filing.key, filing.values, files)


def gaps_of(filing: Filing) -> tuple[Gap, ...]:
    """What is missing or wrong, the blocking first.

    Raises:
        BadFilingRoute: its route cannot be used.
    """
    channel, options = resolve(filing.route)
    return channel.check(draft_of(filing), options)


def lock_all(filings: Iterable[int]) -> list[Filing]:
    """As :func:`locked`, for several, always in one order; those that there are."""
    found = Filing.objects.select_for_update(of=("self",), no_key=True).select_related("job").filter(pk__in=filings)
    return list(found.order_by("pk"))


def locked(pk: int) -> Filing:
    """A filing whose row nobody else changes until the caller's transaction ends.

    Raises:
        UnknownFiling: there is none.
    """
    found = Filing.objects.select_for_update(of=("self",), no_key=True).select_related("job").filter(pk=pk).first()
    if found is None:
        raise UnknownFiling(filing=pk)
    return found


# --- making ----------------------------------------------------------------------------------------------------------


@transaction.atomic
def make_drafts(case_id: int, *, verdict: int, by: str) -> list[Filing]:
    """A draft of a confirmed case for every route; those that are there already stay as they are.

    A case whose verdict confirms nothing, or which has a newer verdict by now, gets none.
    """
    told = facts(case_id)
    if told is None or not told.confirms or told.verdict_id != verdict:
        return []
    have = set(Filing.objects.filter(case=case_id, verdict=verdict, follows=None).values_list("route", flat=True))
    return [make_draft(case_id, told, one.name, by=by) for one in routes() if one.name not in have]


def make_draft(case_id: int, told: CaseFacts, name: str, *, by: str, follows: Filing | None = None) -> Filing:
    """A draft for a route, in the caller's transaction; of a route that cannot be used it stays empty, and says why."""
    route, now = find_route(name), clock.now()
    key = f"filing-{told.reference}-{told.verdict_id}-{name}"
    made = Filing(
        case_id=case_id, verdict=told.verdict_id, route=name, channel=route.channel, follows=follows,
        key=f"{key}-after-{follows.pk}-{_followers(follows)}" if follows else key, made_at=now, changed_at=now,
        due=None if follows else due_of(route, decided=told.verdict.decided_at), edited_by=by if follows else "",
    )  # fmt: skip
    try:
        _fill(made, told)
    except BadFilingRoute as error:  # it stays empty, where a person sees it and why
        made.trouble = str(error)
    made.save()
    record("report.drafted", by=by, about=made.about, filing=made.pk, route=name)
    return made


def _followers(filing: Filing) -> int:
    return Filing.objects.filter(follows=filing).count() + 1


def _fill(filing: Filing, told: CaseFacts) -> None:
    """Fill a draft anew, from what is known now."""
    fresh = filled(filing, told)
    filing.values, filing.files, filing.filled = fresh["values"], fresh["files"], fresh


def filled(filing: Filing, told: CaseFacts) -> dict[str, Any]:
    """Values and files as the channel fills them from what is known now.

    Raises:
        BadFilingRoute: its route cannot be used.
    """
    channel, options = resolve(filing.route)
    document = Document(
        kind="report", key=filing.key, case=told.reference, node=config().node_name, made_at=filing.made_at,
        verdict=told.verdict, fingerprints=told.fingerprints, matches=told.matches, sightings=told.sightings,
        contact=config().contact,
    )  # fmt: skip
    kept = kept_of(filing.about) if channel.form(options).file is not None else ()
    followed = filing.follows
    earlier = (followed.receipt,) if followed is not None and followed.receipt else ()
    made = channel.fill(Grounds(document, particulars_of(filing.case_id), kept, earlier), options)
    guarded = {one.key for one in kept if not one.sent}
    files = [asdict(one) | {"values": dict(one.values)} for one in made.files]
    for one in files:
        one["sent"] = one["sent"] and channel.takes_files and one["key"] not in guarded
    return {"values": dict(made.values), "files": files}


# --- particulars -----------------------------------------------------------------------------------------------------


def particulars_of(case_id: int) -> Particulars:
    """What is known of the incident behind a case; nothing, where nobody told."""
    last = CaseParticulars.objects.filter(case=case_id).order_by("-number").first()
    return Particulars.model_validate(last.content) if last else Particulars()


@transaction.atomic
def keep_particulars(case_id: int, *, content: Mapping[str, Any], by: str) -> int:
    """Keep what a service tells of an incident, instead of what it told before; drafts that nobody changed by hand are
    filled anew. The number of the version; told twice it is one.

    Raises:
        UnknownCase: no such case.
        BadParticulars: with the first thing that cannot stand.
    """
    check_case(f"case:{case_id}")
    try:
        told = Particulars.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = "/".join(map(str, first["loc"]))
        raise BadParticulars(why=f"{where}: {first['msg']}") from error
    plain = told.model_dump(mode="json", exclude_defaults=True)
    for path, text in paths.leaves(plain):
        if isinstance(text, str) and not storable(text):
            raise BadParticulars(why=Said("{path} holds a character that cannot be kept", path=path))
    drafts = list(
        Filing.objects.select_for_update(of=("self",), no_key=True)
        .filter(case=case_id, state=DRAFT, edited_by="")
        .order_by("pk")
    )
    last = CaseParticulars.objects.filter(case=case_id).order_by("-number").first()
    if last is not None and last.content == plain:
        return last.number
    number = (CaseParticulars.objects.filter(case=case_id).aggregate(n=Max("number"))["n"] or 0) + 1
    CaseParticulars.objects.create(case_id=case_id, number=number, content=plain, by=by, at=clock.now())
    for one in drafts:
        _refill(one)
    record("report.particulars", by=by, about=f"case:{case_id}", version=number)
    return number


def _refill(filing: Filing) -> None:
    told = facts(filing.case_id)
    if told is None or told.verdict_id != filing.verdict:
        return
    try:
        fresh = filled(filing, told)
    except BadFilingRoute as error:
        filing.trouble = str(error)
        filing.save(update_fields=["trouble"])
        return
    if fresh != filing.filled or filing.trouble:
        filing.values, filing.files, filing.filled, filing.trouble = fresh["values"], fresh["files"], fresh, ""
        filing.version, filing.changed_at = filing.version + 1, clock.now()
        filing.save()


@dataclass(frozen=True, slots=True)
class New:
    """Something that became known after a person had changed a draft."""

    path: str
    here: Any
    known: Any


def new_for(filing: Filing) -> list[New]:
    """What the channel would fill in now and did not before, where the draft has something else."""
    told = facts(filing.case_id)
    if told is None or filing.state != DRAFT:
        return []
    try:
        fresh = filled(filing, told)
    except BadFilingRoute:
        return []
    before = dict(paths.leaves(filing.filled.get("values", {})))
    here = dict(paths.leaves(filing.values))
    found = [
        New(path, here.get(path), known)
        for path, known in paths.leaves(fresh["values"])
        if before.get(path) != known and here.get(path) != known
    ]
    have = {one["key"] for one in filing.files}
    return found + [New(f"file:{one['key']}", None, one["sha256"]) for one in fresh["files"] if one["key"] not in have]


@transaction.atomic
def take_new(pk: int, *, by: str) -> Filing:
    """Take what became known into a draft that a person changed: where they wrote something themselves, that stays.

    Raises:
        UnknownFiling, WrongFilingMove, BadFilingRoute: as their names say.
    """
    filing = _changeable(pk)
    told = facts(filing.case_id)
    if told is None:
        return filing
    fresh = filled(filing, told)
    before = dict(paths.leaves(filing.filled.get("values", {})))
    values = filing.values
    for path, known in paths.leaves(fresh["values"]):
        here = paths.value_at(values, path)
        if before.get(path) != known and (here is None or here == before.get(path)):
            values = _with(values, path, known)
    have = {one["key"] for one in filing.files}
    files = [*filing.files, *(one for one in fresh["files"] if one["key"] not in have)]
    filing.filled = fresh
    return _save(filing, values, files, by=by)


def _with(values: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    try:
        return paths.with_value(values, path, value)
    except paths.NoSuchField:  # a person has taken away what stood before it in the list
        return dict(values)


# --- changing --------------------------------------------------------------------------------------------------------


@transaction.atomic
def change_draft(
    pk: int,
    *,
    values: Mapping[str, Any],
    sent: Mapping[str, bool] | None = None,
    by: str,
    version: int | None = None,
) -> Filing:
    """Change places of a draft, all or none.

    Args:
        pk: of a filing that is not under way.
        values: path → value as JSON or as text; None and the empty text take away what is there. ``report/…`` or, of a
            file, ``file:KEY/…``.
        sent: key of a file → whether it goes with the report, or is only told of.
        by: who.
        version: the one that was looked at; None: whichever it is.

    Raises:
        UnknownFiling, WrongFilingMove, BadFilingRoute, DraftChanged, NoSuchField, BadFieldValue, BadDraft: as their
            names say.
    """
    filing = _changeable(pk)
    if version is not None and version != filing.version:
        raise DraftChanged
    channel, options = resolve(filing.route)
    form = channel.form(options)
    made, files = dict(filing.values), {one["key"]: dict(one) for one in filing.files}
    for path, value in _in_order(values):
        root, inner = split(path, form.report)
        if root == "report":
            made = _changed(form.report, made, inner, value, said=path)
        elif root in files and form.file is not None:
            one = files[root]
            one["values"] = _changed(form.file, one["values"], inner, value, said=path)
        else:
            raise paths.NoSuchField(path=path[:200], why=N_("it has no such file"))
    for key, goes in (sent or {}).items():
        _see_file(files, key, goes=goes, takes=channel.takes_files, about=filing.about)
    return _save(filing, made, list(files.values()), by=by)


def _in_order(values: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """What is set first; then what is taken away, the last one first, so that no place moves before its turn."""
    gone = [(path, None) for path, value in values.items() if value is None or value == ""]
    return [(path, value) for path, value in values.items() if value is not None and value != ""] + gone[::-1]


def split(path: str, report: FormField) -> tuple[str, str]:
    """``report`` or the key of a file, and the path below it. A path without either is one of the report."""
    head, _, rest = path.strip("/").partition("/")
    if head.startswith("file:"):
        return head.removeprefix("file:"), rest
    if head == "report" and rest and not any(one.name == "report" for one in report.fields):
        return "report", rest
    return "report", path.strip("/")


def _changed(group: FormField, values: Mapping[str, Any], path: str, value: Any, *, said: str) -> dict[str, Any]:
    field, one = paths.find_field(group, path)
    if isinstance(value, str):
        value = paths.read_value(field, value, path=said, one=one)
    else:
        value = paths.checked(field, value, path=said, one=one)
    return paths.with_value(values, path, value)


def _see_file(files: dict[str, dict[str, Any]], key: str, *, goes: bool, takes: bool, about: str) -> None:
    if key not in files:
        raise BadDraft(why=Said("it has no file {key}", key=key[:60]))
    if goes and not takes:
        raise BadDraft(why=N_("no file goes with a report over this route"))
    if goes and key not in may_go(about):
        raise BadDraft(why=Said("{key} is guarded by custodians, or ended: it can be told of, not sent", key=key))
    files[key]["sent"] = goes


def _changeable(pk: int) -> Filing:
    filing = locked(pk)
    if filing.state not in (DRAFT, REFUSED):
        raise FILING_GRAPH.wrong(state=Said(filing.state), act=N_("changed"))
    return filing


def by_program(actor: str) -> bool:
    """Whether no person is at a draft that this actor changed last."""
    return not actor or actor.startswith("key:")


def _save(filing: Filing, values: dict[str, Any], files: list[dict[str, Any]], *, by: str) -> Filing:
    if values == filing.values and files == filing.files:
        filing.save(update_fields=["filled"])
        return filing
    if sum(len(path) + len(str(each)) for path, each in paths.leaves(values)) > LARGEST:
        raise BadDraft(why=Said("it is longer than {n} characters", n=f"{LARGEST:,}"))
    filing.values, filing.files = values, files
    if by_program(filing.edited_by) or not by_program(by):  # what a person has in hand stays theirs
        filing.edited_by = by
    filing.version, filing.changed_at = filing.version + 1, clock.now()
    filing.save()
    record("report.changed", by=by, about=filing.about, filing=filing.pk, version=filing.version)
    return filing
