"""Small pieces of HTML: escaped, and times in the reader's form."""

from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.html import strip_tags

from registrations import admin_html
from registrations.clients.rate_limit.local import Remaining

MARKUP = "<b onclick='x'>"


def test_values_from_outside_are_escaped() -> None:
    for html in (
        admin_html.badge(MARKUP),
        admin_html.copyable(MARKUP),
        admin_html.listed([MARKUP], "missing"),
        admin_html.email(f"{MARKUP}@contoso.example"),
        admin_html.moment(None, MARKUP),
    ):
        assert "<b onclick" not in html


def test_an_unknown_state_is_shown_as_it_is() -> None:
    assert strip_tags(admin_html.badge("of_a_newer_version")) == "helpOf_a_newer_version"


@pytest.mark.parametrize(
    ("distance", "words"),
    [
        (timedelta(seconds=-5), "just now"),
        (timedelta(seconds=30), "in less than a minute"),
        (timedelta(minutes=-61), "1 hour ago"),
        (timedelta(days=23, hours=5), "in 23 days"),
    ],
)
def test_a_time_is_shown_by_its_distance(distance: timedelta, words: str, time_machine: object) -> None:
    time_machine.move_to(timezone.now(), tick=False)  # type: ignore[attr-defined]
    assert admin_html.relative(timezone.now() + distance) == words


@pytest.mark.parametrize(("seconds", "words"), [(0.25, "0.2 s"), (59, "59 s"), (60, "1 minute"), (7200, "2 hours")])
def test_a_span_is_shown_in_its_largest_unit(seconds: float, words: str) -> None:
    assert admin_html.length(timedelta(seconds=seconds)) == words


def test_the_remaining_quota_says_who_counts_and_names_a_pause() -> None:
    alone = admin_html.remaining(Remaining(writes=37.5, units=100, blocked=timedelta(seconds=1.2), shared=False))
    assert "Redis does not answer" in alone
    assert "2 s" in alone
    shared = admin_html.remaining(Remaining(writes=3000, units=8000, blocked=timedelta(), shared=True))
    assert "all processes together" in shared
    assert "pause" not in shared


def test_a_copy_button_of_an_empty_value_is_disabled() -> None:
    assert "disabled" in admin_html.copyable("")
    assert "disabled" not in admin_html.copyable("x")
