"""The documented rules for short names and for the names of registrations (Live Platform, "Add New Tenant")."""

import re

from django.core.exceptions import ValidationError

MIN_LENGTH = 3
MAX_LENGTH = 15
FORBIDDEN = '\\/:*?"<>|. '
RESERVED = "audit"
# ASCII, or ignoring case would let the long s and the Kelvin sign pass as s and k.
DNS_SAFE = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.ASCII | re.IGNORECASE)


def rule_results(name: str) -> list[tuple[str, bool]]:
    """Each documented rule as a sentence, and whether the name follows it."""
    return [
        (f"{MIN_LENGTH} to {MAX_LENGTH} characters", MIN_LENGTH <= len(name) <= MAX_LENGTH),
        ('no space, no dot and none of \\ / : * ? " < > |', not set(name) & set(FORBIDDEN)),
        (f'not the reserved name "{RESERVED}"', name.lower() != RESERVED),
    ]


def validate_registration_name(name: str) -> None:
    """Raises ValidationError that names each documented rule the name breaks."""
    broken = [sentence for sentence, kept in rule_results(name) if not kept]
    if broken or not name.isprintable():
        raise ValidationError(
            "The name must have: " + "; ".join(broken or ["printable characters only"]) + ".", code="name"
        )


def validate_short_name(name: str) -> None:
    """The same rules, and only letters, digits and hyphens: the short name becomes a DNS label."""
    validate_registration_name(name)
    if not DNS_SAFE.fullmatch(name):
        raise ValidationError(
            "Use letters, digits and hyphens only, with no hyphen at either end: the short name becomes part of a domain.",
            code="short_name",
        )
