"""How signals and classes are called, on every page alike."""

from __future__ import annotations

from django.utils.translation import gettext

from himaya.core import registry


def signal_label(name: str) -> str:
    """How a signal is called."""
    known = registry.signals().get(name)
    return gettext(known.label) if known else name


def class_label(scheme: str, code: str) -> str:
    """A class in words; the bare names where the scheme is not installed any more."""
    if not code:
        return gettext("not graded")
    known = registry.schemes().get(scheme)
    found = known.get(code) if known else None
    return f"{gettext(found.label)} ({gettext(known.label)})" if known and found else f"{code} ({scheme})"
