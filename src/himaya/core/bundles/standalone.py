"""Makes ``verify.py`` out of what verifies: one file that experts can read, and run without anything else."""

from __future__ import annotations

import ast
import inspect
from functools import cache
from types import ModuleType

from himaya import __version__
from himaya.core.bundles.alone import agreement, bag, logged, program, said, stamps
from himaya.core.vault import verifier

PARTS: tuple[ModuleType, ...] = (verifier, bag, stamps, logged, agreement, said, program)
"""Each stands behind those that it imports."""
_HEAD = '''#!/usr/bin/env python3
"""{about}"""
# Himaya {version}. Put together from the parts that Himaya itself verifies with, each under a line of its own.

from __future__ import annotations

{imports}
'''
_FOOT = '\n\nif __name__ == "__main__":\n    sys.exit(main())\n'


@cache
def source() -> bytes:
    """The file."""
    imports: set[str] = set()
    bodies = []
    for part in PARTS:
        text = inspect.getsource(part)
        lines = text.split("\n")
        tree = ast.parse(text)
        for node in tree.body:
            if isinstance(node, ast.Import | ast.ImportFrom):
                origin = node.module or "" if isinstance(node, ast.ImportFrom) else ""
                if origin != "__future__" and not origin.startswith("himaya."):
                    imports.add(ast.unparse(node))
                lines[node.lineno - 1 : node.end_lineno] = [None] * _length(node)  # type: ignore[list-item]
        about = tree.body[0]
        lines[about.lineno - 1 : about.end_lineno] = [None] * _length(about)  # type: ignore[list-item]
        body = "\n".join(line for line in lines if line is not None).strip("\n")
        told = "\n".join(f"# {line}".rstrip() for line in (ast.get_docstring(tree) or "").split("\n"))
        name = part.__name__.rpartition(".")[2]
        bodies.append(f"\n\n# --- {name} {'-' * (112 - len(name))}\n#\n{told}\n\n{body}\n")
    head = _HEAD.format(about=inspect.getdoc(program), version=__version__, imports="\n".join(sorted(imports)))
    return (head + "".join(bodies) + _FOOT).encode()


def _length(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def own_names(part: ModuleType) -> set[str]:
    """What a part defines: no other may, or one would cover the other in the file."""
    found = set()
    for node in ast.parse(inspect.getsource(part)).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {one.id for target in targets for one in ast.walk(target) if isinstance(one, ast.Name)}
    return found
