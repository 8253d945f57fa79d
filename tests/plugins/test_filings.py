"""The promises that every plug-in keeps through which reports are filed, against its other side in this process."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from tests.filing_servers import OTHER_SIDES, When, other_side
from tests.filing_walks import AT, EVERY_GROUND, FILES, FULLEST, SIGNER, Kept, attempt, walk

from himaya.core import registry
from himaya.core.filing import Attempt, Draft, FilingChannel, FormField, FoundOut, Grounds
from himaya.core.ports import NotSent

CHANNELS = [one for name, one in registry.filings().items() if name != "sample"]
"""``sample`` has no other side: what it promises is tested with the engine (``tests/reporting``)."""
every_channel = pytest.mark.parametrize("channel", CHANNELS, ids=lambda one: one.name)


def empty_config(channel: FilingChannel) -> Any:
    side = other_side(channel.name)
    with side.serving():
        return channel.Config(**side.config())


@every_channel
def test_every_plug_in_brings_its_other_side_and_declares_itself(channel: FilingChannel) -> None:
    assert channel.name in OTHER_SIDES
    assert channel.label
    assert channel.authority
    for name, field in channel.Config.model_fields.items():
        assert field.description, name
        secret = any(word in name for word in ("password", "secret", "token"))
        assert not secret or field.annotation in (SecretStr, SecretStr | None), f"{name} must be kept sealed"
    config = empty_config(channel)
    assert channel.lane(config).startswith(channel.name)
    assert not any(secret in channel.lane(config) for secret in secrets(config))


def secrets(config: Any) -> list[str]:
    found = (getattr(config, name) for name in type(config).model_fields)
    return [one.get_secret_value() for one in found if isinstance(one, SecretStr) and one.get_secret_value()]


@every_channel
def test_a_form_names_its_fields_once_and_says_why_it_asks(channel: FilingChannel) -> None:
    form = channel.form(empty_config(channel))
    for field in [*fields(form.report), *(fields(form.file) if form.file else ())]:
        names = [one.name for one in field.fields]
        assert len(names) == len(set(names)), field.name
        assert field.label, field.name
        assert (field.kind == "group") == bool(field.fields), field.name
        assert (field.kind == "choice") == bool(field.choices), field.name
        assert not field.suggested or field.why, f"{field.name}: who is asked to look is told why"
        values = [one.value for one in field.choices]
        assert len(values) == len(set(values)), field.name


def fields(field: FormField) -> Iterator[FormField]:
    yield field
    for one in field.fields:
        yield from fields(one)


@every_channel
@pytest.mark.parametrize("grounds", EVERY_GROUND, ids=["empty", "fullest", "hostile"])
def test_a_draft_is_filled_the_same_each_time_in_json(channel: FilingChannel, grounds: Grounds) -> None:
    config = empty_config(channel)
    one, other = channel.fill(grounds, config), channel.fill(grounds, config)
    assert one == other
    assert one.key == grounds.document.key
    assert json.loads(json.dumps(one.values)) == one.values
    channel.check(one, config)


@every_channel
def test_a_filled_draft_has_no_fault_but_what_is_missing(channel: FilingChannel) -> None:
    side = other_side(channel.name)
    config = empty_config(channel)
    draft = side.completed(channel.fill(FULLEST, config))
    assert [gap for gap in channel.check(draft, config) if gap.blocks] == []
    assert side.refuses(draft) == ""


@every_channel
def test_the_blocking_gaps_come_first_and_each_tells_its_place(channel: FilingChannel) -> None:
    config = empty_config(channel)
    found = channel.check(Draft("k-1", {}), config)
    assert found
    assert [gap.blocks for gap in found] == sorted((gap.blocks for gap in found), reverse=True)
    assert all(gap.why and re.match(r"report|file:", gap.path) for gap in found)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.floats(allow_nan=False) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def shaped(field: FormField) -> st.SearchStrategy[Any]:
    """Values that look like the form, with some that do not."""
    if field.kind == "group":
        inner: st.SearchStrategy[Any] = st.fixed_dictionaries(
            {}, optional={one.name: shaped(one) for one in field.fields}
        )
    elif field.kind == "choice":
        inner = st.sampled_from([one.value for one in field.choices])
    elif field.kind == "moment":
        inner = st.sampled_from(["2026-11-29T12:00:00+01:00", "2026-11-29", "1999-01-01T00:00:00Z", "yesterday"])
    else:
        texts = st.sampled_from(
            ["a", "https://host.example.net/", "NL", "192.0.2.7", "\0", "x" * 5001, "mail@example.org"]
        )
        inner = {"flag": st.booleans(), "number": st.integers(-5, 10**9)}.get(field.kind, texts)
    inner = st.lists(inner, max_size=2) if field.many else inner
    return inner | json_values


@every_channel
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_check_never_raises_and_what_passes_is_valid(channel: FilingChannel, data: st.DataObject) -> None:
    config = CONFIGS.setdefault(channel.name, empty_config(channel))
    form = channel.form(config)
    values = data.draw(shaped(form.report))
    files = ()
    if form.file and data.draw(st.booleans()):
        stated = data.draw(shaped(form.file))
        files = (replace(FILES[0], values=stated if isinstance(stated, dict) else {}),)
    draft = Draft("k-1", values if isinstance(values, dict) else {}, files)
    gaps = channel.check(draft, config)
    assert len(channel.steps(draft)) == len(set(channel.steps(draft))) > 0
    if not any(gap.blocks for gap in gaps):
        assert other_side(channel.name).refuses(draft) == ""


CONFIGS: dict[str, Any] = {}


@every_channel
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_a_complete_draft_with_one_value_changed_is_refused_here_or_taken_there(
    channel: FilingChannel, data: st.DataObject
) -> None:
    config = CONFIGS.setdefault(channel.name, empty_config(channel))
    side = other_side(channel.name)
    draft = side.completed(channel.fill(FULLEST, config))
    form = channel.form(config)
    field = data.draw(st.sampled_from(form.report.fields))
    values = {**draft.values, field.name: data.draw(shaped(field))}
    changed = replace(draft, values=values)
    gaps = channel.check(changed, config)
    if not any(gap.blocks for gap in gaps):
        assert side.refuses(changed) == ""


@every_channel
def test_a_report_is_filed_once_in_the_steps_that_were_named(channel: FilingChannel) -> None:
    side, kept = other_side(channel.name), Kept()
    with side.serving():
        draft = side.completed(channel.fill(FULLEST, channel.Config(**side.config())))
        done = walk(channel, draft, side, kept)
        assert isinstance(done, dict), done
        assert list(done) == list(channel.steps(draft))
        assert side.filed(draft) == 1
        receipt = channel.receipt(done)
        assert receipt
        begun = [dict(list(done.items())[:n]) for n in range(len(done) + 1)]
        told = {channel.receipt(one) for one in begun if any(map(channel.stays, one))}
        assert "" not in told, "what stays there has a number as soon as it is there"
        known = channel.ask(receipt, attempt(draft, side, channel, done, kept))
        assert known.there in (True, None)
    assert channel.takes_files or not kept.opened


@every_channel
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_lost_answer_neither_loses_nor_doubles_a_report(channel: FilingChannel, when: When) -> None:
    side = other_side(channel.name)
    with side.serving():
        draft = side.completed(channel.fill(FULLEST, channel.Config(**side.config())))
        walk(channel, draft, side)
        changes = side.changed()
    assert changes
    for number in range(changes):
        side = other_side(channel.name)
        side.lose(number, when)
        with side.serving():
            done = walk(channel, draft, side)
            if isinstance(done, FoundOut):
                assert done.ask, "a person is told what to look for"
                assert side.filed(draft) == (1 if when == "after" else 0)
            else:
                assert side.filed(draft) == 1, (number, when)


@every_channel
def test_of_many_reports_over_a_bad_line_each_is_there_once_or_a_person_is_asked(channel: FilingChannel) -> None:
    side, draw = other_side(channel.name), random.Random(20261129)
    for number in range(300):
        if draw.random() < 0.15:
            side.lose(number, draw.choice(["before", "after"]))
    with side.serving():
        config = channel.Config(**side.config())
        for number in range(6):
            document = replace(FULLEST.document, key=f"r-{number}", case=f"C-{number}")
            draft = side.completed(channel.fill(replace(FULLEST, document=document), config))
            done = walk(channel, draft, side)
            assert side.filed(draft) == 1 or (isinstance(done, FoundOut) and done.ask and side.filed(draft) == 0)


@every_channel
def test_what_is_filed_already_is_not_filed_again_by_another_attempt(channel: FilingChannel) -> None:
    side = other_side(channel.name)
    with side.serving():
        draft = side.completed(channel.fill(FULLEST, channel.Config(**side.config())))
        done = walk(channel, draft, side)
        assert isinstance(done, dict)
        for number, step in enumerate(channel.steps(draft)):  # the process died before the answer was written down
            before = dict(list(done.items())[:number])
            found = channel.find_out(step, attempt(draft, side, channel, before, Kept()))
            if found.what == "not-taken":
                channel.take(step, attempt(draft, side, channel, before, Kept()))
            assert found.what != "unknown" or found.ask
        assert side.filed(draft) == 1


@every_channel
def test_an_other_side_that_is_not_there_is_not_sent(channel: FilingChannel) -> None:
    side = other_side(channel.name)
    with side.serving():
        draft = side.completed(channel.fill(FULLEST, channel.Config(**side.config())))
        config = channel.Config(**side.config())
    step = channel.steps(draft)[0]
    with pytest.raises(NotSent) as caught:
        channel.take(step, Attempt(draft, {}, config, Kept(), AT, SIGNER))
    assert not caught.value.permanent
    assert not any(secret in str(caught.value) for secret in secrets(config))
