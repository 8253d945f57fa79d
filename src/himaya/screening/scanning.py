"""Scans: folders, archives and buckets, file by file, in an order that can be taken up again."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from django.db import transaction

from himaya.core import clock, faults
from himaya.core.config import config
from himaya.core.errors import HimayaError
from himaya.core.words import printable
from himaya.ledger.services import record
from himaya.lists.queries import nothing_to_match
from himaya.lists.services import find_list
from himaya.screening import reports
from himaya.screening.decoders import Outcome
from himaya.screening.engines import Batch, Engine
from himaya.screening.engines.cluster import Cluster
from himaya.screening.engines.local import Local
from himaya.screening.messages import REQUEST
from himaya.screening.models import Scan
from himaya.screening.options import chosen
from himaya.screening.reading import OnProgress
from himaya.screening.roots import escaped, resolved, shown, unescaped
from himaya.screening.services import Answer, Looked, Read, answer, settle
from himaya.screening.sources import is_remote, walk
from himaya.screening.sources.places import Most, Place, Position
from himaya.screening.telling import lacks

BATCH = 64
LOAD = 32 * 1024**2
"""Files and bytes of a batch: a larger file has one for itself, and keeps none but itself from being committed."""


class ScanTaken(HimayaError):
    """Another process is going on with scan {scan}; this one stops."""

    remedy = "Let the other one finish."
    status = 409


class NothingToResume(HimayaError):
    """No unfinished scan of {paths} is known to this node; unfinished: {unfinished}."""

    remedy = "Leave out --resume to begin a new one, or name the same paths as then."


class OtherLists(HimayaError):
    """Scan {scan}, which is unfinished, looks in {had}; asked for is {asked}."""

    remedy = "Leave out --list to go on as it began, or leave out --resume to begin a new one."


class OtherOptions(HimayaError):
    """Scan {scan}, which is unfinished, was begun with {option} {had}; asked for is {asked}."""

    remedy = "Leave out {option} to go on as it began, or leave out --resume to begin a new one."


@dataclass(frozen=True, slots=True)
class Way:
    """How a scan goes about it. What is None is as the scan began, or where it begins, as the comments say.

    Args:
        archives: look into them (yes).
        endpoint: where buckets are asked for (the node's setting).
        report: a file or folder that is told of each file (none); see :mod:`himaya.screening.reports`.
        cluster: the address of a Ray cluster, "" for one that is started here; None: this process reads. Never kept.
        orientations: look for pictures turned and mirrored, too (the node's setting).
        letterbox: look for pictures without the bars at their edges, too (the node's setting).
    """

    archives: bool | None = None
    endpoint: str | None = None
    report: Path | None = None
    cluster: str | None = None
    orientations: bool | None = None
    letterbox: bool | None = None


@dataclass(slots=True)
class Progress:
    """How far a scan has come.

    Args:
        scan: its number.
        files: how many were screened.
        hits: in how many something known was found.
        held: how many of those open no case, as what they match is in quarantine, or disputed.
        suppressed: how many are no hits, as what they match is outweighed by what is known to be benign.
        skipped: how many were not screened, by reason.
        limited: how many were compared by exact fingerprints alone, by reason.
        members: how many of those screened and skipped lie in archives.
        finished: there are no more.
        cases: those that it opened or added to.
    """

    scan: int
    files: int = 0
    hits: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    limited: Counter[str] = field(default_factory=Counter)
    members: int = 0
    held: int = 0
    suppressed: int = 0
    finished: bool = False
    cases: set[int] = field(default_factory=set)

    def as_json(self) -> dict[str, object]:
        """The counts as they are stored with the scan."""
        return {
            "files": self.files,
            "hits": self.hits,
            "skipped": dict(sorted(self.skipped.items())),
            "limited": dict(sorted(self.limited.items())),
            "members": self.members,
            "held": self.held,
            "suppressed": self.suppressed,
        }


def scan(
    paths: Sequence[str],
    *,
    by: str,
    lists: Sequence[str] = (),
    way: Way = Way(),
    resume: bool = False,
    on_batch: Callable[[Progress, list[Answer]], None] = lambda *_: None,
    stop: Callable[[], bool] = lambda: False,
    on_ahead: Callable[[int], None] = lambda _: None,
    on_progress: OnProgress = lambda *_: None,
    on_nothing: Callable[[str], None] = lambda _: None,
) -> Progress:
    """Screen every file below ``paths`` and open a case for each hit.

    After each batch its cases, its counts, its part of the report and the place reached commit together: a scan that is
    interrupted, in whatever way, goes on with ``resume`` where it stopped, and no file counts twice. The batches after
    it are being read meanwhile.

    Args:
        paths: files, folders and ``s3://bucket/prefix``; one that lies within another is not looked at twice.
        by: the actor.
        lists: names of the lists to look in; all that are switched on where empty.
        way: how it goes about it.
        resume: go on with the last unfinished scan of the same paths; ``lists`` is empty or as it was then.
        on_batch: called after each batch with the counts so far and the batch's answers.
        stop: asked after each batch, and while one is waited for; True ends the scan so that it can be resumed.
        on_ahead: told as batches finish how many files, without members of archives, are read besides those of which
            ``on_batch`` was told, and wait for others before them.
        on_progress: told, from threads, of a file that takes long, where this process reads it.
        on_nothing: told before it begins why nothing can match, where nothing can.

    Raises:
        NoSuchPath, UnreadablePath, NotABucket, UnknownList, NothingToResume, OtherLists, OtherOptions, ScanTaken,
        BucketRefused, MissingExtra: as their names say; and the errors of reports and of clusters.
    """
    roots = resolved(paths)
    for name in lists:
        find_list(name)
    row, report = _resumed(roots, lists, way) if resume else _started(roots, lists, way, by)
    if nothing := nothing_to_match(row.lists):
        on_nothing(nothing)
    progress = _progress(row)
    engine = _engine(row, way.cluster, on_progress)
    with report or nullcontext(), closing(engine.run(_batches(row))) as batches:
        for read in batches:
            on_ahead(read.ahead)
            if read.batch:
                on_batch(progress, _commit(row, read.batch, read.outcomes, progress, report))
            if stop():
                _end(row, "stopped", report)
                return progress
        _end(row, "finished", report)
    progress.finished = True
    return progress


# --- what is to be read, and by whom ---------------------------------------------------------------------------------


def _engine(row: Scan, cluster: str | None, on_progress: OnProgress) -> Engine:
    endpoint, options = row.options["endpoint"], REQUEST.validate_python(row.options["fingerprints"])
    if cluster is None:
        return Local(endpoint=endpoint, options=options, on_progress=on_progress)
    roots = [unescaped(root) for root in row.roots]
    return Cluster(roots, address=cluster, endpoint=endpoint, options=options, on_progress=on_progress)


def _batches(row: Scan) -> Iterator[Batch]:
    """What is still to be read, in portions of bounded number and size."""
    places = _places(row.roots, _position(row.cursor), row.options)
    batch: Batch = []
    size = 0
    for place in places:
        if batch and (len(batch) == BATCH or size + place.size > LOAD):
            yield batch
            batch, size = [], 0
        batch.append(place)
        size += place.size
    if batch:
        yield batch


def _places(roots: Sequence[str], after: Position | None, options: dict[str, Any]) -> Iterator[Place]:
    return walk(
        [unescaped(root) for root in roots],
        after,
        into_archives=options["archives"],
        endpoint=options["endpoint"],
        most=Most(config().max_file_bytes, options["fingerprints"]["video"]["max_bytes"]),
    )


def count_files(paths: Sequence[str]) -> int | None:
    """How many files a scan of these paths will meet, not counting what lies in archives; None where one is a bucket:
    to list it twice would cost as much as to count it is worth. Reads folders only.

    Raises:
        NoSuchPath, UnreadablePath, NotABucket: as :func:`scan`.
    """
    roots = [unescaped(root) for root in resolved(paths)]
    return None if any(map(is_remote, roots)) else sum(1 for _ in walk(roots))


# --- beginning and going on ------------------------------------------------------------------------------------------


def _started(roots: list[str], lists: Sequence[str], way: Way, by: str) -> tuple[Scan, reports.Lines | None]:
    report = reports.begun(way.report, roots=[unescaped(root) for root in roots]) if way.report else None
    options = {
        "archives": way.archives is not False,
        "endpoint": config().s3_endpoint if way.endpoint is None else way.endpoint,
        "fingerprints": asdict(chosen(orientations=way.orientations, letterbox=way.letterbox)),
    }
    now = clock.now()
    with transaction.atomic():
        row = Scan.objects.create(
            roots=roots, lists=list(lists), options=options, report=report.state() if report else {}, started_at=now,
            updated_at=now, by=by,
        )  # fmt: skip
        record("scan.started", by=by, about=f"scan:{row.pk}")
    return row, report


def _resumed(roots: list[str], lists: Sequence[str], way: Way) -> tuple[Scan, reports.Lines | None]:
    row = _unfinished(roots, lists)
    report = unescaped(row.report.get("path", ""))
    asked = {"--report": os.fsencode(way.report.absolute()) if way.report else None,
             "--s3-endpoint": way.endpoint, "--archives": way.archives,
             "--orientations": way.orientations, "--letterbox": way.letterbox}  # fmt: skip
    fingerprints = row.options["fingerprints"]
    had = {"--report": report, "--s3-endpoint": row.options["endpoint"], "--archives": row.options["archives"],
           "--orientations": fingerprints["orientations"], "--letterbox": fingerprints["letterbox"]}  # fmt: skip
    for option, value in asked.items():
        if value is not None and value != had[option]:
            raise OtherOptions(scan=row.pk, option=option, had=_shown(had[option]), asked=_shown(value))
    return row, reports.resumed(row.report)


def _shown(value: str | bytes | bool) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return printable(os.fsdecode(value)) or "none"


def _unfinished(roots: list[str], lists: Sequence[str]) -> Scan:
    unfinished = list(Scan.objects.exclude(state="finished").order_by("-pk"))
    same = [row for row in unfinished if row.roots == roots]
    for row in same:
        if not lists or set(lists) == set(row.lists):
            return row
    if same:
        had = ", ".join(same[0].lists) or "every list"
        raise OtherLists(scan=same[0].pk, had=had, asked=", ".join(lists))
    told = [f"scan {row.pk} of {shown(row.roots)}" for row in unfinished[:5]]
    raise NothingToResume(paths=shown(roots), unfinished="; ".join(told) or "none")


def _progress(row: Scan) -> Progress:
    counts = row.counts
    return Progress(
        row.pk,
        counts.get("files", 0),
        counts.get("hits", 0),
        Counter(counts.get("skipped", {})),
        Counter(counts.get("limited", {})),
        counts.get("members", 0),
        counts.get("held", 0),
        counts.get("suppressed", 0),
    )


def _position(cursor: list[object]) -> Position | None:
    if not cursor:
        return None
    number, *parts = cursor
    assert isinstance(number, int)
    return number, tuple(unescaped(str(part)) for part in parts)


# --- what was read ---------------------------------------------------------------------------------------------------


def _commit(
    row: Scan, batch: Batch, outcomes: list[Outcome], progress: Progress, report: reports.Lines | None
) -> list[Answer]:
    read: list[Read] = [(os.fsdecode(place.path), one) for place, one in zip(batch, outcomes, strict=True)]
    found = answer(read, lists=row.lists)
    answers = [replace(one, opened=place.opened) for place, one in zip(batch, found, strict=True)]
    faults.point("scanning.before_commit")
    with transaction.atomic():
        if Scan.objects.select_for_update(no_key=True).get(pk=row.pk).cursor != row.cursor:
            raise ScanTaken(scan=row.pk)
        answers = settle(Looked(answers, read, tuple(row.lists)), by=row.by, origin="scan", occasion=f"scan:{row.pk}")
        for place, one in zip(batch, answers, strict=True):
            _count_one(progress, one)
            progress.members += place.member
        if report is not None:
            report.add(answers)
            row.report = report.state()
            faults.point("scanning.reported")
        number, parts = batch[-1].position
        row.cursor = [number, *(escaped(part) for part in parts)]
        row.counts, row.updated_at, row.state = progress.as_json(), clock.now(), "running"
        row.save()
    faults.point("scanning.after_commit")
    if report is not None:
        report.committed()
    return answers


def _count_one(progress: Progress, one: Answer) -> None:
    if one.skipped is not None:
        progress.skipped.update(lacks(one))
        return
    progress.files += 1
    progress.hits += bool(one.matches)
    progress.held += one.waits or one.disputed
    progress.suppressed += bool(one.suppressed and not one.matches)
    progress.limited.update(lacks(one))
    if one.case is not None:
        progress.cases.add(one.case.pk)


def _end(row: Scan, state: str, report: reports.Lines | None) -> None:
    if report is not None:
        report.end()
        row.report = report.state()
    with transaction.atomic():
        row.state, row.updated_at = state, clock.now()
        row.save(update_fields=["state", "updated_at", "report"])
        record(
            f"scan.{state}", by=row.by, about=f"scan:{row.pk}", **{k: row.counts.get(k, 0) for k in ("files", "hits")}
        )
    if report is not None:
        report.committed()
        if state == "finished":
            report.finished()
