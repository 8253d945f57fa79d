"""Reads NCMEC's hash sharing API, version 2, and whatever speaks the same: XML over HTTPS, HTTP Basic.

Entries of a range of time come page by page, and not in the order of time: what was read counts once the range is at
its end. The next page is named by a link, which leads nowhere but to the same place and is not kept longer than NCMEC
allows. Protocol: the API's documentation and ``threatexchange``'s client for it, which reads our tests' recording too.

Two things that are our choice. A fingerprint that is only linked to (they are large) is fetched where a signal of this
node has its name, and given as Base64; else it is named with an empty value, so that it is counted. And a reading of
everything is followed in the same round by what changed while it lasted: NCMEC sorts an entry under its last change,
so that one changed meanwhile would be missing from both.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, Literal, Self, cast
from urllib.parse import parse_qs, parse_qsl, quote, urlencode, urlsplit
from xml.sax.saxutils import escape

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from himaya.core import clock, registry
from himaya.core.exchange import MAX_KEY, SMALLEST, Entry, Exchange, Gone, Opinion, Page, SourceTrouble
from himaya.core.hash_sharing import ODD, SPACE, TYPES, Linked, Told, untold
from himaya.core.markup import BadMarkup, child, named, text, whole
from himaya.core.outward import LOGIN
from himaya.core.ports import Receipt, Refusal
from himaya.core.statements import moment, read_moment
from himaya.core.words import N_, Said, printable

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

    from himaya.core.outward import Client

ENVIRONMENTS: Mapping[str, str] = MappingProxyType(
    {
        "industry": "https://report.cybertip.org/hashsharing",
        "industry-exploitative": "https://report.cybertip.org/exploitative-hashsharing",
        "law-enforcement": "https://lesp.ncmec.org/csam-hashsharing",
        "ngo": "https://hashsharing.ncmec.org/npo",
        "exploitative": "https://hashsharing.ncmec.org/exploitative",
        "ngo-generative-ai": "https://hashsharing.ncmec.org/generative-ai-csam",
        "ngo-generative-ai-exploitative": "https://hashsharing.ncmec.org/generative-ai-exploitative",
        "test-industry": "https://exttest.cybertip.org/hashsharing",
        "test-industry-exploitative": "https://exttest.cybertip.org/exploitative-hashsharing",
        "test-law-enforcement": "https://betalesp.ncmec.org/csam-hashsharing",
        "test-ngo": "https://hashsharing-test.ncmec.org/npo",
        "test-exploitative": "https://hashsharing-test.ncmec.org/exploitative",
        "test-ngo-generative-ai": "https://hashsharing-test.ncmec.org/generative-ai-csam",
        "test-ngo-generative-ai-exploitative": "https://hashsharing-test.ncmec.org/generative-ai-exploitative",
    }
)
"""Where each of NCMEC's lists is: seven, and one for tests of each."""
LINK_HOURS = 12
"""NCMEC: no link to a page is kept longer."""
OVERLAP = timedelta(minutes=10)
"""Each round begins so much before the end of the last one: two clocks are not one."""
MOST, MOST_SMALL, MOST_LARGE = 8 * 1024**2, 256 * 1024, 1024**2
"""Bytes of a page (of about 1,000 entries), of an answer about us, of a fingerprint that is linked to."""
SIZE = 1000
"""Entries of a page, where nobody says how many."""
PAGES = 200_000
"""Pages of a range."""
HELD = 4 * 1024**2
"""Characters of large fingerprints that one of our pages holds."""

Environment = Literal[
    "industry", "industry-exploitative", "law-enforcement", "ngo", "exploitative", "ngo-generative-ai",
    "ngo-generative-ai-exploitative", "test-industry", "test-industry-exploitative", "test-law-enforcement", "test-ngo",
    "test-exploitative", "test-ngo-generative-ai", "test-ngo-generative-ai-exploitative", "other",
]  # fmt: skip


class Config(BaseModel):
    """Which list, and as whom."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    environment: Environment = Field(
        title=N_("List"),
        description=N_(
            "Which of NCMEC's lists, by the kind of its members; those that begin with test are for trying."
        ),
    )
    address: str = Field(
        "",
        max_length=500,
        pattern=r"^(https?://[^\s?#@\\]+)?$",
        title=N_("Another address"),
        description=N_("With “other” alone: where another node serves its list as NCMEC does, without the “/v2”."),
    )
    user: str = Field(
        min_length=1, max_length=200, title=N_("User name"), description=N_("As NCMEC gave it to your organisation.")
    )
    password: SecretStr = Field(
        min_length=1, max_length=500, title=N_("Password"), description=N_("Of that user. It is kept sealed.")
    )
    reason: str = Field(
        "",
        max_length=200,
        title=N_("Reason for disputes"),
        description=N_(
            "By its name at NCMEC: what is given where a dispute of ours names none that NCMEC knows. "
            "Empty: the only one there is."
        ),
    )

    @model_validator(mode="after")
    def _one_address(self) -> Self:
        if (self.environment == "other") != bool(self.address):
            raise ValueError("an address goes with the list “other”, and that list needs one")
        return self

    @property
    def base(self) -> str:
        """The address before ``/v2``."""
        return ENVIRONMENTS.get(self.environment) or self.address.rstrip("/").removesuffix("/v2")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a round stands: the range, the query of the page to read next (empty: the first), when it was given.

    ``stage`` is 0 in a round of changes, 1 in one of everything, 2 in its second range; ``told`` counts its entries.
    ``there`` is when the source began to tell it, by its own clock, ``latest`` the last change that it told. ``size``:
    so many entries a page, because more took too long; 0: as many as the source gives.
    """

    since: str
    to: str
    stage: int
    query: str = ""
    given: str = ""
    number: int = 1
    told: int = 0
    there: str = ""
    latest: str = ""
    size: int = 0

    @classmethod
    def begin(cls, checkpoint: str) -> _Place:
        now = clock.now()
        if not checkpoint:
            return cls(moment(datetime(1970, 1, 1, tzinfo=UTC)), moment(now), 1)
        since, _, size = checkpoint.partition(" ")
        return cls(moment(min(read_moment(since), now) - OVERLAP), moment(now), 0, size=int(size or 0))

    @classmethod
    def again(cls, resume: str, checkpoint: str) -> _Place:
        """As it was noted; a link that has grown too old is left, and the same range begun again."""
        try:
            place = cls(**json.loads(resume))
        except (ValueError, TypeError):  # another version of this file wrote it
            return cls.begin(checkpoint)
        if place.query and clock.now() - read_moment(place.given) > timedelta(hours=LINK_HOURS - 1):
            return replace(place, query="", given="", number=1, told=0, there="", latest="")
        return place

    def note(self) -> str:
        return json.dumps(asdict(self))

    def heard(self, told: Told, there: str) -> _Place:
        """This place, once a page was read, which was given at ``there``."""
        latest = max(self.latest, moment(told.latest) if told.latest else "")
        return replace(self, told=self.told + told.number, there=self.there or there, latest=latest)

    @property
    def end(self) -> str:
        """Up to when the range was told. By our own clock, one that is ahead, changes would be passed over: so by that
        of the source, and where it shows none, by the last change that it told.
        """
        shown = self.there or self.latest or moment(read_moment(self.since) + OVERLAP)
        return moment(min(read_moment(self.to), read_moment(shown)))

    def onward(self, query: str) -> _Place | None:
        """The place behind this one: the next page, or the second range; None at the end of the round."""
        if query:
            return replace(self, query=query, given=moment(clock.now()), number=self.number + 1)
        if self.stage == 1:
            since = moment(read_moment(self.end) - OVERLAP)
            return _Place(since, moment(clock.now()), 2, told=self.told, size=self.size)
        return None

    def smaller(self) -> _Place | None:
        """The same page, half as large, where one can be asked for: a link has to say how large its page is."""
        half = replace(self, size=(self.size or SIZE) // 2)
        return half if half.size >= SMALLEST and half.asked != self.asked else None

    @property
    def asked(self) -> str:
        """The query of its page."""
        told = dict(parse_qsl(self.query, keep_blank_values=True)) or {"from": self.since, "to": self.to}
        if self.query and not (self.size and "size" in told):
            return self.query
        return urlencode(told | ({"size": str(self.size)} if self.size else {}))


class NCMEC(Exchange):
    """The lists of the National Center for Missing & Exploited Children."""

    name: ClassVar[str] = "ncmec"
    label: ClassVar[str] = N_("NCMEC hash sharing")
    Config: ClassVar[type[BaseModel]] = Config
    terms: ClassVar[str] = N_(
        "Ask NCMEC for an account; each list is for members of its kind, by agreement with NCMEC."
    )
    shortest, longest = 600, 86_400
    votes: ClassVar[bool] = True

    def pull(self, config: BaseModel, client: Client, *, checkpoint: str, resume: str) -> Iterator[Page]:
        """What changed since the checkpoint, which is the end of the last range; what is deleted is told as such."""
        source = _Source(cast("Config", config), client)
        place: _Place | None = _Place.again(resume, checkpoint) if resume else _Place.begin(checkpoint)
        while place:
            here, held, large = place, list[Entry | Gone | Refusal](), 0
            try:
                told = source.entries(here)
            except SourceTrouble as error:
                if not (error.late and (place := here.smaller())):
                    raise
                yield Page(resume=place.note())
                continue
            for change in told.changes():
                for filled in source.filled(change):
                    held.append(filled)
                    large += _size(filled)
                if large > HELD:  # this page would be read again where the round breaks here
                    yield Page(tuple(held), resume=here.note())
                    held, large = [], 0
            here = here.heard(told, source.there)
            place = here.onward(source.next(told.link, here))
            if place:
                yield Page(tuple(held), resume=place.note(), total=_total(place.query))
            else:  # a list that is told to be empty is one that we may not read: nothing is taken as gone
                yield Page(
                    tuple(held),
                    checkpoint=f"{here.end} {here.size or ''}".strip(),
                    complete=here.stage == 2 and here.told > 0,
                )

    def vote(
        self, config: BaseModel, client: Client, *, key: str, signal: str, value: str, opinion: Opinion, reason: str
    ) -> Receipt:
        """Feedback on one fingerprint of an entry; a later one takes the place of ours before."""
        source, kind = _Source(cast("Config", config), client), TYPES.get(signal, "")
        member, _, entry = key.partition(":")
        if not kind or not member or not entry:
            raise SourceTrouble(why=Said("it takes no votes on {signal} of {key}", signal=signal, key=key[:MAX_KEY]),
                                permanent=True)  # fmt: skip
        said, name = "<affirmative/>", ""
        if opinion == "dispute":
            guid, name = source.reason(kind, reason)
            said = f"<negative><reasonIds><guid>{escape(guid)}</guid></reasonIds></negative>"
        path = f"/v2/entries/{quote(member, safe='')}/{quote(entry, safe='')}/{kind}/feedback"
        body = f'<feedbackSubmission xmlns="{SPACE}">{said}</feedbackSubmission>'
        source.client.put(
            source.base + path,
            auth=source.auth,
            headers={"Content-Type": "application/xml; charset=utf-8"},
            content=body.encode(),
            most=MOST_SMALL,
            expect=(200, 201, 202, 204),
        )
        return Receipt(reference=path.removeprefix("/v2/entries/"), detail=name)

    def check(self, config: BaseModel, client: Client) -> str:
        """Ask who we are."""
        member = child(_Source(cast("Config", config), client).small("/v2/status", "status"), "member")
        if member is None:
            raise SourceTrouble(why=N_("it does not say as whom it knows this node"), mend=LOGIN)
        name, number = printable(text(member)), printable(member.get("id", ""))
        return Said("It knows this node as {name}, member {number}.", name=name, number=number)


class _Source:
    """One node's conversation with one list."""

    def __init__(self, config: Config, client: Client) -> None:
        self.client, self.base, self._default = client, config.base, config.reason
        self.auth = (config.user, config.password.get_secret_value())
        self.there = ""
        """When the last page was given, by the source's clock; empty where it does not say so."""

    def entries(self, place: _Place) -> Told:
        """A page of entries."""
        reply = self.client.get(f"{self.base}/v2/entries?{place.asked}", auth=self.auth, most=MOST)
        self.there = _dated(reply.headers.get("date", ""))
        return Told(reply.content)

    def next(self, link: str, here: _Place) -> str:
        """The query of the next page's link, which must lead to where we are; empty where there is none."""
        if not link:
            return ""
        path, query = self._within(link)
        if path != "/v2/entries" or not query or len(query) > 2000:
            raise _foreign(link)
        if query == here.query or here.number >= PAGES:
            raise SourceTrouble(why=N_("it leads from page to page without an end"), mend=ODD)
        return query

    def filled(self, change: Entry | Gone | Refusal | Linked) -> Iterator[Entry | Gone | Refusal]:
        """The change, with what its fingerprints only link to, where a signal of this node reads it."""
        if not isinstance(change, Linked):
            yield change
            return
        signals, known = list(change.entry.signals), registry.signals()
        for name, link in change.links:
            came = self._large(link) if name in known else ""
            if came is None:
                yield Refusal(
                    change.line, Said("its fingerprint {name} is not where it says", name=name), change.entry.key
                )
            else:
                signals.append((name, came))
        if signals:
            yield replace(change.entry, signals=tuple(signals))

    def reason(self, kind: str, wanted: str) -> tuple[str, str]:
        """The reason for a dispute that fits our words, or else the one that is set: its GUID and its name."""
        root = self.small(f"/v2/feedback/{kind}/reasons", "")
        found = [one for one in root.iter() if named(one) == "reason"]
        known = [(one.get("guid", ""), printable(one.get("name", ""))) for one in found if one.get("guid")]
        for words in (wanted, self._default):
            for guid, name in known:
                if _alike(name, words):
                    return guid, name
        if len(known) == 1:
            return known[0]
        names = ", ".join(name for _, name in known)[:400]
        mend = Said("Set the reason for disputes in the subscription to one of: {names}.", names=names)
        raise SourceTrouble(
            why=N_("it wants a reason for a dispute, and knows none like ours"), mend=mend, permanent=True
        )

    def small(self, path: str, root: str) -> Element:
        """The root of a short answer."""
        content = self.client.get(self.base + path, auth=self.auth, most=MOST_SMALL).content
        try:
            return whole(content, root=root)
        except BadMarkup as error:
            raise untold(error) from None

    def _large(self, link: str) -> str | None:
        path, query = self._within(link)
        if not re.fullmatch(r"/v2/entries(/[A-Za-z0-9_~:-][A-Za-z0-9_.~:%-]*){2,6}", path):
            raise _foreign(link)
        url = f"{self.base}{path}?{query}" if query else self.base + path
        came = self.client.get(url, auth=self.auth, most=MOST_LARGE, expect=(200, 404, 410))
        return b64encode(came.content).decode() if came.status == 200 else None

    def _within(self, link: str) -> tuple[str, str]:
        """Path, behind our base, and query of a link that leads nowhere else."""
        here = urlsplit(self.base)
        try:
            there = urlsplit(link)
        except ValueError:
            raise _foreign(link) from None
        if (there.scheme or there.netloc) and (there.scheme, there.netloc) != (here.scheme, here.netloc):
            raise _foreign(link)
        return (there.path if there.path.startswith("/v2/") else there.path.removeprefix(here.path)), there.query


def _dated(text: str) -> str:
    """The moment that a header Date names; empty where it is none."""
    try:
        at = parsedate_to_datetime(text)
        return moment(at if at.tzinfo else at.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        return ""


def _alike(name: str, words: str) -> bool:
    """Whether a reason's name and ours are the same, or one is in the other."""
    one, other = (" ".join(re.findall(r"\w+", said.casefold())) for said in (name, words))
    return bool(one and other) and (f" {one} " in f" {other} " or f" {other} " in f" {one} ")


def _size(change: Entry | Gone | Refusal) -> int:
    return sum(len(value) for _, value in change.signals) if isinstance(change, Entry) else 0


def _total(query: str) -> int | None:
    most = parse_qs(query).get("max", [""])[0]
    return int(most) if re.fullmatch(r"[0-9]{1,12}", most) else None


def _foreign(link: str) -> SourceTrouble:
    why = Said("it leads on to {link}, which is not a place of its own", link=printable(link[:200]))
    return SourceTrouble(why=why, mend=ODD, permanent=True)


PLUGIN = NCMEC()
