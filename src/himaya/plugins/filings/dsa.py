"""Statements of reasons to the DSA Transparency Database (Regulation (EU) 2022/2065, Art. 17 and 24(5)).

A platform that removes content, or ends an account, tells the affected user why, and hands the same statement to the
Commission's database, which publishes it. Nothing of a person may stand in it: its texts are searched for that. Every
statement has our key as its number (``puid``), and the database takes a number once: filing again is safe.

Source: the Commission's own code (digital-services-act/transparency-database, state of June 2026), its API page.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC
from typing import Any, ClassVar, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from himaya.core import registry
from himaya.core.filing import (
    Attempt,
    Draft,
    Filed,
    FilingChannel,
    Form,
    FoundOut,
    Gap,
    Grounds,
    Values,
)
from himaya.core.filling import listed, pruned
from himaya.core.outward import Client, Reply, address
from himaya.core.ports import MaybeSent, NotSent
from himaya.core.reasons import BATCH, EEA, FORM, GROOMING, ILLEGAL, KNOWN, MINORS, SYNTHETIC, flaws, statements
from himaya.core.submitting import look, refused, submit, told
from himaya.core.words import N_

_TOKEN = re.compile(r"[!-~]{1,500}")


class Config(BaseModel):
    """Where the database is, with which token, and what is the same in all our statements."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str = Field(
        "https://transparency.dsa.ec.europa.eu",
        min_length=1,
        max_length=300,
        title=N_("Address"),
        description=N_("Of the database, or of its sandbox, which is to be tried first."),
    )
    token: SecretStr = Field(
        title=N_("Token"), description=N_("Made in the database's dashboard; a new one ends the one before.")
    )
    legal_ground: str = Field(
        "",
        max_length=500,
        title=N_("Law"),
        description=N_("The law that the material breaks, as your country names it; filled into each draft."),
    )
    explanation: str = Field("", max_length=2000, title=N_("Explanation"), description=N_("Why it breaks that law."))
    decision: Literal["", "CONTENT_REMOVED", "CONTENT_DISABLED"] = Field(
        "", title=N_("Decision"), description=N_("What your service does with what is confirmed; empty: a person says.")
    )
    automated_decision: Literal["", "FULLY", "PARTIALLY", "NOT_AUTOMATED"] = Field(
        "", title=N_("Automated decision"), description=N_("How your service decides; empty: a person says.")
    )
    territorial_scope: tuple[str, ...] = Field(
        (), max_length=30, title=N_("Countries"), description=N_("In which the decision applies (EU and EEA).")
    )
    private: bool = Field(
        False, title=N_("Private network"), description=N_("Whether it may lie in a private network (for tests).")
    )

    @field_validator("territorial_scope")
    @classmethod
    def _within_the_union(cls, countries: tuple[str, ...]) -> tuple[str, ...]:
        if other := [one for one in countries if one not in EEA]:
            raise ValueError(f"{', '.join(other)[:80]} is no country of the EU and EEA (two capitals: NL)")
        return countries


class DSA(FilingChannel):
    """One statement a content, a hundred in a request at most."""

    name: ClassVar[str] = "dsa"
    label: ClassVar[str] = N_("Statement of reasons (DSA Transparency Database)")
    authority: ClassVar[str] = "European Commission"
    takes_files: ClassVar[bool] = False
    Config: ClassVar[type[BaseModel]] = Config

    def lane(self, config: BaseModel) -> str:
        """The database."""
        return f"dsa:{cast('Config', config).address}"

    def form(self, config: BaseModel) -> Form:
        """The fields of the API, those of each content apart."""
        return FORM

    def fill(self, grounds: Grounds, config: BaseModel) -> Draft:
        """What the case and the options tell. What the service did stands in no case: options say it, or a person."""
        return Draft(grounds.document.key, pruned(_filled(grounds, cast("Config", config))))

    def check(self, draft: Draft, config: BaseModel) -> tuple[Gap, ...]:
        """The rules of the database, and whether something of a person stands in the texts."""
        return flaws(draft)

    def steps(self, draft: Draft) -> Sequence[str]:
        """A request for a hundred contents."""
        count = len(listed(draft.values.get("contents"))) or 1
        return ["statement"] if count == 1 else [f"statements:{n}" for n in range(1, -(-count // BATCH) + 1)]

    def take(self, step: str, attempt: Attempt) -> Values:
        """Send what the database does not have yet; what it has counts as filed."""
        config, wanted = cast("Config", attempt.config), _chunk(step, attempt.draft)
        with _client(config) as client:
            reply = _send(client, config, wanted)
            if reply.status == 201:
                return {"statements": _numbers(reply, wanted)}
            have = _existing(reply, wanted) or _found(client, config, wanted)
            missing = [one for one in wanted if one["puid"] not in have]
            if not have:
                raise refused(reply)
            if missing:
                reply = _send(client, config, missing)
                if reply.status != 201:
                    raise refused(reply)
                have |= _numbers(reply, missing)
        return {"statements": have}

    def find_out(self, step: str, attempt: Attempt) -> FoundOut:
        """Ask for each number. What is there already is left out when the step is taken again."""
        config, wanted = cast("Config", attempt.config), _chunk(step, attempt.draft)
        with _client(config) as client:
            have = _found(client, config, wanted)
        if len(have) == len(wanted):
            return FoundOut("taken", {"statements": have})
        return FoundOut("not-taken")

    def receipt(self, done: Mapping[str, Values]) -> str:
        """The first statement's number in the database, and how many there are more."""
        found = [str(number) for answer in done.values() for number in answer.get("statements", {}).values()] or [""]
        return found[0] + (f" +{len(found) - 1}" if len(found) > 1 else "")

    def ask(self, receipt: str, attempt: Attempt) -> Filed:
        """Whether every statement is there, by our numbers."""
        config, wanted = cast("Config", attempt.config), statements(attempt.draft)
        with _client(config) as client:
            have = _found(client, config, wanted)
        missing = [one["puid"] for one in wanted if one["puid"] not in have]
        return Filed(not missing, ", ".join(missing[:10]))


# --- filling ---------------------------------------------------------------------------------------------------------


def _filled(grounds: Grounds, config: Config) -> dict[str, Any]:
    document, told_ = grounds.document, grounds.particulars
    verdict = document.verdict
    scheme = registry.schemes().get(verdict.scheme)
    code = scheme.get(verdict.code) if scheme else None
    marks = {mark for one in told_.files for mark in one.marks}
    synthetic = "generated" in marks or bool(code and code.facets.origin and "photographic" not in code.facets.origin)
    keywords = [KNOWN] if code and code.confirms else []
    keywords += [SYNTHETIC] if synthetic and keywords else []
    keywords += [GROOMING] if "grooming" in marks else []
    found_by_list = bool(document.matches)
    return {
        "decision_visibility": [f"DECISION_VISIBILITY_{config.decision}"] if config.decision else [],
        "decision_ground": ILLEGAL if code and code.confirms else "",
        "illegal_content_legal_ground": config.legal_ground if code and code.confirms else "",
        "illegal_content_explanation": config.explanation if code and code.confirms else "",
        "category": MINORS,
        "category_specification": keywords,
        "territorial_scope": list(config.territorial_scope),
        "application_date": verdict.decided_at.astimezone(UTC).date().isoformat(),
        "source_type": "SOURCE_VOLUNTARY" if found_by_list else "",
        "automated_detection": "Yes" if found_by_list else "",
        "automated_decision": f"AUTOMATED_DECISION_{config.automated_decision}" if config.automated_decision else "",
        "contents": list(_contents(grounds, synthetic=synthetic)),
        "withheld": sorted(set(_names(grounds))),
    }


def _contents(grounds: Grounds, *, synthetic: bool) -> Iterator[dict[str, Any]]:
    """One of each file that the service tells of; else one, as far as the case knows it."""
    kinds = {one.sha256: one.media_type for one in grounds.files}
    usual = next(iter(kinds.values())) if len(set(kinds.values())) == 1 else ""
    for one in grounds.particulars.files:
        yield {
            "content_type": _kind(kinds.get(one.sha256, ""), synthetic or "generated" in one.marks),
            "content_date": one.uploaded_at.astimezone(UTC).date().isoformat() if one.uploaded_at else "",
        }
    if not grounds.particulars.files:
        at = grounds.particulars.happened_at
        day = at.astimezone(UTC).date().isoformat() if at else ""
        yield {"content_type": _kind(usual, synthetic), "content_date": day}


def _kind(media_type: str, synthetic: bool) -> list[str]:
    known = {"image": "CONTENT_TYPE_IMAGE", "video": "CONTENT_TYPE_VIDEO", "audio": "CONTENT_TYPE_AUDIO"}
    kind = known.get(media_type.partition("/")[0])
    return ([kind] if kind else []) + (["CONTENT_TYPE_SYNTHETIC_MEDIA"] if synthetic else [])


def _names(grounds: Grounds) -> Iterator[str]:
    for one in grounds.particulars.accounts:
        yield from (one.id, one.first_name, one.last_name, one.profile_url)
        yield from (*one.screen_names, *one.display_names, *one.emails, *one.phones)
    yield from (one.name for one in grounds.particulars.files)


# --- the wire ---------------------------------------------------------------------------------------------------------


def _chunk(step: str, draft: Draft) -> list[dict[str, Any]]:
    number = int(step.partition(":")[2] or 1)
    return statements(draft)[(number - 1) * BATCH : number * BATCH]


def _client(config: Config) -> Client:
    try:
        address(config.address, private=config.private)
    except ValueError as error:
        raise NotSent(why=str(error), permanent=True) from None
    return Client(private=config.private, attempts=1)


def _headers(config: Config) -> dict[str, str]:
    token = config.token.get_secret_value().strip()
    if not _TOKEN.fullmatch(token):
        raise NotSent(why=N_("the token has characters that no token has; set it anew"), permanent=True)
    return {"Authorization": f"Bearer {token}", "Accept": "application/json"}


def _send(client: Client, config: Config, wanted: list[dict[str, Any]]) -> Reply:
    base = f"{config.address.rstrip('/')}/api/v1"
    one = len(wanted) == 1
    body: Mapping[str, Any] = wanted[0] if one else {"statements": wanted}
    url = f"{base}/statement" if one else f"{base}/statements"
    return submit(client, "POST", url, headers=_headers(config), content=body, expect=(201, 422))


def _numbers(reply: Reply, wanted: list[dict[str, Any]]) -> dict[str, str]:
    """Our number → the database's.

    Raises:
        MaybeSent: it says that it took them, and not as which.
    """
    answer = told(reply)
    answers = answer.get("statements", [answer]) if isinstance(answer, Mapping) else []
    found = _by_puid(answers if isinstance(answers, list) else [])
    if set(found) != {one["puid"] for one in wanted}:
        raise MaybeSent(why=N_("it answers that it was taken, and does not name it"))
    return found


def _existing(reply: Reply, wanted: list[dict[str, Any]]) -> dict[str, str]:
    """Of a refusal for a number that is there: what is there under ours."""
    answer = told(reply)
    existing = answer.get("existing") if isinstance(answer, Mapping) else None
    ours = {one["puid"] for one in wanted}
    return {puid: uuid for puid, uuid in _by_puid(listed(existing)).items() if puid in ours}


def _by_puid(answers: Sequence[Any]) -> dict[str, str]:
    return {
        one["puid"]: str(one.get("uuid", ""))[:100]
        for one in answers
        if isinstance(one, Mapping) and isinstance(one.get("puid"), str)
    }


def _found(client: Client, config: Config, wanted: list[dict[str, Any]]) -> dict[str, str]:
    """Which of ours the database has: it leads on to each that it has."""
    found = {}
    for one in wanted:
        url = f"{config.address.rstrip('/')}/api/v1/statement/existing-puid/{one['puid']}"
        reply = look(client, url, headers=_headers(config), expect=(302, 404))
        if reply.status == 302:
            found[one["puid"]] = reply.headers.get("location", "").rstrip("/").rpartition("/")[2][:100]
    return found


PLUGIN = DSA()
