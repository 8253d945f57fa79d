"""Write ``docs/openapi.json`` and ``docs/api.md`` from the code; ``--check`` only says whether they are due."""

# ruff: noqa: T201
from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import django

DOCS = Path(__file__).parent.parent.resolve() / "docs"
PREFIX = "/api/v1/"
INTRODUCTION = """\
<!-- Written by tools/api_docs.py from the code. Changes here are lost. -->

The whole description, with every schema, is `docs/openapi.json`; a node serves it at `/api/v1/openapi.json`.

## Keys

An administrator makes a key under Settings. It has some of the scopes below, an end, and is shown once. Send it with
every request: `Authorization: Bearer himaya_…`. No cookie or session is read. A key never decides a case: that is a
person's to do.

## Sending something twice

Writes take an `Idempotency-Key` (1 to 255 visible ASCII characters; a random UUID is best). The same request with the
same key within 30 days has no second effect and gets the first answer, also while the first is still being worked on
and after a crash. The same key with another request is refused (422 `key-reused`); where the first takes longer than
five seconds, the second is sent away (409 `in-flight`). An error leaves the key free. `POST /screen` keeps an answer
only where a case was opened: what is not known is forgotten.

## Pages

Listings take `limit` (1 to 500) and answer `next_cursor`: pass it on as `cursor` until it is null. A cursor belongs to
its listing and keeps its place while rows come and go.

## Errors

Every error is a problem document (RFC 9457), `application/problem+json`: `type` names it for machines
(`urn:himaya:problem:unknown-list`), `detail` says what happened, `remedy` what to do, and `errors` lists what is wrong
with a request, as `where` (`body.items[3].value`, `query.limit`, `line 12`) and `why`. Unknown fields and parameters
are refused.
"""
EXAMPLES = """\
## Examples

Is this hash known? Ask without opening a case:

```sh
curl https://node.example/api/v1/screen -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\
  -d '{"items": [{"signal": "md5", "value": "900150983cd24fb0d6963f7d28e17f72"}], "open_cases": false}'
```

Screen two files, say where they were met, and open a case for each hit; safe to send again:

```sh
curl https://node.example/api/v1/screen -H "Authorization: Bearer $KEY" -H "Idempotency-Key: $(uuidgen)" \\
  -F files=@one.jpg -F files=@two.jpg -F place=https://host.example/1 -F place=https://host.example/2
```

Make a list and import a file into it:

```sh
curl https://node.example/api/v1/lists -H "Authorization: Bearer $KEY" -H 'Content-Type: application/json' \\
  -d '{"name": "hotline", "source": "A hotline", "radius": 31}'
curl https://node.example/api/v1/lists/hotline/import -H "Authorization: Bearer $KEY" -H 'Content-Type: text/csv' \\
  --data-binary @items.csv
```

The items of a list that were withdrawn, a hundred at a time:

```sh
curl -G https://node.example/api/v1/lists/hotline/items -H "Authorization: Bearer $KEY" \\
  -d state=withdrawn -d limit=100 -d cursor="$NEXT"
```
"""


def openapi() -> dict[str, Any]:
    """The description, as JSON types."""
    from himaya.site.api import api

    described: dict[str, Any] = json.loads(json.dumps(api.get_openapi_schema(path_prefix=PREFIX)))
    return described


def page(described: dict[str, Any]) -> str:
    """The page for readers."""
    from himaya.core.wire import WORDS

    parts = ["# The API\n", INTRODUCTION, "| status | meaning |\n| --- | --- |"]
    parts += [f"| {status} | {words} |" for status, words in WORDS.items()]
    parts += ["\n## Calls\n", "| call | what it does | scope | errors |\n| --- | --- | --- | --- |", *_rows(described)]
    return "\n".join([*parts, "", EXAMPLES])


def _rows(described: dict[str, Any]) -> Iterator[str]:
    for path, methods in described["paths"].items():
        for method, operation in methods.items():
            needs = [scope for one in operation.get("security", []) for scope in one["Key"] or ["any key"]]
            scope = f"`{needs[0]}`" if needs and needs != ["any key"] else " ".join(needs) or "none"
            errors = " ".join(status for status in operation["responses"] if int(status) >= 400)
            words = " ".join(operation.get("description", operation["summary"]).split())
            yield f"| `{method.upper()} {path}` | {words} | {scope} | {errors} |"


def main(arguments: list[str]) -> int:
    """The exit status."""
    django.setup()
    described = openapi()
    files = {
        DOCS / "openapi.json": json.dumps(described, indent=2, ensure_ascii=False) + "\n",
        DOCS / "api.md": page(described),
    }
    due = [path for path, text in files.items() if not path.exists() or path.read_text("utf-8") != text]
    names = ", ".join(str(path.relative_to(DOCS.parent)) for path in due)
    if "--check" in arguments and due:
        print(f"Not up to date with the code: {names}. Run: tools/api_docs.py")
        return 1
    for path in due:
        path.write_text(files[path], "utf-8")
    print(f"Written: {names}." if due else "docs/openapi.json and docs/api.md are up to date.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
