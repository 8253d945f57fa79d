"""The promises that every channel keeps, and those of console and file. Mail has a file of its own."""

import json
import logging
import os
import stat
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.documents import AT, FULL, HOSTILE, MINIMAL, VERDICT

from himaya.core import registry
from himaya.core.documents import Document, SightingFact
from himaya.core.ports import NotSent, Receipt

CHANNELS = list(registry.channels().values())
every_channel = pytest.mark.parametrize("channel", CHANNELS, ids=lambda c: c.name)
SETTINGS = {"console": lambda path: {}, "file": lambda path: {"directory": path}}
"""Settings with which a repeatable channel can be tried here."""
every_document = pytest.mark.parametrize("document", ["minimal", "full", "hostile"], indirect=True)


@pytest.fixture
def document(request):
    return {"minimal": MINIMAL, "full": FULL, "hostile": HOSTILE}[request.param]


@every_channel
def test_a_channel_declares_itself(channel):
    assert channel.label
    assert channel.audience <= {"authority", "host"}
    assert channel.audience
    assert isinstance(channel.repeatable, bool)


@every_channel
def test_every_setting_of_a_channel_is_described(channel):
    assert all(field.description for field in channel.Config.model_fields.values())


@every_channel
def test_unknown_settings_are_refused(channel):
    with pytest.raises(ValueError, match="Extra inputs"):
        channel.Config.model_validate({"colour": "blue"})


@every_channel
@every_document
def test_composing_is_deterministic_and_keeps_the_key(channel, document):
    message = channel.compose(document)
    assert message == channel.compose(Document.from_json(document.as_json()))
    assert message.key == document.key


@every_channel
@every_document
def test_the_data_is_the_document(channel, document):
    assert Document.from_json(json.loads(channel.compose(document).data)) == document


@every_channel
@every_document
def test_the_subject_is_one_line_and_the_text_has_no_control_characters(channel, document):
    message = channel.compose(document)
    assert message.subject.isprintable()
    assert message.text.endswith("\n")
    assert all(line.isprintable() for line in message.text.split("\n"))


@every_channel
def test_the_text_tells_what_a_reader_needs(channel):
    text = channel.compose(FULL).text
    for fact in (
        "n-1",
        "C-7",
        "node.example.org",
        "Baseline",
        "https://host.example.org/a/1.jpg",
        "3 bits apart",
        "ab" * 32,
        "quality 99",
        "uk-sap: B",
        "not graded",
        "2026-11-24 10:30:00 UTC",
    ):
        assert fact in text


@every_channel
@given(text=st.text(max_size=60))
def test_any_words_can_be_composed(channel, text):
    hostile = replace(FULL, case=text, verdict=replace(VERDICT, reason=text), sightings=(SightingFact(AT, text, text),))
    message = channel.compose(hostile)
    assert message.subject.isprintable()
    message.text.encode()
    message.data.encode()


@pytest.mark.parametrize("channel", [c for c in CHANNELS if c.repeatable], ids=lambda c: c.name)
@every_document
def test_what_a_repeatable_channel_sends_twice_has_one_receipt(channel, document, tmp_path):
    config = channel.Config(**SETTINGS[channel.name](tmp_path))
    message = channel.compose(document)
    assert channel.send(message, config) == channel.send(message, config)
    assert channel.lane(config) == channel.lane(channel.Config(**SETTINGS[channel.name](tmp_path)))


# --- console ---------------------------------------------------------------------------------------------------------

console = registry.channel("console")


def test_the_console_tells_the_key_and_no_place(caplog):
    with caplog.at_level(logging.INFO, "himaya.console"):
        receipt = console.send(console.compose(FULL), console.Config())
    assert receipt == Receipt("n-1")
    assert caplog.messages == ["Notice on case C-7 (key n-1)"]


def test_there_is_one_console():
    assert console.repeatable
    assert console.lane(console.Config()) == "console"


# --- file ------------------------------------------------------------------------------------------------------------

file = registry.channel("file")


@pytest.fixture
def config(tmp_path):
    return file.Config(directory=tmp_path / "new" / "out")


def test_a_file_message_lies_there_for_people_and_machines(config):
    message = file.compose(FULL)
    receipt = file.send(message, config)
    assert receipt == Receipt("n-1", str(config.directory / "n-1.json"))
    assert (config.directory / "n-1.txt").read_text() == message.text
    assert (config.directory / "n-1.json").read_text() == message.data


def test_files_are_for_their_owner_only(config):
    file.send(file.compose(FULL), config)
    assert stat.S_IMODE(config.directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(p.stat().st_mode) for p in config.directory.iterdir()} == {0o600}


def test_sending_a_file_twice_is_sending_it_once(config):
    file.send(file.compose(FULL), config)
    before = {p: p.stat().st_mtime_ns for p in config.directory.iterdir()}
    assert file.send(file.compose(FULL), config) == Receipt("n-1", str(config.directory / "n-1.json"))
    assert {p: p.stat().st_mtime_ns for p in config.directory.iterdir()} == before


def test_a_file_that_was_cut_off_half_way_is_completed(config):
    file.send(file.compose(FULL), config)
    (config.directory / "n-1.json").unlink()
    file.send(file.compose(FULL), config)
    assert sorted(p.name for p in config.directory.iterdir()) == ["n-1.json", "n-1.txt"]


def test_another_message_under_the_same_key_is_refused_for_good(config):
    file.send(file.compose(FULL), config)
    with pytest.raises(NotSent, match="exists with another content") as caught:
        file.send(file.compose(replace(FULL, case="C-9")), config)
    assert caught.value.permanent
    assert "C-7" in (config.directory / "n-1.json").read_text()


@pytest.mark.parametrize("key", ["", "../up", "a/b", ".hidden", "a\0b", "x" * 101])
def test_a_key_that_is_no_file_name_is_refused_for_good(config, key):
    with pytest.raises(NotSent, match="cannot be a file name") as caught:
        file.send(replace(file.compose(FULL), key=key), config)
    assert caught.value.permanent
    assert not config.directory.exists()


def test_a_directory_that_cannot_be_made_is_said_in_words(tmp_path):
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(NotSent, match="cannot be written: ") as caught:
        file.send(file.compose(FULL), file.Config(directory=tmp_path / "taken"))
    assert not caught.value.permanent


def test_a_full_disk_leaves_nothing_behind(config, monkeypatch):
    def full(number):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(NotSent, match="No space left on device"):
        file.send(file.compose(FULL), config)
    assert list(config.directory.iterdir()) == []


def test_the_lane_of_a_file_is_its_directory(config):
    assert file.repeatable
    assert file.lane(config) == f"file:{config.directory}"
