"""The promises that every signal type keeps, and those of the four that ship."""

import base64
import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import drawn

from himaya.core import drawing, registry
from himaya.core.contents import Content
from himaya.core.errors import BadSignal, NotHashable

SIGNALS = list(registry.signals().values())
DIGESTS = [s for s in SIGNALS if s.name in {"md5", "sha1", "sha256"}]
pdq = registry.signal("pdq")

every_signal = pytest.mark.parametrize("signal", SIGNALS, ids=lambda s: s.name)
every_digest = pytest.mark.parametrize("signal", DIGESTS, ids=lambda s: s.name)


def values(signal):
    """Canonical values of a signal."""
    raw = st.binary(min_size=signal.bits // 8, max_size=signal.bits // 8)
    return raw.filter(lambda b: 0 < sum(b) < 255 * len(b)).map(bytes.hex)


def compute(signal, content):
    return signal.compute(Content(content))


def refusal(signal, text):
    with pytest.raises(BadSignal) as caught:
        signal.parse(text)
    return caught.value.facts["why"]


@every_signal
def test_a_signal_type_declares_itself(signal):
    assert signal.label
    assert signal.media in {"picture", "video", "any"}
    assert signal.bits % 8 == 0
    assert 0 <= signal.radius <= signal.max_radius < signal.bits
    assert signal.exact == (signal.max_radius == 0)


@every_signal
def test_the_examples_are_computed_to_their_values(signal):
    assert signal.examples()
    for example in signal.examples():
        first, *_ = compute(signal, example.content)
        assert (first.signal, first.value, first.variant) == (signal.name, example.value, "")


@every_signal
def test_the_canonical_form_is_parsed_to_itself(signal):
    for example in signal.examples():
        assert signal.parse(example.value) == example.value


@every_signal
def test_another_ones_case_and_spaces_are_taken(signal):
    for example in signal.examples():
        assert signal.parse(f"  {example.value.upper()}\r\n") == example.value


@every_signal
def test_the_same_content_gives_the_same_value(signal):
    content = signal.examples()[0].content
    assert compute(signal, content) == compute(signal, content)


@every_signal
def test_an_empty_file_is_refused_in_words(signal):
    with pytest.raises(NotHashable, match=f"No {signal.name} can be computed: the file is empty"):
        compute(signal, b"")


@every_signal
@pytest.mark.parametrize("text", ["", "   ", "0", "zz", "hello, world", "f" * 63, "g" * 64, "é" * 64, "\0" * 64, "="])
def test_nonsense_is_refused_with_a_reason(signal, text):
    assert refusal(signal, text)


@every_signal
def test_a_refusal_says_what_would_do(signal):
    digits = signal.bits // 4
    assert refusal(signal, "f" * (digits - 1)) == f"it has {digits - 1} hexadecimal digits, {digits} are needed"
    assert refusal(signal, "x" * digits) == "it has other characters than hexadecimal digits"
    assert refusal(signal, "") == "it is empty"


@every_signal
@given(data=st.data())
def test_distance_is_a_metric_on_bits(signal, data):
    one, other, third = (data.draw(values(signal)) for _ in range(3))
    assert signal.distance(one, one) == 0
    assert signal.distance(one, other) == signal.distance(other, one)
    assert (signal.distance(one, other) == 0) == (one == other)
    assert signal.distance(one, third) <= signal.distance(one, other) + signal.distance(other, third)
    assert signal.distance(one, other) == sum(
        a != b for a, b in zip(*(f"{int(v, 16):0{signal.bits}b}" for v in (one, other)), strict=True)
    )


@every_signal
@given(data=st.data())
def test_what_was_parsed_is_parsed_to_itself(signal, data):
    value = data.draw(values(signal))
    assert signal.parse(value) == value


@every_signal
@given(text=st.text(max_size=70))
def test_any_text_is_parsed_or_refused_and_nothing_else(signal, text):
    try:
        value = signal.parse(text)
    except BadSignal:
        return
    assert signal.parse(value) == value


@every_signal
@given(content=st.binary(max_size=300))
def test_any_bytes_are_computed_or_refused_and_nothing_else(signal, content):
    try:
        prints = compute(signal, content)
    except NotHashable:
        return
    assert [signal.parse(p.value) for p in prints] == [p.value for p in prints]


@every_digest
@given(content=st.binary(min_size=1, max_size=300))
def test_a_digest_is_that_of_the_standard_library(signal, content):
    (found,) = compute(signal, content)
    assert found.value == hashlib.new(signal.name, content).hexdigest()
    assert found.quality is None


@every_digest
def test_the_digest_of_an_empty_file_is_refused_for_that_reason(signal):
    assert "every empty file" in refusal(signal, hashlib.new(signal.name, b"").hexdigest())


@every_digest
def test_a_digest_in_base64_is_understood(signal):
    raw = hashlib.new(signal.name, b"abc").digest()
    assert signal.parse(base64.b64encode(raw).decode()) == raw.hex()


def test_sha1_in_base32_is_understood_as_arachnid_writes_it():
    assert registry.signal("sha1").parse("VGMT4NSHA2AWVOR6EVYXQUGCNSONBWE5") == hashlib.sha1(b"abc").hexdigest()


def test_an_md5_in_a_column_of_sha1_is_not_taken_for_base32():
    value = "abcdef234567abcdef234567abcdef23"
    assert refusal(registry.signal("sha1"), value) == "it has 32 hexadecimal digits, 40 are needed"


@pytest.mark.parametrize("digit", "0f")
def test_a_pdq_value_of_one_digit_repeated_is_refused(digit):
    assert "all its bits are alike" in refusal(pdq, digit * 64)


def test_pdq_refuses_a_picture_without_detail_and_says_how_little_there_is():
    with pytest.raises(NotHashable) as caught:
        compute(pdq, drawn.flat())
    assert caught.value.facts["why"] == "too little detail: quality 0 of 100, at least 50 is needed"


def test_pdq_refuses_a_picture_of_a_few_pixels():
    with pytest.raises(NotHashable, match="smaller than 5 pixels"):
        compute(pdq, drawing.encode(drawn.pixels(1)[:4, :4], "PNG"))


@pytest.mark.parametrize("content", [b"text", drawn.truncated(drawn.picture(1)), drawn.bomb()])
def test_pdq_passes_on_why_a_picture_cannot_be_decoded(content):
    with pytest.raises(NotHashable, match=r"No pdq can be computed: it .*\."):
        compute(pdq, content)


@pytest.mark.parametrize("format_", drawn.FORMATS)
def test_pdq_survives_another_file_format(format_):
    (one,), (other,) = compute(pdq, drawn.picture(1, "PNG")), compute(pdq, drawn.picture(1, format_))
    assert pdq.distance(one.value, other.value) <= 12  # GIF has 256 colours


def test_pdq_survives_strong_compression():
    (one,), (other,) = compute(pdq, drawn.picture(1, "PNG")), compute(pdq, drawn.picture(1, "JPEG", quality=30))
    assert pdq.distance(one.value, other.value) <= pdq.radius


def test_pdq_tells_landscapes_apart():
    found = [compute(pdq, drawn.picture(seed))[0].value for seed in range(12)]
    assert min(pdq.distance(a, b) for a in found for b in found if a != b) > pdq.max_radius


@pytest.mark.parametrize("orientation", range(2, 9))
def test_pdq_of_a_picture_that_exif_turns_comes_both_ways(orientation):
    upright, stored = compute(pdq, drawn.picture(1, "PNG", orientation=orientation))
    assert (upright.variant, stored.variant) == ("", "as-stored")
    assert stored.value == compute(pdq, drawn.picture(1, "PNG"))[0].value
    assert pdq.distance(upright.value, stored.value) > pdq.max_radius


def test_pdq_ignores_transparency_as_the_canonical_rule_says():
    assert compute(pdq, drawn.transparent()) == compute(pdq, drawn.picture(1, "PNG"))


def published_pdq(luma):
    """The published algorithm for a picture of 64 x 64 luma values, written out plainly; hexadecimal in Meta's order.

    At this size the down-sampling filter is one pixel wide and changes nothing. Meta prints sixteen 16-bit words,
    the last first; bit k of the 16 x 16 coefficients in row order is bit ``k % 16`` of word ``k // 16``.
    """
    k, n = np.arange(1, 17)[:, None], np.arange(64)[None]
    dct = np.sqrt(2 / 64) * np.cos(np.pi / 2 / 64 * k * (2 * n + 1))
    coefficients = (dct @ luma @ dct.T).ravel()
    bits = coefficients > np.sort(coefficients)[127]
    words = [sum(int(bits[16 * w + b]) << b for b in range(16)) for w in range(16)]
    return "".join(f"{word:04x}" for word in reversed(words))


@pytest.mark.parametrize("seed", range(5))
def test_pdq_is_written_in_the_order_that_meta_publishes(seed):
    small = drawn.pixels(seed, 64, 64)
    luma = small @ np.array([0.299, 0.587, 0.114])
    assert pdq.distance(compute(pdq, drawing.encode(small, "PNG"))[0].value, published_pdq(luma)) <= 2
