"""Sessions in the database, each under a digest of its cookie: a copy of the table opens nobody's session.

Django stores the cookie's own value, so that whoever reads a backup made today works under every session still open.
"""

from __future__ import annotations

import hashlib
from typing import Any

from django.contrib.sessions.backends import db
from django.utils import timezone


def digest(cookie: str) -> str:
    """What stands in the table: 160 bits of SHA-256, as many as the column holds. The cookie has 165 random bits."""
    return hashlib.sha256(cookie.encode()).hexdigest()[:40]


class SessionStore(db.SessionStore):
    """Django's, with the digest wherever the table is asked. The name stays: signatures of sessions depend on it."""

    def _get_session_from_db(self) -> Any:
        key = self.session_key or ""
        found = self.model.objects.filter(session_key=digest(key), expire_date__gt=timezone.now()).first()
        if found is None:
            self._session_key = None
        return found

    def exists(self, session_key: str) -> bool:
        """Whether there is such a session."""
        return super().exists(digest(session_key))

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        """The row, as it is stored."""
        made = super().create_model_instance(data)
        made.session_key = digest(made.session_key)
        return made

    def delete(self, session_key: str | None = None) -> None:
        """End a session: this one where none is named."""
        if key := session_key or self.session_key:
            super().delete(digest(key))
