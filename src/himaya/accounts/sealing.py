"""Secrets are sealed before they are stored: the database alone gives nobody a code or a key.

Fernet (AES-128-CBC with HMAC-SHA-256, encrypt-then-MAC) under a key that HKDF (RFC 5869) derives from the node's own
secret, which stands in ``secrets.json`` and never in the database. What is sealed belongs to that file: a backup needs
both.
"""

from __future__ import annotations

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from himaya.core.errors import HimayaError

PURPOSE = b"himaya second factors 1"


class SealedElsewhere(HimayaError):
    """This second factor cannot be read: it was sealed with another secrets file than the one that this node has."""

    remedy = (
        "Whoever runs the node puts back the secrets.json that belongs to this database. Where that is lost: "
        "himaya users reset NAME --second-factor lost, and the person sets up another one."
    )
    status = 503
    exit_code = 3


def seal(text: str, *, purpose: bytes = PURPOSE) -> str:
    """``text`` so that only this node reads it, and only for this purpose; ASCII, another one each time."""
    return _fernet(purpose).encrypt(text.encode()).decode("ascii")


def unseal(sealed: str, *, purpose: bytes = PURPOSE, secret: str = "") -> str:
    """What was sealed here for this purpose; ``secret``: of another secrets file, out of an archive of keys.

    Raises:
        SealedElsewhere: it was not, or has been changed since.
    """
    try:
        return _fernet(purpose, secret).decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise SealedElsewhere from error


def _fernet(purpose: bytes, secret: str = "") -> Fernet:
    derived = HKDF(SHA256(), 32, salt=None, info=purpose).derive((secret or settings.SECRET_KEY).encode())
    return Fernet(urlsafe_b64encode(derived))
