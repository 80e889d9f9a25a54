"""What may be entered as a DNS label or a domain."""

import pytest
from django.core.exceptions import ValidationError

from registrations.models.fields import validate_dns_label, validate_domain


@pytest.mark.parametrize("label", ["umptoken", "a", "9", "a-b", "a" * 63])
def test_a_label_of_letters_digits_and_hyphens_is_accepted(label: str) -> None:
    validate_dns_label(label)


@pytest.mark.parametrize(
    "label",
    ["", "-a", "a-", "a.b", "A", "a_b", "a" * 64, "umptoken\n", "\numptoken", "ump\u0661", "\uff55mp", "u\u212a"],
)
def test_anything_else_is_refused_as_a_label(label: str) -> None:
    with pytest.raises(ValidationError):
        validate_dns_label(label)


@pytest.mark.parametrize("domain", ["finebak.com\n", "finebak\n.com", "finebak.c\u0661m", "finebak", "finebak..com"])
def test_a_domain_consists_of_such_labels(domain: str) -> None:
    with pytest.raises(ValidationError):
        validate_domain(domain)
