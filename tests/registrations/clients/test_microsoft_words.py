"""What remains of Microsoft's own error texts."""

import string
import time
from collections.abc import Callable

import pytest

from registrations.clients.microsoft_words import LONGEST, first_sentence
from registrations.service_words import own_sentence

ID = "8f1cc2b6-7ac5-4f5e-9a57-5f1d6a2a6a01"
TAIL = f" Trace ID: {ID} Correlation ID: {ID} Timestamp: 2026-11-30 10:00:00Z"

PARTS = [
    "a@",
    "@.",
    "a.",
    "eyJ-",
    "://",
    "https://",
    "a:",
    "=a",
    "secret",
    "bearer ",
    "a\\",
    "-.",
    "[…]",
    "'(",
    "Trace ",
    "AADSTS",
]


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (f"AADSTS1: The directory is moving. Try later.{TAIL}", "The directory is moving."),
        ("AADSTS1: No end of sentence\r\nTrace ID: 1", "No end of sentence"),
        (
            f"AADSTS16000: User account 'carla@contoso.example' from identity provider 'live.com' does not exist.{TAIL}",
            "User account […] from identity provider […] does not exist.",
        ),
        (f"Application '{ID}'(Contoso telephony) is disabled.", "Application […] is disabled."),
        (
            f"Account carla@contoso.example of tenant {ID} at 192.0.2.7 failed.",
            "Account […] of tenant […] at […] failed.",
        ),
        ("User CONTOSO\\carla from 2001:db8:0:0:0:0:0:7 failed.", "User […] from […] failed."),
        ("Secret r3z8Q~dBpepV-f.d6XcabTWYMS7BJ4k~CIrELhpF is wrong.", "Secret […] is wrong."),
        ("Token eyJhbGciOiJSUzI1NiJ9.eyJvaWQiOiIxIn0.c2ln ended.", "Token […] ended."),
        ("See https://example.com/?user=carla for more.", "See […] for more."),
        ("[AADSTS1] In brackets. More.", "In brackets."),
        ("No account carla@contoso.example. More.", "No account […]."),
        ("See https://example.com/help. More.", "See […]."),
        ("Number 0123456789abcdef0. More.", "Number […]."),
        ("Ask CONTOSO\\carla. More.", "Ask […]."),
        ("A {name} in braces.", "A (name) in braces."),
        ("The user's device isn't known. More.", "The user's device isn't known."),
        ("Odd\x00 \u202e text.", "Odd text."),
        (f"'{ID}'", ""),
        ("", ""),
    ],
)
def test_the_first_sentence_is_kept_without_private_values(text: str, kept: str) -> None:
    assert first_sentence(text) == kept


def test_a_long_sentence_is_cut_off() -> None:
    found = first_sentence("word " * 10_000)
    assert len(found) == LONGEST
    assert found.endswith("…")


@pytest.mark.parametrize("sentence", [own_sentence, first_sentence])
@pytest.mark.parametrize("part", [*string.punctuation, *" \t\r\n\xa0a9", *PARTS])
def test_no_text_of_a_stranger_takes_long_to_read(sentence: Callable[[str], str], part: str) -> None:
    started = time.process_time()
    for text in (part * (64 * 1024 // len(part)), f"x{part * 4000}y", f"'{part * 4000}"):
        sentence(text)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("sentence", [own_sentence, first_sentence])
@pytest.mark.parametrize(
    "said",
    [
        "client-secret=abc8",
        "api_key=abc8",
        "Authorization: Basic abc8",
        "Cookie: session=abc8",
        "passphrase=abc8",
        "client_secret%3Dabc8",
        "at postgres://olga:abc8@dbhost/portal",
        "ump_client_secret: abc8",
        "bearer: abc8+x",
        "pwd=abc8",
        '{"token": "abc8"}',
    ],
)
def test_pages_hide_what_the_logs_hide(sentence: Callable[[str], str], said: str) -> None:
    assert "abc8" in said
    assert "abc8" not in sentence(f"It got {said} and stopped.")
