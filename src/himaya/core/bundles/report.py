"""The report of custody that people read: what each exhibit is, what was done with it, what proves it, and how. HTML,
and PDF where weasyprint is installed (the extra ``pdf``). No content, and no pictures.

A text of strangers is escaped and kept apart in direction (``bdi``); commands and digests run from left to right.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from himaya.core.bundles.facts import Bundle, ExhibitFacts, moment
from himaya.core.errors import HimayaError
from himaya.core.vault.verifier import BOTH_SIGN
from himaya.core.words import N_, printable

DETAILED, PART, WHOLE = 100, 1000, slice(None)
"""Exhibits of a bundle whose PDF tells of each step; those of a part, where there are more; all of them."""
RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})
DIGESTS = {"md5": "MD5", "sha1": "SHA-1", "sha256": "SHA-256", "sha512": "SHA-512"}
"""A digest → as people write it."""
ACTS = {
    "acquire": N_("acquired"),
    "transfer": N_("handed over"),
    "analyse": N_("analysed"),
    "export": N_("exported"),
    "return": N_("given back"),
    "destroy": N_("destroyed"),
}
HEAD_PROVED, HEAD_NOT_PROVED, HEAD_BY_HAND = (
    N_("What is proved"), N_("What is not proved"), N_("How to verify it by hand"),
)  # fmt: skip
HEAD_KEYS, HEAD_EXHIBITS = N_("Keys that sign"), N_("Exhibits")  # no text within an f-string reaches the catalogue
PROVED = (
    N_("Every file of the bundle is the one that was handed over: each has a SHA-256 and a SHA-512 in the manifests."),
    N_("Every step of custody follows on the one before it, and was signed by those who had to, with the keys below."),
    N_("Where there are time stamps, what they are over was there at the time that they tell."),
    N_("Where there are proofs of a log, an event about the exhibit stands in that log, and cannot be taken out."),
)
NOT_PROVED = (
    N_("Whose the keys are: ask their holders over another line, and compare the names of the keys."),
    N_("That a time is right which no authority stamped: it is that of the clock named with the exhibit."),
    N_("What the exhibits show: this report describes files, not their content."),
)
BY_HAND = (
    (N_("Everything at once, with Python 3.9 or newer and nothing else:"), "python3 verify.py ."),
    (N_("The manifests:"), "sha256sum -c manifest-sha256.txt && sha512sum -c manifest-sha512.txt"),
    (N_("An exhibit, for whoever has the key; the digest is the SHA-256 below:"),
     "age -d -i KEY data/exhibits/NUMBER.age | sha256sum"),
    (N_("A time stamp, with a certificate of the authority that you trust; verify.py tells the digest:"),
     "openssl ts -verify -digest DIGEST -in data/timestamps/NUMBER-0.tsr -CAfile THE-CERTIFICATE-YOU-TRUST"),
)  # fmt: skip
LISTED = N_(
    "These are many exhibits, and here is a row of each. How each came and what was done with it, step by step, stands "
    "in the report as HTML, and in data/custody, signed."
)
HEADS = (N_("exhibit"), N_("number"), N_("SHA-256"), N_("acquired"), N_("bytes"), N_("steps"))
_ISOLATED = "\u2068{}\u2069"
_STYLE = """
@page { size: A4; margin: 18mm 15mm; @bottom-center { content: counter(page) " / " counter(pages); font-size: 8pt } }
body { font: 10pt/1.45 "Noto Sans", "Noto Sans Arabic", "Segoe UI", system-ui, sans-serif; color: #1b1f24;
  margin: 0 auto; max-width: 60em; padding: 1em }
h1 { font-size: 18pt; margin: 0 0 .2em }
h2 { font-size: 13pt; margin: 1.4em 0 .4em; border-block-end: 1px solid #8894a0 }
h3 { font-size: 11pt; margin: 1.2em 0 .3em } h2, h3 { break-after: avoid }
table { border-collapse: collapse; inline-size: 100%; font-size: 9pt; table-layout: fixed }
tr { break-inside: avoid }
th { text-align: start; color: #4a5560; font-weight: normal }
th, td { border-block-end: 1px solid #c9d0d6; padding: .2em .4em; vertical-align: top }
td { overflow-wrap: anywhere }
.facts th { inline-size: 9em }
.facts th, .facts td { border: 0; padding-block: .1em }
@page wide { size: A4 landscape; margin: 15mm }
.list { page: wide; font-size: 7.5pt } .list code { font-size: 7pt }
.list th:nth-child(1) { inline-size: 11em }
.list th:nth-child(2) { inline-size: 22em }
.list th:nth-child(3) { inline-size: 38em }
.list th:nth-child(4) { inline-size: 13em }
.steps { margin-block-start: .5em }
.steps th:nth-child(1) { inline-size: 3.5em }
.steps th:nth-child(2) { inline-size: 11.5em }
.steps th:nth-child(3), .steps th:nth-child(4) { inline-size: 6em }
.steps th:nth-child(5) { inline-size: 15em }
code, pre { font-family: "Noto Sans Mono", "DejaVu Sans Mono", monospace; font-size: 8pt; direction: ltr;
  unicode-bidi: isolate }
pre { text-align: left; background: #f1f3f5; padding: .4em .6em; white-space: pre-wrap; overflow-wrap: anywhere }
""".strip()


class NoPdf(HimayaError):
    """A report cannot be made as PDF here: {why}."""

    remedy = "Install the extra `pdf` and Pango, or hand over the HTML."
    status = 501
    exit_code = 3


@dataclass(frozen=True, slots=True)
class Language:
    """Of a report. ``translate`` gives a text of ours, which is English, in it."""

    code: str
    translate: Callable[[str], str] = str

    def said(self, text: str, **facts: object) -> str:
        """A text of ours as HTML, its facts escaped and isolated."""
        return escape(self.translate(text)).format(**{name: data(fact) for name, fact in facts.items()})


def data(fact: object) -> str:
    """Somebody's data as HTML. It is isolated twice: weasyprint knows the characters, and not the element."""
    return f"<bdi>{_ISOLATED.format(escape(printable(str(fact))))}</bdi>"


def code(fact: object) -> str:
    """A digest, name or command as HTML."""
    return f"<code>{escape(printable(str(fact)))}</code>"


def html(bundle: Bundle, language: Language, part: slice = WHOLE, *, listed: bool = False) -> bytes:
    """The report, or that of some of the exhibits, as one page that asks nobody for anything.

    ``listed``: a row of each exhibit, and not its steps.
    """
    return b"".join(_page(bundle, language, part, listed=listed))


def pdf_possible() -> bool:
    """Whether weasyprint, and what it needs of the system, is installed."""
    try:
        _library()
    except NoPdf:
        return False
    return True


def _library() -> Any:
    try:
        import weasyprint
        from PIL import ImageFile
    except ImportError:
        raise NoPdf(why=N_("weasyprint is not installed")) from None
    except OSError:
        raise NoPdf(why=N_("Pango is not installed")) from None
    ImageFile.LOAD_TRUNCATED_IMAGES = False  # the library has the whole process complete damaged pictures with grey
    return weasyprint


def pdf(page: bytes) -> bytes:
    """A report (of :func:`html`) as PDF. Takes the memory of the whole; fetches nothing.

    Raises:
        NoPdf: weasyprint, or what it needs of the system, is not installed.
    """
    library = _library()
    nothing = library.urls.URLFetcher(allowed_protocols=())
    made: bytes = library.HTML(string=page.decode(), url_fetcher=nothing).write_pdf()
    return made


def reports(bundle: Bundle, languages: Sequence[Language]) -> dict[str, Iterable[bytes]]:
    """What :mod:`writing` takes: the report in each language, as PDF too where that is possible.

    Each is made when it is taken, once. Of more than :data:`PART` exhibits there are several parts. Of more than
    :data:`DETAILED` a PDF lists them, a row each: what HTML tells of one fills a page that takes 0.1 s to lay out, and
    nobody reads a thousand pages.
    """
    made: dict[str, Iterable[bytes]] = {}
    count = len(bundle.exhibits)
    for language in languages:
        for number, begin in enumerate(range(0, max(count, 1), PART), 1):
            name, part = f"{language.code}.{number}" if count > PART else language.code, slice(begin, begin + PART)
            made[f"{name}.html"] = _page(bundle, language, part)
            if pdf_possible():
                made[f"{name}.pdf"] = _printed(bundle, language, part)
    return made


def _page(bundle: Bundle, language: Language, part: slice, *, listed: bool = False) -> Iterator[bytes]:
    body, made = _body(bundle, language, part, listed=listed), moment(bundle.made_at)
    for line in framed(N_("Custody report"), body, language=language, number=bundle.number, made=made):
        yield line.encode() + b"\n"


def _printed(bundle: Bundle, language: Language, part: slice) -> Iterator[bytes]:
    yield pdf(html(bundle, language, part, listed=len(bundle.exhibits) > DETAILED))


def framed(title: str, body: Iterator[str], *, language: Language, number: str, made: str) -> Iterator[str]:
    """A page that is printed as it stands: the head with all its style, the title, and what stands below, as HTML.

    ``title`` is a text of ours; ``made`` says when, as ISO 8601.
    """
    direction = "rtl" if language.code in RIGHT_TO_LEFT else "ltr"
    words = language.said(title)
    yield f'<!doctype html>\n<html lang="{escape(language.code)}" dir="{direction}">\n<head>\n<meta charset="utf-8">'
    yield f'<meta name="dcterms.created" content="{escape(made)}">'
    yield f"<title>{words}: {escape(printable(number))}</title>\n<style>{_STYLE}</style>\n</head>\n<body>"
    yield f"<h1>{words}</h1>"
    yield from body
    yield "</body>\n</html>"


def _body(bundle: Bundle, language: Language, part: slice, *, listed: bool) -> Iterator[str]:
    said = language.said
    yield from facts(_about(bundle, language))
    yield f"<h2>{said(HEAD_PROVED)}</h2>\n<ul>"
    yield from (f"<li>{said(text)}</li>" for text in PROVED)
    yield f"</ul>\n<h2>{said(HEAD_NOT_PROVED)}</h2>\n<ul>"
    yield from (f"<li>{said(text)}</li>" for text in NOT_PROVED)
    yield f"</ul>\n<h2>{said(HEAD_BY_HAND)}</h2>"
    yield from (f"<p>{said(text)}</p>\n<pre>{escape(command)}</pre>" for text, command in BY_HAND)
    yield f"<h2>{said(HEAD_KEYS)}</h2>"
    yield from table((N_("key"), N_("holder")), ((code(k.name), data(k.holder)) for k in bundle.keys), language)
    yield f"<h2>{said(HEAD_EXHIBITS)}</h2>"
    holders = {one.name: one.holder for one in bundle.keys}
    some = bundle.exhibits[part]
    if len(some) < len(bundle.exhibits):
        begin, told = part.start or 0, N_("This part tells of the exhibits {first} to {last} of {all}.")
        yield f"<p>{said(told, first=begin + 1, last=begin + len(some), all=len(bundle.exhibits))}</p>"
    if listed:
        yield f"<p>{said(LISTED)}</p>"
        for at in range(0, len(some), 50):  # many short tables are laid out faster than a long one
            yield from table(HEADS, (_row(one) for one in some[at : at + 50]), language, "list")
        return
    for one in some:
        yield from _exhibit(one, holders, language)


def _row(one: ExhibitFacts) -> tuple[str, ...]:
    """In one line of the page: that is what takes time to be laid out."""
    known = code(one.uuid), code(one.digests["sha256"]), code(moment(one.acquisition.at))
    return (escape(printable(one.label)), *known, str(one.size), str(len(one.custody)))


def _about(bundle: Bundle, language: Language) -> Iterator[tuple[str, str]]:
    said, right = language.said, bundle.authorisation
    yield said(N_("Bundle")), data(bundle.number)
    yield said(N_("Handed over by")), data(bundle.organisation)
    yield said(N_("Case")), data(bundle.case)
    yield said(N_("Made")), code(moment(bundle.made_at))
    if right is not None:
        told = said(N_("{instrument} {number} of {authority}"), instrument=right.instrument, number=right.number,
                    authority=right.authority)  # fmt: skip
        yield said(N_("Authorisation")), told
    for to in bundle.recipients:
        yield said(N_("Can be opened by")), f"{data(to.name)} {code(to.key)}"
    yield said(N_("Exhibits")), data(len(bundle.exhibits))


def _exhibit(one: ExhibitFacts, holders: dict[str, str], language: Language) -> Iterator[str]:
    said, taken = language.said, one.acquisition
    yield f"<section>\n<h3>{data(one.label)}</h3>"
    told = [
        (said(N_("Number")), code(one.uuid)),
        (said(N_("File")), said(N_("{type}, {size} bytes"), type=one.media_type, size=one.size)),
        *((DIGESTS.get(name, name), code(value)) for name, value in one.digests.items()),
        (said(N_("Acquired")), f"{code(moment(taken.at))} {data(taken.by)}"),
        (said(N_("How")), data(taken.how)),
        (said(N_("Tool")), f"{data(taken.tool)} {data(taken.version)}"),
        (said(N_("From")), data(taken.source)),
        (said(N_("Clock")), data(taken.clock)),
        (said(N_("Time stamps")), data(len(one.timestamps))),
        (said(N_("Proofs of a log")), data(len(one.proofs))),
    ]
    yield from facts(told)
    heads = (N_("step"), N_("time"), N_("what was done"), N_("by whom"), N_("signed by"), N_("facts"))
    yield from table(heads, (_step(json.loads(line), holders, language) for line in one.custody), language, "steps")
    yield "</section>"


def _step(line: dict[str, Any], holders: dict[str, str], language: Language) -> tuple[str, ...]:
    step = line["step"]
    names = [one["key"] for one in line["signatures"]]
    signed = "<br>".join(f"{data(holders.get(name, ''))} {code(name)}" for name in names)
    others = {name: fact for name, fact in step["facts"].items() if name not in ("md5", "sha1", "sha256", "sha512")}
    if step["act"] in BOTH_SIGN:  # between whom it changed hands
        others |= {name: f"{holders.get(others[name], '')} {others[name]}".strip() for name in ("from", "to")}
    rest = "<br>".join(f"{data(name)}: {_fact(fact)}" for name, fact in others.items())
    act = language.said(ACTS.get(step["act"], step["act"]))
    return data(step["number"]), code(step["at"]), act, data(step["by"]), signed, rest


def _fact(fact: object) -> str:
    return "<br>".join(map(data, fact)) if isinstance(fact, list) else data(fact)


def facts(told: Iterable[tuple[str, str]]) -> Iterator[str]:
    """A table of facts: what each is and what it says, both as HTML."""
    yield '<table class="facts">'
    yield from (f'<tr><th scope="row">{name}</th><td>{value}</td></tr>' for name, value in told)
    yield "</table>"


def table(heads: Sequence[str], rows: Any, language: Language, kind: str = "keys") -> Iterator[str]:
    """Rows of cells, which are HTML, under heads, which are texts of ours."""
    shown = "".join(f'<th scope="col">{language.said(head)}</th>' for head in heads)
    yield f'<table class="{kind}">\n<thead><tr>{shown}</tr></thead>\n<tbody>'
    yield from (f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    yield "</tbody>\n</table>"
