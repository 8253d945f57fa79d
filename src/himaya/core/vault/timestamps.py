"""Time stamps (RFC 3161): somebody else, whom a court believes, says that a digest was there at a time.

A time-stamping authority (TSA) gets a digest and nothing more. That of a known file is known to others, too: what is
stamped is a line of a chain, a manifest, a checkpoint, never the bare digest of an exhibit. The reply is kept as it
came (``.tsr``), and whoever has the digest and the certificate of the authority's root verifies it without us::

    openssl ts -verify -in kept.tsr -digest 9f86d0… -CAfile root.pem

Proved is: the reply is about this digest; it answers this query (nonce); its signature is good; the signer's
certificate is one for time stamps and leads to a pinned root by certificates that were all valid at the time stated.
Not asked is whether a certificate was revoked: that is looked up by whoever doubts it, as of that time.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import rfc3161_client as tsp
from cryptography import x509

from himaya.core.errors import HimayaError
from himaya.core.exchange import SourceTrouble
from himaya.core.outward import Client
from himaya.core.words import N_, Said, printable

MOST = 64 * 1024
"""Bytes of a reply."""
MOST_PEM, MOST_ROOTS = 256 * 1024, 32
QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"
_ALGORITHMS = {32: ("SHA-256", "2.16.840.1.101.3.4.2.1"), 64: ("SHA-512", "2.16.840.1.101.3.4.2.3")}
"""Bytes of a digest → its name, its object identifier."""


class NotStamped(HimayaError):
    """The time-stamping authority {authority} gave no time stamp: {why}."""

    remedy = (
        "Check its address and whether this node can reach it, or name another authority. What has no time stamp can be"
        " stamped later."
    )
    status = 502


class StampNotProved(HimayaError):
    """This time stamp does not prove that the digest {digest} existed at any time: {why}."""

    remedy = "Do not rely on it. Have the same digest stamped anew, by another authority where this one is at fault."
    status = 422


class NotAuthorities(HimayaError):
    """These are no certificates of a time-stamping authority: {why}."""

    remedy = (
        "Give the certificate of its root, and those between it and the signer, in PEM, as the authority gives them."
    )
    status = 422


@dataclass(frozen=True, slots=True)
class Stamp:
    """A time stamp that is proved.

    Attributes:
        reply: as it came, to be kept.
        digest: what was there.
        at: when, in UTC, by the authority's clock.
        within: how far off that may be; None where the authority does not say.
        policy: under which of its rules it was made, as an object identifier in dots.
        serial: its number at the authority.
        by: the subject of the signer's certificate.
        until: when that certificate ends. It proves ever after; whoever wants to be certain has the reply itself
            stamped before (RFC 3161, appendix B; RFC 4998).
    """

    reply: bytes
    digest: bytes
    at: datetime
    within: timedelta | None
    policy: str
    serial: int
    by: str
    until: datetime


def authorities(pem: bytes) -> tuple[x509.Certificate, ...]:
    """The certificates in a file: roots to pin, and those between them and signers where these do not send them.

    Raises:
        NotAuthorities: it has none, or too many, or no root (one that signed itself).
    """
    if len(pem) > MOST_PEM:
        raise NotAuthorities(why=Said("the file is larger than {n} bytes", n=MOST_PEM))
    try:
        found = tuple(x509.load_pem_x509_certificates(pem))
    except ValueError:
        raise NotAuthorities(why=N_("it cannot be read as certificates in PEM")) from None
    if len(found) > MOST_ROOTS:
        raise NotAuthorities(why=Said("they are more than {n}", n=MOST_ROOTS))
    if not any(each.issuer == each.subject for each in found):
        raise NotAuthorities(why=N_("none of them is a root, which signed itself"))
    return found


def stamp(client: Client, url: str, *, digest: bytes, trusted: Sequence[x509.Certificate]) -> Stamp:
    """Have a digest stamped, and prove what comes.

    Args:
        client: with ``plain`` where the authority has no TLS: what comes is signed.
        url: of the authority.
        digest: SHA-256 or SHA-512 (32 or 64 bytes) of what is to be proved.
        trusted: pinned, see :func:`authorities`; one at least.

    Raises:
        NotStamped: the authority cannot be reached, or does not want to.
        StampNotProved: what it answered is no proof.
    """
    nonce = secrets.randbits(64)
    headers = {"Content-Type": QUERY, "Accept": REPLY}
    authority = printable(re.sub(r"^[^/]*//|[/?].*", "", url).rpartition("@")[2][:80])
    try:
        came = client.post(url, content=query(digest, nonce), headers=headers, most=MOST, repeatable=True)
    except SourceTrouble as error:
        raise NotStamped(authority=authority, why=error.facts["why"]) from None
    reply = _read(came.content)
    if reply is not None and reply.status != tsp.PKIStatus.GRANTED:
        raise NotStamped(authority=authority, why=_refusal(reply))
    return verify(came.content, digest=digest, trusted=trusted, nonce=nonce)


def query(digest: bytes, nonce: int) -> bytes:
    """The query (TimeStampReq, in DER) for a digest; it asks for the signer's certificate, too."""
    _, identifier = _algorithm(digest)
    algorithm = _der(0x30, b"\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02", bytes([int(identifier[-1])]), b"\x05\x00")
    imprint, number = _der(0x30, algorithm, _der(0x04, digest)), nonce.to_bytes(nonce.bit_length() // 8 + 1)
    return _der(0x30, b"\x02\x01\x01", imprint, _der(0x02, number), b"\x01\x01\xff")


def verify(reply: bytes, *, digest: bytes, trusted: Sequence[x509.Certificate], nonce: int | None = None) -> Stamp:
    """Prove a reply, now or in years: no network is needed, and a certificate may have ended since.

    Args:
        reply: as it was kept.
        digest: SHA-256 or SHA-512 of what it has to be about.
        trusted: pinned, see :func:`authorities`.
        nonce: that of the query, while it is known.

    Raises:
        StampNotProved: says why not.
    """
    _algorithm(digest)
    proof = tsp.VerifierBuilder(roots=list(trusted)).build()
    try:
        if (read := _read(reply)) is None:
            raise _not_proved(digest, NONE)
        told = _told(read, digest, nonce)
        proof.verify(read, digest)
        signer = _signer(read)
        return Stamp(
            reply, digest, told.gen_time, _within(told.accuracy), told.policy.dotted_string, told.serial_number,
            printable(signer.subject.rfc4514_string()), signer.not_valid_after_utc,
        )  # fmt: skip
    except tsp.VerificationError as error:
        raise _not_proved(digest, _why(str(error))) from None
    except (ValueError, OverflowError, x509.DuplicateExtension):
        raise _not_proved(digest, NONE) from None


NONE = N_("it cannot be read as a time stamp")


def _told(read: tsp.TimeStampResponse, digest: bytes, nonce: int | None) -> tsp.TimeStampTokenInfo:
    """What it says, where that is an answer to what was asked; whether it is true is proved by others."""
    if read.status != tsp.PKIStatus.GRANTED:
        raise _not_proved(digest, _refusal(read))
    told, (name, identifier) = read.tst_info, _algorithm(digest)
    if (told.message_imprint.hash_algorithm.dotted_string, told.message_imprint.message) != (identifier, digest):
        raise _not_proved(digest, Said("it is about another one, or not by {name}", name=name))
    if nonce is not None and told.nonce != nonce:
        raise _not_proved(digest, N_("it answers another query than the one that was made"))
    return told


def _within(far: tsp.Accuracy | None) -> timedelta | None:
    if far is None:
        return None
    return timedelta(seconds=far.seconds or 0, milliseconds=far.millis or 0, microseconds=far.micros or 0)


def _signer(read: tsp.TimeStampResponse) -> x509.Certificate:
    (by,) = read.signed_data.signer_infos
    found = map(x509.load_der_x509_certificate, read.signed_data.certificates)
    return next(each for each in found if (each.issuer, each.serial_number) == (by.issuer, by.serial_number))


def _algorithm(digest: bytes) -> tuple[str, str]:
    if len(digest) not in _ALGORITHMS:
        raise ValueError("a digest for a time stamp is SHA-256 or SHA-512")
    return _ALGORITHMS[len(digest)]


def _not_proved(digest: bytes, why: str) -> StampNotProved:
    return StampNotProved(digest=digest.hex(), why=why)


def _refusal(read: tsp.TimeStampResponse) -> str:
    said = printable(" ".join(read.status_string)[:200]).rstrip(".")
    if said:
        return Said(
            "it answers with status {status}, where 0 is a grant, and says: {said}", status=read.status, said=said
        )
    return Said("it answers with status {status}, where 0 is a grant", status=read.status)


def _why(told: str) -> str:
    """What the library says, which cites OpenSSL, in words for people."""
    if "EKU" in told or "certificate purpose" in told:
        return N_("its certificate is none for time stamps")
    if "expired" in told or "not yet valid" in told:
        return N_("a certificate that it rests on was not valid at the time that it states")
    if "issuer certificate" in told or "self-signed" in told or "certificate signature failure" in told:
        return N_("its certificate leads to none of the authorities that are trusted for it")
    if other := re.search(r"Verify error: ([\w ,()-]+)", told):
        return Said("its certificate is not good: {why}", why=other[1])
    return N_("its signature is not good: it was changed, or is incomplete")


# --- DER, as much of it as is needed here -----------------------------------------------------------------------------


def _read(reply: bytes) -> tsp.TimeStampResponse | None:
    """The parts of a reply; None where it is none."""
    try:
        return tsp.decode_timestamp_response(_ordered(reply)) if len(reply) <= MOST else None
    except ValueError:
        return None


def _ordered(reply: bytes) -> bytes:
    """A reply with its certificates in the order that DER wants of a set, which the parser insists on.

    OpenSSL, and with it many authorities, writes them in the order of the chain. No signature covers that order, and
    nothing else is changed. What is no reply stays as it is: the parser says so.
    """
    try:
        _, token = _parts(_inside(reply))
        _, wrapped = _parts(_inside(token))
        fields = _parts(_inside(_inside(wrapped)))
        certificates = _inside(next(each for each in fields if each[0] == 0xA0))
        return reply.replace(certificates, b"".join(sorted(_parts(certificates))), 1)
    except (ValueError, StopIteration):
        return reply


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    if len(content) >= 0x80:
        raise ValueError("no part of a query is as long as this")
    return bytes([tag, len(content)]) + content


def _inside(whole: bytes) -> bytes:
    (one,) = _parts(whole)
    return one[_head(one, 0) :]


def _parts(content: bytes) -> list[bytes]:
    """What stands one behind the other, each with its tag; a ``ValueError`` where something is cut."""
    found, at = [], 0
    while at < len(content):
        head = _head(content, at)
        length = int.from_bytes(content[at + 1 : at + 2] if head == 2 else content[at + 2 : at + head])
        found.append(content[at : at + head + length])
        at += head + length
    if at != len(content):
        raise ValueError("something is cut")
    return found


def _head(content: bytes, at: int) -> int:
    """Bytes of a tag, which here is never longer than one, and a length."""
    size = content[at + 1] if at + 1 < len(content) else 0
    return 2 if size < 0x80 else 2 + (size & 0x7F)
