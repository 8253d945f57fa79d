"""A body that takes reports into a directory: to try out how a report is drafted, filed and followed up.

It behaves as a real one does. A report is opened and has a number, takes its files one by one, and counts once it is
finished; before that it can be taken back, and where it is not finished within the hours that are set it is deleted.
Told twice to open, it opens two.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, cast

from pydantic import BaseModel, ConfigDict
from pydantic import Field as Setting

from himaya.core import files
from himaya.core.filing import (
    Attempt,
    BeginAgain,
    Choice,
    Draft,
    DraftFile,
    Filed,
    FilingChannel,
    Form,
    FormField,
    FoundOut,
    Gap,
    Grounds,
    Values,
)
from himaya.core.ports import NotSent
from himaya.core.words import N_, Said

OPEN, FINISHED, RETRACTED = "open", "finished", "retracted"
REPORT = FormField(
    name="report",
    label=N_("Report"),
    kind="group",
    fields=(
        FormField(
            "summary", N_("What happened"), "long", required=True, longest=3000, suggested=True,
            why=N_("It is the first thing that is read there; without it nobody knows where to begin."),
        ),
        FormField("happened", N_("When it happened"), "moment", why=N_("Records of others are kept for a short time.")),
        FormField(
            "place", N_("Where it happened"), "choice", required=True,
            choices=(Choice("WEB", N_("A web page")), Choice("CHAT", N_("A chat")), Choice("OTHER", N_("Other"))),
            why=N_("It decides who looks at it."),
        ),
        FormField("urgent", N_("Somebody is in danger now"), "flag", suggested=True),
        FormField(
            "accounts", N_("Accounts"), "group", many=True,
            fields=(
                FormField("id", N_("Identifier at the service"), "text", required=True, longest=255),
                FormField("emails", N_("E-mail addresses"), "text", many=True, longest=255),
            ),
            why=N_("Without an account the person behind it cannot be found."),
        ),
        FormField(
            "contact", N_("Whom to ask back"), "group", one_of=True,
            fields=(
                FormField("email", N_("E-mail"), "text", longest=255),
                FormField("phone", N_("Telephone"), "text", longest=40),
            ),
        ),
        FormField("follows", N_("Numbers of earlier reports"), "text", many=True, longest=40),
    ),
)  # fmt: skip
FILE = FormField(
    name="file",
    label=N_("File"),
    kind="group",
    fields=(
        FormField("viewed", N_("A person looked at the whole file"), "flag", required=True),
        FormField("note", N_("Note"), "text", longest=500),
    ),
)


class Config(BaseModel):
    """Where the reports go, and how long one may stay unfinished."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    directory: Path = Setting(description="Directory for the reports; made with owner-only rights where it is missing.")
    hours: int = Setting(0, ge=0, le=1000, description="An unfinished report is deleted after so many. 0: never.")


class Sample(FilingChannel):
    """Each report is a directory, named by its number, with ``report.json`` and its files."""

    name: ClassVar[str] = "sample"
    label: ClassVar[str] = N_("A directory, to try reports out")
    authority: ClassVar[str] = "Sample authority"
    takes_files: ClassVar[bool] = True
    Config: ClassVar[type[BaseModel]] = Config

    def lane(self, config: BaseModel) -> str:
        """The directory."""
        return f"sample:{cast('Config', config).directory}"

    def form(self, config: BaseModel) -> Form:
        """The form."""
        return Form(REPORT, FILE)

    def fill(self, grounds: Grounds, config: BaseModel) -> Draft:
        """From the particulars; a file counts as viewed where the service says so, and never else."""
        told = grounds.particulars
        values: dict[str, Any] = {}
        if told.note:
            values["summary"] = told.note
        if told.happened_at:
            values["happened"] = told.happened_at.isoformat()
        if told.venues:
            values["place"] = {"web": "WEB", "chat": "CHAT"}.get(told.venues[0].kind, "OTHER")
        if told.urgent:
            values["urgent"] = True
        if told.accounts:
            values["accounts"] = [
                {"id": one.id} | ({"emails": list(one.emails)} if one.emails else {}) for one in told.accounts
            ]
        if grounds.document.contact:
            values["contact"] = {"email": grounds.document.contact}
        if grounds.earlier or told.earlier:
            values["follows"] = [*grounds.earlier, *told.earlier]
        viewed = {one.sha256: bool(one.viewed) for one in told.files}
        return Draft(grounds.document.key, values, tuple(_filled(one, viewed) for one in grounds.files))

    def check(self, draft: Draft, config: BaseModel) -> tuple[Gap, ...]:
        """What is missing or wrong."""
        found = [*_gaps(REPORT, draft.values, "report")]
        for one in draft.files:
            found += _gaps(FILE, one.values, f"file:{one.key}")
        if not draft.values.get("accounts"):
            found.append(Gap("report/accounts", N_("without an account it can hardly be followed"), blocks=False))
        return tuple(sorted(found, key=lambda gap: not gap.blocks))

    def steps(self, draft: Draft) -> Sequence[str]:
        """Open, each file, finish."""
        return ["open", *(f"upload:{one.key}" for one in draft.files if one.sent), "finish"]

    def take(self, step: str, attempt: Attempt) -> Values:
        """Take it."""
        root = cast("Config", attempt.config).directory
        try:
            if step == "open":
                return {"number": _open(root, attempt)}
            place = self._place(attempt)
            if step == "finish":
                _write(place, {**_read(place), "state": FINISHED})
                return {"files": sorted(path.name for path in place.iterdir() if path.name != "report.json")}
            return {"bytes": _lay_down(place, step.removeprefix("upload:"), attempt)}
        except OSError as error:
            raise NotSent(why=f"{root}: {error.strerror or error}") from error

    def find_out(self, step: str, attempt: Attempt) -> FoundOut:
        """By the report's key, or what lies in its directory."""
        if step == "open":
            number = _newest(cast("Config", attempt.config).directory, attempt.draft.key, but=RETRACTED)
            return FoundOut("taken", {"number": number}) if number else FoundOut("not-taken")
        try:
            place = self._place(attempt, finished=True)
        except BeginAgain:
            return FoundOut("begin-again")
        names = sorted(path.name for path in place.iterdir() if path.name != "report.json")
        if step == "finish":
            return FoundOut("taken", {"files": names}) if _read(place)["state"] == FINISHED else FoundOut("not-taken")
        key = step.removeprefix("upload:")
        return FoundOut("taken", {"bytes": (place / key).stat().st_size}) if key in names else FoundOut("not-taken")

    def receipt(self, done: Mapping[str, Values]) -> str:
        """Its number."""
        return str(done["open"]["number"])

    def stays(self, step: str) -> bool:
        """Nothing does before it is finished."""
        return False

    def retract(self, attempt: Attempt) -> Values | None:
        """Take back what is not finished."""
        try:
            place = self._place(attempt)
        except BeginAgain:
            return {"number": attempt.done["open"]["number"]}
        _write(place, {**_read(place), "state": RETRACTED})
        return {"number": place.name}

    def ask(self, receipt: str, attempt: Attempt) -> Filed:
        """Whether it is there, finished."""
        place = cast("Config", attempt.config).directory / receipt
        there = (place / "report.json").exists() and _read(place)["state"] == FINISHED
        return Filed(there, str(place))

    def expires(self, done: Mapping[str, Values], began: datetime, last: datetime) -> datetime | None:
        """It is the directory that knows: see ``hours``."""
        return None

    def _place(self, attempt: Attempt, *, finished: bool = False) -> Path:
        """The directory of the report that was opened.

        Raises:
            BeginAgain: it is gone, or was taken back.
            NotSent: it is finished already.
        """
        config = cast("Config", attempt.config)
        place = config.directory / str(attempt.done["open"]["number"])
        if not (place / "report.json").exists():
            raise BeginAgain(why=Said("{number} is not there", number=place.name))
        told = _read(place)
        late = datetime.fromisoformat(told["opened"]) + timedelta(hours=config.hours)
        if config.hours and told["state"] == OPEN and attempt.at >= late:
            shutil.rmtree(place)
            raise BeginAgain(why=Said("{number} was not finished in time, and is deleted", number=place.name))
        if told["state"] == RETRACTED:
            raise BeginAgain(why=Said("{number} was taken back", number=place.name))
        if told["state"] == FINISHED and not finished:
            raise NotSent(why=Said("{number} is finished already", number=place.name), permanent=True)
        return place


def _filled(one: DraftFile, viewed: Mapping[str, bool]) -> DraftFile:
    return DraftFile(one.key, one.sha256, one.size, one.media_type, {"viewed": viewed.get(one.sha256, False)}, one.sent)


def _gaps(group: FormField, values: Values, path: str) -> Iterator[Gap]:
    """What a group lacks, and what of it cannot stand."""
    if group.one_of and sum(one.name in values for one in group.fields) > 1:
        yield Gap(path, N_("only one of these can be given"), blocks=True)
    for one in group.fields:
        at, value = f"{path}/{one.name}", values.get(one.name)
        if value in (None, "", [], {}):
            if one.required:
                yield Gap(at, N_("it must be given"), blocks=True)
            elif one.suggested:
                yield Gap(at, N_("it is worth a look"), blocks=False)
            continue
        every = [(f"{at}/{n}", each) for n, each in enumerate(value)] if one.many else [(at, value)]
        for place, each in every:
            if one.kind == "group":
                yield from _gaps(one, each, place)
            elif one.longest and len(str(each)) > one.longest:
                yield Gap(place, N_("it is too long"), blocks=True)
            elif one.choices and each not in {choice.value for choice in one.choices}:
                yield Gap(place, N_("it is none of the choices"), blocks=True)


def _open(root: Path, attempt: Attempt) -> str:
    """A directory of the next number; its report is there whole or not at all."""
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    taken = [int(path.name[2:]) for path in root.glob("S-*") if path.name[2:].isdigit()]
    number = max(taken, default=0) + 1
    while True:
        place = root / f"S-{number:06d}"
        try:
            place.mkdir(mode=0o700)
        except FileExistsError:
            number += 1
            continue
        told = {"key": attempt.draft.key, "values": attempt.draft.values, "state": OPEN}
        _write(place, {**told, "opened": attempt.at.isoformat()})
        return place.name


def _lay_down(place: Path, key: str, attempt: Attempt) -> int:
    size = 0

    def counted() -> Iterator[bytes]:
        nonlocal size
        with attempt.files.open(key) as source:
            while part := source.read(1024 * 1024):
                size += len(part)
                yield part

    files.replace(place / key, counted())
    return size


def _newest(root: Path, key: str, *, but: str) -> str:
    """The last report of a key that is not in a state; empty where there is none."""
    found = [path.parent for path in root.glob("S-*/report.json")]
    there = [place.name for place in found if (told := _read(place))["key"] == key and told["state"] != but]
    return max(there, default="")


def _read(place: Path) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads((place / "report.json").read_bytes()))


def _write(place: Path, told: Mapping[str, Any]) -> None:
    files.replace(place / "report.json", [json.dumps(told, indent=2, sort_keys=True).encode()])


PLUGIN = Sample()
