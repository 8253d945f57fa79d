"""Reading a scope: forgiving in how it is written, exact in what it says.

Small and capital letters, order, commas or *and*, and spaces do not matter. Whatever could be meant in two ways is
refused, with the place and the reason: a day without a zone, two names without a comma, a word that nothing introduces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from himaya.core.errors import HimayaError
from himaya.core.words import N_, Said, printable, storable
from himaya.evidence.demands.scope import KINDS, Reference, Scope, Span, small
from himaya.evidence.reasons import listed

LONGEST, MOST = 10_000, 1_000
"""Characters of a scope; names and references in it."""
LONGEST_NAME = 200
WORDS: Mapping[str, str] = {
    **dict.fromkeys(("account", "accounts", "user", "users"), "accounts"),
    **dict.fromkeys(("exhibit", "exhibits"), "exhibits"),
    **dict.fromkeys(("case", "cases"), "cases"),
    **dict.fromkeys(("kind", "kinds"), "kinds"),
    **dict.fromkeys(("from", "since"), "since"),
    **dict.fromkeys(("to", "until"), "until"),
    **dict.fromkeys(("zone", "timezone"), "zone"),
}
"""Words that introduce something → what."""
ALIKE: Mapping[str, str] = {
    **{name: name for name in KINDS},
    **dict.fromkeys(("picture", "image", "images", "photo", "photos"), "pictures"),
    **dict.fromkeys(("video", "film", "films"), "videos"),
    **dict.fromkeys(("sound", "audio"), "sounds"),
    **dict.fromkeys(("text", "message", "messages"), "texts"),
    "other": "others",
}
_TOKEN = re.compile(r'"([^"]*)"|([,;\n])|([^\s,;"]+)|\s|(")')
_DASH = {"-", "–", "—", "..", "…"}
_EXHIBIT = r"E-([0-9]{4})-([0-9]{1,18})"
_EXHIBITS = re.compile(rf"{_EXHIBIT}(?:(?:-|–|—|\.\.|…){_EXHIBIT})?", re.I)
_CASE = re.compile(r"H-([0-9]{4})-([0-9]{1,18})", re.I)
_DAY = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?:[T ]([0-9]{2}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?)?"
    r"(Z|UTC|[+-][0-9]{2}:?[0-9]{2})?",
    re.I,
)
_TIME = re.compile(r"[0-9]{2}:[0-9]{2}.*|Z|UTC|[+-][0-9]{2}:?[0-9]{2}", re.I)


class BadScope(HimayaError):
    """The scope cannot be read at character {at} ({found}): {why}."""

    remedy = "Write it like this. accounts: a, b; from 2026-01-01T00:00Z to 2026-02-01; exhibits E-2026-000012"
    status = 422


@dataclass(frozen=True, slots=True)
class _Token:
    at: int
    text: str
    quoted: bool = False

    def wrong(self, why: str) -> BadScope:
        return BadScope(at=self.at + 1, found=printable(self.text)[:40] or N_("the end"), why=why)


@dataclass(slots=True)
class _Day:
    """One end of the window, before its zone is known."""

    token: _Token
    at: datetime
    whole_day: bool
    zone: tzinfo | None


@dataclass(slots=True)
class _Found:
    accounts: set[str] = field(default_factory=set)
    cases: set[Reference] = field(default_factory=set)
    exhibits: set[Span] = field(default_factory=set)
    kinds: set[str] = field(default_factory=set)
    ends: dict[str, _Day] = field(default_factory=dict)
    zone: tzinfo | None = None


def read_scope(text: str) -> Scope:
    """The scope that a text says.

    Raises:
        BadScope: it cannot be read, or names nothing; says where and why.
    """
    if len(text) > LONGEST:
        raise _Token(LONGEST, text[LONGEST:]).wrong(Said("it is longer than {n} characters", n=LONGEST))
    reader = _Reader(_tokens(text), _Token(len(text), ""))
    while reader.more():
        reader.read()
    return reader.scope()


def _tokens(text: str) -> list[_Token]:
    if not storable(text):
        raise _Token(0, text).wrong(N_("it holds characters that cannot be kept"))
    found = []
    for match in _TOKEN.finditer(text):
        quoted, between, word, open_quote = match.groups()
        if open_quote:
            raise _Token(match.start(), text[match.start() :]).wrong(N_("the quotation mark is never closed"))
        if quoted is not None:
            found.append(_Token(match.start(), quoted, quoted=True))
        elif between or word:
            found += _split(_Token(match.start(), between or word))
    return found


def _split(token: _Token) -> list[_Token]:
    """``accounts:a`` is a word that introduces and what it introduces."""
    before, colon, behind = token.text.partition(":")
    if not colon or before.casefold() not in WORDS:
        return [token]
    first = _Token(token.at, before)
    return [first, _Token(token.at + len(before) + 1, behind)] if behind else [first]


class _Reader:
    """Goes from token to token; each clause reads what it is introduced to."""

    def __init__(self, tokens: list[_Token], end: _Token) -> None:
        self.tokens, self.end, self.place = tokens, end, 0
        self.found, self.clause = _Found(), ""
        self.apart = True
        """Whether a comma, a word or nothing stands before what comes."""
        self.last: Span | None = None
        self.clauses: dict[str, Callable[[_Token], None]] = {
            "accounts": self._account, "exhibits": self._exhibit, "cases": self._case, "kinds": self._kind,
            "since": self._end_of_window, "until": self._end_of_window, "zone": self._zone,
        }  # fmt: skip

    def more(self) -> bool:
        return self.place < len(self.tokens)

    def peek(self) -> _Token:
        return self.tokens[self.place] if self.more() else self.end

    def take(self) -> _Token:
        token = self.peek()
        self.place += 1
        return token

    def read(self) -> None:
        token = self.take()
        word = token.text.casefold() if not token.quoted else ""
        if word in (";", "\n", ","):
            self._between(word)
        elif word in ("and", "&"):
            self.apart = True
        elif self._is_range(word):
            self._range(token)
        elif word in WORDS:
            self._introduce(token, WORDS[word])
        else:
            self._value(token)

    def _between(self, sign: str) -> None:
        wrapped = sign == "\n" and self.place > 1 and self.tokens[self.place - 2].text == ","
        if sign != "," and not wrapped:
            self.clause = ""
        self.apart, self.last = True, None

    def _introduce(self, token: _Token, clause: str) -> None:
        following = self.peek()
        if following is self.end or (not following.quoted and following.text.casefold() in {",", ";", "\n", *WORDS}):
            raise token.wrong(N_("nothing stands behind it; if it is a name, put it in quotation marks"))
        self.clause, self.apart, self.last = clause, True, None

    def _value(self, token: _Token) -> None:
        clause = self.clause
        if not token.quoted and clause in ("", "exhibits", "cases", "since", "until", "zone"):
            clause = "exhibits" if _EXHIBITS.fullmatch(token.text) else clause
            clause = "cases" if _CASE.fullmatch(token.text) else clause
        if not clause:
            raise token.wrong(N_("it does not say whether this is an account, a case, an exhibit or a kind"))
        self.clauses[clause](token)
        self.apart = False
        held = len(self.found.accounts) + len(self.found.cases) + len(self.found.exhibits)
        if held > MOST:
            raise token.wrong(Said("it names more than {n}", n=MOST))

    # --- what is asked for ---

    def _account(self, token: _Token) -> None:
        if not self.apart:
            raise token.wrong(N_("is this another account? put a comma between, or the whole name in quotation marks"))
        name = small(token.text.strip())
        if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
            raise token.wrong(Said("the name of an account has 1 to {n} printable characters", n=LONGEST_NAME))
        self.found.accounts.add(name)

    def _case(self, token: _Token) -> None:
        match = _CASE.fullmatch(token.text)
        if match is None:
            raise token.wrong(N_("a case is written as H-2026-000001"))
        self.found.cases.add(_reference(token, *match.groups()))

    def _exhibit(self, token: _Token) -> None:
        match = _EXHIBITS.fullmatch(token.text)
        if match is None:
            raise token.wrong(N_("an exhibit is written as E-2026-000012, several as E-2026-000012-E-2026-000020"))
        year, number, last_year, last = match.groups()
        first = _reference(token, year, number)
        self.last = _span(token, first, _reference(token, last_year, last) if last else first)
        self.found.exhibits.add(self.last)

    def _is_range(self, word: str) -> bool:
        following = self.peek().text
        return word in {*_DASH, "to"} and self.last is not None and bool(re.fullmatch(_EXHIBIT, following, re.I))

    def _range(self, token: _Token) -> None:
        """``E-2026-000012 to E-2026-000020``: what was read as one is the first of several."""
        first, following = self.last, self.take()
        match = re.fullmatch(_EXHIBIT, following.text, re.I)
        assert first is not None
        assert match is not None
        if first.first != first.last:
            raise token.wrong(N_("this is the end of a second range: put a comma between"))
        self.found.exhibits.discard(first)
        self.found.exhibits.add(_span(following, first.first, _reference(following, *match.groups())))
        self.last, self.apart = None, False

    def _kind(self, token: _Token) -> None:
        name = ALIKE.get(token.text.casefold())
        if name is None:
            raise token.wrong(Said("the kinds are {names}", names=listed(KINDS)))
        self.found.kinds.add(name)

    # --- the window ---

    def _zone(self, token: _Token) -> None:
        if self.found.zone is not None:
            raise token.wrong(N_("the zone is said twice"))
        self.found.zone = _named_zone(token)

    def _end_of_window(self, token: _Token) -> None:
        if self.clause in self.found.ends:
            raise token.wrong(N_("this end of the window is said twice"))
        text = token.text
        while self.more() and not self.peek().quoted and _TIME.fullmatch(self.peek().text):
            more = self.take().text
            text += more if not more[0].isdigit() else f" {more}"
        self.found.ends[self.clause] = _day(_Token(token.at, text))

    def scope(self) -> Scope:
        """All of it.

        Raises:
            BadScope: nothing is named, or the window is none.
        """
        found = self.found
        if not (found.accounts or found.cases or found.exhibits):
            raise self.end.wrong(N_("it names no account, no case and no exhibit"))
        since, until = self._moment("since"), self._moment("until")
        if since and until and since >= until:
            raise found.ends["until"].token.wrong(N_("the window ends before it begins"))
        return Scope(
            tuple(sorted(found.accounts)), tuple(sorted(found.cases)), tuple(sorted(found.exhibits)), since, until,
            tuple(kind for kind in KINDS if kind in found.kinds),
        )  # fmt: skip

    def _moment(self, name: str) -> datetime | None:
        one = self.found.ends.get(name)
        if one is None:
            return None
        others = [each.zone for each in self.found.ends.values()]
        zone = one.zone or self.found.zone or next((each for each in others if each), None)
        if zone is None:
            raise one.token.wrong(N_("say in which zone: with Z, with +01:00, or with zone Europe/Luxembourg"))
        try:
            return _placed(one, zone, next_day=one.whole_day and name == "until")
        except OverflowError:
            raise one.token.wrong(N_("there is no such day or time")) from None


def _placed(one: _Day, zone: tzinfo, *, next_day: bool) -> datetime:
    """The moment, at the offset that the zone had then. A day as the end counts whole: to the beginning of the next."""
    local = one.at + timedelta(days=1) if next_day else one.at
    first, second = local.replace(tzinfo=zone), local.replace(tzinfo=zone, fold=1)
    if first.utcoffset() != second.utcoffset():
        raise one.token.wrong(N_("clocks are changed in that hour: write it with an offset, as in +01:00"))
    away = first.utcoffset() or timedelta(0)
    return first.astimezone(UTC).astimezone(timezone(timedelta(minutes=away // timedelta(minutes=1))))


def _reference(token: _Token, year: str, number: str) -> Reference:
    if int(number) == 0:
        raise token.wrong(N_("numbers begin with 1"))
    return Reference(int(year), int(number))


def _span(token: _Token, first: Reference, last: Reference) -> Span:
    if first.number > last.number or first.year > last.year:
        raise token.wrong(N_("the range ends before it begins"))
    return Span(first, last)


def _day(token: _Token) -> _Day:
    match = _DAY.fullmatch(token.text)
    if match is None:
        raise token.wrong(N_("a day is written as 2026-02-01, a time as 2026-02-01T08:30Z"))
    year, month, day, hour, minute, second, fraction, offset = match.groups()
    try:
        at = datetime(  # noqa: DTZ001 - its zone comes later
            int(year), int(month), int(day), int(hour or 0), int(minute or 0), int(second or 0),
            int((fraction or "0").ljust(6, "0")),
        )  # fmt: skip
        zone = _offset(offset) if offset else None
    except ValueError:
        raise token.wrong(N_("there is no such day or time")) from None
    return _Day(token, at, hour is None, zone)


def _offset(text: str) -> tzinfo:
    if text.upper() in ("Z", "UTC"):
        return UTC
    sign, digits = text[0], text[1:].replace(":", "")
    if int(digits[2:]) > 59 or int(digits[:2]) > 15:
        raise ValueError("no zone is that far away")
    away = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-away if sign == "-" else away)


def _named_zone(token: _Token) -> tzinfo:
    if re.fullmatch(r"Z|UTC|[+-][0-9]{2}:?[0-9]{2}", token.text, re.I):
        try:
            return _offset(token.text)
        except ValueError:
            raise token.wrong(N_("no zone is that far away")) from None
    if not re.fullmatch(r"[A-Za-z_]+(?:/[A-Za-z0-9_+-]+){1,2}", token.text):
        raise token.wrong(N_("a zone is written as Europe/Luxembourg, as +01:00 or as UTC"))
    try:
        return ZoneInfo(token.text)
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        raise token.wrong(N_("no zone of that name is known here")) from None
