"""StopNCII.org, version 1: intimate pictures of adults, whose hashes the persons shown hand in themselves.

A record is a snapshot: the newest takes the place of all that was said before. Where its state is Withdrawn or Deleted,
the person does not ask for it any more, and it is gone.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Any, ClassVar, TypeGuard, cast

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from himaya.core import clock
from himaya.core.exchange import MAX_KEY, Entry, Exchange, Gone, Opinion, Page, SourceTrouble, Vote
from himaya.core.objects import EACH, Found, Wanted
from himaya.core.outward import Client
from himaya.core.ports import Receipt, Refusal
from himaya.core.since import Round, Told, pages
from himaya.core.words import N_, Said, printable, storable

BASE = "https://api.stopncii.org/v1"
PAGE_SIZE = 800
MAX_RECORDS = 20_000
"""Records of a page that are taken: a source may give more than it is asked for."""
MAX_TOKEN = 3000
BEGINNING = 10
"""The first time that the source takes (seconds since 1970)."""
STALE = timedelta(days=30)
"""How long after its last round a node may trust that nothing was forgotten: then it reads everything anew."""
MAX_VALUE = 1024**2
"""Characters of a fingerprint; the largest, TMK+PDQF, has about 350,000."""
_SIGNALS = MappingProxyType({"ImagePDQ": "pdq", "VideoMD5": "md5"})
"""Its kinds of fingerprints that signals of ours read; others go under its own name."""
_WANTED: Wanted = {
    (): frozenset({"hashRecords", "hasMoreRecords", "nextPageToken", "nextSetTimestamp"}),
    ("hashRecords", EACH): frozenset({"lastModtimestamp", "hashValue", "hashStatus", "signalType", "CSPFeedbacks"}),
}
_KINDS = ("ImagePDQ", "VideoMD5", "VideoTMK", "Text", "URL")
_STANDS, _GONE = ("Received", "Active"), ("Withdrawn", "Deleted")
_OPINIONS: Mapping[str, Opinion] = MappingProxyType({"Blocked": "confirm", "NotBlocked": "dispute"})
_ANSWERS: Mapping[Opinion, str] = MappingProxyType({opinion: word for word, opinion in _OPINIONS.items()})
_PLAIN = re.compile(r"[^a-z0-9.]+")
_ASK_FOR_KEYS = N_("Ask StopNCII which key belongs to which endpoint, and set them anew.")


class Config(BaseModel):
    """Where StopNCII is, and with which keys it is asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    address: str = Field(
        BASE,
        max_length=200,
        title=N_("Address"),
        description=N_("Address of the interface."),
    )
    subscription_key: SecretStr = Field(
        title=N_("Subscription key"), description=N_("The key of the subscription, sent with every question.")
    )
    fetch_key: SecretStr = Field(
        title=N_("Key for FetchHashes"), description=N_("The function key with which hashes are read.")
    )
    feedback_key: SecretStr = Field(
        SecretStr(""),
        title=N_("Key for SubmitFeedback"),
        description=N_("The function key with which our opinion is sent; empty where it is not."),
    )
    member: str = Field(
        "",
        max_length=60,
        title=N_("Our name there"),
        description=N_("The name under which StopNCII knows us: what it shows as our feedback is no other's vote."),
    )


class StopNCII(Exchange):
    """FetchHashes for what changed, SubmitFeedback for what we think."""

    name: ClassVar[str] = "stopncii"
    label: ClassVar[str] = N_("StopNCII (adults; not a source for minors)")
    Config: ClassVar[type[BaseModel]] = Config
    terms: ClassVar[str] = N_(
        "Partners of StopNCII.org (SWGfL) get keys under its agreement. It concerns adults who ask for it themselves: "
        "keep its list apart from those of child sexual abuse material, and report nothing from it as such."
    )
    votes: ClassVar[bool] = True

    def pull(self, config: BaseModel, client: Client, *, checkpoint: str, resume: str) -> Iterator[Page]:
        """What changed since the last round; after :data:`STALE` everything, so that nothing stays that is gone."""
        ask = partial(_page, cast("Config", config), client)
        return pages(ask, checkpoint=checkpoint, resume=resume, beginning=BEGINNING, stale=STALE)

    def vote(
        self, config: BaseModel, client: Client, *, key: str, signal: str, value: str, opinion: Opinion, reason: str
    ) -> Receipt:
        """Feedback: Blocked or NotBlocked. The reason stays with us: it has no place there."""
        config = cast("Config", config)
        if not config.feedback_key.get_secret_value():
            raise SourceTrouble(
                why=N_("no key for SubmitFeedback is set"), mend=N_("Ask StopNCII for it, and set it."), permanent=True
            )
        word = _ANSWERS[opinion]
        told = {"count": 1, "hashFeedbacks": [{"hashValue": value, "feedbackValue": word, "tags": []}]}
        reply = client.post(
            f"{config.address.rstrip('/')}/SubmitFeedback",
            headers={**_headers(config, config.feedback_key), "Content-Type": "application/json"},
            content=json.dumps(told).encode(),
            expect=(200, 201, 202, 204),
            repeatable=True,
        )
        return Receipt(reference=key, detail=f"{word}, {reply.status}")

    def check(self, config: BaseModel, client: Client) -> str:
        """Ask for one record."""
        _fetch(cast("Config", config), client, int(clock.now().timestamp()), 1, "")
        return N_("FetchHashes answers")


def _page(config: Config, client: Client, round_: Round) -> Told:
    reply, changes = _fetch(config, client, round_.start, PAGE_SIZE, round_.place or "")
    if reply["hasMoreRecords"]:
        token = reply.get("nextPageToken")
        if not _is_token(token):
            raise SourceTrouble(why=N_("it says that there is more, and does not say where"))
        return Told(changes, token)
    following = reply.get("nextSetTimestamp")
    if type(following) is not int or not 0 <= following < 2**40:
        raise SourceTrouble(why=N_("it does not say from where the next round begins"))
    return Told(changes, latest=following)


def _headers(config: Config, function: SecretStr) -> dict[str, str]:
    keys = {"x-functions-key": function, "Ocp-Apim-Subscription-Key": config.subscription_key}
    headers = {name: secret.get_secret_value().strip() for name, secret in keys.items()}
    for name, text in headers.items():
        if not text.isascii() or not text.isprintable():
            why = Said("the key for {header} has characters that no key has", header=name)
            raise SourceTrouble(why=why, mend=_ASK_FOR_KEYS, permanent=True)
    return headers


def _fetch(
    config: Config, client: Client, start: int, size: int, token: str
) -> tuple[dict[str, Any], tuple[Entry | Gone | Refusal, ...]]:
    """A page without its records, and what they say."""
    params: dict[str, str | int] = {"startTimestamp": start, "pageSize": size}
    if token:
        params["nextPageToken"] = token
    reply = client.get(f"{config.address}/FetchHashes", params=params, headers=_headers(config, config.fetch_key))
    page, changes = None, list[Entry | Gone | Refusal]()
    for found in reply.parts(_WANTED):
        if isinstance(found, Found) and found.path == ():
            page = found.value
            continue
        changes.append(found if isinstance(found, Refusal) else _change(found.value, config.member))
        if len(changes) > MAX_RECORDS:
            raise SourceTrouble(why=Said("it gives more than {n} records at once", n=MAX_RECORDS), permanent=True)
    if (
        not isinstance(page, dict)
        or not isinstance(page.get("hashRecords"), list)
        or not isinstance(page.get("hasMoreRecords"), bool)
    ):
        raise SourceTrouble(why=N_("its answer is no page of hash records"))
    return page, tuple(changes)


def _is_token(token: object) -> TypeGuard[str]:
    return isinstance(token, str) and 0 < len(json.dumps(token)) - 2 <= MAX_TOKEN and storable(token)


def _change(record: object, member: str) -> Entry | Gone | Refusal:
    if not isinstance(record, dict):
        return Refusal(0, N_("it is no record"), printable(repr(record)[:80]))
    kind, value, state = (record.get(name) for name in ("signalType", "hashValue", "hashStatus"))
    if not isinstance(value, str) or not 0 < len(value) <= MAX_VALUE or not storable(value):
        return Refusal(0, N_("it has no hashValue"), printable(repr(kind)[:80]))
    if kind not in _KINDS:
        return Refusal(0, Said("its signalType {kind} is not known", kind=printable(repr(kind)[:40])))
    excerpt = printable(value[:80]) if kind in _SIGNALS else ""
    key, at = _key(str(kind), value), _moment(record.get("lastModtimestamp"))
    if state in _GONE:
        return Gone(key, reason=str(state), at=at)
    if state not in _STANDS:
        return Refusal(0, Said("its hashStatus {state} is not known", state=printable(repr(state)[:40])), excerpt)
    if kind == "Text":  # what a person wrote; no signal reads it, and it is counted without being kept
        value = hashlib.sha256(value.encode()).hexdigest()
    votes = _votes(record.get("CSPFeedbacks"), _named(member))
    return Entry(key, ((_SIGNALS.get(str(kind), str(kind)), value),), basis="person-shown", at=at, votes=votes)


def _key(kind: str, value: str) -> str:
    plain = value.strip().lower() if kind in _SIGNALS else value
    if kind == "Text" or len(f"{kind}:{plain}") > MAX_KEY:
        return f"{kind}:sha256:{hashlib.sha256(plain.encode()).hexdigest()}"
    return f"{kind}:{plain}"


def _moment(seconds: object) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if type(seconds) is int and 0 < seconds < 2**33 else None


def _named(source: object) -> str:
    """A member's name as statements write it. It is what StopNCII calls it, which makes nobody another organisation."""
    plain = _PLAIN.sub("-", source.lower())[:50].strip("-.") if isinstance(source, str) else ""
    return f"stopncii-{plain}" if plain else ""


def _votes(feedbacks: object, ours: str) -> tuple[Vote, ...]:
    """One of each member; of a member that says both, that it is not."""
    found: dict[str, Vote] = {}
    for feedback in feedbacks[:1000] if isinstance(feedbacks, list) else ():
        if not isinstance(feedback, dict):
            continue
        organisation, word = _named(feedback.get("source")), feedback.get("feedbackValue")
        opinion = _OPINIONS.get(word) if isinstance(word, str) else None
        if opinion and organisation and organisation != ours and (opinion == "dispute" or organisation not in found):
            found[organisation] = Vote(organisation, opinion)
    return tuple(found.values())


PLUGIN = StopNCII()
