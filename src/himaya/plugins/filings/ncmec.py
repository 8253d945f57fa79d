"""NCMEC's CyberTipline, by the reporting API for electronic service providers (documentation of June 2025).

A report is opened (``submit``), takes its files one by one (``upload``, ``fileinfo``), and counts once it is finished
(``finish``). What is not finished counts for nothing and is deleted: so whatever goes wrong before that is mended by
beginning again. Only the answer to ``finish`` decides; where it is lost, ``retract`` tells: what is finished cannot be
taken back.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal, Self, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from himaya.core.cybertip import answers, checking, wire
from himaya.core.cybertip.answers import FILED, GONE
from himaya.core.cybertip.filling import Firm, clean, fill
from himaya.core.cybertip.form import form
from himaya.core.cybertip.table import Addition, file_details, is_absent, report
from himaya.core.cybertip.writing import document
from himaya.core.filing import (
    Attempt,
    BeginAgain,
    Draft,
    DraftFile,
    Filed,
    FilingChannel,
    Form,
    FoundOut,
    Gap,
    Grounds,
    Values,
)
from himaya.core.ports import MaybeSent, NotSent
from himaya.core.words import N_, Said

DAY, HOUR = timedelta(hours=24), timedelta(hours=1)
OPEN, UPLOAD, DESCRIBE, FINISH = "open", "upload:", "describe:", "finish"
_MAIL = r"^[^@\s]{1,64}@[^@\s]{1,190}$"
LOOK = N_("Ask NCMEC whether the CyberTipline has the report {number}; name the Request-ID of the last answer, too.")


class Config(BaseModel):
    """Which environment, as whom, and what every report of this firm says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    environment: Literal["production", "test", "other"] = Field(
        "test", description=N_("“test” is NCMEC's environment for trying: nothing of it reaches anybody.")
    )
    address: str = Field(
        "",
        max_length=500,
        pattern=r"^(https?://[^\s?#@\\]+)?$",
        description=N_("With “other” alone: where else the interface is, up to and with “/ispws”."),
    )
    private: bool = Field(False, description=N_("With “other” alone: it may lie in a private network."))
    user: str = Field(min_length=1, max_length=200, description=N_("User name, as NCMEC gave it on registration."))
    password: SecretStr = Field(min_length=1, max_length=500, description=N_("Password of that user."))
    email: str = Field(
        max_length=255, pattern=_MAIL, description=N_("E-mail address of the reporting person: NCMEC asks back there.")
    )
    first_name: str = Field("", max_length=100, description=N_("First name of the reporting person."))
    last_name: str = Field("", max_length=100, description=N_("Last name of the reporting person."))
    phone: str = Field("", max_length=50, description=N_("Telephone number of the reporting person."))
    contact_email: str = Field(
        "", max_length=255, description=N_("E-mail address of whom law enforcement can ask, if it is somebody else.")
    )
    contact_first_name: str = Field("", max_length=100, description=N_("First name of that person."))
    contact_last_name: str = Field("", max_length=100, description=N_("Last name of that person."))
    contact_phone: str = Field("", max_length=50, description=N_("Telephone number of that person."))
    company_template: str = Field(
        "",
        max_length=20_000,
        description=N_("What law enforcement should know of this firm's reports, in all of them."),
    )
    terms_of_service: str = Field(
        "", max_length=20_000, description=N_("The part of the terms of service that was broken.")
    )
    legal_url: str = Field(
        "", max_length=2083, description=N_("Page that tells law enforcement how to ask this firm for records.")
    )
    platform: str = Field("", max_length=256, description=N_("Full name of the service that reports come from."))
    in_agreement: bool = Field(
        False,
        description=N_(
            "This firm has signed the agreement on the industry's hash sharing: classes A1 to B2 are stated."
        ),
    )
    ask_again: bool = Field(
        False,
        description=N_(
            "NCMEC has no question for what became of a report. True: the daily comparison sends “finish” once more,"
            " which answers that it is finished already."
        ),
    )
    additions: tuple[Addition, ...] = Field(
        (), max_length=100, description=N_("Elements that NCMEC has added since June 2025.")
    )
    timeout: float = Field(60.0, gt=0, le=600, description=N_("Seconds to wait for an answer; uploads last longer."))

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if (self.environment == "other") != bool(self.address) or (self.private and self.environment != "other"):
            raise ValueError("address and private go with the environment “other”, and that one needs an address")
        form(self.additions)
        return self

    @property
    def line(self) -> wire.Line:
        """How it is reached."""
        bases = {"production": wire.PRODUCTION, "test": wire.TEST}
        base = bases.get(self.environment) or self.address.rstrip("/")
        return wire.Line(base, self.user, self.password.get_secret_value(), self.private, self.timeout)

    @property
    def firm(self) -> Firm:
        """What every report says."""
        reporting = _contact(self.first_name, self.last_name, self.phone, self.email)
        contact = _contact(self.contact_first_name, self.contact_last_name, self.contact_phone, self.contact_email)
        told = {
            "reportingPerson": reporting, "contactPerson": contact, "companyTemplate": self.company_template,
            "termsOfService": self.terms_of_service, "legalURL": self.legal_url,
        }  # fmt: skip
        return Firm(clean(told), self.platform, self.in_agreement)


def _contact(first: str, last: str, phone: str, email: str) -> dict[str, Any]:
    numbers, mails = [{"value": phone}] if phone else [], [{"value": email}] if email else []
    return {"firstName": first, "lastName": last, "phone": numbers, "email": mails}


class CyberTipline(FilingChannel):
    """Reports of a provider to the National Center for Missing & Exploited Children (18 U.S.C. 2258A)."""

    name: ClassVar[str] = "ncmec"
    label: ClassVar[str] = N_("NCMEC CyberTipline")
    authority: ClassVar[str] = "NCMEC"
    takes_files: ClassVar[bool] = True
    Config: ClassVar[type[BaseModel]] = Config

    def lane(self, config: BaseModel) -> str:
        """The environment: what hinders one report there hinders all."""
        return f"ncmec:{cast('Config', config).line.base}"

    def form(self, config: BaseModel) -> Form:
        """Every element that a provider can fill, and those that the operator added."""
        return form(cast("Config", config).additions)

    def fill(self, grounds: Grounds, config: BaseModel) -> Draft:
        """Reporter by the options, incident, persons and files by what the service tells."""
        return fill(grounds, cast("Config", config).firm)

    def check(self, draft: Draft, config: BaseModel) -> tuple[Gap, ...]:
        """By the schema and by the documentation; what is merely worth knowing does not block."""
        config = cast("Config", config)
        return checking.gaps(draft, additions=config.additions, in_agreement=config.in_agreement)

    def steps(self, draft: Draft) -> Sequence[str]:
        """Open; upload and describe each file that is sent; finish."""
        taken = [OPEN]
        for file in draft.files:
            if file.sent:
                taken.append(UPLOAD + file.key)
                if not is_absent(file.values):
                    taken.append(DESCRIBE + file.key)
        return [*taken, FINISH]

    def take(self, step: str, attempt: Attempt) -> Values:
        """Take a step. An answer of NCMEC is kept with its code, its text and its Request-ID."""
        config = cast("Config", attempt.config)
        if step == OPEN:
            return _open(attempt, config)
        if step == FINISH:
            return _finish(attempt, config)
        if step.startswith(UPLOAD):
            return _upload(step.removeprefix(UPLOAD), attempt, config)
        return _describe(step.removeprefix(DESCRIBE), attempt, config)

    def find_out(self, step: str, attempt: Attempt) -> FoundOut:
        """Before ``finish`` nothing counts: what was begun is taken back, and begun again. Whether it was finished is
        found out in the same way: what is finished cannot be taken back, and NCMEC says so.

        Raises:
            NotSent, MaybeSent: NCMEC could not be asked; later it may.
        """
        if step == OPEN:  # its number is not known; it is deleted unfinished
            return FoundOut("begin-again")
        try:
            answer = cast("Config", attempt.config).line.retract(_number(attempt))
        except (NotSent, MaybeSent):
            if step == FINISH:
                raise
            return FoundOut("begin-again")  # it is deleted unfinished
        if answer.code == FILED and step == FINISH:
            return FoundOut("taken", answer.kept())
        if answer.code in (0, *GONE) or (answer.code != FILED and step != FINISH):
            return FoundOut("begin-again")
        if answers.follows(answer) in ("maybe", "login"):
            answers.follow(answer, "retract")
        return FoundOut("unknown", ask=Said(LOOK, number=_number(attempt)))

    def receipt(self, done: Mapping[str, Values]) -> str:
        """The number of the report."""
        return str(done.get(OPEN, {}).get("reportId", ""))

    def stays(self, step: str) -> bool:
        """What is not finished is retracted, or deleted there by itself."""
        return False

    def retract(self, attempt: Attempt) -> Values | None:
        """Take back a report that is not finished; one that is gone already is as good as taken back."""
        number = self.receipt(attempt.done)
        if not number:
            return {}
        answer = cast("Config", attempt.config).line.retract(number)
        if answer.code in GONE:
            return answer.kept()
        return answers.follow(answer, "retract").kept()

    def ask(self, receipt: str, attempt: Attempt) -> Filed:
        """By ``finish`` once more, where the operator wants that; NCMEC has no question for it."""
        config = cast("Config", attempt.config)
        if not config.ask_again:
            return Filed(None, Said(LOOK, number=receipt))
        try:
            answer = answers.follow(config.line.finish(receipt), "finish")
        except BeginAgain as error:
            return Filed(False, str(error.facts["why"]))
        return Filed(True, "" if answer.code == FILED else N_("It was not finished; it is now."))

    def expires(self, done: Mapping[str, Values], began: datetime, last: datetime) -> datetime | None:
        """24 hours after it was opened, or one hour after its last change, whichever is later."""
        if OPEN not in done or FINISH in done:
            return None
        return max(began + DAY, last + HOUR)


def _open(attempt: Attempt, config: Config) -> Values:
    for gap in PLUGIN.check(attempt.draft, config):
        if gap.blocks:
            raise NotSent(why=Said("{path}: {why}", path=gap.path, why=gap.why), permanent=True)
    told = document(report(config.additions), attempt.draft.values)
    answer = config.line.submit(told)
    if not answer.report:
        raise MaybeSent(why=N_("NCMEC opened a report and did not tell its number"))
    return answer.kept() | _digest(told)


def _upload(key: str, attempt: Attempt, config: Config) -> Values:
    number, file = _number(attempt), _file(attempt.draft, key)
    with attempt.files.open(key) as stream:
        answer, sent = config.line.upload(number, stream, size=file.size, name=file.key, media_type=file.media_type)
    if answer.md5 != sent or not answer.file:
        with suppress(NotSent, MaybeSent):  # it is deleted in any case
            config.line.retract(number)
        why = Said("NCMEC has another file than the one that was sent: MD5 {md5} for {sent}", md5=answer.md5, sent=sent)
        raise BeginAgain(why=why)
    return answer.kept()


def _describe(key: str, attempt: Attempt, config: Config) -> Values:
    told = attempt.done[UPLOAD + key]["fileId"]
    first = (("reportId", _number(attempt)), ("fileId", str(told)))
    said = document(file_details(config.additions), _file(attempt.draft, key).values, first=first)
    return config.line.describe(said).kept() | _digest(said)


def _digest(told: bytes) -> dict[str, str]:
    """By which it can be shown later what was sent: the same draft gives the same document."""
    return {"sentSha256": hashlib.sha256(told).hexdigest()}


def _finish(attempt: Attempt, config: Config) -> Values:
    number = _number(attempt)
    answer = answers.follow(config.line.finish(number), "finish")
    if answer.code == 0 and answer.report != number:
        why = Said("NCMEC answers for the report {other}, not for {number}", other=answer.report, number=number)
        raise MaybeSent(why=why)
    return answer.kept()


def _number(attempt: Attempt) -> str:
    return PLUGIN.receipt(attempt.done)


def _file(draft: Draft, key: str) -> DraftFile:
    return next(file for file in draft.files if file.key == key)


PLUGIN = CyberTipline()
