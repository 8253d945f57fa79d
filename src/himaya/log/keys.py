"""Who the log is: its origin, its keys, and the secret that salts are made from. Made on first use, kept sealed.

The log signs with one key and cosigns others with another, as C2SP tlog-cosignature asks. The secrets are sealed with
what stands in ``secrets.json`` (``accounts.sealing``): whoever has the database alone can neither sign nor find out
what a leaf commits to.
"""

from __future__ import annotations

import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass
from functools import lru_cache

from django.db import transaction

from himaya.accounts.sealing import SealedElsewhere, seal, unseal
from himaya.core import clock
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.notes import COSIGNATURE, NAME, NOTE, SigningKey
from himaya.ledger.services import SYSTEM, record
from himaya.log.models import Growth, Identity

PURPOSE = b"himaya log 1"


class LogSealedElsewhere(HimayaError):
    """The keys of the log cannot be read: they were sealed with another secrets file than the one that is here."""

    remedy = "Put back the secrets.json that belongs to this database. Until then nothing is added to the log."
    status = 503
    exit_code = 3


class BadOrigin(HimayaError):
    """{origin!r} cannot be the name of a log."""

    remedy = "Set log_origin to a name without spaces and plus signs, like an address: node.example/log"


@dataclass(frozen=True, slots=True)
class Keys:
    """What this node signs with. ``salt``: 32 secret bytes."""

    log: SigningKey
    witness: SigningKey
    salt: bytes

    @property
    def origin(self) -> str:
        """The name of the log."""
        return self.log.name

    def __repr__(self) -> str:
        """Without the secrets."""
        return f"Keys({self.log}, {self.witness})"


def keys() -> Keys:
    """The keys of this node, made now where there are none.

    Raises:
        LogSealedElsewhere: the secrets file is another than the one they were sealed with.
        BadOrigin: the setting ``log_origin`` is no name.
    """
    row = identity() or _make()
    return _opened(row.origin, row.witness, row.log_key, row.witness_key, row.salt_key)


def identity() -> Identity | None:
    """The public half, and the secrets as they are sealed; None where nothing was logged yet."""
    return Identity.objects.first()


def make_keys(origin: str) -> Identity:
    """Keys of a log with this name, not stored yet; the secret for salts is another, too.

    Raises:
        BadOrigin: it is no name.
    """
    if not NAME.fullmatch(origin):
        raise BadOrigin(origin=origin)
    witness = f"{origin}/witness"
    log_seed, witness_seed = secrets.token_bytes(32), secrets.token_bytes(32)
    return Identity(
        pk=1,
        origin=origin,
        witness=witness,
        log_key=_sealed(log_seed),
        witness_key=_sealed(witness_seed),
        salt_key=_sealed(secrets.token_bytes(32)),
        log_public=str(SigningKey(origin, NOTE, log_seed).verifier),
        witness_public=str(SigningKey(witness, COSIGNATURE, witness_seed).verifier),
        made_at=clock.now(),
    )


def new_origin() -> str:
    """A name that no other log has, unless the operator chose one."""
    return f"{config().hosts[0].strip('[]').lstrip('*.') or 'node'}/log/{secrets.token_hex(4)}"


def lock_growth() -> Growth:
    """How many leaves there are, locked until the transaction ends.

    It is taken before the ledger's head: whoever records first and appends afterwards could wait for one who does it
    the other way round.
    """
    return Growth.objects.select_for_update().get_or_create(pk=1)[0]


@transaction.atomic
def _make() -> Identity:
    lock_growth()
    row = identity()
    if row is None:
        row = make_keys(config().log_origin or new_origin())
        row.save(force_insert=True)
        record("log.key-made", by=SYSTEM, about="log", log=row.log_public, witness=row.witness_public)
    return row


def _sealed(secret: bytes) -> str:
    return seal(b64encode(secret).decode("ascii"), purpose=PURPOSE)


@lru_cache(maxsize=4)
def _opened(origin: str, witness: str, log_key: str, witness_key: str, salt_key: str) -> Keys:
    try:
        log, cosigns, salt = (b64decode(unseal(one, purpose=PURPOSE)) for one in (log_key, witness_key, salt_key))
    except SealedElsewhere as error:
        raise LogSealedElsewhere from error
    return Keys(SigningKey(origin, NOTE, log), SigningKey(witness, COSIGNATURE, cosigns), salt)
