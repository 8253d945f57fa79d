"""The reference at the terminal."""

from __future__ import annotations

from typing import Any

from tests.cli.conftest import Node, copied

KJT = "lu-helpline-kanner-jugendtelefon"


def test_an_operator_looks_things_up_and_puts_them_right(prepared: Node, tmp_path: Any) -> None:
    node = copied(prepared, tmp_path / "node")
    listed = node.run("reference", "list", "contacts", "--place", "LU").stdout
    assert KJT in listed
    assert "116 111" in listed
    change = ("reference", "change", "contacts", KJT, "--reason", "we rang them")
    node.run(*change, "--set", "numbers=116 111; 28 77 70", "--set", "basis=confirmed")
    shown = node.run("reference", "show", "contacts", KJT).stdout
    assert "as shipped" in shown
    assert "28 77 70" in shown
    assert "we rang them" in shown
    assert "confirmed by this node" in shown
    node.run(*change, "--aside")
    assert KJT not in node.run("reference", "list", "contacts", "--place", "LU").stdout
    assert KJT in node.run("reference", "list", "contacts", "--aside").stdout
    node.run(*change, "--restore")
    node.run(*change, "--as-shipped")
    assert "as shipped" not in node.run("reference", "show", "contacts", KJT).stdout.partition("change")[0]


def test_an_operator_adds_a_law(prepared: Node, tmp_path: Any) -> None:
    node = copied(prepared, tmp_path / "node")
    law = {
        "jurisdiction": "LU", "instrument": "a law", "bearer": "provider", "duty": "preserve", "task": "keep it",
        "bound": "at-least", "amount": "6", "unit": "months", "standing": "in-force", "source": "the gazette",
        "checked": "2026-11-29", "basis": "primary", "confidence": "high",
    }  # fmt: skip
    settings = [word for name, value in law.items() for word in ("--set", f"{name}={value}")]
    node.run("reference", "add", "limits", *settings, "--reason", "published today")
    assert "at least 6 months" in node.run("reference", "list", "limits", "--place", "LU").stdout


def test_what_cannot_be_done_is_said_and_nothing_changes(prepared: Node, tmp_path: Any) -> None:
    node = copied(prepared, tmp_path / "node")
    change = ("reference", "change", "contacts", KJT, "--reason", "r")
    assert "one of these at a time" in node.run(*change, status=2).stderr
    assert "one of these at a time" in node.run(*change, "--aside", "--set", "note=x", status=2).stderr
    assert "sets no field" in node.run(*change, "--set", "note", status=2).stderr
    assert "no such field" in node.run(*change, "--set", "telephone=1", status=2).stderr
    assert "languages" in node.run("reference", "list", "customs", status=2).stderr
    assert "nobody" in node.run("reference", "show", "contacts", "nobody", status=2).stderr
    assert "as shipped" not in node.run("reference", "show", "contacts", KJT).stdout


def test_an_operator_asks_whom_to_tell_and_what_is_known_of_a_country(prepared: Node) -> None:
    route = ("reference", "route", "--host", "DE", "--user", "FR")
    told = " ".join(node_out(prepared, *route, "--ours", "NL", "--bearer", "hosting", "--danger").split())
    assert "PHAROS" in told
    assert "promptly, from: awareness" in told
    assert "No authority that takes reports is known here: Germany." in told
    known = " ".join(node_out(prepared, "reference", "country", "DE").split())
    assert "Germany (DE), European Union" in known
    assert "jugendschutz.net" in known
    assert "Nothing is known. The Council of Europe and INTERPOL" in known
    assert "no 'pirate'" in prepared.run(*route, "--bearer", "pirate", status=2).stderr
    assert "the code of no country" in prepared.run("reference", "country", "de", status=2).stderr


def node_out(node: Node, *words: str) -> str:
    return node.run(*words).stdout
