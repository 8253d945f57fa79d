"""Other settings for a test: the environment says so, and what was read before is forgotten."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from himaya.core.config import config


@contextmanager
def configured(**settings: Any) -> Iterator[None]:
    """Inside the block, ``config()`` has these settings, as an operator would have given them."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(f"HIMAYA_{name.upper()}", value if isinstance(value, str) else json.dumps(value))
        config.cache_clear()
        try:
            yield
        finally:
            config.cache_clear()


def file_route(directory: object, name: str = "file") -> dict[str, Any]:
    """A route that lays documents down in ``directory``."""
    return {"name": name, "channel": "file", "options": {"directory": str(directory)}}


def mail_route(port: int, name: str = "mail", **options: Any) -> dict[str, Any]:
    """A route to an SMTP server on this machine."""
    plain = {"host": "127.0.0.1", "port": port, "security": "none", "sender": "node@example.org", "timeout": 5}
    return {"name": name, "channel": "email", "options": {**plain, "recipient": "abuse@host.example", **options}}


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
