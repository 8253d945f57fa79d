"""MD5 (RFC 1321). Broken as a seal, still the most exchanged key of lists."""

from typing import ClassVar

from himaya.core.digests import Digest


class MD5(Digest):
    """The MD5 digest of all bytes."""

    name: ClassVar[str] = "md5"
    label: ClassVar[str] = "MD5"
    bits: ClassVar[int] = 128
    algorithm = "md5"
    abc = "900150983cd24fb0d6963f7d28e17f72"


PLUGIN = MD5()
