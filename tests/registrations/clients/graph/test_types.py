"""Graph's answers as values."""

from datetime import UTC, datetime

from registrations.clients.graph.types import NewSecret


def test_the_text_of_a_new_secret_is_not_in_its_repr() -> None:
    secret = NewSecret("key-1", "A8Q~the-text", "A8Q", datetime(2026, 11, 30, tzinfo=UTC))
    assert "key-1" in repr(secret)
    assert "A8Q" not in f"{secret!r} {secret}"
