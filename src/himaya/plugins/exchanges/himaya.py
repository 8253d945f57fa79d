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
from base64 import b64decode
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from himaya.core import files, proofs, registry
from himaya.core.errors import BadSignal
from himaya.core.exchange import MAX_KEY, Entry, Exchange, Gone, Opinion, Page, SourceTrouble, Voted
from himaya.core.labels import narrowest
from himaya.core.merkle import WrongProof, verify_consistency
from himaya.core.notes import BadNote, Checkpoint, Note, VerifierKey
from himaya.core.outward import Client
from himaya.core.ports import Receipt, Refusal
from himaya.core.repository import bundle
from himaya.core.repository.ceremony import NoProposal, read_root
from himaya.core.repository.distrust import NotOffered, NotTrusted
from himaya.core.repository.files import BadStatementFile
from himaya.core.repository.following import Fetched, Follower, Mirrored
from himaya.core.repository.origins import Line
from himaya.core.repository.pieces import is_organisation
from himaya.core.repository.plan import offered, plan
from himaya.core.statements import ABSTAIN, CONFIRM, DISPUTE, UNSTATED, VOUCH, Statement
from himaya.core.words import N_, Said

PAGE, HEAVY = 1000, 4 * 1024**2
"""Statements of a page; bytes of the frames of videos, beyond which it ends earlier."""
PATIENCE = 300.0
"""Seconds for an answer: metadata may have megabytes, and a poor line 64 kbit/s."""
MOST_WITNESSES = 20
OPINIONS: dict[str, Opinion | None] = {CONFIRM: "confirm", DISPUTE: "dispute", ABSTAIN: None}
_KEY = re.compile("[0-9a-f]{64}")
LOG = N_("Ask the publisher, by another way than this line, which key its log has; tell others who follow this list.")


class Config(BaseModel):
    """What an operator sets."""

    model_config = ConfigDict(extra="forbid")

    address: str = Field(
        title=N_("Address"),
        description=N_("Of the list, as the other node names it: https://node.example/exchange/himaya/hotline"),
        max_length=1000,
    )
    key: SecretStr = Field(title=N_("Key"), description=N_("The key that the other node made for this one."))
    root: str = Field(
        title=N_("Root"),
        description=N_("Content of root.json, which the other node gave you by another way than this line."),
        max_length=200_000,
    )
    log: str = Field(
        "",
        title=N_("Key of the log"),
        description=N_(
            "The verifier key of the other node's log, as in name+hash+base64. With it, nothing is taken that does not"
            " stand in that log. Empty: the log is not asked."
        ),
        max_length=400,
    )
    witnesses: str = Field(
        "",
        title=N_("Keys of witnesses"),
        description=N_(
            "Verifier keys of nodes that witness that log, with spaces between them. With them, nothing is taken that"
            " none of them has cosigned: the publisher cannot show others another log. Empty: nobody is asked for."
        ),
        max_length=4000,
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
        """What changed since the states of the checkpoint, by the fewest bytes. A round begins with its files anew."""
        options = _options(config)
        with _told():
            follower = _follower(options, client, "line")
            yield from _round(follower, options.list_name, client.keep, checkpoint, _Log(options, client, client.keep))

    def carry(self, config: BaseModel, path: Path, keep: Path, *, checkpoint: str) -> Iterator[Page]:
        """As :meth:`pull`, out of a bundle that somebody brought. The log cannot be asked then."""
        options = _options(config)
        with (
            _told(),
            bundle.opened(path, directory=keep / "stick", root=options.root.encode(), pinned=options.pinned) as (
                follower,
                _,
            ),
        ):
            yield from _round(follower, options.list_name, keep, checkpoint, None)

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
            log = _Log(options, client, client.keep / "hub")
            for file in came.files:
                log.prove(file)
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
        found = [f"{who} ({held.sequence})" for (_, who), held in offered(seen, options.list_name).items()]
        if not found:
            raise SourceTrouble(why=N_("it serves nothing of this list yet"), mend=N_("Ask again later."))
        return Said("{node} serves this list: {who}", node=seen.name or "-", who=", ".join(found))


def _options(config: BaseModel) -> Config:
    assert isinstance(config, Config)
    try:
        read_root(config.root.encode())
    except (NoProposal, ValueError) as error:  # said of the option here: a follower would blame the other node
        raise _bad_root(error) from None
    return config


def _bad_root(error: Exception) -> SourceTrouble:
    why = Said("its root.json cannot be used: {why}", why=str(error)[:200])
    return SourceTrouble(why=why, mend=N_("Set it again as you were given it."), permanent=True)


def _headers(options: Config) -> dict[str, str]:
    return {"Authorization": f"Bearer {options.key.get_secret_value()}"}


def _follower(options: Config, client: Client, name: str) -> Follower:
    """By line; ``name``: of the directory in which it keeps what it saw."""
    line = Line(options.address, client, headers=_headers(options))
    return Follower(client.keep / name, line, root=options.root.encode(), pinned=options.pinned)


@contextmanager
def _told() -> Iterator[None]:
    """What cannot be trusted is trouble, in its own words; what was taken before stays in force."""
    try:
        yield
    except (NotTrusted, BadStatementFile, NotOffered, bundle.BadBundle) as error:
        attack = getattr(error, "attack", "")
        why = Said("{why} [{attack}]", why=str(error), attack=attack) if attack else str(error)
        raise SourceTrouble(why=why, mend=error.remedy.format(**error.facts)) from None
    except ValueError as error:
        raise _bad_root(error) from None


# --- a round ---------------------------------------------------------------------------------------------------------


def _round(follower: Follower, name: str, keep: Path, checkpoint: str, log: _Log | None) -> Iterator[Page]:
    seen, states = follower.refresh(), _states(checkpoint)
    planned = plan(seen, name, states)
    if not offered(seen, name):
        raise SourceTrouble(why=Said("it serves nothing of a list {name}", name=name), mend=N_("Ask the other node."))
    if not planned.steps and seen.freshness.signed and seen.freshness.is_silent:
        why = Said(
            "it has said nothing since {at}, not even that nothing is new", at=f"{seen.freshness.signed:%F %H:%M}"
        )
        raise SourceTrouble(why=why, mend=N_("Ask the other node whether its worker runs."))
    for one in planned.steps:
        files = follower.fetch(one.list, one.organisation, to=_directory(keep), have=one.have)
        for file in files:
            if log:
                log.prove(file)
            yield from _pages(follower, file)
        for file in files:
            file.path.unlink(missing_ok=True)
    ended = tuple(Refusal(0, Said(one.template(), **one.facts), who) for who, one in planned.ended.items())
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


class _Log:
    """The publisher's transparency log, where its key is pinned."""

    def __init__(self, options: Config, client: Client, keep: Path) -> None:
        self._options, self._client = options, client
        self._seen = keep / "checkpoint"
        try:
            self._key = VerifierKey.read(options.log) if options.log else None
            self._witnesses = proofs.named(options.witnesses.split()[:MOST_WITNESSES])
        except BadNote as error:
            why = Said("the key of its log is none: {why}", why=str(error)[:200])
            raise SourceTrouble(why=why, mend=LOG, permanent=True) from None

    def prove(self, fetched: Fetched) -> None:
        """That a file stands in the log, and that the log says still what it said before.

        Raises:
            SourceTrouble: it does not, or the proof proves nothing.
        """
        if self._key is None:
            return
        digest = fetched.part.target.hashes["sha256"]
        try:
            proof = proofs.Proof.read(self._ask(f"proof/{digest}", proofs.LONGEST))
            proved = proof.check([self._key, *self._witnesses])
            event = json.loads(proved.event)
            if self._witnesses and not proved.cosigned:
                raise proofs.BadProof(N_("none of the witnesses that are named here has cosigned its checkpoint"))
        except (proofs.BadProof, ValueError, RecursionError) as error:
            raise SourceTrouble(why=Said("a file is not in its log: {why}", why=str(error)[:200]), mend=LOG) from None
        if not isinstance(event, dict) or event.get("kind") != "publication" or event.get("sha256") != digest:
            raise SourceTrouble(why=N_("its log speaks of another file than the one that it serves"), mend=LOG)
        self._remember(proof.checkpoint, proved.checkpoint)

    def _remember(self, note: str, came: Checkpoint) -> None:
        """Hold the log to what it signed before: the larger tree begins with the smaller one. The larger one is kept.

        Raises:
            SourceTrouble: it does not. Both checkpoints are kept: together they prove it to anybody.
        """
        before = self._before()
        if before and before.origin == came.origin:
            low, high = sorted((before, came), key=lambda one: one.size)
            try:
                proof = self._consistency(low.size, high.size) if low.size not in (0, high.size) else []
                roots = {"old_root": low.root, "new_root": high.root}
                verify_consistency(old=low.size, new=high.size, proof=proof, **roots)
            except WrongProof as error:
                both = [self._seen.read_bytes(), b"\n", note.encode()]
                files.replace(self._seen.with_name("checkpoint-contradicted"), both)
                why = Said(
                    "its log does not go on from what it signed before, {old} and {new} entries: {why}",
                    old=before.size, new=came.size, why=str(error),
                )  # fmt: skip
                raise SourceTrouble(why=why, mend=LOG) from None
        if not before or before.origin != came.origin or came.size > before.size:
            files.replace(self._seen, [note.encode()])

    def _before(self) -> Checkpoint | None:
        """The largest checkpoint that was seen, under the key that is pinned now."""
        try:
            note = Note.read(self._seen.read_text())
            if self._key in note.checked([self._key] if self._key else []):
                return Checkpoint.read(note.text)
        except (FileNotFoundError, BadNote):
            return None
        return None  # signed with another key: whoever set a new one has asked the publisher why

    def _consistency(self, old: int, new: int) -> list[bytes]:
        try:
            told = json.loads(self._ask(f"consistency/{old}-{new}", proofs.LONGEST, missing=b"{}"))
            return [b64decode(one, validate=True) for one in told["proof"]]
        except (ValueError, KeyError, TypeError, RecursionError):
            raise WrongProof(N_("it has no proof of that")) from None

    def _ask(self, path: str, most: int, missing: bytes | None = None) -> bytes:
        """What the other node answers below the list's address; ``missing`` where there is no such thing, if given."""
        expect = (200,) if missing is None else (200, 404)
        address = f"{self._options.address.rstrip('/')}/{path}"
        reply = self._client.get(address, headers=_headers(self._options), most=most, expect=expect)
        return reply.content if reply.status == 200 or missing is None else missing


PLUGIN = Himaya()
