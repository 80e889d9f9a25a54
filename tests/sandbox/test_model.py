"""What the sandbox's objects know about themselves."""

from typing import Any

import pytest

from sandbox.model import Application, ServicePrincipal, Tenant, User


def application(**properties: Any) -> Application:
    return Application("id", "app-id", "tenant-id", "2026-01-01T00:00:00Z", 0.0, properties)


def test_only_two_audiences_are_multitenant() -> None:
    for audience in ("AzureADMyOrg", "PersonalMicrosoftAccount", None):
        assert not application(signInAudience=audience).is_multitenant
    for audience in ("AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount"):
        assert application(signInAudience=audience).is_multitenant


def test_redirect_uris_of_all_platforms_count() -> None:
    assert application(web=None, spa={}).redirect_uris == []
    platforms = {name: {"redirectUris": [f"https://{name}.example"]} for name in ("web", "spa", "publicClient")}
    assert application(**platforms).redirect_uris == [
        "https://web.example",
        "https://spa.example",
        "https://publicClient.example",
    ]


def test_a_service_principal_is_enabled_unless_it_was_disabled() -> None:
    assert ServicePrincipal("id", "app-id", 0.0).enabled
    assert ServicePrincipal("id", "app-id", 0.0, {"accountEnabled": None}).enabled
    assert not ServicePrincipal("id", "app-id", 0.0, {"accountEnabled": False}).enabled


def test_a_user_is_found_by_upn_in_any_case() -> None:
    tenant = Tenant("id", "Litware", "litware.example", {"1": User("1", "Lena", "lena@litware.example")})
    assert tenant.user("Lena@LITWARE.example").id == "1"
    with pytest.raises(StopIteration):
        tenant.user("nobody@litware.example")
