"""Where secrets may be sent: URLs of UMPs and domains of service providers."""

import pytest
from django.core.exceptions import ValidationError

from registrations.models import ServiceProvider, UmpInstance
from registrations.models.tenants import (
    canonical_ump_url,
    validate_domain_is_free,
    validate_ump_is_free,
    validate_ump_url,
)
from tests import factories


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://ump.finebak.com/tenantui", "must start with https"),
        ("https://evil.example/tenantui", "is not under finebak.com"),
        ("https://evilfinebak.com/", "is not under finebak.com"),
        ("https://finebak.com.evil.example/", "is not under finebak.com"),
        ("https://finebak.com@evil.example/", "no user name"),
        ("https://ump.finebak.com/?next=x", "no user name, query or fragment"),
        ("https://ump.finebak.com/#x", "no user name, query or fragment"),
        ("https:///tenantui", r"\(none\)"),
        ("", "must start with https"),
    ],
)
def test_a_url_that_could_send_secrets_elsewhere_is_refused(url: str, reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        validate_ump_url(url, "finebak.com")


@pytest.mark.parametrize(
    "url", ["https://finebak.com", "https://UMP.Finebak.com/tenantui", "https://a.b.finebak.com:8443/"]
)
def test_a_url_under_the_domain_is_accepted(url: str) -> None:
    validate_ump_url(url, "finebak.com")


def test_the_host_is_stored_in_lower_case_without_the_usual_port() -> None:
    assert canonical_ump_url("https://UMP.finebak.com:443/TenantUI") == "https://ump.finebak.com/TenantUI"


@pytest.mark.django_db
@pytest.mark.parametrize("domain", ["a.finebak.com", "com"])
def test_domains_of_two_providers_must_not_overlap(domain: str) -> None:
    provider = factories.make_provider(domain="finebak.com")
    with pytest.raises(ValidationError, match="overlap"):
        validate_domain_is_free(domain, None)
    validate_domain_is_free("notfinebak.com", None)
    validate_domain_is_free(domain, provider.pk)


@pytest.mark.django_db
def test_a_ump_serves_one_instance_until_that_is_retired() -> None:
    factories.make_instance(ump_url="https://ump.finebak.localhost/tenantui")
    with pytest.raises(ValidationError, match="umptoken.finebak.localhost has this UMP base URL"):
        validate_ump_is_free("https://UMP.finebak.localhost/tenantui/", None)
    UmpInstance.objects.update(status="retired")
    validate_ump_is_free("https://ump.finebak.localhost/tenantui", None)


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("Finebak onboarding team", "the Finebak onboarding team"),
        ("The Finebak service desk", "The Finebak service desk"),
        ("Anna Smith", "Anna Smith"),
        ("Finebak Support", "Finebak Support"),
        ("", "Finebak"),
    ],
)
def test_a_team_is_called_with_an_article_and_a_person_by_name(name: str, label: str) -> None:
    assert ServiceProvider(name="Finebak", contact_name=name).contact_label == label
