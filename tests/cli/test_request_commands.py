"""What we ask of others, at the console of one machine: begun from a case, filled in, sent, renewed, replied to."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Node
from tests.cli.test_desk_commands import AS, add, ready


def test_a_request_goes_its_way_at_the_console(prepared: Node, tmp_path: Path) -> None:
    node = ready(prepared, tmp_path)
    reference = add(node, tmp_path, "one")
    begin = ("desk", "request", "begin", *AS, "--kind", "preservation", "--to", "LU", "--recipient", "The point")
    law = ("--limit", "coe-budapest-29-preserve")
    assert "there is no case 999999" in node.run(*begin, *law, "--case", "999999", status=2).stderr
    one = json.loads(node.run(*begin, *law, "--case", "12", "--json").stdout)
    number = one["reference"]
    assert reference in one["fields"]["digital-evidence-hash-values"]
    assert "digital-evidence-hash-values" in one["filled_in"]
    assert "handling-urgency-and-reason" in one["missing"]
    node.run("desk", "request", "send", number, *AS, "--channel", "email", status=2)
    node.run("desk", "request", "fill", number, *(f"{key}=stated" for key in one["missing"]), *AS)
    said = node.run("desk", "request", "send", number, *AS, "--channel", "email").stderr
    assert f"{number}: send; it is sent" in said
    assert "Next: himaya desk request receipt 1 --as lead1" in said
    node.run("desk", "request", "receipt", number, *AS, "--reference", "LU 7", "--why", "by e-mail")
    node.run("desk", "request", "remind", number, *AS, "--why", "called them")
    node.run("desk", "request", "renew", number, *AS, "--why", "asked anew")
    shown = node.run("desk", "request", "show", number).stdout
    assert reference in shown
    assert "Hash values" in shown
    clocks = json.loads(node.run("desk", "request", "show", number, "--json").stdout)["clocks"]
    assert sum(each["what"] == "keeping" for each in clocks) == 2
    node.run("desk", "request", "reply", number, *AS, "--why", "they preserve")
    assert json.loads(node.run("desk", "request", "end", number, *AS, "--why", "done", "--json").stdout)["state"] == (
        "closed"
    )
    listed = json.loads(node.run("desk", "request", "list", "--case", "12", "--json").stdout)
    assert [each["reference"] for each in listed] == [number]
