"""The connection methods: which an instance offers, and the position of each page."""

import pytest

from onboarding import methods
from onboarding.models import ConnectionMethod
from registrations.models import UmpInstance


def test_every_method_has_one_card_in_the_recommended_order() -> None:
    assert [choice.method for choice in methods.CHOICES] == list(ConnectionMethod)


def test_a_hand_over_sheet_offers_no_delegated_token() -> None:
    offered = methods.offered(UmpInstance(delivery=UmpInstance.Delivery.HANDOVER))
    assert [choice.method for choice in offered] == [ConnectionMethod.NEW, ConnectionMethod.EXISTING]
    assert methods.offered(UmpInstance(delivery=UmpInstance.Delivery.API)) == list(methods.CHOICES)


@pytest.mark.parametrize(
    ("method", "page", "expected"),
    [
        ("new", "identify", "Step 1 of 3 · New app registration"),
        ("existing", "progress", "Step 2 of 2 · Existing app registration"),
        ("token", "authorise", "Step 2 of 3 · Delegated token"),
    ],
)
def test_a_page_names_its_position_and_the_method(method: str, page: str, expected: str) -> None:
    assert methods.stage(method, page) == expected
