"""The languages that can be chosen: those whose catalogue is complete."""

from __future__ import annotations

COMPLETE = ("en", "ar")
"""Checked by a test: every text of the program has a translation in each of them."""


def offered() -> list[tuple[str, str]]:
    """Code and own name of each complete language, in the order of the settings."""
    from django.conf import settings

    return [(code, name) for code, name in settings.LANGUAGES if code in COMPLETE]
