"""A remote service's own words: short, on one line, without secrets and persons."""

import pytest

from registrations.service_words import LONGEST_SENTENCE, own_sentence


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("", ""),
        ("AADSTS53003: Blocked. Trace ID: 1-2 Correlation ID: 3-4 Timestamp: 2026-11-30 10:00:00Z", "Blocked."),
        ("Two\r\nlines\tand \x00 a NUL", "Two lines and a NUL"),
        ("Turned \u202eround\u200b here", "Turned round here"),
        ("User anna.b@contoso.example is not known", "User [e-mail] is not known"),
        ("Got client_secret=abc123 in the body", "Got client_secret=[redacted] in the body"),
        ('Got {"secretText": "abc123"}', 'Got {"secretText": "[redacted]"}'),
        ("Authorization: Bearer abc.def", "Authorization: [redacted]"),
        ("The token eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2ln is old", "The token [token] is old"),
        ("The value 8dQ8Q~Zk3.abcdEFGHijkl0123456789mnopqrstUV was refused", "The value [redacted] was refused"),
        ("See https://login.example/x?code=abc for more", "See https://login.example/x?[redacted] for more"),
        ("See https://anna:pw@login.example/ for more", "See https://[redacted]@login.example/ for more"),
        (
            "Application 00000003-0000-0000-C000-00000000000a has CredentialInvalidLifetimeAsPerAppPolicy",
            "Application 00000003-0000-0000-C000-00000000000a has CredentialInvalidLifetimeAsPerAppPolicy",
        ),
    ],
)
def test_words_come_without_what_people_must_not_read(said: str, shown: str) -> None:
    assert own_sentence(said) == shown


def test_long_words_are_shortened() -> None:
    assert len(own_sentence("word " * 200)) <= LONGEST_SENTENCE
    assert own_sentence("word " * 200).endswith("…")
