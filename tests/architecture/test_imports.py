"""Imports go down only; models stay in their room; plug-ins know nobody."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from tests.architecture import house

LINT = Path(sys.executable).with_name("lint-imports")


def lint(directory: Path) -> subprocess.CompletedProcess[str]:
    command = [LINT, "--no-cache"]
    return subprocess.run(
        command, cwd=directory, capture_output=True, text=True, check=False, env={"PYTHONPATH": "src"}
    )


def test_imports_keep_to_the_floors() -> None:
    answer = lint(house.PROJECT)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.fixture
def skeleton(tmp_path: Path) -> Path:
    """The rooms of the house, all of them empty, under the same contracts."""
    contracts = (house.PROJECT / "pyproject.toml").read_text("utf-8").partition("[tool.importlinter]")
    (tmp_path / "pyproject.toml").write_text(contracts[1] + contracts[2], "utf-8")
    for room in [*set().union(*house.floors()), "core/search", "plugins/signals"]:
        package = tmp_path / "src/himaya" / room
        package.mkdir(parents=True, exist_ok=True)
        (package / "__init__.py").touch()
    (tmp_path / "src/himaya/__init__.py").touch()
    return tmp_path


def test_the_empty_house_keeps_to_the_floors(skeleton: Path) -> None:
    answer = lint(skeleton)
    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("file", "line", "contract"),
    [
        ("ledger/services.py", "import himaya.cases", "Floors"),
        ("reporting/services.py", "import himaya.takedown", "Floors"),
        ("cases/services.py", "def late():\n    import himaya.flow", "Floors"),
        ("attic/__init__.py", "", "Floors"),
        ("core/clock.py", "import django", "No Django below the line"),
        ("plugins/signals/x.py", "import django.db", "No Django below the line"),
        ("screening/services.py", "import himaya.plugins.signals", "Plug-ins are found"),
        ("lists/services.py", "import himaya.core.search", "One importer of core.search"),
        ("screening/services.py", "import PIL.Image", "Decoders are imported"),
    ],
)
def test_an_import_that_breaks_a_contract_is_named(skeleton: Path, file: str, line: str, contract: str) -> None:
    path = skeleton / "src/himaya" / file
    path.parent.mkdir(exist_ok=True)
    path.write_text(line, "utf-8")
    answer = lint(skeleton)
    assert answer.returncode != 0
    broken = re.findall(r"^(.*) BROKEN$", answer.stdout, re.M)
    assert any(name.startswith(contract) for name in broken) or "exhaustive" in answer.stdout + answer.stderr


def test_a_decoder_is_imported_in_no_room_but_the_ground(skeleton: Path) -> None:
    rooms = set().union(*house.floors()) - {"core"}
    for room in rooms:
        (skeleton / "src/himaya" / room / "x.py").write_text("import av", "utf-8")
    answer = lint(skeleton)
    named = set(re.findall(r"^- *himaya\.(\w+)\.x -> av", answer.stdout, re.M))
    assert named == rooms, answer.stdout


def foreign_models(files: Mapping[str, str]) -> list[str]:
    """Imports of another room's models, by whatever way."""
    return [
        f"{path}:{line} imports {name}"
        for path, text in files.items()
        for line, name in house.imports(path, text)
        if (parts := name.split("."))[0] == "himaya" and "models" in parts[2:3] and parts[1] != house.room(path)
    ]


def test_the_models_of_a_room_are_imported_by_that_room_only() -> None:
    assert foreign_models(house.source()) == []


@pytest.mark.parametrize(
    "line",
    [
        "from himaya.cases.models import Case",
        "from himaya.cases import models",
        "import himaya.cases.models",
        "def f():\n    from ..cases.models import Case",
    ],
)
def test_an_import_of_foreign_models_is_found(line: str) -> None:
    assert foreign_models({"src/himaya/flow/rules.py": line})
    assert not foreign_models({"src/himaya/cases/services.py": line})


def test_an_import_for_the_type_checker_alone_is_none() -> None:
    line = "if TYPE_CHECKING:\n    from himaya.cases.models import Case"
    assert not foreign_models({"src/himaya/flow/rules.py": line})


def back_doors(files: Mapping[str, str]) -> list[str]:
    """Ways to a model that pass by its room: the registry of apps, and managers in a face."""
    found = []
    for path, text in files.items():
        found += [f"{path} asks the registry of apps for a model"] if re.search(r"\bget_model\(", text) else []
        if house.face(path):
            found += [f"{path} reaches a manager"] if re.search(r"\.objects\b", text) else []
            found += [f"{path}:{line} imports {name}" for line, name in house.imports(path, text) if ".models" in name]
    return found


def test_a_face_reaches_no_model() -> None:
    assert back_doors(house.source()) == []


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("cases/api.py", "from himaya.cases.models import Case"),
        ("cases/pages/queue.py", "from .. import models"),
        ("site/cli/scan.py", "Person.objects.all()"),
        ("flow/rules.py", 'apps.get_model("cases", "Case")'),
    ],
)
def test_a_face_that_reaches_a_model_is_found(file: str, line: str) -> None:
    assert back_doors({f"src/himaya/{file}": line})


def sociable_plugins(files: Mapping[str, str]) -> list[str]:
    """Plug-ins that import more of the house than its ground floor."""
    return [
        f"{path}:{line} imports {name}"
        for path, text in files.items()
        if house.room(path) == "plugins"
        for line, name in house.imports(path, text)
        if name.split(".")[0] == "himaya" and not name.startswith("himaya.core.")
    ]


def test_a_plugin_imports_nothing_of_the_house_but_core() -> None:
    assert sociable_plugins(house.source()) == []


@pytest.mark.parametrize("line", ["from himaya.plugins.signals import pdq", "from . import md5", "import himaya.cases"])
def test_a_plugin_that_imports_a_neighbour_is_found(line: str) -> None:
    assert sociable_plugins({"src/himaya/plugins/signals/x.py": line})
