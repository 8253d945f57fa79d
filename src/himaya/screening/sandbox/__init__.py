"""What a child that decodes is kept from: layers of the Linux kernel, each of which holds where another is missing.

==============  =======================================================================================
limits          memory, processor time, open files; no file is written (setrlimit)
no-new-privs    no set-user-id program gives rights (prctl)
landlock        no file is opened, no TCP connection made or taken, nobody outside gets a signal
seccomp         no system call but a few dozen that a decoder needs: no process is started
bubblewrap      namespaces of its own: no network, no processes but its own, no files but programs
==============  =======================================================================================

A layer that this system does not allow is left out, and said to be (:class:`Level`).
"""

from __future__ import annotations

from dataclasses import dataclass, field

LAYERS = ("limits", "no-new-privs", "landlock", "seccomp", "bubblewrap")
NEEDED = frozenset({"limits", "seccomp"})
"""What a node has that requires a sandbox: with these a decoder that was taken over can ask the kernel for nothing."""


@dataclass(frozen=True, slots=True)
class Level:
    """The layers in force, from the inside out; and by layer why another is not."""

    layers: tuple[str, ...]
    missing: dict[str, str] = field(default_factory=dict)

    @property
    def suffices(self) -> bool:
        """Whether a node that requires a sandbox decodes at this level."""
        return set(self.layers) >= NEEDED


class NotAllowed(Exception):
    """The system does not allow a layer; the message says why."""
