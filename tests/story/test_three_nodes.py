"""A hub in one page: a platform follows it alone, and still checks what each hotline behind it signed."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

from tests.drawn import picture
from tests.nodes import Node, served
from tests.story.test_two_nodes import do, matches, node

from himaya.core import registry
from himaya.core.contents import Content
from himaya.core.repository.keys import read_public

MEMBERS = ("--members", "--basis", "national")
TELLERS = """
rows = Statement.objects.filter(item__value="{value}", act="vouch").values_list(
    "organisation__name", "organisation__jurisdiction", "basis")
print(json.dumps([list(row) for row in rows]))"""
SIGNED = """
from himaya.federation.native.keys import directory
print(max(directory().glob("{name}/metadata/*.hotline.example.json")).read_text())"""


def run(at: Node, *commands: tuple[object, ...]) -> list[str]:
    """Commands one after the other, which end well; what each wrote."""
    return [at.run(*command).stdout for command in commands]


def root_of(at: Node, sticks: Path) -> Path:
    """Three people make a root on sticks; two of them sign it, and it is put in force."""
    sticks.mkdir()
    words, proposal, root, own = (sticks / name for name in ("words", "proposal", "root.json", "node.pub"))
    words.write_text("a long sentence that only they know")
    made = [("keys", "make", sticks / name, "--passphrase-file", words) for name in ("anna", "ben", "cleo")]
    holders = [part for name in ("anna", "ben", "cleo") for part in ("--key", sticks / f"{name}.pub")]
    online = [part for role in ("targets", "snapshot", "timestamp") for part in (f"--{role}", own)]
    signed = [
        ("keys", "sign", proposal, "--key", sticks / name, "--passphrase-file", words) for name in ("anna", "ben")
    ]
    run(
        at,
        *made,
        ("exchange", "key", "--to", own),
        ("keys", "new-root", *holders, *online, "--name", at.data.name, "--to", proposal),
        *signed,
        ("keys", "finish-root", proposal, "--to", root),
        ("exchange", "root", root),
    )
    return root


def follow(
    name: str, at: str, *, to: str, of: str, root: Path, key: Path, more: tuple[str, ...]
) -> list[tuple[object, ...]]:
    """The commands that subscribe to a list of another node, and read it."""
    set_ = ("--set", f"address={at}/exchange/himaya/{of}", "--set", f"root={root.read_text()}")
    how = ("--list", to, "--source", "himaya", *set_, "--secret-file", f"key={key}", "--private", *more)
    return [("lists", "create", to), ("subscriptions", "add", name, *how), ("subscriptions", "run", name)]


def test_a_hotline_a_hub_and_a_platform(tmp_path: Path) -> None:
    hotline = node(tmp_path / "a", organisation="hotline.example", jurisdiction="LU")
    hub = node(tmp_path / "b", organisation="hub.example", jurisdiction="NL")
    platform = node(tmp_path / "c", organisation="platform.example", jurisdiction="FR")
    root, root_of_hub = root_of(hotline, tmp_path / "a-sticks"), root_of(hub, tmp_path / "b-sticks")

    # The hotline has a list that may be passed on with its permission alone. The hub follows it.
    pictures = [tmp_path / "kept.jpg", tmp_path / "withdrawn.jpg"]
    for n, file in enumerate(pictures, start=1):
        file.write_bytes(picture(seed=n))
    kept, withdrawn = (registry.signal("pdq").compute(Content(file.read_bytes()))[0].value for file in pictures)
    (tmp_path / "own.csv").write_text(f"signal,value\npdq,{kept}\npdq,{withdrawn}\n")
    told = run(
        hotline,
        ("lists", "create", "national", "--title", "National hotline"),
        ("lists", "import", "national", tmp_path / "own.csv"),
        ("exchange", "publish", "national"),
        ("partners", "add", "hub"),
        ("partners", "share", "hub", "national"),
    )
    (tmp_path / "hub.key").write_text(told[3].strip())
    signer = read_public(tmp_path / "a-sticks/node.pub").keyid

    with served(hotline) as at_hotline, ExitStack() as later:
        how = {"to": "network", "of": "national", "root": root, "key": tmp_path / "hub.key", "more": MEMBERS}
        run(hub, *follow("from-hotline", at_hotline, **how))
        at_hub = later.enter_context(served(hub))

        # Its administrator admits the hotline; without permission that is refused, and nothing follows of itself.
        refused = hub.run("exchange", "admit", "from-hotline", "hotline.example", status=2)
        assert "TLP:AMBER+STRICT" in refused.stderr
        told = run(
            hub,
            ("exchange", "admit", "from-hotline", "hotline.example", "--permission", "Letter of 2 November 2026"),
            ("exchange", "publish", "network"),
            ("exchange", "show"),
            ("partners", "add", "platform"),
            ("partners", "share", "platform", "network", "--permission", "Letter of 2 November 2026"),
        )
        (tmp_path / "platform.key").write_text(told[3].strip())
        assert "hotline.example" in told[2]
        assert do(hub, SIGNED.format(name="network")) == do(hotline, SIGNED.format(name="national"))

        # The platform follows the hub alone. It pins the hotline's key, which the hotline itself told it.
        more = ("--set", f"signatories=hotline.example={signer}", *MEMBERS)
        how = {"to": "from-hub", "of": "network", "root": root_of_hub, "key": tmp_path / "platform.key", "more": more}
        run(platform, *follow("hub", at_hub, **how))
        assert [len(matches(platform, file)) for file in pictures] == [1, 1]
        tellers = json.loads(do(platform, TELLERS.format(value=kept)))
        assert tellers == [["hotline.example", "LU", "national"]]

        # The hotline withdraws an item. It comes through the hub, and the platform stops matching it.
        do(
            hotline,
            f"""
item = Item.objects.get(value="{withdrawn}")
services.mark_item(item.pk, state="withdrawn", by="person:1", reason="Listed by mistake.")""",
        )
        hotline.run("exchange", "publish", "national")
        hub.run("exchange", "publish", "network")
        platform.run("subscriptions", "run", "hub")
        assert [len(matches(platform, file)) for file in pictures] == [1, 0]

        # The hub dismisses the hotline. Nothing of it counts at the platform any more.
        hub.run("exchange", "dismiss", "network", "hotline.example")
        platform.run("subscriptions", "run", "hub")
        assert matches(platform, pictures[0]) == []

    acts = json.loads(
        do(
            hub,
            """
from himaya.ledger.queries import entries
print(json.dumps([entry.act for entry in entries()]))""",
        )
    )
    assert {"signatory.admitted", "list.passed-on", "signatory.dismissed"} <= set(acts)
