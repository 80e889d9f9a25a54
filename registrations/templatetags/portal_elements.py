"""Template filters for what the staff's pages show again and again: states, instants, values to copy."""

from datetime import datetime
from typing import Any

from django import template
from django.utils.safestring import SafeString

from registrations import elements

register = template.Library()


@register.filter
def state_badge(state: str, word: str = "") -> SafeString:
    """The state as icon, word and colour."""
    return elements.badge(state, word)


@register.filter
def relative_time(value: datetime | None) -> SafeString:
    """A relative time with the exact instant on hover; a dash for none."""
    return elements.moment(value)


@register.filter
def copy_text(value: Any) -> SafeString:
    """A value with a copy button."""
    return elements.copyable(str(value))
