"""The documented rules for short names and for the names of registrations (Live Platform, "Add New Tenant")."""

import re

from django.core.exceptions import ValidationError

MIN_LENGTH = 3
MAX_LENGTH = 15
FORBIDDEN = '\\/:*?"<>|. '
RESERVED = "audit"
NAME_RULE = (
    f"Use {MIN_LENGTH} to {MAX_LENGTH} letters, digits, hyphens or other characters, for example contoso-sync. Spaces, dots and "
    f'\\ / : * ? " < > | are not allowed, and the name “{RESERVED}” is reserved.'
)
SHORT_NAME_RULE = (
    f"Use {MIN_LENGTH} to {MAX_LENGTH} letters, digits and hyphens, with no hyphen at either end, for example contoso1: the short "
    f"name becomes part of a domain. The name “{RESERVED}” is reserved."
)
# ASCII, or ignoring case would let the long s and the Kelvin sign pass as s and k.
DNS_SAFE = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", re.ASCII | re.IGNORECASE)


def rule_results(name: str) -> list[tuple[str, bool]]:
    """Each documented rule as a sentence, and whether the name follows it."""
    return [
        (f"{MIN_LENGTH} to {MAX_LENGTH} characters long", MIN_LENGTH <= len(name) <= MAX_LENGTH),
        ('without spaces, dots and \\ / : * ? " < > |', not set(name) & set(FORBIDDEN)),
        (f"not the reserved name “{RESERVED}”", name.lower() != RESERVED),
    ]


def validate_registration_name(name: str) -> None:
    """Raises ValidationError, with the sentence that stands at the field, unless the name follows every documented rule."""
    if not _follows_rules(name):
        raise ValidationError(NAME_RULE, code="name")


def validate_short_name(name: str) -> None:
    """The same rules, and only letters, digits and hyphens: the short name becomes a DNS label. Raises ValidationError."""
    if not _follows_rules(name) or not DNS_SAFE.fullmatch(name):
        raise ValidationError(SHORT_NAME_RULE, code="short_name")


def _follows_rules(name: str) -> bool:
    return name.isprintable() and all(kept for _, kept in rule_results(name))
