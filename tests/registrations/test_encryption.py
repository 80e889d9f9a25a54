"""Envelopes: what opens them and what does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registrations.encryption import EnvelopeError, KeyRing, keyed_hash, keyed_hashes, seal, unseal

OLD = KeyRing.new_key("k1")
RING = KeyRing.parse(OLD)


def test_an_envelope_of_another_row_does_not_open() -> None:
    envelope = seal(RING, "the secret", "table|column|row 1")
    with pytest.raises(EnvelopeError):
        unseal(RING, envelope, "table|column|row 2")


def test_a_damaged_envelope_does_not_open() -> None:
    envelope = seal(RING, "the secret", "here")
    with pytest.raises(EnvelopeError):
        unseal(RING, envelope[:-2] + ("AA" if not envelope.endswith("AA") else "BB"), "here")


@pytest.mark.parametrize("text", ["", "v1.k1", "v2.k1.a.b", "not an envelope", "v1.k1.!.!"])
def test_something_that_is_no_envelope_does_not_open(text: str) -> None:
    with pytest.raises(EnvelopeError):
        unseal(RING, text, "here")


def test_a_key_missing_from_the_ring_is_named() -> None:
    envelope = seal(RING, "the secret", "here")
    with pytest.raises(EnvelopeError, match="k1"):
        unseal(KeyRing.parse(KeyRing.new_key("k2")), envelope, "here")


def test_a_new_first_key_seals_and_the_old_one_still_opens() -> None:
    envelope = seal(RING, "the secret", "here")
    both = KeyRing.parse(f"{KeyRing.new_key('k2')},{OLD}")
    assert unseal(both, envelope, "here") == "the secret"
    assert seal(both, "the secret", "here").split(".")[1] == "k2"


def test_a_link_is_found_after_a_new_key_was_added_in_front() -> None:
    both = KeyRing.parse(f"{KeyRing.new_key('k2')},{OLD}")
    assert keyed_hash(RING, "invitation", "token") in keyed_hashes(both, "invitation", "token")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no key"),
        ("k1:!!!", "not base64"),
        ("k1:AAAA", "3 bytes"),
        pytest.param(f"{OLD},{OLD}", "same id", id="the same id twice"),
        ("k.1:AAAA", "letters and digits"),
    ],
)
def test_a_wrong_key_ring_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        KeyRing.parse(text)


@given(st.text(), st.text(min_size=1))
def test_sealed_text_opens_again_and_is_not_readable(plaintext: str, context: str) -> None:
    envelope = seal(RING, plaintext, context)
    assert unseal(RING, envelope, context) == plaintext
    assert len(plaintext) < 8 or plaintext not in envelope
