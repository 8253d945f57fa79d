"""NCMEC's CyberTipline in this process: the reporting API with its codes, its clock and its losses.

How to use it::

    server = CyberTipline(clock=set_clock)              # by the node's clock where none is handed
    with server.serving() as url:                       # http://127.0.0.1:PORT/ispws, user "esp", password "secret"
        config = {"environment": "other", "address": url, "private": True, "user": "esp", "password": "secret", ...}
        server.lose("finish", "after")                  # the next answer of finish is lost, after it was filed
        server.lose_some(seed=7, share=0.05)            # of every twenty answers one, half of them before it acted
        server.fail("upload", status=503)               # the next upload is answered so, and nothing is done
        server.delay("submit", seconds=2)               # the next submit is answered so much later
        ...
    server.filed                                        # the reports that are finished, each with its XML and its files
    server.filed_with("case-17")                        # those whose XML names it
    server.calls                                        # ["submit", "upload", "fileinfo", "finish", ...] as they came

What it does, it does as the documentation of June 2025 says: what is opened and not finished is gone 24 hours after it
was opened or one hour after its last change, whichever is later; documents are validated against the schema and against
those rules of the documentation that the schema does not state; an upload is answered with its MD5.
"""

from __future__ import annotations

import base64
import hashlib
import random
import re
import socket
import threading
import time
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from lxml import etree
from tests.cybertipline_parts import Parts, Refused, Upload
from tests.cybertipline_rules import details_refused, report_refused
from tests.cybertipline_schema import schema

from himaya.core import clock as node_clock
from himaya.core.clock import Clock

USER, PASSWORD = "esp", "secret"
CALLS = ("status", "xsd", "submit", "upload", "fileinfo", "finish", "retract")
MOST = 4 * 1024**2
"""Bytes of a document that are read; a file may be of any size."""
Moment = Literal["before", "after"]


@dataclass
class UploadedFile:
    """A file as it came: its content is not kept. ``details`` is the XML of its fileDetails, once it came."""

    file_id: str
    md5: str
    sha256: str
    size: int
    details: bytes = b""


@dataclass
class Report:
    """A report in one of three states."""

    report_id: int
    document: bytes
    opened: datetime
    changed: datetime
    state: Literal["open", "finished", "retracted"] = "open"
    files: dict[str, UploadedFile] = field(default_factory=dict)

    @property
    def root(self) -> etree._Element:
        return etree.fromstring(self.document)

    @property
    def batched(self) -> bool:
        return self.root.find("batchedReport") is not None


class CyberTipline:
    """The server. All of it may be asked from any thread."""

    def __init__(self, *, clock: Clock | None = None, user: str = USER, password: str = PASSWORD) -> None:
        self.clock: Clock = clock or node_clock
        self.reports: dict[int, Report] = {}
        self.calls: list[str] = []
        self.lost: list[tuple[str, Moment]] = []
        """Which answers were lost, and whether before or after it acted."""
        self.url = ""
        self._token = "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        self._lock = threading.RLock()
        self._numbers = 4_564_654
        self._requests = 0
        self._losses: dict[str, deque[Moment]] = defaultdict(deque)
        self._failures: dict[str, deque[tuple[int, int | None, bytes | None]]] = defaultdict(deque)
        self._delays: dict[str, deque[float]] = defaultdict(deque)
        self._random: tuple[random.Random, float] | None = None

    # what a test sets

    def lose(self, call: str, when: Moment, times: int = 1) -> None:
        """The connection breaks at the next such calls, before or after it acted."""
        self._losses[call].extend([when] * times)

    def lose_some(self, *, seed: int, share: float = 0.05) -> None:
        """From now on, each answer is lost with that probability, one half of them before it acted."""
        self._random = (random.Random(seed), share)

    def fail(self, call: str, *, status: int = 500, code: int | None = None, body: bytes | None = None) -> None:
        """The next such call is answered with that, and nothing is done; without code and body, with an empty body."""
        self._failures[call].append((status, code, body))

    def delay(self, call: str, *, seconds: float) -> None:
        """The next such call is answered so much later."""
        self._delays[call].append(seconds)

    # what a test asks

    @property
    def filed(self) -> list[Report]:
        """The reports that are finished."""
        with self._lock:
            return [one for one in self.reports.values() if one.state == "finished"]

    def filed_with(self, text: str) -> list[Report]:
        """Those of them whose XML has that text."""
        return [one for one in self.filed if escape(text).encode() in one.document]

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve on loopback within the block; gives the address."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        self.url = f"http://127.0.0.1:{server.server_port}/ispws"
        try:
            yield self.url
        finally:
            server.shutdown()
            server.server_close()
            thread.join()

    # what it does

    def planned(self, call: str) -> tuple[Moment | None, tuple[int, int | None, bytes | None] | None, float]:
        """What is to go wrong with this call: what is lost, what is answered in its place, how long it takes."""
        with self._lock:
            self.calls.append(call)
            lost = self._losses[call].popleft() if self._losses[call] else None
            if lost is None and self._random:
                draw, share = self._random
                lost = (("before", "after")[draw.random() < 0.5]) if draw.random() < share else None
            if lost:
                self.lost.append((call, lost))
            failure = self._failures[call].popleft() if self._failures[call] else None
            return lost, failure, self._delays[call].popleft() if self._delays[call] else 0.0

    def admitted(self, token: str | None) -> bool:
        return token == self._token

    def request_id(self) -> str:
        with self._lock:
            self._requests += 1
            return f"req-{self._requests:08d}"

    def act(self, call: str, body: bytes | Upload) -> bytes:
        """The answer's XML.

        Raises:
            Refused: with another code.
        """
        with self._lock:
            self._forget()
            if isinstance(body, Upload):
                return self._upload(body)
            if call == "status":
                return _response(0, "Remote User : esp, Remote Ip : 127.0.0.1")
            if call == "submit":
                return self._submit(body)
            if call == "fileinfo":
                return self._describe(body)
            report = self._report(parse_qs(body.decode("utf-8", "replace")).get("id", [""])[0])
            return self._finish(report) if call == "finish" else self._retract(report)

    def _forget(self) -> None:
        """What was not finished in time is gone."""
        now = self.clock.now()
        for number, one in list(self.reports.items()):
            ends = max(one.opened + timedelta(hours=24), one.changed + timedelta(hours=1))
            if one.state == "open" and now >= ends:
                del self.reports[number]

    def _submit(self, body: bytes) -> bytes:
        document = _valid(body, "report")
        if why := report_refused(document, self.clock.now()):
            raise Refused(4100, f"Validation failed: {why}")
        self._numbers += 1
        now = self.clock.now()
        self.reports[self._numbers] = Report(self._numbers, body, now, now)
        return _response(0, "Success", report=self._numbers)

    def _upload(self, came: Upload) -> bytes:
        report = self._open(self._report(came.report_id))
        file_id = hashlib.md5(f"{report.report_id}/{len(report.files)}".encode(), usedforsecurity=False).hexdigest()
        report.files[file_id] = UploadedFile(file_id, came.md5, came.sha256, came.size)
        report.changed = self.clock.now()
        return _response(0, "Success", report=report.report_id, file=file_id, md5=came.md5)

    def _describe(self, body: bytes) -> bytes:
        document = _valid(body, "fileDetails")
        report = self._open(self._report(document.findtext("reportId") or ""))
        file = report.files.get((document.findtext("fileId") or "").strip())
        if file is None:
            raise Refused(5002, "File does not exist")
        if file.details:
            raise Refused(4000, "File details were sent before")
        if why := details_refused(document, report.batched, self.clock.now()):
            raise Refused(4100, f"Validation failed: {why}")
        file.details, report.changed = body, self.clock.now()
        return _response(0, "Success", report=report.report_id)

    def _finish(self, report: Report) -> bytes:
        self._open(report)
        if report.batched and len(report.files) > 1:
            raise Refused(4100, "Validation failed: a batched report has at most one file")
        report.state = "finished"
        files = "".join(f"<fileId>{one}</fileId>" for one in report.files)
        return _xml(
            f"<reportDoneResponse><responseCode>0</responseCode><reportId>{report.report_id}</reportId>"
            f"<files>{files}</files></reportDoneResponse>"
        )

    def _retract(self, report: Report) -> bytes:
        self._open(report).state = "retracted"
        return _response(0, "Success", report=report.report_id)

    def _report(self, number: str) -> Report:
        found = self.reports.get(int(number)) if re.fullmatch(r"[0-9]{1,18}", number.strip()) else None
        if found is None:
            raise Refused(5001, "Report does not exist")
        return found

    @staticmethod
    def _open(report: Report) -> Report:
        if report.state == "retracted":
            raise Refused(5101, "Report already retracted")
        if report.state == "finished":
            raise Refused(5102, "Report already finished")
        return report


def _valid(body: bytes, root: str) -> etree._Element:
    try:
        document = etree.fromstring(body, etree.XMLParser(resolve_entities=False, no_network=True))
    except etree.XMLSyntaxError as error:
        raise Refused(4110, f"Malformed XML: {error}") from None
    if document.tag != root:
        raise Refused(4100, f"Validation failed: {document.tag} instead of {root}")
    if not schema().validate(document):
        raise Refused(4100, f"Validation failed: {schema().error_log.last_error}")
    return document


def _xml(content: str) -> bytes:
    return f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>{content}'.encode()


def _response(code: int, why: str, *, report: int | None = None, file: str = "", md5: str = "") -> bytes:
    more = f"<reportId>{report}</reportId>" if report is not None else ""
    more += f"<fileId>{file}</fileId>" if file else ""
    more += f"<hash>{md5}</hash>" if md5 else ""
    said = f"<responseDescription>{escape(why)}</responseDescription>"
    return _xml(f"<reportResponse><responseCode>{code}</responseCode>{said}{more}</reportResponse>")


def _handler(server: CyberTipline) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _any(self) -> None:
            call = self.path.partition("?")[0].removeprefix("/ispws/")
            length = int(self.headers.get("Content-Length") or 0)
            if call not in CALLS or (self.command == "GET") != (call in ("status", "xsd")):
                self.close_connection = True
                return self._answer(404, b"")
            lost, failure, pause = server.planned(call)
            if not server.admitted(self.headers.get("Authorization")):
                self.rfile.read(min(length, MOST))
                self.close_connection = True
                return self._answer(401, b"")
            try:
                body = self._body(call, length)
                if lost == "before":
                    return self._break()
                if failure:
                    status, code, told = failure
                    content = told if told is not None else _response(code, "as the test says") if code else b""
                else:
                    status, content = 200, server.act(call, body)
            except Refused as error:
                self.close_connection = True
                status, content = error.status, _response(error.code, error.why)
            if pause:
                time.sleep(pause)
            return self._break() if lost else self._answer(status, content)

        def _body(self, call: str, length: int) -> bytes | Upload:
            if call == "upload":
                return Parts(self.rfile, length, self.headers.get("Content-Type", "")).read()
            if length > MOST:
                raise Refused(4000, "too large")
            return self.rfile.read(length)

        def _answer(self, status: int, content: bytes) -> None:
            with suppress(OSError):
                self.send_response(status)
                self.send_header("Content-Type", "text/xml; charset=utf-8")
                self.send_header("Content-Length", str(len(content)))
                self.send_header("Request-ID", server.request_id())
                if self.close_connection:
                    self.send_header("Connection", "close")
                self.end_headers()
                self.wfile.write(content)

        def _break(self) -> None:
            with suppress(OSError):
                self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

        do_GET = do_POST = _any  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    return Handler
