"""INHOPE ICCAM, API 3, in this process: tokens that end, reports, contents, countries, actions, and lost answers.

What is known of it comes from SCART (AbuseIO/SCART-application, 1f8cfd5): paths, keys, codes, refusals. INHOPE's own
documentation is not public, so this server is no proof of how ICCAM behaves.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

from tests.filing_servers import Losing
from tests.sources import Answer, Asked

USER, PASSWORD = "hotline-nl", "a password"
OURS = "NL"
KEYS = {"reportingAnalystName", "hotlineReceivedDate", "hotlineReference", "memo", "urls", "sourceUrlUsername",
        "sourceUrlPassword", "sourceUrlReferrer", "sourceUrlSiteType", "sourceUrlCommerciality",
        "sourceUrlPaymentMethods"}  # fmt: skip
URL_KEYS = {"urlString", "hotlineReference", "hostingCountryCode", "hostingIpAddress", "hostingIsp",
            "hostingOrganization", "isSourceUrl", "memo", "contentType", "assessment", "actions"}  # fmt: skip
ASSESSMENT = {"assessingAnalystName": str, "classification": (1, 2, 4), "ageCategorization": (1, 2, 3, 4),
              "genderCategorization": (1, 2, 3, 4)}  # fmt: skip
FLAGS = {"virtualContentCategorization", "userGeneratedContentCategorization", "childModelingCategorization"}
SITE_TYPES = (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 18, 20, 22, 24)
LISTS = {
    "classifications": {1: "Baseline CSAM", 2: "National CSAM", 4: "Ignore"},
    "age-categories": {1: "Not categorised", 2: "Infant", 3: "Pre-pubescent", 4: "Pubescent"},
    "gender-categories": {1: "Not Determined", 2: "Female", 3: "Male", 4: "Both"},
    "site-types": {number: f"type {number}" for number in SITE_TYPES},
    "commercialities": {1: "Not Determined", 2: "Commercial", 3: "Non-Commercial"},
    "payment-methods": {number: f"method {number}" for number in range(1, 14)},
    "action-types": {1: "ReportedToLEA", 2: "ReportedToISP", 3: "Removed", 4: "Unavailable", 6: "NotIllegal"},
}
FINAL = (3, 4, 6)
TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


def errors(body: dict[str, Any]) -> dict[str, list[str]]:
    """What is wrong with a report, as ASP.NET says it: field → sentences."""
    found: dict[str, list[str]] = {}

    def need(name: str, fine: object) -> None:
        if not fine:
            found.setdefault(name, []).append(f"The field {name} is invalid.")

    need("$", set(body) == KEYS)
    need("reportingAnalystName", body.get("reportingAnalystName"))
    need("hotlineReference", body.get("hotlineReference"))
    need("hotlineReceivedDate", re.fullmatch(TIME, str(body.get("hotlineReceivedDate"))))
    need("sourceUrlSiteType", body.get("sourceUrlSiteType") in SITE_TYPES)
    need("sourceUrlCommerciality", body.get("sourceUrlCommerciality") in (1, 2, 3))
    paid = body.get("sourceUrlPaymentMethods") or []
    need("sourceUrlPaymentMethods", paid and all(one in range(1, 14) for one in paid))
    urls = body.get("urls") or []
    need("urls", urls and sum(one.get("isSourceUrl") is True for one in urls) == 1)
    need("urls", len({one.get("hotlineReference") for one in urls}) == len(urls))
    for number, one in enumerate(urls):
        at = f"urls[{number}]"
        need(at, set(one) == URL_KEYS)
        need(f"{at}.urlString", re.match(r"https?://[^/\s]+", str(one.get("urlString"))))
        need(f"{at}.hostingCountryCode", re.fullmatch("[A-Z]{2}", str(one.get("hostingCountryCode"))))
        need(f"{at}.contentType", one.get("contentType") in (1, 2))
        need(f"{at}.actions", one.get("actions") == [])
        for name in assessed(one.get("assessment") or {}):
            need(f"{at}.assessment.{name}", False)
    return found


def assessed(one: dict[str, Any]) -> Iterator[str]:
    """The fields of an assessment that are wrong."""
    for name, kind in ASSESSMENT.items():
        value = one.get(name)
        fine = isinstance(value, str) and value if kind is str else type(value) is int and value in kind  # type: ignore[operator]
        if not fine:
            yield name
    for name in set(one) - set(ASSESSMENT):
        if name not in FLAGS or one[name] not in (0, 1) or isinstance(one[name], bool):
            yield name


class ICCAM(Losing):
    """``reports`` and ``contents`` by number. ``busy``: so often contents are refused as not in the right phase yet.

    ``slim``: its lists name contents without our references. ``lasts``: calls that a token is good for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reports: dict[int, dict[str, Any]] = {}
        self.contents: dict[int, dict[str, Any]] = {}
        self.numbers = itertools.count(701)
        self.tokens: dict[str, int] = {}
        self.logins = 0
        self.lasts = 1000
        self.busy = 0
        self.slim = False
        self.hidden = False
        self.lists = {name: dict(codes) for name, codes in LISTS.items()}

    def acts(self, asked: Asked) -> bool:
        return asked.method in ("POST", "PUT") and asked.path.lower() != "/authentication"

    def act(self, asked: Asked) -> Answer:
        path = asked.path.lower().strip("/")
        body = json.loads(asked.body) if asked.body else None
        if path == "authentication":
            return self._login(body)
        token = asked.headers.get("authorization", "").removeprefix("Bearer ")
        if self.tokens.get(token, 0) <= 0:
            return _refused({"token": ["token expired"]}, 401)
        self.tokens[token] -= 1
        if asked.method == "POST" and path == "rest/reports":
            return self._report(body)
        if found := re.fullmatch(r"rest/reports/(\d+)", path):
            one = self.reports.get(int(found[1]))
            return _json(one) if one else _refused({"id": ["not found"]}, 404)
        if found := re.fullmatch(r"rest/content/(\d+)(?:/(.+))?", path):
            one = self.contents.get(int(found[1]))
            return self._content(one, found[2] or "", asked, body) if one else _refused({"id": ["not found"]}, 404)
        if found := re.fullmatch(r"rest/content/([a-z-]+)", path):
            return _json(self._waiting(found[1], int(asked.query["maxResults"])))
        name = path.removeprefix("rest/")
        if name in self.lists:
            return _json([{"id": number, "name": words} for number, words in self.lists[name].items()])
        return _refused({"path": ["not found"]}, 404)

    def _login(self, body: Any) -> Answer:
        if body != {"username": USER, "password": PASSWORD}:
            return _refused({"login": ["wrong"]}, 401)
        self.logins += 1
        token = f"token-{self.logins}"
        self.tokens[token] = self.lasts
        return _json({"bearerToken": token, "refreshToken": f"again-{self.logins}", "bearerTokenExpiresIn": 1800})

    def _report(self, body: dict[str, Any]) -> Answer:
        if found := errors(body):
            return _refused(found, 400)
        number = next(self.numbers)
        shown = []
        for one in body["urls"]:
            content = next(self.numbers)
            self.contents[content] = {
                "contentId": content, "reportId": number, "hotlineReference": one["hotlineReference"],
                "assignedCountryCode": OURS, "url": one, "assessments": [one["assessment"]], "actions": [],
            }  # fmt: skip
            shown.append({"contentId": content, "urlString": one["urlString"].rstrip("/")})
        self.reports[number] = {**body, "reportId": number, "reportContents": shown}
        return _json(number)

    def _content(self, one: dict[str, Any], what: str, asked: Asked, body: Any) -> Answer:
        if not what:
            return _json(one)
        if self.busy:
            self.busy -= 1
            return _refused({"content": ["Report not in the right phase to action"]}, 400)
        if what == "assigned-country":
            one["assignedCountryCode"] = asked.query["newCountryCode"]
        elif what == "url/hosting":
            one["url"]["hostingCountryCode"] = asked.query["newCountryCode"]
            one["url"]["hostingIpAddress"] = asked.query["newIpAddress"]
        elif what == "assessment":
            if one["assessments"] and one["assessments"][-1]["classification"] == 1:
                return _refused({"content": ["Cannot assess: Baseline is final"]}, 400)
            if list(assessed(body)):
                return _refused({"assessment": ["invalid"]}, 400)
            one["assessments"].append(body)
        elif what == "actions":
            return self._action(one, body)
        else:
            return _refused({"path": ["not found"]}, 404)
        return _json(None)

    def _action(self, one: dict[str, Any], body: dict[str, Any]) -> Answer:
        if one["assignedCountryCode"] != OURS:
            return _refused({"content": ["not assigned to your hotline"]}, 403)
        if any(done["actionType"] in FINAL for done in one["actions"]):
            return _refused(
                {"content": ["Content can not be actioned further, because it has already a final action"]}, 400
            )
        reasoned = body["actionType"] > 3
        wanted = {"actionType", "actioningAnalystName", "actionDate", *(("reasonId", "reasonText") if reasoned else ())}
        if (
            set(body) != wanted
            or not re.fullmatch(TIME, body["actionDate"])
            or body["actionType"] not in (1, 2, 3, 4, 6)
        ):
            return _refused({"action": ["invalid"]}, 400)
        one["actions"].append(body)
        return _json(None)

    def _waiting(self, name: str, most: int) -> list[dict[str, Any]]:
        """What waits for our hotline."""
        if self.hidden or name not in ("unactioned", "unassessed", "unassigned-to-hotline", "no-reference"):
            return []
        done = {"unactioned": lambda one: bool(one["assessments"]), "unassessed": lambda one: not one["assessments"]}
        fits = done.get(name, lambda _: False)
        ours = [one for one in self.contents.values() if one["assignedCountryCode"] == OURS and fits(one)]
        names = ("contentId", "reportId") if self.slim else ("contentId", "reportId", "hotlineReference")
        return [{key: one[key] for key in names} for one in ours][:most]


def _json(value: Any, status: int = 200) -> Answer:
    return Answer(json.dumps(value), status, {"Content-Type": "application/json"})


def _refused(wrong: dict[str, list[str]], status: int) -> Answer:
    return _json({"title": "One or more validation errors occurred.", "errors": wrong}, status)
