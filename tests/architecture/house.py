"""The house as the rules see it: its files, its floors, and small readers of Python's syntax trees.

A rule is a function from files (path → text) to complaints. Each test applies it to the project, and to a few lines
that break it: a rule that cannot fail is none.
"""

from __future__ import annotations

import ast
import subprocess
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

PROJECT = Path(__file__).parents[2]
BINARY = {".woff2", ".mo", ".png", ".jpg", ".ico", ".gz"}


@cache
def tracked() -> tuple[Path, ...]:
    """Every file of the project that git tracks or would track, relative to its root."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    answer = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    names = answer.stdout.split("\0") if answer.returncode == 0 else _without_git()
    return tuple(sorted(Path(n) for n in set(names) if n and (PROJECT / n).is_file()))


def _without_git() -> list[str]:
    """The same for an unpacked archive, in which nothing is ignored but what we made ourselves."""
    ours = {".venv", "build", "__pycache__", "himaya-data", "himaya-demo", ".hypothesis"}
    paths = (p.relative_to(PROJECT) for p in PROJECT.rglob("*") if p.is_file())
    return [str(p) for p in paths if not ours & set(p.parts) and not any(part.endswith("_cache") for part in p.parts)]


@cache
def texts() -> Mapping[str, str]:
    """Every text file of the project."""
    return {str(p): (PROJECT / p).read_text("utf-8") for p in tracked() if p.suffix not in BINARY}


def python(under: str = "") -> dict[str, str]:
    """The Python files below a folder, migrations left out."""
    return {
        path: text
        for path, text in texts().items()
        if path.endswith(".py") and path.startswith(under) and "/migrations/" not in path
    }


def source() -> dict[str, str]:
    """The Python files of the product."""
    return python("src/himaya/")


def declared() -> dict[str, object]:
    """What ``pyproject.toml`` says."""
    return tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))


def floors() -> list[set[str]]:
    """The rooms, floor by floor, the highest first, as import-linter is told."""
    contracts = declared()["tool"]["importlinter"]["contracts"]  # type: ignore[index]
    layers = next(c["layers"] for c in contracts if c["type"] == "layers")
    return [{room.strip() for room in layer.split("|")} for layer in layers]


def height(room: str) -> int:
    """The floor of a room, counted from the ground."""
    return next(n for n, rooms in enumerate(reversed(floors())) if room in rooms)


def room(path: str) -> str:
    """The room that a file of the product is in; empty for those that are in none."""
    parts = Path(path).parts
    return parts[2] if len(parts) > 3 else ""


def face(path: str) -> bool:
    """Whether a file is a face: API, pages or command line."""
    return any(Path(part).stem in ("api", "pages", "cli") for part in Path(path).parts[3:])


def module(path: str) -> str:
    """The dotted name of a file of the product."""
    return ".".join(Path(path).with_suffix("").parts[1:]).removesuffix(".__init__")


def imports(path: str, text: str) -> Iterator[tuple[int, str]]:
    """What a file imports when it runs, as (line, dotted name); what only a type checker imports is left out."""
    tree = ast.parse(text)
    typing_only = {
        id(node)
        for block in ast.walk(tree)
        if isinstance(block, ast.If) and "TYPE_CHECKING" in ast.unparse(block.test)
        for statement in block.body
        for node in ast.walk(statement)
    }
    package = module(path).split(".") if path.endswith("__init__.py") else module(path).split(".")[:-1]
    for node in ast.walk(tree):
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{origin}.{alias.name}") for alias in node.names)


def functions(text: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Every function and method in a file."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node
