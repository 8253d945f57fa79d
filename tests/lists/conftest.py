"""A list to work on, and files for it."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from himaya.lists import services
from himaya.lists.models import HashList


@pytest.fixture
def hotline(db: None) -> HashList:
    """An empty list."""
    return services.create_list("hotline", by="system", title="Example hotline", source="Drawn", radius=24)


@pytest.fixture
def put(hotline: HashList) -> Callable[..., services.ImportResult]:
    """Import the bytes of a file into the list."""

    def one(content: bytes | Iterable[str], format_name: str = "csv", **more: Any) -> services.ImportResult:
        if not isinstance(content, bytes):
            content = "\n".join(content).encode()
        return services.import_items(hotline, stream=io.BytesIO(content), format_name=format_name, by="system", **more)

    return one
