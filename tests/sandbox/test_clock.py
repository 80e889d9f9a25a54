"""The sandbox's clock and its timestamps."""

import pytest

from sandbox.clock import Clock, as_seconds, as_text


@pytest.mark.parametrize("text", ["", "tomorrow", "2026-13-01T00:00:00Z"])
def test_a_text_that_is_no_timestamp_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="isoformat|month"):
        as_seconds(text)


def test_a_timestamp_without_a_zone_is_utc() -> None:
    assert as_seconds("1970-01-02T00:00:00") == 86400
    assert as_seconds("1970-01-02T00:00:00Z") == 86400
    assert as_seconds("1970-01-02T01:00:00+01:00") == 86400


def test_a_timestamp_has_graphs_format() -> None:
    assert as_text(86400.9) == "1970-01-02T00:00:00Z"


def test_the_skew_moves_the_clock() -> None:
    clock = Clock()
    before = clock.now()
    clock.skew = 3600
    assert 3600 <= clock.now() - before < 3660
