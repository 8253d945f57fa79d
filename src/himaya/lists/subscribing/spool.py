"""A round of a source on its way in: on disk as it comes, so that it goes on where it was cut off.

One SQLite file a subscription, in the data directory. A page and the note to go on behind it are written together; of
two changes of a key the later one stays. Memory stays constant, whatever the source sends.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from himaya.core import labels
from himaya.core.config import config
from himaya.core.exchange import (
    MAX_CHECKPOINT,
    MAX_KEY,
    MAX_RESUME,
    MAX_SIGNALS,
    Entry,
    Gone,
    Page,
    SourceTrouble,
    Vote,
    Voted,
)
from himaya.core.ports import Refusal
from himaya.core.statements import LONGEST
from himaya.core.words import N_, Said, packed, printable, storable

if TYPE_CHECKING:
    from pathlib import Path

REFUSALS = 1000
"""Refusals that are kept word for word; the rest are counted."""
MOST, MOST_PAGES = 100_000_000, 1_000_000
"""Keys and pages of one round."""
HEAVY = 32 * 1024**2
"""Characters of a batch, beyond which it ends earlier: one video may have two millions."""
UNSTORABLE = N_("it has a NUL or half a pair of surrogates")
_TABLES = """
CREATE TABLE IF NOT EXISTS note (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS told (n INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, at REAL, entry TEXT);
CREATE TABLE IF NOT EXISTS refused (n INTEGER PRIMARY KEY, line INTEGER, why TEXT, excerpt TEXT);
"""
_TAKE = """INSERT INTO told (key, at, entry) VALUES (?, ?, ?)
ON CONFLICT (key) DO UPDATE SET at = excluded.at, entry = excluded.entry
WHERE told.at IS NULL OR excluded.at IS NULL OR excluded.at >= told.at"""
_SOME = "SELECT n, key, entry FROM told WHERE n > ?"
_VOTED = '{"voted":'
_NO_VOTE = f"(entry IS NULL OR substr(entry, 1, {len(_VOTED)}) != '{_VOTED}')"
_FIELDS = [field.name for field in fields(Entry)]
_ENCODE = json.JSONEncoder(default=datetime.timestamp, ensure_ascii=False, separators=(",", ":")).encode


def directory() -> Path:
    """Where rounds are kept on their way."""
    found = config().data / "subscriptions"
    found.mkdir(mode=0o700, exist_ok=True)
    return found


class Spool:
    """The round that a subscription is reading. Use as a context.

    Args:
        subscription: its id.
        begun: what tells one round from another: its number and what was asked. A file of another round is void.
    """

    def __init__(self, subscription: int, begun: str) -> None:
        self._path = directory() / f"{subscription}.sqlite3"
        self._db = sqlite3.connect(self._path, isolation_level=None, timeout=60)
        self._path.chmod(0o600)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute("PRAGMA synchronous=NORMAL")
        self._db.executescript(_TABLES)
        self._begun = begun
        if self.note("begun") != begun:
            self.clear()

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    # --- notes ---

    def note(self, name: str) -> str:
        """``resume``, ``checkpoint``, ``complete``, ``pages``, ``total``, ``tlp``: what was noted, if anything."""
        row = self._db.execute("SELECT value FROM note WHERE name = ?", (name,)).fetchone()
        return row[0] if row else ""

    @property
    def ended(self) -> bool:
        """Whether the whole of the round is here."""
        return bool(self.note("checkpoint"))

    @property
    def refused(self) -> int:
        """How many things could not be read."""
        return int(self.note("refused") or 0)

    def _note(self, name: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO note VALUES (?, ?)", (name, value))

    def clear(self) -> None:
        """Begin with nothing."""
        with self._db:
            for table in ("note", "told", "refused"):
                self._db.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
            self._note("begun", self._begun)

    def remove(self) -> None:
        """The round has been applied: nothing of it is kept."""
        self._db.close()
        for ending in ("", "-wal", "-shm"):
            self._path.with_name(self._path.name + ending).unlink(missing_ok=True)

    # --- pages ---

    def add(self, page: Page) -> None:
        """Keep a page and the note to go on behind it. What cannot be stored is refused, and the rest is kept.

        Raises:
            SourceTrouble: the round is larger than any list may be, or a key or a note is malformed. What was kept of
                the round is void: it is begun anew.
        """
        try:
            self._add(page)
        except SourceTrouble:
            self.clear()
            raise

    def _add(self, page: Page) -> None:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            _check_notes(page)
            if page.anew:
                self._db.execute("DELETE FROM told")
                self._db.execute("DELETE FROM refused")
            refusals, rows = [], []
            for change in page.changes:
                if isinstance(change, Refusal):
                    refusals.append(change)
                elif row := _row(change):
                    rows.append(row)
                else:
                    refusals.append(Refusal(0, UNSTORABLE, change.key))
            self._refuse(refusals, begun=0 if page.anew else self.refused)
            self._db.executemany(_TAKE, rows)
            self._note("resume", page.resume)
            self._note("pages", str(1 if page.anew else int(self.note("pages") or 0) + 1))
            before = "" if page.anew else self.note("tlp")
            self._note("tlp", labels.narrowest((page.tlp, before)))
            if page.total is not None:
                self._note("total", str(page.total))
            if page.checkpoint:
                self._note("complete", "yes" if page.complete else "")
                self._note("checkpoint", page.checkpoint)
            if len(self) > MOST:
                raise SourceTrouble(why=Said("it sends more than {n} entries", n=MOST), permanent=True)
            if int(self.note("pages")) > MOST_PAGES:
                raise SourceTrouble(why=Said("it has no end within {n} pages", n=MOST_PAGES), permanent=True)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _refuse(self, refusals: list[Refusal], *, begun: int) -> None:
        for n, one in enumerate(refusals, start=begun + 1):
            if n <= REFUSALS:
                row = (n, one.line, json.dumps(packed(one.why)), printable(one.excerpt))
                self._db.execute("INSERT INTO refused VALUES (?, ?, ?, ?)", row)
        self._note("refused", str(begun + len(refusals)))

    # --- reading ---

    def __len__(self) -> int:
        return int(self._db.execute("SELECT MAX(n) FROM told").fetchone()[0] or 0)

    def batches(self, size: int) -> Iterator[dict[str, Entry | Gone]]:
        """Key → what the source says of it; in parts of at most ``size``. Votes that are told apart are not in it."""
        last = 0
        while True:
            rows = self._db.execute(f"{_SOME} AND {_NO_VOTE} ORDER BY n LIMIT ?", (last, size))
            some, heavy = dict[str, Entry | Gone](), 0
            for last, key, text in rows:  # noqa: B007 - where the next batch goes on
                some[key] = _change(key, text)
                heavy += len(text or "")
                if heavy > HEAVY:
                    break
            if not some:
                return
            yield some

    def votes(self, size: int) -> Iterator[list[Voted]]:
        """The votes that are told apart, in parts of at most ``size``."""
        last = 0
        while rows := self._db.execute(f"{_SOME} AND NOT {_NO_VOTE} ORDER BY n LIMIT ?", (last, size)).fetchall():
            last = rows[-1][0]
            yield [_voted(text) for _, _, text in rows]

    def lacks(self, keys: list[str]) -> list[str]:
        """Those of some keys that the round did not name."""
        marks = ", ".join("?" * len(keys))
        rows = self._db.execute(f"SELECT key FROM told WHERE key IN ({marks})", keys)  # noqa: S608 - marks
        named = {key for (key,) in rows}
        return [key for key in keys if key not in named]

    def refusals(self) -> list[dict[str, Any]]:
        """The first that could not be read, as ``line``, ``why`` (packed), ``excerpt``."""
        rows = self._db.execute("SELECT line, why, excerpt FROM refused ORDER BY n LIMIT 20")
        return [{"line": line, "why": json.loads(why), "excerpt": excerpt} for line, why, excerpt in rows]


def waiting(subscription: int) -> int:
    """How many pages of an unfinished round lie here."""
    path = directory() / f"{subscription}.sqlite3"
    if not path.exists():
        return 0
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as db:
        try:
            row = db.execute("SELECT value FROM note WHERE name = 'pages'").fetchone()
        except sqlite3.OperationalError:
            return 0
    return int(row[0]) if row else 0


def _check_notes(page: Page) -> None:
    for text, most in ((page.resume, MAX_RESUME), (page.checkpoint, MAX_CHECKPOINT)):
        if len(text) > most or not storable(text):
            why = Said("where it goes on is no text of at most {n} characters", n=most)
            raise SourceTrouble(why=why, permanent=True)


def _row(change: Entry | Gone | Voted) -> tuple[str, float | None, str] | None:
    """What is kept of a change; None where something of it cannot be stored."""
    if not 0 < len(change.key) <= MAX_KEY or not storable(change.key):
        raise SourceTrouble(why=N_("one of its keys is empty, too long or cannot be stored"), permanent=True)
    at = change.at.timestamp() if change.at else None
    if isinstance(change, Gone):
        plain = {"gone": printable(change.reason[:LONGEST]), "at": change.at}
        return change.key, at, _ENCODE(plain)
    text = _ENCODE({"voted": asdict(change)}) if isinstance(change, Voted) else _text(change)
    return (change.key, at, text) if storable(text) and "\\u0000" not in text else None


def _text(entry: Entry) -> str:
    if len(entry.signals) > MAX_SIGNALS:
        raise SourceTrouble(why=Said("an entry has more than {n} fingerprints", n=MAX_SIGNALS), permanent=True)
    plain = {name: value for name in _FIELDS if (value := getattr(entry, name))}
    if entry.votes:
        plain["votes"] = [asdict(one) for one in entry.votes]
    return _ENCODE(plain)


def _voted(text: str) -> Voted:
    plain = json.loads(text)["voted"]
    return Voted(**{**plain, "at": None if plain["at"] is None else datetime.fromtimestamp(plain["at"], UTC)})


def _change(key: str, text: str | None) -> Entry | Gone:
    plain: dict[str, Any] = json.loads(text) if text else {"gone": "", "at": None}
    if "gone" in plain:
        at = None if plain["at"] is None else datetime.fromtimestamp(plain["at"], UTC)
        return Gone(key, plain["gone"], at)
    plain["signals"] = tuple((name, value) for name, value in plain.get("signals", ()))
    for name in ("at", "until"):
        if plain.get(name) is not None:
            plain[name] = datetime.fromtimestamp(plain[name], UTC)
    plain["votes"] = tuple(
        Vote(**{**one, "at": datetime.fromtimestamp(one["at"], UTC) if one["at"] else None})
        for one in plain.get("votes", ())
    )
    return Entry(**plain)
