"""Values that the UMP's API refuses."""

from typing import Any

import pytest

from sandbox.model import UmpCustomer
from sandbox.ump import contract
from tests.sandbox.actors import CALLBACK, Rest, ump_error

SETTINGS = "/api/portal/v1/system-settings"
SYNC_APP, PORTAL = f"{SETTINGS}/sync-app", f"{SETTINGS}/authentication-portal"
CLIENT = "11111111-2222-3333-4444-555555555555"
GOOD = {"clientId": CLIENT, "clientSecret": "abc8Q~0123456789", "redirectUri": CALLBACK}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"nothing": 1}, "UnknownProperty"),
        ({"clientId": "x"}, "InvalidValue"),
        ({"clientSecret": CLIENT}, "ClientSecretIdInsteadOfValue"),
        ({"clientSecret": "short"}, "InvalidValue"),
        ({"clientSecret": None}, "InvalidValue"),
        ({"redirectUri": "https://x.example/authenticate"}, "InvalidValue"),
        ({"redirectUri": "http://x.example/authenticate/OAuth2Callback"}, "InvalidValue"),
        ({"redirectUri": 5}, "InvalidValue"),
    ],
)
def test_invalid_sync_app_values_are_refused(ump: Rest, change: dict[str, Any], code: str) -> None:
    ump_error(ump.put(SYNC_APP, {**GOOD, **change}), 400, code)
    assert ump.get(SETTINGS).json()["clientId"] is None


def test_the_sync_app_needs_all_three_values(ump: Rest) -> None:
    for name in GOOD:
        ump_error(ump.put(SYNC_APP, {k: v for k, v in GOOD.items() if k != name}), 400, "MissingProperty", name)
    ump_error(ump.put(SYNC_APP, []), 400, "UnknownProperty")


def test_a_localhost_redirect_uri_is_accepted(ump: Rest) -> None:
    values = {**GOOD, "redirectUri": "http://umptoken.finebak.localhost:8000/authenticate/OAuth2Callback"}
    assert ump.put(SYNC_APP, values).status_code == 200


@pytest.mark.parametrize("url", ["https://x.example/authenticate/", "http://x.example/authenticate", "x", None])
def test_invalid_portal_urls_are_refused(ump: Rest, url: str | None) -> None:
    ump_error(ump.put(PORTAL, {"customerAuthenticationPortalUrl": url}), 400, "InvalidValue")


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ({}, "InvalidBody", ""),
        ({"upgradeToLicense": 1}, "UnknownProperty", ""),
        ({"licenseType": 3}, "InvalidValue", ""),
        ({"licenseType": 4}, "InvalidLicenseType", "Invalid change for License Type!"),
        ({"licensedUsersCount": 501}, "InvalidValue", ""),
        ({"applicationClientId": "x"}, "InvalidValue", ""),
        ({"applicationClientSecret": CLIENT}, "ClientSecretIdInsteadOfValue", ""),
    ],
)
def test_invalid_changes_of_a_service_are_refused(
    ump: Rest, customer: UmpCustomer, body: dict[str, Any], code: str, words: str
) -> None:
    ump_error(ump.patch(f"/api/v3/customer/{customer.id}", body), 400, code, words)


@pytest.mark.parametrize(("old", "new"), [(1, 4), (2, 5), (4, 1), (5, 2)])
def test_a_license_cannot_change_to_another_family(old: int, new: int) -> None:
    with pytest.raises(contract.UmpError, match="Invalid change for License Type!"):
        contract.check_license_change(old, new)


@pytest.mark.parametrize("value", [True, 0, 501, 2.5, "25", None])
def test_a_number_of_users_is_a_whole_number_up_to_500(value: Any) -> None:
    with pytest.raises(contract.UmpError, match="1 to 500"):
        contract.check({"licensedUsersCount": value}, contract.CUSTOMER, all_required=False)
    assert contract.check({"licensedUsersCount": 500}, contract.CUSTOMER, all_required=False)
