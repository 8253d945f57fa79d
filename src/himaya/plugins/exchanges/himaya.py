"""A list that another Himaya serves in its own form: signed, with a memory of what was seen, by line or by stick.

The root is pinned: it came by another way than the list does. Every file is verified before anything of it is given on
(``core.repository``); with the log's key pinned, too, it must also stand in the publisher's transparency log, in a
checkpoint that was signed with that key and goes on from all that were seen before, so that all who follow the list can
prove to one another that they were given the same.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator

from himaya.core import proofs, registry
from himaya.core.errors import BadSignal, in_words
from himaya.core.exchange import (
    MAX_KEY,
    Entry,
    Exchange,
    Gone,
    Opinion,
    Page,
    SourceTrouble,
    Voted,
    left_for_hub,
)
from himaya.core.labels import narrowest
from himaya.core.notes import BadNote, VerifierKey
from himaya.core.outward import Client
from himaya.core.ports import Receipt, Refusal
from himaya.core.repository import bundle
from himaya.core.repository.ceremony import given_root
from himaya.core.repository.distrust import NotOffered, NotTrusted
from himaya.core.repository.files import BadStatementFile
from himaya.core.repository.following import Fetched, Follower, Mirrored
from himaya.core.repository.logged import MEND, Answers, LogFollower
from himaya.core.repository.origins import Absent, Line, Longer
from himaya.core.repository.pieces import is_organisation
from himaya.core.repository.plan import offered, plan
from himaya.core.statements import ABSTAIN, CONFIRM, DISPUTE, UNSTATED, VOUCH, Statement
from himaya.core.words import N_, Said

PAGE, HEAVY = 1000, 4 * 1024**2
"""Statements of a page; bytes of the frames of videos, beyond which it ends earlier."""
PATIENCE = 300.0
"""Seconds for an answer: metadata may have megabytes, and a poor line 64 kbit/s."""
MOST_WITNESSES = 20
LATER = N_("It comes with its next checkpoint, within the hour; else its operator has to look at: himaya log show")
OPINIONS: dict[str, Opinion | None] = {CONFIRM: "confirm", DISPUTE: "dispute", ABSTAIN: None}
_KEY = re.compile("[0-9a-f]{64}")


class Config(BaseModel):
    """What an operator sets."""

    model_config = ConfigDict(extra="forbid")

    address: str = Field(
        title=N_("Address"),
        description=N_("Of the list, as the other node names it: https://node.example/exchange/himaya/hotline"),
        max_length=1000,
    )
    key: SecretStr = Field(
        title=N_("Key"),
        description=N_("The key that the other node made for this one. Without a line it may be empty."),
    )
    root: Annotated[str, AfterValidator(given_root)] = Field(
        title=N_("Root"),
        description=N_("Content of root.json, which the other node gave you by another way than this line."),
        max_length=200_000,
    )
    log: Annotated[str, AfterValidator(proofs.log_key)] = Field(
        "",
        title=N_("Key of the log"),
        description=N_(
            "The verifier key of the other node's log, as in name+hash+base64. With it, nothing is taken that does not"
            " stand in that log. Empty: the log is not asked."
        ),
        max_length=400,
    )
    witnesses: Annotated[str, AfterValidator(proofs.witness_keys)] = Field(
        "",
        title=N_("Keys of witnesses"),
        description=N_(
            "Verifier keys of nodes that witness that log, with spaces between them. With them, nothing is taken that"
            " too few of them have cosigned: the publisher cannot show others another log. Empty: nobody is asked for."
        ),
        max_length=4000,
    )
    cosigners: int = Field(
        0,
        ge=0,
        le=MOST_WITNESSES,
        title=N_("How many of them"),
        description=N_("So many of the witnesses have to have cosigned; 0: more than half of them, of three two."),
    )

    signatories: str = Field(
        "",
        title=N_("Keys of signatories"),
        description=N_(
            "Who may sign with which key, as in hotline.example=KEY, with spaces between them; each told you its key by"
            " another way. Of these, nothing is taken that another key signed, whatever the other node says. Empty: the"
            " other node says whose key is whose."
        ),
        max_length=20_000,
    )

    @field_validator("signatories")
    @classmethod
    def _named(cls, text: str) -> str:
        for word in text.split():
            who, _, key = word.partition("=")
            if not is_organisation(who) or not _KEY.fullmatch(key):
                raise ValueError(N_("give organisation=key, the key with all its 64 digits"))
        return text

    @property
    def pinned(self) -> Mapping[str, Collection[str]]:
        """Organisation → names of its keys."""
        found: dict[str, set[str]] = {}
        for word in self.signatories.split():
            who, _, key = word.partition("=")
            found.setdefault(who, set()).add(key)
        return found

    @property
    def list_name(self) -> str:
        """The last part of the address."""
        return self.address.rstrip("/").rpartition("/")[2]


class Himaya(Exchange):
    """Another node of Himaya."""

    name: ClassVar[str] = "himaya"
    label: ClassVar[str] = N_("Another Himaya")
    Config: ClassVar[type[BaseModel]] = Config
    terms: ClassVar[str] = N_("Ask whoever runs the other node for a key and, by another way, for its root.json.")
    interval: ClassVar[int] = 600
    votes: ClassVar[bool] = True
    signed: ClassVar[bool] = True
    one_label: ClassVar[bool] = True

    def pull(self, config: BaseModel, client: Client, *, checkpoint: str, resume: str) -> Iterator[Page]:
        """What changed since the states of the checkpoint, by the fewest bytes. Files stay until all are read."""
        options = _options(config)
        with _told():
            follower = _follower(options, client, "line")
            log = _log(options, client.keep, _line_of(options, client))
            yield from _round(follower, options.list_name, client.keep, checkpoint, log)

    def carry(self, config: BaseModel, path: Path, keep: Path, *, checkpoint: str) -> Iterator[Page]:
        """As :meth:`pull`, out of a bundle that somebody brought, which has the proofs of its files with it."""
        options = _options(config)
        how = {"directory": keep / "stick", "root": options.root.encode(), **_trusted(options)}
        with _told(), bundle.opened(path, **how) as (follower, _, stick):  # type: ignore[arg-type]
            log = _log(options, keep, _stick_of(stick), by_stick=True)
            yield from _round(follower, options.list_name, keep, checkpoint, log)

    def mirror(
        self,
        config: BaseModel,
        client: Client,
        *,
        organisation: str,
        to: Path | None = None,
        have: Collection[str] = (),
    ) -> Mirrored:
        """What a signatory signed, as it did, with a memory of its own of what was seen."""
        options = _options(config)
        with _told():
            follower = _follower(options, client, "hub")
            follower.refresh()
            came = follower.mirror(organisation, to, have=have)
            log = _log(options, client.keep / "hub", _line_of(options, client))
            for file in came.files if log else ():
                log.prove(file)  # type: ignore[union-attr]
        return came

    def vote(
        self, config: BaseModel, client: Client, *, key: str, signal: str, value: str, opinion: Opinion, reason: str
    ) -> Receipt:
        """Tell the other node what we think of an item."""
        options = _options(config)
        told = {"signal": signal, "value": value, "opinion": opinion, "reason": reason}
        address = f"{options.address.rstrip('/')}/votes"
        headers = {**_headers(options), "Content-Type": "application/json"}
        reply = client.post(address, headers=headers, content=json.dumps(told).encode(), repeatable=True)
        return Receipt(str(reply.json().get("item", ""))[:100])

    def check(self, config: BaseModel, client: Client) -> str:
        """Ask what the other node serves, and read what it signed last."""
        options = _options(config)
        with _told():
            follower = _follower(options, client, "line")
            seen = follower.refresh()
        found = [f"{who}: {held.sequence}" for (_, who), held in offered(seen, options.list_name).items()]
        if not found:
            raise SourceTrouble(why=N_("it serves nothing of this list yet"), mend=N_("Ask again later."))
        facts = {"node": seen.name or "-", "who": ", ".join(found)}
        return Said("{node} serves this list; who vouches, and in which state: {who}", **facts)


def _options(config: BaseModel) -> Config:
    assert isinstance(config, Config)
    return config


def _bad_root(error: Exception) -> SourceTrouble:
    why = Said("its root.json cannot be used: {why}", why=in_words(error))
    return SourceTrouble(why=why, mend=N_("Set it again as you were given it."), permanent=True)


def _headers(options: Config) -> dict[str, str]:
    key = options.key.get_secret_value()
    return {"Authorization": f"Bearer {key}"} if key else {}


def _follower(options: Config, client: Client, name: str) -> Follower:
    """By line; ``name``: of the directory in which it keeps what it saw."""
    line = Line(options.address, client, headers=_headers(options))
    return Follower(client.keep / name, line, root=options.root.encode(), **_trusted(options))  # type: ignore[arg-type]


def _trusted(options: Config) -> dict[str, object]:
    """Who may sign with which key, and of which list it has to be."""
    return {"pinned": options.pinned, "of": options.list_name}


@contextmanager
def _told() -> Iterator[None]:
    """What cannot be trusted is trouble, in its own words; what was taken before stays in force."""
    try:
        yield
    except (NotTrusted, BadStatementFile, NotOffered, bundle.BadBundle) as error:
        attack = getattr(error, "attack", "")
        why = Said("[{attack}] {why}", why=error.said(), attack=attack) if attack else error.said()
        raise SourceTrouble(why=why, mend=error.advice()) from None
    except ValueError as error:
        raise _bad_root(error) from None


# --- a round ---------------------------------------------------------------------------------------------------------


def _round(follower: Follower, name: str, keep: Path, checkpoint: str, log: LogFollower | None) -> Iterator[Page]:
    seen, states = follower.refresh(), _states(checkpoint)
    planned = plan(seen, name, states)
    if not offered(seen, name):
        raise SourceTrouble(why=Said("it serves nothing of a list {name}", name=name), mend=N_("Ask the other node."))
    if not planned.steps and seen.freshness.signed and seen.freshness.is_silent:
        why = Said(
            "it has said nothing since {at}, not even that nothing is new", at=f"{seen.freshness.signed:%F %H:%M}"
        )
        raise SourceTrouble(why=why, mend=N_("Ask the other node whether its worker runs."))
    place = _directory(keep)
    fetched = [
        (one.organisation, file)
        for one in planned.steps
        for file in follower.fetch(one.list, one.organisation, to=place, have=one.have)
    ]
    for _, file in fetched:
        if log:
            log.prove(file)
        yield from _pages(follower, file)
    for who, file in fetched:  # all were read: what is cut off before goes on with them in the next round
        with suppress(OSError):  # nobody passes it on
            file.path.replace(left_for_hub(keep, who) / file.path.name)
    for path in place.iterdir():  # those of earlier rounds, too, that are not served any more
        path.unlink(missing_ok=True)
    refused = {**seen.refused, **planned.ended}
    ended = tuple(Refusal(0, Said(one.template(), **one.facts), who) for who, one in refused.items())
    told = json.dumps(planned.states, sort_keys=True)
    label = narrowest(held.terms.tlp for held in offered(seen, name).values())
    yield Page(changes=ended, checkpoint=told, complete=planned.whole, tlp=label)


def _states(checkpoint: str) -> dict[str, int]:
    return {str(who): int(n) for who, n in json.loads(checkpoint).items()} if checkpoint else {}


def _directory(keep: Path) -> Path:
    found = keep / "files"
    found.mkdir(mode=0o700, parents=True, exist_ok=True)
    return found


def _pages(follower: Follower, fetched: Fetched) -> Iterator[Page]:
    with follower.statements(fetched) as (header, said):
        changes: list[Entry | Gone | Voted | Refusal] = []
        heavy = 0
        for one in said:
            changes.append(_change(one))
            heavy += len(one.parts)
            if len(changes) == PAGE or heavy > HEAVY:
                yield Page(changes=tuple(changes), total=header.lines)
                changes, heavy = [], 0
        yield Page(changes=tuple(changes), total=header.lines)


def _change(one: Statement) -> Entry | Gone | Voted | Refusal:
    key = _key(f"{one.signal}:{one.value}@{one.organisation}")
    if one.act in OPINIONS:  # under a key of its own: whoever votes may vouch, too, or not
        key, opinion = _key(f"{one.signal}:{one.value}@{one.organisation} votes"), OPINIONS[one.act]
        return Voted(key, one.signal, one.value, one.organisation, one.jurisdiction, opinion, one.reason, one.at)
    if one.act == VOUCH:
        value = _value(one)
        if not value:
            return Refusal(0, N_("its parts are not those that its value is the digest of"), one.value)
        return Entry(
            key, ((one.signal, value),), one.scheme, one.code, one.organisation, one.jurisdiction,
            "" if one.basis == UNSTATED else one.basis, one.at, one.until, one.reason,
        )  # fmt: skip
    return Gone(key, one.reason)


def _key(text: str) -> str:
    return text if len(text) <= MAX_KEY else hashlib.sha256(text.encode()).hexdigest()


def _value(one: Statement) -> str:
    """Its value as sources write it, of a composite signal with all parts; empty where these belong to another one."""
    kind = registry.signals().get(one.signal)
    if not one.parts or kind is None:
        return one.value
    try:
        text = kind.write(one.value, one.parts)
        return text if kind.read(text) == (one.value, one.parts) else ""
    except (ValueError, BadSignal):
        return ""


def _log(options: Config, keep: Path, ask: Answers, *, by_stick: bool = False) -> LogFollower | None:
    """The publisher's transparency log, where its key is pinned."""
    try:
        key = VerifierKey.read(options.log) if options.log else None
        witnesses = proofs.named(options.witnesses.split()[:MOST_WITNESSES])
    except BadNote as error:
        why = Said("the key of its log is none: {why}", why=in_words(error))
        raise SourceTrouble(why=why, mend=MEND, permanent=True) from None
    how = {"keep": keep, "ask": ask, "needed": options.cosigners, "by_stick": by_stick}
    return LogFollower(key, witnesses, **how) if key else None  # type: ignore[arg-type]


def _line_of(options: Config, client: Client) -> Answers:
    def ask(path: str, *, missing: bytes | None = None) -> bytes:
        expect = (200, 409) if missing is None else (200, 404, 409)
        address = f"{options.address.rstrip('/')}/{path}"
        reply = client.get(address, headers=_headers(options), most=proofs.LONGEST, expect=expect)
        if reply.status == 409:
            raise SourceTrouble(why=N_("no checkpoint of its log holds yet what it serves"), mend=LATER)
        return reply.content if reply.status == 200 or missing is None else missing

    return ask


def _stick_of(stick: bundle.Stick) -> Answers:
    def ask(path: str, *, missing: bytes | None = None) -> bytes:
        kind, _, name = path.partition("/")
        try:
            return stick.small(f"proofs/{name}" if kind == "proof" else path, proofs.LONGEST)
        except (Absent, Longer):
            if missing is not None:
                return missing
        mend = N_("Ask for another bundle, written once its log holds all that is in it, or read it over a line.")
        raise SourceTrouble(why=N_("the bundle has no proof that its files stand in the log"), mend=mend)

    return ask


PLUGIN = Himaya()
