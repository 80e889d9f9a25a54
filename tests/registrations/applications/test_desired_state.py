"""What a sync app must look like, and the difference to what Graph shows."""

from datetime import UTC, datetime, timedelta

import pytest

from registrations.applications import desired_state
from registrations.models import EntraTenant, ServiceProvider, UmpInstance


def instance(domain: str = "finebak.com") -> UmpInstance:
    return UmpInstance(
        app_name="umptoken", provider=ServiceProvider(name="Finebak", domain=domain, tenant=EntraTenant(name="T"))
    )


def test_the_sync_app_has_exactly_the_settings_of_the_procedure() -> None:
    wanted = desired_state.sync_app(instance())
    assert wanted["displayName"] == "umptoken"
    assert wanted["signInAudience"] == "AzureADMultipleOrgs"
    assert wanted["isFallbackPublicClient"] is True
    assert wanted["web"] == {
        "redirectUris": ["https://umptoken.finebak.com/authenticate/OAuth2Callback"],
        "implicitGrantSettings": {"enableAccessTokenIssuance": True, "enableIdTokenIssuance": True},
    }


def test_the_sync_app_asks_for_nothing_but_user_read() -> None:
    (resource,) = desired_state.sync_app(instance())["requiredResourceAccess"]
    assert resource["resourceAccess"] == [{"id": desired_state.USER_READ_ID, "type": "Scope"}]


def test_every_setting_beyond_the_procedure_has_a_reason() -> None:
    of_the_procedure = {"displayName", "signInAudience", "web", "isFallbackPublicClient"}
    ours = {"tags", "notes"}
    assert set(desired_state.sync_app(instance())) - of_the_procedure - ours == set(desired_state.REASONS)


def test_only_localhost_domains_get_http_and_a_port() -> None:
    assert instance("finebak.localhost").portal_url == "http://umptoken.finebak.localhost:8000/authenticate"
    assert instance("finebak.localhost.com").portal_url == "https://umptoken.finebak.localhost.com/authenticate"


def test_properties_that_graph_adds_are_no_difference() -> None:
    wanted = desired_state.sync_app(instance())
    actual = {**wanted, "id": "x", "web": {**wanted["web"], "redirectUriSettings": [], "logoutUrl": None}}
    assert desired_state.differences(wanted, actual) == {}


@pytest.mark.parametrize(
    ("field", "drifted"),
    [
        ("isFallbackPublicClient", False),
        ("signInAudience", "AzureADMyOrg"),
        (
            "web",
            {
                "redirectUris": [],
                "implicitGrantSettings": {"enableAccessTokenIssuance": True, "enableIdTokenIssuance": True},
            },
        ),
        (
            "web",
            {
                "redirectUris": ["https://umptoken.finebak.com/authenticate/OAuth2Callback", "https://evil.example/"],
                "implicitGrantSettings": {"enableAccessTokenIssuance": True, "enableIdTokenIssuance": True},
            },
        ),
        ("tags", ["syncportal"]),
        ("servicePrincipalLockConfiguration", None),  # Graph's default
        ("servicePrincipalLockConfiguration", {"isEnabled": False, "allProperties": True}),
        ("servicePrincipalLockConfiguration", {"isEnabled": True, "allProperties": None}),
        ("requiredResourceAccess", []),
    ],
)
def test_each_drift_is_found_and_sent_whole(field: str, drifted: object) -> None:
    wanted = desired_state.sync_app(instance())
    assert desired_state.differences(wanted, {**wanted, field: drifted}) == {field: wanted[field]}


def test_properties_of_the_lock_that_graph_adds_are_no_difference() -> None:
    wanted = desired_state.sync_app(instance())
    added = {"credentialsWithUsageVerify": True, "credentialsWithUsageSign": None, "tokenEncryptionKeyId": False}
    lock = {**wanted["servicePrincipalLockConfiguration"], **added}
    assert desired_state.differences(wanted, {**wanted, "servicePrincipalLockConfiguration": lock}) == {}


def test_a_secret_ends_after_24_months_on_the_same_day() -> None:
    assert desired_state.secret_ends_at(datetime(2026, 11, 23, 9, tzinfo=UTC)) == datetime(2028, 11, 23, 9, tzinfo=UTC)


def test_a_leap_day_becomes_the_last_of_february() -> None:
    assert desired_state.secret_ends_at(datetime(2028, 2, 29, tzinfo=UTC)) == datetime(2030, 2, 28, tzinfo=UTC)


@pytest.mark.parametrize(
    ("longest", "day"), [("P180D", "2026-06-29"), ("P6M", "2026-06-29"), ("P1Y", "2026-12-31"), ("P1D", "2026-01-01")]
)
def test_a_policy_shortens_the_secret_to_an_hour_less(longest: str, day: str) -> None:
    ends = desired_state.secret_ends_at(datetime(2026, 1, 1, tzinfo=UTC), longest)
    assert f"{ends:%Y-%m-%d %H}" == f"{day} 23"


@pytest.mark.parametrize(
    ("longest", "hours"),
    [
        ("PT12H", 11),
        ("PT36H", 35),
        ("P1DT12H", 35),
        ("P2DT30M", 47.5),
        ("PT1440M", 23),
        ("PT86400S", 23),
        ("P1W", 167),
        ("P0.5D", 11),
        ("P0,5D", 11),
        ("PT2H", 2 - 2 / 12),
        ("PT5M", 1 / 6),
        ("P0D", 1 / 6),
        ("PT0S", 1 / 6),
    ],
)
def test_every_part_of_a_duration_is_read_and_no_secret_ends_in_the_past(longest: str, hours: float) -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert desired_state.secret_ends_at(now, longest) == now + timedelta(hours=hours)


@pytest.mark.parametrize(
    "text", ["", "P", "PT", "P1DT", "-P1D", "P1", "1D", "PT1D", "P1H", "p1d", "P1D ago", "P1e3D", "P٣D"]
)
def test_what_is_no_duration_is_none(text: str) -> None:
    assert desired_state.duration(text) is None


@pytest.mark.parametrize("longest", ["", "P10Y", "P999999999D", "forever", "P"])
def test_a_policy_that_is_longer_or_not_readable_changes_nothing(longest: str) -> None:
    ends = desired_state.secret_ends_at(datetime(2026, 1, 1, tzinfo=UTC), longest)
    assert ends == datetime(2028, 1, 1, tzinfo=UTC)
