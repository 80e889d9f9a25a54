"""The exchange with Microsoft: how often a callback opens the sync app's secret."""

from typing import Any

import pytest

from onboarding.services import sign_in_exchange
from registrations.models import ClientSecret, UmpInstance
from tests.onboarding.browser import Browser

pytestmark = pytest.mark.django_db

CARLA = "carla@contoso.example"


@pytest.fixture
def unsealed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The columns of client secrets that are decrypted from now on."""
    columns: list[str] = []
    unseal = ClientSecret.unseal

    def counted(secret: ClientSecret, column: str) -> Any:
        columns.append(column)
        return unseal(secret, column)

    monkeypatch.setattr(ClientSecret, "unseal", counted)
    return columns


def test_the_first_callback_decrypts_the_sync_apps_secret_once(
    customer: Browser, link: str, unsealed: list[str]
) -> None:
    answer = customer.visit_microsoft(customer.start(link), CARLA)
    unsealed.clear()
    assert customer.come_back(answer).status_code == 303
    assert unsealed == ["envelope"]


def test_the_second_callback_decrypts_the_sync_apps_secret_once(
    customer: Browser, link: str, unsealed: list[str]
) -> None:
    page = customer.press(customer.identify(link), name="Contoso-sync")
    answer = customer.visit_microsoft(page, CARLA)
    unsealed.clear()
    assert customer.come_back(answer).status_code == 303
    assert unsealed == ["envelope"]


def test_the_secret_of_the_sync_app_is_not_in_its_repr(instance: UmpInstance) -> None:
    app = sign_in_exchange.sync_app(instance)
    assert app.client_secret not in repr(app)
