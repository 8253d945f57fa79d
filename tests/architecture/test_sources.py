"""How the files are written: short, well named, and with their errors in words."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import string
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from tests.architecture import house

import himaya
from himaya.core.errors import HimayaError

LONGEST_FILE, LONGEST_FUNCTION = 400, 60
SAY_NOTHING = {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}
VERBS = re.compile(
    r"accept|add|answer|append|arm|ask|assign|attach|begin|cancel|change|check|claim|close|comment|compose|confirm|count|create|decide"
    r"|declare|deliver|discard|dispute|draw|end|enrol|enqueue|export|find|finish|forget|give|hold|import|issue"
    r"|join|keep|leave|lock|look|make|mark|match|merge|move|note|notify|open|postpone|preserve|publish|queue|raise|read"
    r"|reclaim|record|refuse|release|remove|rename|renew|reopen|replace|report|require|reset|resolve|rest|restore|resume"
    r"|retire|retry|retract|revoke|save|scan|screen|seal|send|set|settle|share|sign|start|stop|store|submit|take|tell|undo"
    r"|unlock|update|verify|withdraw|write"
)


def too_long(files: Mapping[str, str]) -> list[str]:
    """Files and functions that ought to be several. A test may be as long as its story."""
    found = [f"{path}: {n} lines" for path, text in files.items() if (n := len(text.splitlines())) > LONGEST_FILE]
    for path, text in files.items():
        for function in () if path.startswith("tests/") else house.functions(text):
            lines = (function.end_lineno or 0) - function.lineno + 1
            found += [f"{path}: {function.name} has {lines} lines"] if lines > LONGEST_FUNCTION else []
    return found


def test_files_and_functions_are_short() -> None:
    assert too_long(house.python()) == []


def test_a_long_file_and_a_long_function_are_found() -> None:
    assert too_long({"a.py": "\n" * (LONGEST_FILE + 1)})
    assert too_long({"a.py": "def f():\n" + "    pass\n" * LONGEST_FUNCTION})
    assert not too_long({"a.py": "def f():\n" + "    pass\n" * (LONGEST_FUNCTION - 1)})


def nameless(paths: Iterator[str] | list[str]) -> list[str]:
    """Files and folders whose names say nothing."""
    return [path for path in paths if any(Path(part).stem in SAY_NOTHING for part in Path(path).parts)]


def test_the_name_of_a_file_says_what_is_in_it() -> None:
    assert nameless([path for path in house.texts() if path.endswith(".py")]) == []


@pytest.mark.parametrize("path", ["src/himaya/cases/utils.py", "src/himaya/common/x.py", "tests/helpers.py"])
def test_a_name_that_says_nothing_is_found(path: str) -> None:
    assert nameless([path])


def open_doors(files: Mapping[str, str]) -> list[str]:
    """Calls of Pillow that let the file choose the decoder."""
    return [
        f"{path}:{call.lineno}"
        for path, text in files.items()
        for call in ast.walk(ast.parse(text))
        if isinstance(call, ast.Call)
        and ast.unparse(call.func).endswith("Image.open")
        and not any(keyword.arg == "formats" for keyword in call.keywords)
    ]


def test_pictures_are_opened_with_a_list_of_formats() -> None:
    assert open_doors(house.source()) == []


def test_a_picture_opened_with_any_decoder_is_found() -> None:
    assert open_doors({"a.py": "Image.open(path)"})
    assert open_doors({"a.py": "PIL.Image.open(path)"})
    assert not open_doors({"a.py": "Image.open(path, formats=('PNG',))"})


# --- services --------------------------------------------------------------------------------------------------------


def services(files: Mapping[str, str]) -> Iterator[tuple[str, ast.FunctionDef]]:
    """The public functions of the rooms' services."""
    for path, text in files.items():
        if "services" in (Path(path).stem, Path(path).parent.name):
            for node in ast.parse(text).body:
                if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                    yield path, node


def odd_services(files: Mapping[str, str]) -> list[str]:
    """Services that are not imperative verbs, or take more than one argument by position."""
    found = []
    for path, function in services(files):
        if not VERBS.fullmatch(function.name.split("_")[0]):
            found.append(f"{path}: {function.name} does not begin with a verb (a new one belongs into VERBS)")
        if len(function.args.posonlyargs + function.args.args) > 1 or function.args.vararg:
            found.append(f"{path}: {function.name} takes more than its first argument by position")
    return found


def test_services_are_verbs_and_name_their_arguments() -> None:
    assert list(services(house.source())), "there are services to look at"
    assert odd_services(house.source()) == []


@pytest.mark.parametrize("line", ["def get_case(x): ...", "def case(x): ...", "def open_case(a, b): ..."])
def test_an_odd_service_is_found(line: str) -> None:
    assert odd_services({"src/himaya/cases/services.py": line})
    assert odd_services({"src/himaya/cases/services/opening.py": line})


# --- errors ----------------------------------------------------------------------------------------------------------


def every_error(root: type[HimayaError] = HimayaError) -> Iterator[type[HimayaError]]:
    """Every error that a person can act on, of the whole package."""
    for error in root.__subclasses__():
        if error.__module__.startswith("himaya."):
            yield error
        yield from every_error(error)


@pytest.fixture(scope="module")
def errors() -> list[type[HimayaError]]:
    for found in pkgutil.walk_packages(himaya.__path__, "himaya."):
        if ".migrations" not in found.name and not found.name.endswith("__main__"):
            importlib.import_module(found.name)
    return list(every_error())


def facts(template: str) -> set[str]:
    """The names of the facts that a template asks for.

    Raises:
        ValueError: it is no template.
    """
    return {
        name.split(".")[0].split("[")[0] for _, name, _, _ in string.Formatter().parse(template) if name is not None
    }


def wordless(error: type[HimayaError]) -> list[str]:
    """What is wrong with an error's own words."""
    message = error.__dict__.get("__doc__") or ""
    found = [] if message.strip().endswith((".", "}")) else ["its docstring is no sentence"]
    for template in (error.template(), error.remedy):
        try:
            found += ["a fact without a name"] if "" in facts(template) else []
        except ValueError as defect:
            found.append(f"not a template: {defect}")
    return [f"{error.__name__}: {why}" for why in found]


def test_the_docstring_of_an_error_is_its_message(errors: list[type[HimayaError]]) -> None:
    assert len(errors) > 10
    assert [complaint for error in errors for complaint in wordless(error)] == []


def test_an_error_without_words_is_found() -> None:
    for docstring in (None, "no sentence", "A fact {without a name", "An empty {} fact."):
        assert wordless(type("Odd", (HimayaError,), {"__doc__": docstring, "__module__": "elsewhere"}))


def test_an_error_has_a_name_of_its_own(errors: list[type[HimayaError]]) -> None:
    codes = [error.code() for error in errors]
    assert sorted(codes) == sorted(set(codes))


def meant(path: str, call: ast.Call, errors: Mapping[str, type[HimayaError]]) -> type[HimayaError] | None:
    """The error that a call makes, if it makes one."""
    name = ast.unparse(call.func)
    found: object = sys.modules.get(house.module(path))
    for part in name.split("."):
        found = getattr(found, part, None)
    if found is None:  # imported inside a function
        found = errors.get(name.split(".")[-1])
    plain = isinstance(found, type) and issubclass(found, HimayaError) and found.__init__ is HimayaError.__init__
    return found if plain else None  # type: ignore[return-value]


def speechless(files: Mapping[str, str], errors: list[type[HimayaError]]) -> list[str]:
    """Places that raise an error without the facts its words need. One with an initialiser of its own sees to it."""
    by_name = {e.__name__: e for e in errors}
    found = []
    for path, text in files.items():
        for call in ast.walk(ast.parse(text)):
            if not isinstance(call, ast.Call) or (error := meant(path, call, by_name)) is None:
                continue
            given = {keyword.arg for keyword in call.keywords}
            lacking = (facts(error.template()) | facts(error.remedy)) - given
            if call.args or (None not in given and lacking):
                found.append(f"{path}:{call.lineno} {error.__name__} lacks {sorted(lacking)}")
    return found


def test_an_error_is_raised_with_the_facts_that_it_tells(errors: list[type[HimayaError]]) -> None:
    assert speechless(house.source(), errors) == []


def test_an_error_raised_without_its_facts_is_found(errors: list[type[HimayaError]]) -> None:
    assert speechless({"a.py": "raise BadSignal(value=1, signal=2)"}, errors)
    assert speechless({"a.py": "raise errors.BadSignal('no')"}, errors)
    assert not speechless({"a.py": "raise BadSignal(value=1, signal=2, why=3)"}, errors)


ENGLISH = {
    "accounts/services.py", "core/registry.py", "core/search/numpy_index.py", "core/search/prefixes.py",
    "ledger/delivery.py",
    "plugins/channels/file.py", "site/secrets.py",
}  # fmt: skip
"""Files whose errors still tell facts in English alone; beside them the command line and the API, which always do."""


def unmarked(files: Mapping[str, str], errors: list[type[HimayaError]]) -> list[str]:
    """Facts of errors that are sentences of ours and that no face can translate: neither ``N_`` nor ``Said``."""
    by_name = {e.__name__: e for e in errors}
    found = []
    for path, text in files.items():
        if path.removeprefix("src/himaya/") in ENGLISH or {"cli", "api", "api.py"} & set(Path(path).parts):
            continue
        for call in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)):
            if meant(path, call, by_name) or ast.unparse(call.func) in ("NotSent", "Refusal", "refusal"):
                given = [*call.args, *(keyword.value for keyword in call.keywords)]
                found += [f"{path}:{call.lineno} {ast.unparse(fact)}" for fact in given if _sentence(fact)]
    return found


def _sentence(fact: ast.expr) -> bool:
    """Whether it is written out as words, with or without facts in them."""
    parts = fact.values if isinstance(fact, ast.JoinedStr) else [fact]
    return any(isinstance(p, ast.Constant) and re.search(r"[a-z] |^ ?[a-z]+$| [a-z]", str(p.value)) for p in parts)


def test_facts_that_are_sentences_can_be_translated(errors: list[type[HimayaError]]) -> None:
    assert unmarked(house.source(), errors) == []


def test_a_fact_that_cannot_be_translated_is_found(errors: list[type[HimayaError]]) -> None:
    for fact in ("'it is empty'", "f'it has {n} digits'", "'sent again'"):
        assert unmarked({"src/himaya/a.py": f"raise BadSignal(value=1, signal=2, why={fact})"}, errors)
    for fact in ("N_('it is empty')", "Said('it has {n} digits', n=n)", "why", "f'{a}:{b}'"):
        assert not unmarked({"src/himaya/a.py": f"raise BadSignal(value=1, signal=2, why={fact})"}, errors)
