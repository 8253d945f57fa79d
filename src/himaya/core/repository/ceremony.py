"""The root: which keys sign what, agreed to by several people whose keys never meet on one machine.

A proposal travels from hand to hand as a file: it holds the root as it shall be, the one before, and the signatures so
far. Whoever keeps a root key looks at it, signs it and passes it on; copies that were signed apart are joined. Once
enough have signed, it is finished: a ``root.json`` that every follower accepts by itself.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Any

from securesystemslib.signer import CryptoSigner, Key
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Targets

from himaya.core import clock
from himaya.core.errors import HimayaError, in_words
from himaya.core.repository.pieces import BASIS
from himaya.core.statements import BASES
from himaya.core.words import N_, Said

FORMAT, VERSION = "himaya-root-proposal", 1
OURS = "himaya"
"""The field of signed metadata that holds what TUF has no field for."""
ONLINE = ("targets", "snapshot", "timestamp")
THRESHOLD = 2
LIFE = timedelta(days=365)
MOST = 512_000
"""Bytes of a root."""


class NoProposal(HimayaError):
    """This is nothing that can be signed: {why}."""

    remedy = "Take the file that himaya keys new-root or a node has written."
    status = 422


class Unfinished(NoProposal):
    """This is the proposal of a root, and not yet a root."""

    remedy = "Once enough holders have signed it: himaya keys finish-root FILE --to root.json. Then take root.json."

    def __init__(self) -> None:
        super().__init__(why=N_("it is the proposal of a root, and not yet a root"))


class UnfitRoot(HimayaError):
    """The root cannot be so: {why}."""

    remedy = "Say it differently and propose it again; nothing was written."
    status = 422


class NotAsked(HimayaError):
    """The key {key} is none of those that may sign this."""

    remedy = "Sign with one of: {keys}"


class DifferentProposals(HimayaError):
    """The files are not copies of one proposal."""

    remedy = "Ask those who signed what they have signed, and begin again where it was not the same."


class TooFewSignatures(HimayaError):
    """The root has too few signatures: {why}."""

    remedy = "Let the holders of these keys sign it: {keys}"
    exit_code = 1


@dataclass(frozen=True, slots=True)
class Proposal:
    """A root on its way.

    Attributes:
        root: as it shall be.
        previous: the one that it follows on; None: it is the first.
        signed: identifiers of the keys that have signed.
        missing: how many signatures it still takes of the keys of the new root, and of those of the previous one.
        awaited: identifiers of the keys that may still sign.
    """

    root: Root
    previous: Root | None
    signed: tuple[str, ...]
    missing: tuple[int, int]
    awaited: tuple[str, ...]


def propose(
    keys: Sequence[Key] = (),
    *,
    threshold: int | None = None,
    online: Mapping[str, Sequence[Key]] = MappingProxyType({}),
    name: str = "",
    bases: Mapping[str, str] | None = None,
    previous: bytes | None = None,
) -> bytes:
    """Propose a root; with ``previous``, what is not said stays as it is there.

    Args:
        keys: the root keys, offline, each on another stick.
        threshold: how many of them it takes; 2 where nothing is said.
        online: the keys of targets (admits signatories), snapshot and timestamp; one signature of each is enough.
        name: of the node, for people.
        bases: the legal bases that statements may give, word → in words. To add one takes the root's quorum.
        previous: the ``root.json`` in force.

    Raises:
        UnfitRoot: too few keys, a key twice, a root key that is online, or a word that can be none.
    """
    old = _root(previous) if previous is not None else None
    root = Root(
        version=1 if old is None else old.version + 1,
        expires=(clock.now() + LIFE).replace(microsecond=0),
        consistent_snapshot=True,
    )
    _take_keys(root, old, keys, threshold, online)
    called, words = name or name_of(old), dict(bases_of(old) if bases is None else bases)
    if not called.isprintable() or len(called) > 200:
        raise UnfitRoot(why=N_("its name is no text of at most 200 characters"))
    for word in words:
        if not BASIS.fullmatch(word):
            raise UnfitRoot(why=Said("{word} is no word for a legal basis: small letters and dashes", word=word[:60]))
    root.unrecognized_fields[OURS] = {"name": called, "bases": words}
    return _packed(Metadata(root).to_dict(), None if previous is None else json.loads(previous))


def look(proposal: bytes) -> Proposal:
    """What is proposed, and how far it has come.

    Raises:
        NoProposal: it is none.
    """
    data, old = _read(proposal)
    by_old, by_new = _results(data, old)
    missing = (by_new.missing, by_old.missing)
    signed = {**by_new.signed, **by_old.signed}
    unsigned = {**by_new.unsigned, **by_old.unsigned}
    awaited = tuple(key for key in unsigned if key not in signed) if any(missing) else ()
    return Proposal(data.signed, old.signed if old else None, tuple(signed), missing, awaited)


def sign(document: bytes, signer: CryptoSigner) -> bytes:
    """Add a signature to a proposed root, or to a signatory's metadata that a node has prepared.

    Raises:
        NoProposal: it is neither.
        NotAsked: a root does not ask for this key.
    """
    if is_proposal(document):
        new, old = _read(document)
        asked = {key for one in (new, old) if one for key in one.signed.roles[Root.type].keyids}
        if signer.public_key.keyid not in asked:
            raise NotAsked(key=signer.public_key.keyid[:16], keys=", ".join(key[:16] for key in sorted(asked)))
        new.sign(signer, append=True)
        return _packed(new.to_dict(), old.to_dict() if old else None)
    prepared = read_targets(document)
    prepared.sign(signer, append=True)
    return prepared.to_bytes()


def join(first: bytes, *others: bytes) -> bytes:
    """One proposal, or one signatory's metadata, with the signatures of all copies.

    Raises:
        NoProposal: one is none.
        DifferentProposals: they do not say the same.
    """
    proposed = is_proposal(first)
    new, old = _read(first) if proposed else (read_targets(first), None)
    for other in others:
        more = _read(other)[0] if proposed else read_targets(other)
        if more.signed_bytes != new.signed_bytes:
            raise DifferentProposals
        new.signatures.update(more.signatures)
    return _packed(new.to_dict(), old.to_dict() if old else None) if proposed else new.to_bytes()


def finish(proposal: bytes, *copies: bytes) -> bytes:
    """The ``root.json``, signed by enough keys of itself and of the root before it.

    Raises:
        NoProposal, DifferentProposals: as :func:`join`.
        TooFewSignatures: says whose are missing.
    """
    joined = join(proposal, *copies)
    seen = look(joined)
    if any(seen.missing):
        why: str = Said("of its own keys {n} must still sign", n=seen.missing[0])
        if seen.previous:
            why = Said(
                "of its own keys {n} must still sign, and {m} of those of the root before it",
                n=seen.missing[0], m=seen.missing[1],
            )  # fmt: skip
        raise TooFewSignatures(why=why, keys=", ".join(key[:16] for key in seen.awaited))
    new, _ = _read(joined)
    valid = set(seen.signed)
    new.signatures = {key: one for key, one in new.signatures.items() if key in valid}
    return new.to_bytes()


def name_of(root: Root | None) -> str:
    """What the node calls itself; empty where it does not."""
    name = _ours(root).get("name", "")
    return name[:200] if isinstance(name, str) and name.isprintable() else ""


def bases_of(root: Root | None) -> Mapping[str, str]:
    """The legal bases that statements may give under this root, word → in words; those of this program where it has
    none of its own. A word that is none is passed over.
    """
    told = _ours(root).get("bases")
    if not isinstance(told, dict):
        return BASES
    return {
        word: text
        for word, text in told.items()
        if BASIS.fullmatch(word) and isinstance(text, str) and len(text) <= 200
    }


def read_targets(document: bytes) -> Metadata[Targets]:
    """Metadata of a signatory, or of the role that admits them; signatures are not looked at.

    Raises:
        NoProposal: it is none.
    """
    try:
        found: Metadata[Targets] = Metadata.from_bytes(document)
    except RepositoryError:
        raise NoProposal(why=N_("it is no metadata")) from None
    if not isinstance(found.signed, Targets):
        raise NoProposal(why=Said("it is metadata of the kind {kind}", kind=found.signed.type))
    return found


def read_root(document: bytes) -> Metadata[Root]:
    """A ``root.json``; signatures are not looked at.

    Raises:
        NoProposal: it is none.
    """
    try:
        found: Metadata[Root] = Metadata.from_bytes(document)
    except RepositoryError:
        if is_proposal(document):
            raise Unfinished from None
        raise NoProposal(why=N_("it is no root.json")) from None
    if not isinstance(found.signed, Root) or len(document) > MOST:
        raise NoProposal(why=N_("it is no root.json"))
    return found


def given_root(text: str) -> str:
    """What somebody gave as the content of a ``root.json``.

    Raises:
        ValueError: it is none; a text of ours says what it is.
    """
    try:
        read_root(text.encode())
    except (NoProposal, ValueError) as error:
        why = error.facts["why"] if isinstance(error, NoProposal) else in_words(error)
        raise ValueError(Said("give what stands in the file root.json, not its name: {why}", why=why)) from None
    return text


def _take_keys(
    root: Root, old: Root | None, keys: Sequence[Key], threshold: int | None, online: Mapping[str, Sequence[Key]]
) -> None:
    for role in (Root.type, *ONLINE):
        before = [old.keys[key] for key in old.roles[role].keyids] if old else []
        chosen = list((keys if role == Root.type else online.get(role, ())) or before)
        if not chosen:
            raise UnfitRoot(why=Said("it has no key for {role}", role=role))
        if len({key.keyval["public"] for key in chosen}) < len(chosen):
            raise UnfitRoot(why=Said("a key for {role} is named twice", role=role))
        for key in chosen:
            root.add_key(key, role)
    kept = old.roles[Root.type].threshold if old and not keys else min(THRESHOLD, len(keys))
    wanted = kept if threshold is None else threshold
    own = root.roles[Root.type]
    if not 1 <= wanted <= len(own.keyids):
        raise UnfitRoot(why=Said("it names fewer keys than must sign: {m}, and {n} must", n=wanted, m=len(own.keyids)))
    own.threshold = wanted
    for role in ONLINE:
        if set(root.roles[role].keyids) & set(own.keyids):
            raise UnfitRoot(why=Said("a root key may not also be the key for {role}", role=role))


def _ours(root: Root | None) -> Mapping[str, Any]:
    found = root.unrecognized_fields.get(OURS) if root else None
    return found if isinstance(found, dict) else {}


def _results(new: Metadata[Root], old: Metadata[Root] | None) -> tuple[Any, Any]:
    try:
        found = new.signed.get_root_verification_result(old.signed if old else None, new.signed_bytes, new.signatures)
    except ValueError as error:
        raise NoProposal(why=in_words(error)) from None
    return found.first, found.second


def signers_of(document: bytes) -> tuple[str, ...]:
    """Identifiers of those of its own keys that have signed a ``root.json``.

    Raises:
        NoProposal: it is none.
    """
    return tuple(_results(read_root(document), None)[0].signed)


def digest_of(document: bytes) -> str:
    """What is read out of a ``root.json`` over the telephone: its SHA-256 in groups of four digits."""
    text = hashlib.sha256(document).hexdigest()
    return " ".join(text[at : at + 4] for at in range(0, len(text), 4))


def is_proposal(document: bytes) -> bool:
    """Whether it claims to be a proposal of a root."""
    return FORMAT.encode() in document[:100]


def _read(proposal: bytes) -> tuple[Metadata[Root], Metadata[Root] | None]:
    try:
        data = json.loads(proposal.decode())
        if not isinstance(data, dict) or (data.get("format"), data.get("version")) != (FORMAT, VERSION):
            raise ValueError
        new, old = data["root"], data["previous"]
    except (ValueError, KeyError, RecursionError):
        raise NoProposal(why=N_("it is no proposal of a root")) from None
    return read_root(json.dumps(new).encode()), None if old is None else read_root(json.dumps(old).encode())


def _packed(new: dict[str, Any], old: dict[str, Any] | None) -> bytes:
    told = {"format": FORMAT, "version": VERSION, "root": new, "previous": old}
    return json.dumps(told, indent=1).encode() + b"\n"


def _root(document: bytes) -> Root:
    return read_root(document).signed
