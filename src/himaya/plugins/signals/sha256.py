"""SHA-256 (FIPS 180-4). The digest to prefer."""

from typing import ClassVar

from himaya.core.digests import Digest


class SHA256(Digest):
    """The SHA-256 digest of all bytes."""

    name: ClassVar[str] = "sha256"
    label: ClassVar[str] = "SHA-256"
    bits: ClassVar[int] = 256
    algorithm = "sha256"
    abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


PLUGIN = SHA256()
