"""States of what others bring, and of each file of it."""

from __future__ import annotations

READING, READY, WANTED, DONE, REFUSED = "reading", "ready", "wanted", "done", "refused"
INTAKE = (READING, READY, WANTED, DONE, REFUSED)
"""It is looked through; waits for somebody; is to be taken; all was done; nothing is taken."""
WAITING, KEPT, DIFFERS, ABSENT, TWICE, UNREAD = "waiting", "kept", "differs", "absent", "twice", "unread"
FILE = (WAITING, KEPT, DIFFERS, ABSENT, TWICE, UNREAD)
"""To be taken; taken; not what was declared; not there; told of before; cannot be read."""
