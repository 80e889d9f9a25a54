"""Short names become DNS labels."""

import pytest
from django.core.exceptions import ValidationError

from onboarding.validators import validate_short_name


@pytest.mark.parametrize("name", ["contoso1", "CONTOSO", "a-b", "123"])
def test_a_name_of_letters_digits_and_hyphens_is_accepted(name: str) -> None:
    validate_short_name(name)


@pytest.mark.parametrize(
    "name",
    [
        "-ab",
        "ab-",
        "a_b",
        "abc\n",  # a trailing new line
        "abc\u0661\u0662",  # Arabic digits
        "\u212aelvin",  # the Kelvin sign, a k where case is ignored
        "conto\u017fo",  # the long s
        "f\u00fcnf1",
    ],
)
def test_a_name_that_is_no_dns_label_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="letters, digits and hyphens, with no hyphen at either end"):
        validate_short_name(name)
