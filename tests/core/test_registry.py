"""Finding plug-ins: in the folder, in other packages, and what is said where one is broken."""

import sys
from importlib.metadata import EntryPoint
from types import ModuleType

import pytest

from himaya.core import registry
from himaya.core.errors import DuplicatePlugin, UnknownPlugin
from himaya.core.ports import Scheme
from himaya.core.registry import BrokenPlugin


class Sample(Scheme):
    name = "sample"


@pytest.fixture(autouse=True)
def fresh():
    registry.plugins.cache_clear()
    yield
    registry.plugins.cache_clear()


@pytest.fixture
def install(monkeypatch):
    """Install packages, each with one entry point ``himaya.schemes`` and what its module holds."""

    def install(*plugins, attribute=""):
        points = []
        for number, plugin in enumerate(plugins):
            module = ModuleType(f"installed_{number}")
            if plugin is not None:
                module.PLUGIN = plugin
            monkeypatch.setitem(sys.modules, module.__name__, module)
            points.append(EntryPoint(f"p{number}", module.__name__ + attribute, "himaya.schemes"))
        monkeypatch.setattr(registry, "entry_points", lambda group: points if group == "himaya.schemes" else [])

    return install


@pytest.mark.parametrize("kind", registry.PORTS)
def test_every_kind_has_plugins_in_the_order_of_their_names(kind):
    found = registry.plugins(kind)
    assert list(found) == sorted(found)
    assert found
    assert all(isinstance(plugin, registry.PORTS[kind]) for plugin in found.values())


def test_what_ships_is_found():
    assert set(registry.signals()) >= {"md5", "sha1", "sha256", "pdq"}
    assert set(registry.schemes()) >= {"interpol", "uk-sap", "ncmec-industry", "himaya-review"}
    assert set(registry.channels()) >= {"console", "file", "email"}
    assert set(registry.formats()) >= {"csv", "hashes"}


def test_a_plugin_is_found_by_its_name():
    assert registry.signal("pdq").name == "pdq"
    assert registry.scheme("interpol").name == "interpol"
    assert registry.channel("file").name == "file"
    assert registry.format_("csv").name == "csv"


@pytest.mark.parametrize(
    ("ask", "kind"),
    [
        (registry.signal, "signal"),
        (registry.scheme, "scheme"),
        (registry.channel, "channel"),
        (registry.format_, "format"),
    ],
)
def test_an_unknown_name_is_answered_with_those_that_are_known(ask, kind):
    with pytest.raises(UnknownPlugin, match=f"There is no {kind} plug-in named 'nope'; there are: [a-z]") as caught:
        ask("nope")
    assert caught.value.status == 404


def test_what_was_found_cannot_be_changed():
    with pytest.raises(TypeError):
        registry.plugins("signals")["mine"] = object()


def test_the_folder_is_walked_once():
    assert registry.plugins("signals") is registry.plugins("signals")


@pytest.mark.parametrize("attribute", ["", ":PLUGIN"])
def test_a_plugin_of_another_package_is_found(install, attribute):
    plugin = Sample()
    install(plugin, attribute=attribute)
    assert registry.scheme("sample") is plugin
    assert "interpol" in registry.schemes()


def test_two_plugins_of_one_name_are_refused_by_both_their_names(install):
    install(Sample(), Sample())
    with pytest.raises(DuplicatePlugin, match=r"Two scheme plug-ins are named 'sample': installed_0.*installed_1"):
        registry.schemes()


def test_a_plugin_cannot_take_the_name_of_one_that_ships(install):
    plugin = Sample()
    plugin.name = "interpol"
    install(plugin)
    with pytest.raises(DuplicatePlugin, match=r"himaya\.plugins\.schemes\.interpol"):
        registry.schemes()


def test_an_entry_point_that_leads_nowhere_is_named(monkeypatch):
    point = EntryPoint("lost", "no_such_module_anywhere", "himaya.schemes")
    monkeypatch.setattr(registry, "entry_points", lambda group: [point])
    with pytest.raises(BrokenPlugin, match=r"no_such_module_anywhere \(entry point 'lost' .*ModuleNotFoundError"):
        registry.schemes()


def test_a_module_without_a_plugin_is_named(install):
    install(None)
    with pytest.raises(BrokenPlugin, match=r"installed_0 .*AttributeError"):
        registry.schemes()


def test_a_plugin_of_another_kind_is_named(install):
    install(object())
    with pytest.raises(BrokenPlugin, match=r"installed_0 .* PLUGIN is not an instance of Scheme"):
        registry.schemes()


@pytest.mark.parametrize("name", ["", "Has Space", "UPPER", "under_score", None, 3])
def test_a_name_that_cannot_be_stored_is_refused(install, name):
    plugin = Sample()
    plugin.name = name
    install(plugin)
    with pytest.raises(BrokenPlugin, match="lower-case letters, digits and hyphens"):
        registry.schemes()


def test_a_broken_file_in_the_folder_is_named(monkeypatch, tmp_path):
    import himaya.plugins.schemes as folder

    (tmp_path / "broken.py").write_text("raise RuntimeError('half written')\n")
    (tmp_path / "_shared.py").write_text("raise RuntimeError('not a plug-in, never imported')\n")
    monkeypatch.setattr(folder, "__path__", [str(tmp_path)])
    with pytest.raises(BrokenPlugin, match=r"himaya.plugins.schemes.broken .*RuntimeError: half written"):
        registry.schemes()


def test_a_file_with_an_underscore_is_not_a_plugin(monkeypatch, tmp_path):
    import himaya.plugins.schemes as folder

    (tmp_path / "_shared.py").write_text("raise RuntimeError('never imported')\n")
    monkeypatch.setattr(folder, "__path__", [str(tmp_path)])
    assert registry.schemes() == {}


def test_a_plugin_that_has_nothing_to_offer_here_is_left_out(monkeypatch, tmp_path):
    (tmp_path / "idle.py").write_text("PLUGIN = None\n")
    import himaya.plugins.schemes as folder

    monkeypatch.setattr(folder, "__path__", [*folder.__path__, str(tmp_path)])
    assert "interpol" in registry.schemes()
    assert None not in registry.schemes().values()


def test_a_plugin_that_says_itself_what_is_wrong_is_heard(monkeypatch, tmp_path):
    source = "from himaya.core.errors import UnknownPlugin\nraise UnknownPlugin(kind='x', name='y', known='z')\n"
    (tmp_path / "loud.py").write_text(source)
    import himaya.plugins.schemes as folder

    monkeypatch.setattr(folder, "__path__", [*folder.__path__, str(tmp_path)])
    with pytest.raises(UnknownPlugin, match=r"'?y'?"):
        registry.schemes()
