"""Values that mean the same are equal in their canonical form."""

import pytest

from registrations import canonical

GUID = "9d576dc4-b85d-4571-880e-4c6ed4c08c31"


@pytest.mark.parametrize(
    "url",
    [
        "https://UMP.Finebak.com/tenantui",
        "HTTPS://ump.finebak.com/tenantui/",
        "https://ump.finebak.com:443/tenantui",
        "https://ump.finebak.com:0443/tenantui//",
        "https://ump.finebak.com./tenantui",
        " https://ump.finebak.com/tenantui ",
    ],
)
def test_urls_of_one_place_are_equal(url: str) -> None:
    assert canonical.url(url) == "https://ump.finebak.com/tenantui"


@pytest.mark.parametrize(
    "url",
    ["https://ump.finebak.com/TenantUI", "https://ump.finebak.com:8443/tenantui", "http://ump.finebak.com/tenantui"],
)
def test_urls_of_other_places_are_not(url: str) -> None:
    assert canonical.url(url) != "https://ump.finebak.com/tenantui"


@pytest.mark.parametrize(
    "text", ["", "https://[::1", "https://host:port/", "https://host:99999/", "nonsense", "mailto:x"]
)
def test_what_is_no_url_stays_as_it_is(text: str) -> None:
    assert canonical.url(text) == text


@pytest.mark.parametrize(
    "text",
    [
        f"api://{GUID}/.default",
        f"API://{GUID.upper()}/.default/",
        f"api://{{{GUID}}}/.Default",
        f" api://{{{GUID.upper()}}}/.default// ",
    ],
)
def test_scopes_of_one_api_are_equal(text: str) -> None:
    assert canonical.scope(text) == f"api://{GUID}/.default"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://Ump.Finebak.com/Api/.default", "https://ump.finebak.com/Api/.default"),
        (f"{GUID.upper()}/.default", f"{GUID}/.default"),
        ("api://x/Read.All", "api://x/Read.All"),
        ("", ""),
        ("nonsense", "nonsense"),
    ],
)
def test_other_parts_of_a_scope_stay(text: str, expected: str) -> None:
    assert canonical.scope(text) == expected


@pytest.mark.parametrize("text", [GUID.upper(), f"{{{GUID}}}", f" {{{GUID.upper()}}} "])
def test_a_guid_is_the_same_in_braces_and_capitals(text: str) -> None:
    assert canonical.guid(text) == GUID


def test_an_ipv6_address_keeps_its_brackets() -> None:
    assert canonical.url("https://[2001:DB8::1]:443/") == "https://[2001:db8::1]"
