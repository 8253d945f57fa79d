"""Reports of scans: a line, or a row, for each file, in step with what is committed.

What is written of a batch is on disk before the batch commits, and how far that is commits with it. After a crash what
stands beyond is cut off: each file is there exactly once.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from himaya.core import files
from himaya.core.buckets import MissingExtra
from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said
from himaya.screening.roots import escaped, unescaped
from himaya.screening.telling import line

if TYPE_CHECKING:
    from himaya.screening.services import Answer

T = TypeVar("T")
EXTRA = "parquet"
ROWS = 20_000
"""Rows of one part of a table."""
SPOOL = ".rows.jsonl"
"""What is in no part of a table yet. Readers of a folder of Parquet pass over names that begin with a dot."""


class NoSuchReport(HimayaError):
    """A report goes to a file that ends in .jsonl or to a folder that ends in .parquet, not to {path}."""


class ReportThere(HimayaError):
    """There is something at {path} already."""

    remedy = "Name another file for the report, or remove this one."


class ReportWithin(HimayaError):
    """The report {path} would lie in {root}, which is scanned."""

    remedy = "Name a file elsewhere."


class ReportChanged(HimayaError):
    """The report {path} is not as the scan left it: {why}."""

    remedy = "Put it back, or leave out --resume to begin a new scan with a new report."


class ReportTaken(HimayaError):
    """Another process writes the report {path}."""

    remedy = "Let the other one finish."
    status = 409


class ReportFailed(HimayaError):
    """The report {path} cannot be written: {why}."""

    remedy = "Make room or give the right to write there; the scan goes on with the same command and --resume."
    exit_code = 3


class Lines:
    """JSON lines: what :func:`himaya.screening.telling.line` says of each file. One process writes at a time."""

    def __init__(self, path: Path, *, written: int | None = None, parts: int = 0) -> None:
        """Open it; ``written`` bytes and ``parts`` are committed, None: it is new.

        Raises:
            ReportThere, ReportTaken, ReportChanged, ReportFailed: as their names say.
        """
        self.path, self.written, self.parts = path, written or 0, parts
        self._new = written is None
        self._file = self._try(self._opened)

    def add(self, answers: Sequence[Answer]) -> None:
        """Write what was found, so that it is on disk.

        Raises:
            ReportFailed: it cannot be written.
        """
        text = "".join(json.dumps(line(one), ensure_ascii=True) + "\n" for one in answers).encode()
        self._try(lambda: self._put(text))
        self.written += len(text)

    def end(self) -> None:
        """Nothing more comes, for now."""

    def committed(self) -> None:
        """What was written before counts."""

    def finished(self) -> None:
        """All of it counts, and nothing more comes."""

    def state(self) -> dict[str, Any]:
        """What is to be committed."""
        return {"path": escaped(os.fsencode(self.path)), "written": self.written, "parts": self.parts}

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        """Let another process have it."""
        self._file.close()

    def _lines(self) -> Path:
        return self.path

    def _opened(self) -> io.BufferedRandom:
        path = self._lines()
        there = path.exists()
        if not self._new and not there:
            raise ReportChanged(path=self.path, why=N_("it is gone"))
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600), "r+b")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            size = file.seek(0, os.SEEK_END)
            if self._new and size:
                raise ReportThere(path=self.path)
            if size < self.written:
                raise ReportChanged(
                    path=self.path, why=Said("it has {size} bytes of {written}", size=size, written=self.written)
                )
            file.truncate(self.written)
            file.seek(self.written)
        except BlockingIOError as error:
            file.close()
            raise ReportTaken(path=self.path) from error
        except BaseException:
            file.close()
            raise
        return file

    def _put(self, text: bytes) -> None:
        self._file.write(text)
        self._file.flush()
        os.fsync(self._file.fileno())

    def _try(self, act: Callable[[], T]) -> T:
        try:
            return act()
        except OSError as error:
            raise ReportFailed(path=self.path, why=error.strerror or type(error).__name__) from error


class Table(Lines):
    """Parquet: a folder of parts, ``part-00001.parquet`` and so on, that every engine reads as one table.

    Rows that do not fill a part yet are lines in a hidden file beside them.
    """

    def __init__(self, path: Path, **more: Any) -> None:
        """As lines.

        Raises:
            MissingExtra: the library is not installed; else as lines.
        """
        try:
            import pyarrow.parquet  # noqa: F401 - said before anything is begun
        except ImportError as error:
            raise MissingExtra(what=N_("A report in Parquet"), extra=EXTRA) from error
        super().__init__(path, **more)
        self._try(self._tidy)
        self._rows = sum(1 for _ in self._file)

    def add(self, answers: Sequence[Answer]) -> None:
        """As lines; from time to time they become a part."""
        super().add(answers)
        self._rows += len(answers)
        if self._rows >= ROWS:
            self.end()

    def end(self) -> None:
        """What is in no part becomes one."""
        if self._rows:
            self._try(self._fill_part)
            self.parts += 1
            self._rows = self.written = 0

    def committed(self) -> None:
        """Forget the lines that are in a part."""
        if self.written == 0:
            self._file.truncate(0)
            self._file.seek(0)

    def finished(self) -> None:
        """The file of what is in no part has served."""
        with suppress(OSError):  # it is empty, and in nobody's way
            (self.path / SPOOL).unlink()

    def _lines(self) -> Path:
        if self._new:
            self.path.mkdir(exist_ok=True)
            if any(found.name != SPOOL for found in self.path.iterdir()):
                raise ReportThere(path=self.path)
        return self.path / SPOOL

    def _tidy(self) -> None:
        """Remove a part that was written and never committed."""
        for part in self.path.glob("part-*.parquet"):
            if int(part.stem.partition("-")[2]) > self.parts:
                part.unlink()
        self._file.seek(0)

    def _fill_part(self) -> None:
        import pyarrow
        from pyarrow import parquet

        self._file.seek(0)
        rows = [_flat(json.loads(text)) for text in self._file.read(self.written).splitlines()]
        written = io.BytesIO()
        parquet.write_table(pyarrow.Table.from_pylist(rows, schema=_schema()), written, compression="zstd")
        files.replace(self.path / f"part-{self.parts + 1:05d}.parquet", [written.getbuffer()])
        self._file.seek(self.written)


KINDS: dict[str, type[Lines]] = {".jsonl": Lines, ".parquet": Table}
_MATCH = ("list", "item", "signal", "value", "distance", "radius", "variant", "state", "quarantined")
_PROVENANCE = ("source", "added_by", "added_at", "reference")
_OVERLAP = ("query", "listed", "start", "end")
_TEXTS = ("place", "skipped_reason", "skipped_detail", "media_type", "case_reference", "list", "signal", "value",
          "variant", "state", "scheme", "code", *_PROVENANCE, "overlap_rule")  # fmt: skip
_NUMBERS = ("size", "matches", "suppressed", "case_id", "item", "distance", "radius")
_MANY = ("fingerprints", "problems", "limited")


def _schema() -> Any:
    """One row for each file; of its matches, the nearest."""
    import pyarrow as pa

    many = pa.list_(pa.string())
    kinds = [*((n, pa.string()) for n in _TEXTS), *((n, pa.int64()) for n in _NUMBERS), *((n, many) for n in _MANY)]
    shares = ((f"overlap_{name}", pa.float64()) for name in _OVERLAP)
    return pa.schema([*kinds, *shares, ("quarantined", pa.bool_()), ("hit", pa.bool_())])


def _flat(told: dict[str, Any]) -> dict[str, Any]:
    first: dict[str, Any] = (told["matches"] or [{}])[0]
    return {
        **{name: first.get(name) for name in _MATCH},
        **(first.get("class") or {}),
        **(first.get("provenance") or {}),
        **{f"overlap_{name}": found for name, found in (first.get("overlap") or {}).items()},
        **{name: told[name] for name in ("place", "media_type", "size", "limited")},
        "skipped_reason": (told["skipped"] or {}).get("reason"),
        "skipped_detail": (told["skipped"] or {}).get("detail"),
        "case_reference": (told["case"] or {}).get("reference"),
        "case_id": (told["case"] or {}).get("id"),
        "fingerprints": [f"{one['signal']}:{one['value']}" for one in told["fingerprints"]],
        "problems": [f"{one['signal']}: {one['why']}" for one in told["problems"]],
        "matches": len(told["matches"]),
        "suppressed": len(told["suppressed"]),
        "hit": bool(told["matches"]),
    }


def begun(path: Path, *, roots: Sequence[bytes]) -> Lines:
    """A new report.

    Raises:
        NoSuchReport, ReportWithin, ReportThere, ReportFailed, MissingExtra: as their names say.
    """
    path = path.absolute()
    if path.suffix not in KINDS:
        raise NoSuchReport(path=path)
    whole = os.fsencode(path.parent.resolve() / path.name)
    for root in roots:
        if whole.startswith(root.rstrip(b"/") + b"/"):
            raise ReportWithin(path=path, root=os.fsdecode(root))
    return KINDS[path.suffix](path)


def resumed(state: dict[str, Any]) -> Lines | None:
    """The report of a scan that goes on, as it was when that committed last; None where it has none.

    Raises:
        ReportChanged, ReportTaken, ReportFailed, MissingExtra: as their names say.
    """
    if not state:
        return None
    path = Path(os.fsdecode(unescaped(state["path"])))
    return KINDS[path.suffix](path, written=state["written"], parts=state["parts"])
