"""SHA-1 (FIPS 180-4). Broken as a seal, still common in lists."""

from typing import ClassVar

from himaya.core.digests import Digest


class SHA1(Digest):
    """The SHA-1 digest of all bytes."""

    name: ClassVar[str] = "sha1"
    label: ClassVar[str] = "SHA-1"
    bits: ClassVar[int] = 160
    algorithm = "sha1"
    abc = "a9993e364706816aba3e25717850c26c9cd0d89d"


PLUGIN = SHA1()
