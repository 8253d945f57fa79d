"""A time-stamping authority in this process: OpenSSL signs what it answers (``openssl ts -reply``)."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from tests.sources import Answer, Asked, Source

DAY = timedelta(days=1)
POLICY = "1.2.3.4.1"
QUERY, REPLY = "application/timestamp-query", "application/timestamp-reply"
CONFIG = """
[tsa]
default_tsa = it
[it]
serial = {place}/serial
signer_cert = {place}/signer.pem
signer_key = {place}/signer.key
signer_digest = sha256
default_policy = {policy}
digests = {digests}
accuracy = secs:1, millisecs:500
ess_cert_id_alg = sha256
{certs}
"""


@dataclass(frozen=True)
class Signer:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: rsa.RSAPrivateKey

    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)


def certified(
    name: str,
    by: Signer | None = None,
    *,
    purpose: x509.ObjectIdentifier | None = None,
    since: timedelta = -2 * DAY,
    until: timedelta = 30 * DAY,
    critical: bool = True,
    like: Signer | None = None,
) -> Signer:
    """A certificate of ``name``, signed by itself where ``by`` is None, for signing others where ``purpose`` is.

    ``like``: with the key and the number of another one.
    """
    key = like.key if like else rsa.generate_private_key(65537, 2048)
    subject, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.certificate.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(like.certificate.serial_number if like else x509.random_serial_number())
        .not_valid_before(now + since)
        .not_valid_after(now + until)
        .add_extension(x509.BasicConstraints(ca=purpose is None, path_length=None), critical=True)
    )
    if purpose:
        made = made.add_extension(x509.ExtendedKeyUsage([purpose]), critical=critical)
    return Signer(made.sign(by.key if by else key, hashes.SHA256()), key)


def stamper(by: Signer, **how: object) -> Signer:
    """A certificate for signing time stamps."""
    return certified("Time stamps, test", by, **{"purpose": ExtendedKeyUsageOID.TIME_STAMPING, **how})  # type: ignore[arg-type]


class TimeAuthority(Source):
    """A TSA below the authority ``root``; ``reply`` says what is answered instead of what OpenSSL made.

    Args:
        place: a directory of its own.
        signer: with what it signs; below a new root where None.
        others: certificates that are sent beside the signer's.
        digests: which it takes.
    """

    def __init__(
        self,
        place: Path,
        *,
        root: Signer,
        signer: Signer | None = None,
        others: tuple[Signer, ...] = (),
        digests: str = "sha256, sha512",
    ) -> None:
        super().__init__()
        place.mkdir(parents=True, exist_ok=True)
        self.root, self.signer, self._place = root, signer or stamper(root), place
        self.reply: Callable[[bytes, bytes], bytes] = lambda made, query: made
        (place / "signer.pem").write_bytes(self.signer.pem())
        key = self.signer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (place / "signer.key").write_bytes(key)
        (place / "serial").write_text("01\n")
        (place / "others.pem").write_bytes(b"".join(each.pem() for each in others))
        certs = f"certs = {place}/others.pem" if others else ""
        (place / "cnf").write_text(CONFIG.format(place=place, policy=POLICY, digests=digests, certs=certs))

    def made(self, query: bytes) -> bytes:
        """What OpenSSL replies to a query."""
        (self._place / "query").write_bytes(query)
        command = ["openssl", "ts", "-reply", "-config", "cnf", "-queryfile", "query", "-out", "reply"]
        subprocess.run(command, cwd=self._place, check=True, capture_output=True)
        return (self._place / "reply").read_bytes()

    def answer(self, asked: Asked) -> Answer:
        if (asked.method, asked.headers.get("content-type")) != ("POST", QUERY):
            return Answer(status=415)
        return Answer(self.reply(self.made(asked.body), asked.body), headers={"Content-Type": REPLY})


def openssl_agrees(
    reply: bytes, *, digest: bytes, root: Signer, place: Path, intermediate: Signer | None = None
) -> str:
    """Verify a reply with ``openssl ts -verify``; empty where it does, else what it says."""
    (place / "agrees.tsr").write_bytes(reply)
    (place / "root.pem").write_bytes(root.pem())
    command = ["openssl", "ts", "-verify", "-in", "agrees.tsr", "-digest", digest.hex(), "-CAfile", "root.pem"]
    if intermediate:
        (place / "between.pem").write_bytes(intermediate.pem())
        command += ["-untrusted", "between.pem"]
    done = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 and "Verification: OK" in done.stdout else done.stdout + done.stderr
