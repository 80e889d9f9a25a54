"""Once the code is redeemed it is used up: what Microsoft asks to wait for then is waited for within the request."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from onboarding.models import Connection
from onboarding.services import redemption
from registrations.models import Operation
from tests.onboarding.browser import Browser
from tests.onboarding.wizard import CARLA, history, refused

pytestmark = pytest.mark.django_db
PAUL = "paul@contoso.example"
PLACES = {
    "keys": ("entra", "GET", "/keys"),
    "discovery": ("entra", "GET", "/organizations/v2.0/.well-known/openid-configuration"),
}


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[timedelta]:
    """The pauses that requests made, which take no time here."""
    made: list[timedelta] = []
    pause = SimpleNamespace(sleep=lambda seconds: made.append(timedelta(seconds=seconds)))
    monkeypatch.setattr(redemption, "time", pause)
    return made


def is_busy(customer: Browser, place: tuple[str, str, str], seconds: int, times: int = 1) -> None:
    service, method, path = place
    headers: dict[str, Any] = {"Retry-After": str(seconds)}
    customer.sandbox.faults.add(
        service, "status", method=method, path=path, status=429, headers=headers, body={}, times=times
    )


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("status", [429, 503])
def test_the_first_sign_in_survives_a_short_wait(
    customer: Browser, link: str, waits: list[timedelta], place: str, status: int
) -> None:
    answer = customer.visit_microsoft(customer.start(link), CARLA)
    service, method, path = PLACES[place]
    customer.sandbox.faults.add(
        service, "status", method=method, path=path, status=status, headers={"Retry-After": "2"}, body={}
    )
    assert customer.come_back(answer).status_code == 303
    assert waits in ([timedelta(seconds=2)], [])  # the document may be cached
    assert Connection.objects.exists()


def test_the_second_sign_in_keeps_what_was_accepted(customer: Browser, link: str, waits: list[timedelta]) -> None:
    page = customer.press(customer.identify(link), name="Contoso-sync")
    answer = customer.visit_microsoft(page, CARLA)
    is_busy(customer, PLACES["keys"], 2, times=2)
    assert customer.come_back(answer).headers["location"] == "/authenticate/progress"
    assert waits == [timedelta(seconds=2)] * 2
    assert Operation.objects.get().kind == "connect"
    assert "invitation.sign_in_refused" not in history()
    assert "grant.removed" not in history()


def test_all_waits_of_a_request_share_ten_seconds(customer: Browser, link: str, waits: list[timedelta]) -> None:
    answer = customer.visit_microsoft(customer.start(link), CARLA)
    is_busy(customer, ("entra", "POST", "/token"), 4)
    is_busy(customer, PLACES["keys"], 4, times=5)
    refused(customer.come_back(answer), "remote_unavailable")
    assert waits == [timedelta(seconds=4)] * 2


def test_a_refused_persons_permissions_are_revoked_after_a_short_wait(customer: Browser, link: str) -> None:
    """In real time: the limit of the calls to Graph counts it too."""
    page = customer.press(customer.identify(link), name="Contoso-sync")
    answer = customer.visit_microsoft(page, PAUL)
    is_busy(customer, ("graph", "DELETE", "/oauth2PermissionGrants"), 1)
    assert "were revoked" in refused(customer.come_back(answer), "another_administrator")
    assert Connection.objects.get().grant_removed is True
