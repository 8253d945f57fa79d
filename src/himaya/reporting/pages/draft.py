"""A report, field by field: what is missing first, why it matters, what stands there; and what became of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import messages
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.views.decorators.http import require_POST, require_safe

from himaya.accounts.access import needs
from himaya.accounts.faces import Actors
from himaya.accounts.words import sentence
from himaya.cases.quality.queries import veil
from himaya.core import clock
from himaya.core.errors import HimayaError
from himaya.reporting import drafting, paths, queries
from himaya.reporting.clocks import duties, standing
from himaya.reporting.filing import was_taken_back
from himaya.reporting.forms import Part, Parts, SettleForm, anchor, changes
from himaya.reporting.routes import BadFilingRoute, resolve
from himaya.reporting.showing import Whole, whole
from himaya.reporting.states import DRAFT, QUEUED, REFUSED, RETRACTED, UNKNOWN
from himaya.reporting.words import CLOCKS, STATES, said, step_word

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpResponse

    from himaya.accounts.access import StaffRequest
    from himaya.accounts.models import Person
    from himaya.core.filing import Gap
    from himaya.reporting.models import Filing

MOST_OPENED = 20


@needs("reports.view")
@require_safe
def filing(request: StaffRequest, pk: int) -> HttpResponse:
    """One report."""
    opened = [path[:300] for path in request.GET.getlist("open")[:MOST_OPENED]]
    return filing_page(request, find(pk, request.user), opened=opened)


def find(pk: int, person: Person) -> Filing:
    """A report, or the page for 404; so where its case waits for a second look that this person may take."""
    try:
        found = queries.filing(pk)
    except drafting.UnknownFiling as error:
        raise Http404 from error
    if veil(found.case, person) is not None:
        raise Http404
    return found


def filing_page(
    request: StaffRequest,
    one: Filing,
    *,
    opened: list[str] | None = None,
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
    settle: SettleForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """The page of a report; with ``typed`` and ``errors`` what could not be taken of it."""
    may = request.user.may
    writable = one.state in (DRAFT, REFUSED) and may("reports.write")
    try:
        told: Whole | None = whole(one)
        trouble = ""
    except BadFilingRoute as error:
        told, trouble = None, sentence(error)
    made = parts_of(one, told, opened=opened or [], typed=typed, errors=errors)
    context = {
        **_head(one, told),
        **made,
        "route_trouble": trouble,
        "errors": errors or {},
        "opened": opened or [],
        "writable": writable and told is not None,
        "new": _new(one, told) if writable and one.edited_by else [],
        "may_file": writable and may("reports.file") and told is not None and told.complete,
        "may_retract": may("reports.file") and one.state in (DRAFT, REFUSED, QUEUED, "filing"),
        "may_end": may("reports.file") and one.state == RETRACTED and bool(one.trouble),
        "may_settle": may("reports.file") and one.state == UNKNOWN,
        "note": note_of(one),
        "taken_back": one.state == UNKNOWN and was_taken_back(one),
        "may_follow": may("reports.write") and one.state == "filed",
        "may_see_case": may("cases.view"),
        "may_write": may("reports.write"),
        "settle": settle or SettleForm(),
        "steps": _steps(one),
        "followers": queries.followers(one),
    }
    return render(request, "reporting/filing.html", context, status=status)


def note_of(one: Filing) -> str:
    """What a person is to see about a draft before it is filed, after a restore; else empty."""
    return said(one.trouble) if one.state == DRAFT and one.trouble == drafting.RESTORED else ""


def _head(one: Filing, told: Whole | None) -> dict[str, Any]:
    shape, word = STATES[one.state]
    now = clock.now()
    stands = standing(one.due, now=now) if one.state not in queries.ENDED else ""
    gaps = [_gap(gap) for gap in told.gaps] if told else []
    who = Actors(filter(None, (one.edited_by, one.queued_by)))
    return {
        "one": one,
        "shape": shape,
        "word": gettext(word),
        "clock": (CLOCKS[stands][0], gettext(CLOCKS[stands][1])) if stands else None,
        "laws": [] if one.state in queries.ENDED else duties(now),
        "authority": _authority(one),
        "blocking": [gap for gap in gaps if gap["blocks"]],
        "notable": [gap for gap in gaps if not gap["blocks"]],
        "edited_by": who[one.edited_by] if one.edited_by else "",
        "queued_by": who[one.queued_by] if one.queued_by else "",
        "gone": one.state == "filed" and queries.gone().filter(pk=one.pk).exists(),
        "missing": one.state == "filed" and one.there is False,
    }


def _authority(one: Filing) -> str:
    try:
        channel, options = resolve(one.route)
        return channel.addressee(options)
    except BadFilingRoute:
        return one.route


def _gap(gap: Gap) -> dict[str, Any]:
    return {"path": gap.path, "anchor": anchor(gap.path), "why": said(gap.why), "blocks": gap.blocks}


def parts_of(
    one: Filing,
    told: Whole | None,
    *,
    opened: list[str],
    typed: Mapping[str, str] | None = None,
    errors: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """The form of a report and of its files, as a page shows them."""
    if told is None:
        return {"part": None, "files": []}
    made = Parts({gap.path: gap for gap in reversed(told.gaps)}, opened=opened, typed=typed, errors=errors)
    files = [
        {
            "file": file,
            "part": made.root(told.form.file, file["values"], f"file:{file['key']}") if told.form.file else None,
            "number": file["key"].rpartition("-")[2],
        }
        for file in one.files
    ]
    return {"part": made.root(told.form.report, one.values, "report"), "files": files}


def _new(one: Filing, told: Whole | None) -> list[dict[str, Any]]:
    """What became known since, with the labels of the form."""
    found = []
    for new in drafting.new_for(one):
        label = new.path
        if told is not None and not new.path.startswith("file:"):
            label = said(paths.find_field(told.form.report, new.path)[0].label)
        found.append({"label": label, "here": new.here, "known": new.known})
    return found


def _steps(one: Filing) -> list[dict[str, Any]]:
    """The steps as a timeline."""
    return [
        {
            "what": step_word(row.step) if row.answer is not None else _not_taken(row.step, ended=bool(row.ended_at)),
            "at": row.ended_at or row.began_at,
            "who": gettext("round %(n)s") % {"n": row.round} if one.round > 1 else "",
            "note": row.trouble,
        }
        for row in queries.steps(one)
    ]


def _not_taken(step: str, *, ended: bool) -> str:
    said_of = gettext("Not taken: %(step)s") if ended else gettext("Begun, and no answer yet: %(step)s")
    return said_of % {"step": step_word(step)}


@needs("reports.write")
@require_POST
def change(request: StaffRequest, pk: int) -> HttpResponse:
    """Keep what was typed; with the button that was pressed, open a part, add one or take one away."""
    one = find(pk, request.user)
    try:
        told = whole(one)
    except BadFilingRoute as error:
        messages.error(request, sentence(error))
        return HttpResponseRedirect(reverse("reporting:filing", args=[pk]))
    opened = [path[:300] for path in request.POST.getlist("open")[:MOST_OPENED]]
    made = parts_of(one, told, opened=opened)
    every: list[Part] = [part for part in (made["part"], *(file["part"] for file in made["files"])) if part]
    values, typed, errors = changes(every, request.POST.dict())
    for path in request.POST.getlist("remove")[:1]:
        kept = {each: value for each, value in values.items() if each != path and not each.startswith(f"{path}/")}
        values = {**kept, path: None}
    sent = {f["key"]: f"send:{f['key']}" in request.POST for f in one.files if f"file:{f['key']}" in request.POST}
    try:
        drafting.change_draft(
            pk, values=values, sent={key: goes for key, goes in sent.items() if goes is not _goes(one, key)},
            by=request.user.actor, version=version_in(request.POST),
        )  # fmt: skip
    except HimayaError as error:
        messages.error(request, sentence(error))
        typed |= {path: request.POST[f"v:{path}"] for path in values if f"v:{path}" in request.POST}
        one = find(pk, request.user)
        return filing_page(request, one, opened=opened, typed=typed, errors=errors, status=error.status)
    if errors:
        return filing_page(request, find(pk, request.user), opened=opened, typed=typed, errors=errors, status=422)
    messages.success(request, gettext("Kept. Nothing has left."))
    return _back(request, pk, opened)


def version_in(posted: Mapping[str, str]) -> int | None:
    """The version that somebody looked at; None: they do not say; 0, which none has: what they say is no number."""
    version = posted.get("version", "")
    if not version:
        return None
    return int(version) if version.isascii() and version.isdigit() and len(version) < 10 else 0


def _goes(one: Filing, key: str) -> bool:
    return any(file["key"] == key and file["sent"] for file in one.files)


def _back(request: StaffRequest, pk: int, opened: list[str]) -> HttpResponse:
    """To where one was, with what was opened so far and now."""
    wanted = request.POST.getlist("show")[:1]
    url = reverse("reporting:filing", args=[pk])
    query = urlencode([("open", path) for path in [*opened, *wanted][-MOST_OPENED:]])
    place = wanted[0] if wanted else ""
    return HttpResponseRedirect(f"{url}{'?' if query else ''}{query}{f'#{anchor(place)}' if place else ''}")
