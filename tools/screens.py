"""Take the pictures of ``docs/screens`` from a demonstration node, in a real Chromium.

Each page in light and dark, in Arabic, and at a phone's width, so that a person can look at all of them at once.
"""

# ruff: noqa: T201, S603
from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import system_parts

PROJECT = Path(__file__).parent.parent.resolve()
SCREENS = PROJECT / "docs/screens"
HIMAYA = Path(sys.executable).with_name("himaya")
PAGES = {
    "sign-in": ("", "/"),
    "dashboard": ("lead", "/"),
    "queue": ("reviewer", "/cases/"),
    "case": ("reviewer", "a case"),
    "verdict": ("reviewer", "a claimed case"),
    "lists": ("lead", "/lists/"),
    "deliveries": ("lead", "/ledger/deliveries/"),
    "numbers": ("lead", "/numbers/"),
    "ledger": ("lead", "/ledger/"),
    "settings": ("admin", "/settings/"),
    "list": ("lead", "a list"),
    "subscriptions": ("lead", "/lists/subscriptions/"),
    "subscription": ("lead", "/lists/subscriptions/cyber-unit/"),
    "follow": ("lead", "/lists/subscriptions/new?source=stopncii"),
    "exchange": ("admin", "/publishing/"),
    "preview": ("lead", "a file"),
    "quarantine": ("lead", "/lists/quarantine"),
    "evidence": ("lead", "/evidence/"),
    "exhibit": ("lead", "an exhibit"),
    "access": ("lead", "a request"),
    "urgent": ("lead", "/evidence/access/urgent?exhibit=1"),
    "rules": ("lead", "/evidence/rules/"),
    "holds": ("lead", "/evidence/holds/"),
    "ends": ("lead", "/evidence/ends/?days=365"),
    "desk": ("lead", "/desk/"),
    "demand": ("lead", "/desk/demands/1/"),
}
"""Name → who looks, and where."""
LOOKS = {
    "light": ("en", "light", 1440),
    "dark": ("en", "dark", 1440),
    "arabic": ("ar", "light", 1440),
    "phone": ("en", "light", 360),
}
"""Name → language, theme, width in pixels."""
CHROMIUM = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE localhost , EXCLUDE 127.0.0.1",
]


@contextlib.contextmanager
def node() -> Iterator[tuple[str, dict[str, str], Path]]:
    """A demonstration that is being served: its address, the password of each role, the node's data."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory() as directory:
        command = [HIMAYA, "demo", "--data", f"{directory}/demo", "--port", str(port)]
        environment = {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as demo:
            try:
                assert demo.stdout is not None
                yield f"http://localhost:{port}", _passwords(demo.stdout, port), Path(directory, "demo/node")
            finally:
                demo.terminate()


def _passwords(output: Any, port: int) -> dict[str, str]:
    found = {}
    for line in output:
        if row := re.match(r"\W*(reviewer|lead|analyst|auditor|admin)\s+(\S+)", line):
            found[row[1]] = row[2]
        if len(found) == 5:
            break
    for _ in range(200):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://localhost:{port}/", timeout=2).close()
            return found
        time.sleep(0.1)
    sys.exit("The demonstration does not answer.")


FLOOD = """
import django
django.setup()
import random
from himaya.lists.models import Item
from himaya.screening import services
item, rng = Item.objects.filter(signal="pdq", state="active").first(), random.Random(1)
near = {int(item.value, 16) ^ sum(1 << bit for bit in rng.sample(range(256), rng.randint(1, 28))) for _ in range(140)}
things = [services.Value("pdq", f"{value:064x}") for value in near]
services.screen(things, by="system", origin="api", occasion="pictures of pages")
services.screen(things[:9], by="system", origin="api", occasion="pictures of pages")
"""
"""An item matches more contents than it may."""


SOURCES = """
import django
django.setup()
from datetime import timedelta
from django.db import transaction
from himaya.core import clock
from himaya.core.exchange import SourceTrouble
from himaya.core.words import N_
from himaya.lists import queries, subscribing
from himaya.lists.subscribing import running
from himaya.lists.models import Subscription
now, to, later = clock.now(), queries.lists().first(), clock.now() + timedelta(minutes=40)
told = {"pages": 12, "entries": 5230, "added": 412, "changed": 31, "unchanged": 4780, "retracted": 7, "refused": 2}
first = [{"line": 0, "why": "it has 31 digits, not 32", "excerpt": "r-118: 900150983cd24fb0d6963f7d28e17f7"}]
with transaction.atomic():
    for name, basis in {"cyber-unit": "national", "hotline-north": "baseline", "industry": "unstated"}.items():
        options = {"address": f"https://{name}.example/list.csv", "user": "node-7", "password": "drawn"}
        subscribing.subscribe(name, to=to, exchange="file", options=options, basis=basis, by="system")
    rows = Subscription.objects.all()
    rows.update(due_at=later, began_at=now - timedelta(minutes=21), ended_at=now - timedelta(minutes=20), rounds=91)
    rows.update(told={**told, "unread": {"TMK": 18}, "first": first})
    why = N_("it does not let this node in (status 401)")
    trouble = SourceTrouble(why=why, mend=N_("Set user and password anew."), permanent=True)
    running.fail(subscribing.find("cyber-unit"), trouble)
    rows.filter(name="hotline-north").update(enabled=False)
    rows.filter(name="cyber-unit").update(due_at=later, ended_at=now - timedelta(hours=9), failures=3)
"""
"""Sources that are followed: one of them fails, one is paused."""
PUBLISHED = """
import django
django.setup()
import json
from datetime import timedelta
from himaya.core import clock
from himaya.core.repository import ceremony, keys
from himaya.federation.native.keys import public_key
from himaya.federation.native.publishing import install_root, publish
from himaya.lists import queries
from himaya.log.keys import make_keys
from himaya.log.models import Cosignature, Witness
from himaya.log import queries as log
own, sticks = keys._key(json.loads(public_key(by="system"))), [keys.new() for _ in range(3)]
online = {role: [own] for role in ceremony.ONLINE}
with clock.use(clock.SetClock(clock.now() - timedelta(days=315))):
    proposal = ceremony.propose([one.public_key for one in sticks], online=online, name="Hotline North")
for one in sticks[:2]:
    proposal = ceremony.sign(proposal, one)
install_root(ceremony.finish(proposal), by="system")
for one in queries.lists().filter(enabled=True):
    publish(one)
now, newest = clock.now(), log.checkpoints().first()
for name, ago in {"north.example": timedelta(minutes=12), "south.example": timedelta(hours=30)}.items():
    key = make_keys(name).witness_public
    at = f"https://{name}/log/v1"
    made = Witness.objects.create(name=name, key=key, address=at, added_at=now - timedelta(days=90))
    Cosignature.objects.create(checkpoint=newest, witness=made, line="", at=now - ago)
"""
"""A root that three people hold and that ends soon, lists published, two witnesses, of whom one is silent."""
KEPT = """
import django
django.setup()
import io
from datetime import timedelta
from himaya.accounts.queries import person
from himaya.cases.models import Case
from himaya.core import clock
from himaya.core.vault.recipients import Identity
from himaya.evidence import granting, holding, retention
from himaya.evidence.ruling import RuleTerms, set_rule
from himaya.evidence.services import Acquired, preserve
lead, reviewer = person("lead"), person("reviewer")
now, mine = clock.now(), str(Identity.new().recipient)
ago = clock.SetClock(now - timedelta(days=140))
rules = {
    "us-reports": RuleTerms("18 USC 2258A(h)", "US", "legal-obligation", ["match", "received"], minimum="1 year"),
    "lu-orders": RuleTerms("Code de procedure penale, art. 48-25", "LU", "law", ["match"], minimum="90 days",
                           renewals=1, renewal="90 days"),
    "eu-erasure": RuleTerms("GDPR, art. 5(1)(e)", "EU", "law", ["received"], maximum="6 months", after="review"),
}
def keep(n, case, occasion, how):
    facts = {"label": "file of a report", "occasion": occasion, "once": f"drawn:{n}", "how": how, "tool": "himaya 0.5"}
    by = {"by": lead.actor, "case": case, "origin": "https://service.example/uploads", "media_type": "image/jpeg"}
    return preserve(io.BytesIO(f"invented bytes {n}".encode() * 4000), acquired=Acquired(**facts, **by))
cases = [one.about for one in Case.objects.order_by("pk")[:3]]
with clock.use(ago):
    for name, terms in rules.items():
        set_rule(name, terms=terms, by=lead.actor)
    kept = [keep(0, cases[0], "match", "screened"), keep(1, cases[1], "received", "received")]
    ago.advance(timedelta(days=20))
    day = (now + timedelta(days=60)).date()
    court = {"authority": "Tribunal d'arrondissement, Luxembourg", "reason": "Order 17/2026.", "by": lead.actor}
    holding.place_hold(kept[0].about, review_on=day, **court)
    ago.advance(timedelta(days=30))
    ask = {"purpose": "court", "reason": "The examining magistrate asks for the file.", "recipient": mine}
    first = granting.ask_access(kept[:1], person=reviewer, **ask)
    granting.grant_access(first.pk, person=lead, proof=granting.Proof("webauthn", clock.now()))
    b"".join(granting.read_exhibit(kept[0], access=first.pk, person=reviewer))
    ago.advance(timedelta(days=60))
    retention.renew(kept[0].pk, rule="lu-orders", reason="The order was renewed.", by=lead.actor)
kept += [keep(n, cases[n % 3], "match", "screened") for n in range(2, 7)]
granting.ask_access(kept[:2], person=reviewer, **ask)
"""
"""Exhibits with custody, rules that collide, a hold, a reading, a request that waits."""
DEMANDED = """
import django
django.setup()
from himaya.accounts.queries import person
from himaya.core import clock
from himaya.evidence.demands import services, telling
from himaya.evidence.demands.lists import REQUIRED
from himaya.evidence.demands.terms import Terms
lead = person("lead")
terms = Terms(kind="preservation", authority="Parquet, Luxembourg", country="LU", channel="portal", limit_applies=True,
              instrument="18 USC 2703(f)", limit="us-2703-f-preserve", received_at=clock.now(), reference="2026/17",
              scope="exhibits E-{}-000001-E-{}-000003".format(clock.now().year, clock.now().year))
one = services.record_demand(terms, person=lead)
for item in REQUIRED["preservation"]:
    services.confirm_check(one.pk, item=item, said="Called back at the number of the reference.", person=lead)
services.verify_demand(one.pk, person=lead)
services.accept_demand(one.pk, why="The order is as it must be.", person=lead)
telling.set_notice(one.pk, notice="planned", why="Once the order says so.", person=lead)
"""
"""A demand to preserve, looked at, accepted."""
NEEDED = {
    "exchange": PUBLISHED,
    "quarantine": FLOOD,
    "subscriptions": SOURCES,
    "subscription": SOURCES,
    **dict.fromkeys(("evidence", "exhibit", "access", "urgent", "rules", "holds", "ends"), KEPT),
    **dict.fromkeys(("desk", "demand"), DEMANDED),
}
"""Name of a page → what its node has to have done before."""
FILE = "".join(
    [
        "signal,value,scheme,code,source,reference\n",
        *(f"sha256,{n:064x},interpol,baseline,Hotline North,r-{n}\n" for n in range(0x5EED_0001, 0x5EED_0001 + 240)),
        "md5,900150983cd24fb0d6963f7d28e17f7,,,Hotline North,r-118\nsha512,00,,,Hotline North,r-119\n",
    ]
)
"""A list with two lines that cannot be taken."""


def prepare(data: Path, what: str) -> None:
    """Have the node hold an item, or follow sources."""
    environment = {**os.environ, "HIMAYA_DATA": str(data), "DJANGO_SETTINGS_MODULE": "himaya.site.settings"}
    subprocess.run([sys.executable, "-c", what], env=environment, check=True)


def take(browser: Any, address: str, passwords: dict[str, str], wanted: list[str], data: Path) -> None:
    """Take every picture that is wanted."""
    signed_in: dict[str, Any] = {}
    prepared: set[str] = set()
    for name in sorted(wanted, key=lambda name: name == "quarantine"):  # last: it changes what the others show
        what = NEEDED.get(name, "")
        if what and what not in prepared:
            prepare(data, what)
            prepared.add(what)
        who, where = PAGES[name]
        if who not in signed_in:
            signed_in[who] = sign_in(browser, address, who, passwords.get(who, ""))
        for look, (language, theme, width) in LOOKS.items():
            context = browser.new_context(
                storage_state=signed_in[who], viewport={"width": width, "height": 900}, reduced_motion="reduce"
            )
            context.add_cookies(
                [{"name": n, "value": v, "url": address} for n, v in (("language", language), ("theme", theme))]
            )
            page = context.new_page()
            find(page, address, where)
            page.screenshot(path=SCREENS / f"{name}-{look}.png", full_page=look != "phone")
            print(f"docs/screens/{name}-{look}.png", flush=True)
            context.close()


def find(page: Any, address: str, where: str) -> None:
    """Go to the page; of the cases, to the newest, or to the one that the person holds or can claim."""
    first = {
        "a case": "/cases/?state=",
        "a claimed case": "/cases/?state=mine",
        "a list": "/lists/",
        "a file": "/lists/",
        "an exhibit": "/evidence/",
        "a request": "/evidence/access/",
    }
    page.goto(address + first.get(where, where))
    if where in ("a list", "a file"):
        page.locator("main tbody th a[href^='/lists/'][href$='/']").last.click()
    if where == "a file":
        page.goto(f"{page.url}import")
        page.set_input_files("[name=file]", {"name": "list.csv", "mimeType": "text/csv", "buffer": FILE.encode()})
        page.locator("main form .button-primary").click()
        page.wait_for_url("**/import/*")
    if where in ("an exhibit", "a request"):
        page.locator("main tbody th a").last.click()
    if where == "a claimed case" and not page.locator("form[action$='/claim'] [data-claim]").count():
        page.goto(f"{address}/cases/?state=free")
    if where == "a claimed case":
        page.locator("[data-claim]").first.click()
    if where == "a case":
        page.goto(page.locator("a[href^='/cases/']").filter(has_text="H-").first.evaluate("a => a.href"))


def sign_in(browser: Any, address: str, who: str, password: str) -> Any:
    """The cookies of somebody who has signed in."""
    context = browser.new_context()
    if who:
        page = context.new_page()
        page.goto(address)
        page.fill("[name=login]", who)
        page.fill("[name=password]", password)
        page.press("[name=password]", "Enter")
        page.wait_for_url(f"{address}/**")
    state = context.storage_state()
    context.close()
    return state


def main(wanted: list[str]) -> int:
    """The exit status."""
    from playwright.sync_api import sync_playwright

    if system_parts.ensure(["chromium", "fonts"]):
        return 1
    SCREENS.mkdir(parents=True, exist_ok=True)
    with node() as (address, passwords, data), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=system_parts.chromium(), args=CHROMIUM)
        take(browser, address, passwords, wanted or list(PAGES), data)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
