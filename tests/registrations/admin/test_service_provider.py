"""The forms of service providers: domains that do not overlap."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from registrations.models import AuditEvent, EntraTenant, ServiceProvider, UmpInstance
from tests import factories
from tests.registrations.admin.conftest import page_of

pytestmark = pytest.mark.django_db


def history() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


@pytest.mark.parametrize("domain", ["sub.finebak.localhost", "localhost.finebak", "bak.finebak.localhost"])
def test_a_domain_under_another_providers_domain_is_refused(operator_client: Client, domain: str) -> None:
    finebak = factories.make_provider()
    values = {"name": "Other", "domain": domain, "tenant": finebak.tenant_id}
    answer = operator_client.post(reverse("admin:registrations_serviceprovider_add"), values)
    if domain.endswith(".finebak.localhost"):
        assert f"{domain} and finebak.localhost of Finebak overlap" in answer.content.decode()
    assert ServiceProvider.objects.filter(domain=domain).exists() != domain.endswith(".finebak.localhost")


def test_a_domain_above_another_providers_domain_is_refused(operator_client: Client, instance: UmpInstance) -> None:
    other = factories.make_provider(name="Other", domain="other.example")
    factories.make_provider(name="Third", domain="east.third.example")
    change = {"domain": "third.example", "tenant": other.tenant_id, "reason": "Renamed"}
    answer = operator_client.post(page_of(other, "change_address"), change).content.decode()
    assert "third.example and east.third.example of Third overlap" in answer
    other.refresh_from_db()
    assert other.domain == "other.example"


def test_a_provider_with_another_domain_empties_urls_outside_of_it(
    operator_client: Client, instance: UmpInstance
) -> None:
    UmpInstance.objects.update(delivered_at=timezone.now(), ump_url="https://ump.finebak.localhost/", status="active")
    provider = instance.provider
    values = {"domain": "newbak.localhost", "tenant": provider.tenant_id, "reason": "Renamed"}
    operator_client.post(page_of(provider, "change_address"), values)
    instance = UmpInstance.objects.get()
    assert (instance.host, instance.ump_url, instance.status) == ("umptoken.newbak.localhost", "", "draft")
    assert instance.ump_client_secret_envelope == ""
    assert history() == ["provider.address_changed", "instance.address_changed"]


def test_a_name_with_markup_is_escaped(operator_client: Client, tenant: EntraTenant) -> None:
    EntraTenant.objects.update(name='<img src=x x-on:error="1">')
    for address in (page_of(tenant), reverse("admin:registrations_entratenant_changelist"), "/admin/"):
        assert "<img src=x" not in operator_client.get(address).content.decode()
