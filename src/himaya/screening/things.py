"""What is screened: bytes, a file, or a fingerprint of one."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes to screen. ``place`` says where they were met; they are forgotten afterwards."""

    content: bytes
    place: str


@dataclass(frozen=True, slots=True)
class File:
    """A file of this machine to screen, read where it lies. No part of ``path`` is a link."""

    path: bytes
    place: str


@dataclass(frozen=True, slots=True)
class Value:
    """A fingerprint to screen, computed by somebody else."""

    signal: str
    value: str
    place: str = ""
    body: bytes = b""


Thing = Content | File | Value
