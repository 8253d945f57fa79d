"""INHOPE ICCAM, API 3: hotlines hand web addresses to the hotline of the country that hosts them.

ICCAM knows no repeats: the same report twice is two reports. So after a lost answer its lists are searched for our
references; where these show nothing, a person looks. All else (contents, countries, assessments, actions) is looked at
before it is changed, and can be taken again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar, cast

from pydantic import BaseModel

from himaya.core import iccam, registry
from himaya.core.filing import Attempt, Draft, Filed, FilingChannel, Form, FoundOut, Gap, Grounds, Values
from himaya.core.filling import listed, pruned
from himaya.core.iccam.session import Config, Session
from himaya.core.ports import MaybeSent, NotSent
from himaya.core.submitting import told
from himaya.core.terms.relations import facets_of
from himaya.core.words import N_, Said, printable

LISTED = ("unactioned", "unassessed", "unassigned-to-hotline")
MOST = 200
"""Of a list, as ICCAM gives it at most."""
LOOKED_AT = 50
"""Contents that are looked at one by one in search of ours."""


class ICCAM(FilingChannel):
    """The report, then what follows on each of its web addresses."""

    name: ClassVar[str] = "iccam"
    label: ClassVar[str] = "INHOPE ICCAM"
    authority: ClassVar[str] = "INHOPE"
    takes_files: ClassVar[bool] = False
    Config: ClassVar[type[BaseModel]] = Config

    def lane(self, config: BaseModel) -> str:
        """The server."""
        return f"iccam:{cast('Config', config).address}"

    def form(self, config: BaseModel) -> Form:
        """The fields of the interface."""
        return iccam.FORM

    def fill(self, grounds: Grounds, config: BaseModel) -> Draft:
        """What the case tells. Who hosts an address, and what the law of our country says, a person finds out."""
        return Draft(grounds.document.key, pruned(_filled(grounds)))

    def check(self, draft: Draft, config: BaseModel) -> tuple[Gap, ...]:
        """By the form, and by what ICCAM is known to refuse."""
        return iccam.flaws(draft, cast("Config", config).country)

    def steps(self, draft: Draft) -> Sequence[str]:
        """The report, unless it follows up one; what ICCAM made of it; then each web address."""
        urls = list(enumerate(iccam.urls(draft)))
        follows = bool(draft.values.get("reportId"))
        first = ["codes", "contents"] if follows else ["codes", "report", "contents"]
        assess = [f"assess:{number}" for number, _ in urls] if follows else []
        country = [f"country:{number}" for number, _ in urls]
        actions = [f"action:{number}:{n}" for number, one in urls for n, _ in enumerate(iccam.actions(one))]
        return [*first, *assess, *actions, *country]

    def take(self, step: str, attempt: Attempt) -> Values:
        """Take a step; one of those behind ``contents`` looks first at what is there."""
        with _Line(attempt) as line:
            kind, *numbers = step.split(":")
            if kind == "codes":
                return line.codes()
            if kind == "report":
                return line.report()
            if kind == "contents":
                return line.contents()
            return line.follow(kind, *map(int, numbers))

    def find_out(self, step: str, attempt: Attempt) -> FoundOut:
        """Search for the report; everything else looks before it acts, and is simply taken again."""
        if step != "report":
            return FoundOut("not-taken")
        with _Line(attempt) as line:
            if found := line.searched():
                return FoundOut("taken", {"report": found})
        address = cast("Config", attempt.config).address
        ask = iccam.unknown(attempt.draft.key, address, attempt.at - timedelta(hours=1))
        return FoundOut("unknown", ask=ask)

    def receipt(self, done: Mapping[str, Values]) -> str:
        """The number of the report in ICCAM."""
        return str({**done.get("report", {}), **done.get("contents", {})}.get("report", ""))

    def stays(self, step: str) -> bool:
        """The report does; all else looks at what is there before it acts."""
        return step == "report"

    def ask(self, receipt: str, attempt: Attempt) -> Filed:
        """Whether the report is there, with our reference where ICCAM shows one."""
        if not (receipt.isascii() and receipt.isdigit()):
            return Filed(None, N_("A report in ICCAM has a number made of digits."))
        with _Line(attempt) as line:
            reply = line.look(f"rest/Reports/{receipt}", expect=(200, 404))
            found = told(reply)
        if reply.status == 404 or not isinstance(found, Mapping):
            return Filed(False)
        theirs, follows = found.get("hotlineReference"), attempt.draft.values.get("reportId")
        return Filed(bool(follows) or theirs in (None, "", attempt.draft.key), printable(str(theirs or ""))[:200])


# --- filling ---------------------------------------------------------------------------------------------------------


def _filled(grounds: Grounds) -> dict[str, Any]:
    document, particulars = grounds.document, grounds.particulars
    pages = [one.url for one in particulars.venues if iccam.is_web(one.url)]
    media = [one.url for one in particulars.files if iccam.is_web(one.url)]
    seen = [one.where for one in document.sightings if iccam.is_web(one.where)]
    places = {iccam.same(one): one for one in reversed([*pages, *media, *seen])}
    ordered = list(dict.fromkeys(iccam.same(one) for one in [*pages, *media, *seen]))
    assessment = _assessed(grounds)
    received = min((one.at for one in document.sightings), default=document.made_at)
    return {
        "reportId": next((one for one in grounds.earlier if one.isascii() and one.isdigit()), ""),
        "hotlineReceivedDate": iccam.utc(received),
        "urls": [
            {
                "urlString": places[one][:2083], "isSourceUrl": number == 0, "assessment": assessment,
                "contentType": iccam.WEBSITE if len(ordered) > 1 and places[one] in pages else iccam.MEDIA,
            }
            for number, one in enumerate(ordered[:100])
        ],
        "sourceUrlCommerciality": iccam.NOT_SAID,
        "sourceUrlPaymentMethods": [iccam.NOT_SAID],
    }  # fmt: skip


def _assessed(grounds: Grounds) -> dict[str, Any]:
    """By the class, and what the reviewer stated more exactly. Whether it is National is not said: the law says it."""
    verdict = grounds.document.verdict
    scheme, facets = registry.schemes().get(verdict.scheme), facets_of(verdict)
    code = scheme.get(verdict.code) if scheme else None
    marks = {mark for one in grounds.particulars.files for mark in one.marks}
    made: dict[str, Any] = {"ageCategorization": iccam.NOT_SAID, "genderCategorization": iccam.NOT_SAID}
    if code:
        legality = {"baseline": iccam.BASELINE, "not-illegal": iccam.IGNORE, "harmful": iccam.IGNORE}
        made["classification"] = str(legality.get(code.facets.legality, ""))
    if len(facets.age) == 1:
        ages = {"infant": "2", "prepub": "3", "pub": "4"}
        made["ageCategorization"] = ages.get(next(iter(facets.age)), iccam.NOT_SAID)
    if facets.origin:
        virtual = "generated" in marks or "photographic" not in facets.origin
        if virtual or facets.origin == {"photographic"}:
            made["virtualContentCategorization"] = virtual
    if "self-generated" in marks:
        made["userGeneratedContentCategorization"] = True
    return made


# --- the wire --------------------------------------------------------------------------------------------------------


class _Line(Session):
    """A conversation about one attempt."""

    def __init__(self, attempt: Attempt) -> None:
        self.attempt, self.config = attempt, cast("Config", attempt.config)
        self.analyst = self.config.analyst or self.config.username
        super().__init__(self.config, at=attempt.at)

    # --- the steps

    def codes(self) -> Values:
        """See that ICCAM still has the codes that are sent; what it calls otherwise is noted."""
        compared, unread, other = list[str](), list[str](), dict[str, list[str]]()
        for name in iccam.LISTS:
            found = iccam.lacking(name, told(self.look(f"rest/{name}", expect=(200, 404))))
            if found is None:
                unread.append(name)
                continue
            missing, named = found
            if missing:
                why = Said("ICCAM's list {name} lacks the codes {codes}", name=name, codes=", ".join(missing))
                raise NotSent(why=why, permanent=True)
            compared.append(name)
            other |= {name: named} if named else {}
        return {"compared": compared, "not_read": unread, "named_otherwise": other}

    def report(self) -> Values:
        """File it; ICCAM answers with its number."""
        reply = self.say("POST", "rest/reports", iccam.report(self.attempt.draft, self.analyst))
        number = _numbered(told(reply))
        if not number:
            raise MaybeSent(why=N_("ICCAM answers that it was taken, and does not name its number"))
        return {"report": number}

    def contents(self) -> Values:
        """What ICCAM made of each web address."""
        draft, done = self.attempt.draft, self.attempt.done
        number = int(done["report"]["report"] if "report" in done else draft.values["reportId"])
        reply = self.look(f"rest/Reports/{number}", expect=(200, 404))
        answer = told(reply) if reply.status == 200 else None
        theirs = answer.get("reportContents") if isinstance(answer, Mapping) else None
        by_url = {
            iccam.same(str(one.get("urlString"))): one["contentId"]
            for one in listed(theirs)
            if isinstance(one, Mapping) and type(one.get("contentId")) is int
        }
        found = [by_url.get(iccam.same(one["urlString"])) for one in iccam.urls(draft)]
        if None in found:
            missing = iccam.urls(draft)[found.index(None)]["urlString"]
            why = Said("ICCAM does not show {url} in report {number} yet", url=printable(missing)[:200], number=number)
            raise NotSent(why=why)
        return {"report": number, "contents": found}

    def follow(self, kind: str, number: int, which: int = 0) -> Values:
        """What follows on a web address, where it is not there already."""
        one = iccam.urls(self.attempt.draft)[number]
        place = f"rest/Content/{self.attempt.done['contents']['contents'][number]}"
        content = told(self.look(place))
        if not isinstance(content, Mapping):
            raise NotSent(why=N_("ICCAM shows the content in a way that cannot be read"))
        if kind == "assess":
            return self._assess(place, content, one)
        if kind == "country":
            return self._hand_over(place, content, one)
        return self._act(place, content, iccam.actions(one)[which])

    def _assess(self, place: str, content: Mapping[str, Any], one: Mapping[str, Any]) -> Values:
        """Baseline is final, and so is what was acted on; only National, or nothing, may be overruled."""
        said = [each for each in listed(content.get("assessments")) if isinstance(each, Mapping)]
        last = said[-1].get("classification") if said else None
        ours = iccam.assessment(one, self.analyst)
        if content.get("assignedCountryCode") not in (None, self.config.country):
            return {"kept": last, "why": "assigned to another hotline"}
        if last not in (None, iccam.NATIONAL) or listed(content.get("actions")):
            return {"kept": last, "why": "final"}
        if said and all(said[-1].get(name) == value for name, value in ours.items() if name != "assessingAnalystName"):
            return {"kept": last, "why": "the same"}
        self.say("PUT", f"{place}/assessment", ours)
        return {"set": ours["classification"]}

    def _hand_over(self, place: str, content: Mapping[str, Any], one: Mapping[str, Any]) -> Values:
        """To the country that hosts it, where it still counts as ours."""
        where, assigned = one["hostingCountryCode"], content.get("assignedCountryCode")
        if where == self.config.country or assigned != self.config.country:
            return {"assigned": assigned}
        self.say("PUT", f"{place}/assigned-country", params={"newCountryCode": where})
        return {"assigned": where}

    def _act(self, place: str, content: Mapping[str, Any], action: Mapping[str, Any]) -> Values:
        if action["actionType"] == iccam.MOVED:
            to = {"newIpAddress": action["newIpAddress"], "newCountryCode": action["newCountryCode"]}
            self.say("PUT", f"{place}/url/hosting", params=to)
            self.say("PUT", f"{place}/assigned-country", params={"newCountryCode": action["newCountryCode"]})
            return {"moved": to["newCountryCode"]}
        made = iccam.action(action, self.analyst)
        there = [one.get("actionType") for one in listed(content.get("actions")) if isinstance(one, Mapping)]
        if made["actionType"] in there:
            return {"there": made["actionType"]}
        self.say("POST", f"{place}/actions", made)
        return {"set": made["actionType"]}

    # --- the search

    def searched(self) -> int:
        """The number of a report with our reference, of those that wait for our hotline; 0: none is found."""
        since = iccam.utc(self.attempt.at - timedelta(days=2))
        left = LOOKED_AT
        for name in LISTED:
            params: dict[str, str | int] = {"maxResults": MOST, "countryAssignmentStartDate": since}
            for one in self._candidates(told(self.look(f"rest/Content/{name}", expect=(200, 404), params=params))):
                found: Any = one
                if "hotlineReference" not in one:
                    left -= 1
                    if left < 0:
                        return 0
                    found = told(self.look(f"rest/Content/{one['contentId']}", expect=(200, 404)))
                if isinstance(found, Mapping) and self._is_ours(found):
                    return _numbered(found.get("reportId") or one.get("reportId"))
        return 0

    def _candidates(self, answer: Any) -> Iterator[Mapping[str, Any]]:
        for one in listed(answer):
            if isinstance(one, Mapping) and type(one.get("contentId")) is int:
                yield one

    def _is_ours(self, content: Mapping[str, Any]) -> bool:
        key = self.attempt.draft.key
        ours = {iccam.reference(key, number) for number, _ in enumerate(iccam.urls(self.attempt.draft))}
        return content.get("hotlineReference") in ours | {key}


def _numbered(answer: Any) -> int:
    found = answer.get("reportId") if isinstance(answer, Mapping) else answer
    if isinstance(found, str) and found.isascii() and found.isdigit():
        found = int(found)
    return found if type(found) is int and found > 0 else 0


PLUGIN = ICCAM()
