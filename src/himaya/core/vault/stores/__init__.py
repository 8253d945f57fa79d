"""Where sealed files lie."""

from __future__ import annotations

from pathlib import Path

from himaya.core.vault.stores.local import LocalStore
from himaya.core.vault.stores.port import Store

__all__ = ["Store", "open_stores"]


def open_stores(first: str, second: str) -> Store:  # noqa: ARG001
    """Temporary."""
    return LocalStore(Path(first))
