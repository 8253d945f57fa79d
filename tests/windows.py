"""Windows of Chromium for tests: what people see, in every language, light and dark, wide and narrow.

A plug-in of the root ``conftest.py``: one process can hold one Playwright, so there is one fixture for all folders.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from himaya.core.config import config

AXE = Path(__file__).parent / "vendor/axe.min.js"
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LAUNCH = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1",
]  # fmt: skip
BEYOND = """() => {
  const wide = document.documentElement.clientWidth, found = [];
  for (const node of document.body.querySelectorAll("*")) {
    const box = node.getBoundingClientRect();
    if (box.width < 2 || box.height < 2 || (box.right <= wide + 1 && box.left >= -1)) continue;
    if (!node.checkVisibility({visibilityProperty: true}) || node.closest("svg, .unseen, thead")) continue;
    let above = node.parentElement;
    while (above && !/auto|scroll/.test(getComputedStyle(above).overflowX)) above = above.parentElement;
    if (!above) found.push(`${node.tagName}.${node.className} ${(node.textContent || "").trim().slice(0, 40)}`);
  }
  return found;
}"""
"""What is cut off at the side of the window: a page that clips its cards does not scroll, and hides it all the same."""
LOOK = """options => axe.run(document, options).then(
  ({violations}) => violations.map(rule => [rule.id, rule.nodes[0].target, rule.help])
)"""
"""What axe finds. All that it tells would be a megabyte for each page, most of it of what is well."""
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


@pytest.fixture
def one_factor(monkeypatch: pytest.MonkeyPatch) -> None:
    """A password is enough, so that a test about something else need not set up a second factor."""
    monkeypatch.setattr(config(), "second_factor", False)


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """The system's Chromium. It talks to this machine alone."""
    from playwright.sync_api import sync_playwright

    # Playwright runs an event loop in this thread; Django would take that for asynchronous code.
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=LAUNCH)
        yield browser
        browser.close()
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


def signed_in(person: Any, *, ago: float = 0) -> Client:
    """A client in which the person signed in with their password, ``ago`` seconds before now."""
    client = Client()
    client.force_login(person, backend=BACKEND)
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": time.time() - ago}]
    session["account_authentication_methods_user"] = str(person.pk)
    session.save()
    return client


class Window:
    """A window of Chromium on a node: signed in or not, in a language, light or dark, of some width."""

    def __init__(self, browser: Any, base: str, *, width: int, dark: bool, language: str, person: Any = None) -> None:
        self.base, self.width = base, width
        scheme = "dark" if dark else "light"
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.context.add_cookies([{"name": "language", "value": language, "url": base}])
        if person is not None:
            client = signed_in(person)
            self.context.add_cookies([{"name": "session", "value": client.cookies["session"].value, "url": base}])
        self.context.add_init_script(path=AXE)  # not added by the page: its CSP would rightly refuse
        self.page = self.context.new_page()
        self.said: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text) if message.type != "log" else None)
        self.page.on("pageerror", lambda error: self.said.append(str(error)))

    def open(self, path: str) -> int:
        """Go there; the status of the answer."""
        return int(self.page.goto(self.base + path).status)

    def complaints(self) -> list[str]:
        """What is wrong with the page as it stands: rules of axe, sideways scrolling, words on the console."""
        options = {"runOnly": RULES, "resultTypes": ["violations"], "iframes": False}  # a sandboxed one answers nobody
        wrong = [f"{rule}: {target} {meaning}" for rule, target, meaning in self.page.evaluate(LOOK, options)]
        wide = self.page.evaluate("document.documentElement.scrollWidth")
        wrong += [f"{wide} pixels wide in a window of {self.width}"] if wide > self.width else []
        wrong += [f"reaches beyond the window: {what}" for what in self.page.evaluate(BEYOND)]
        said, self.said = self.said, []
        return wrong + said

    def close(self) -> None:
        """Shut the window."""
        self.context.close()


@pytest.fixture
def window(chromium: Any, live_server: Any) -> Iterator[Callable[..., Window]]:
    """``window(width=360, dark=True, language="ar", person=…)``; closed at the end of the test."""
    opened: list[Window] = []

    def open_one(**wanted: Any) -> Window:
        base = live_server.url.replace("127.0.0.1", "localhost")
        wanted = {"width": 1440, "dark": False, "language": "en", **wanted}
        opened.append(Window(chromium, base, **wanted))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()
