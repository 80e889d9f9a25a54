"""What staff type: kept with its history, secrets never shown, addresses derived and fixed."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from registrations import audit
from registrations.models import AuditEvent, EntraTenant, Operation, ServiceProvider, UmpInstance
from registrations.services import provisioning
from sandbox.app import Sandbox
from tests import factories
from tests.registrations.admin.conftest import OLGA, form_values, page_of

pytestmark = pytest.mark.django_db
ADD_TENANT = "admin:registrations_entratenant_add"
ADD_INSTANCE = "admin:registrations_umpinstance_add"
GUID = "0f5a1c37-7a1d-4a5e-8a51-2f0f3ab7f0aa"
SECRET = "A8Q~what-nobody-must-see"


def history() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


def tenant_values(sandbox: Sandbox, **values: Any) -> dict[str, Any]:
    given = sandbox.seed.provider
    return {
        "name": "Finebak",
        "tenant_id": given.tenant_id,
        "subscription": "audiocodes",
        "client_id": given.client_id,
        "client_secret": given.client_secret,
        **values,
    }


def test_a_wrong_tenant_id_is_refused_beside_its_field(operator_client: Client, sandbox: Sandbox) -> None:
    answer = operator_client.post(reverse(ADD_TENANT), tenant_values(sandbox, tenant_id="contoso.com"))
    assert "Enter a GUID" in answer.content.decode()
    assert not EntraTenant.objects.exists()


def test_a_refused_form_does_not_give_the_secret_back(operator_client: Client, sandbox: Sandbox) -> None:
    answer = operator_client.post(reverse(ADD_TENANT), tenant_values(sandbox, tenant_id="x", client_secret=SECRET))
    assert SECRET not in answer.content.decode()


def test_a_new_credential_is_sealed_checked_and_never_shown(
    operator_client: Client,
    sandbox: Sandbox,
    work: Callable[[], None],
    rung: list[str],
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        operator_client.post(reverse(ADD_TENANT), tenant_values(sandbox))
    tenant = EntraTenant.objects.get()
    assert tenant.unseal("client_secret_envelope") == sandbox.seed.provider.client_secret
    assert rung == [str(Operation.objects.get().pk)]
    work()
    page = operator_client.get(page_of(tenant)).content.decode()
    assert "Check the credential" in page
    assert "Succeeded" in page
    assert sandbox.seed.provider.client_secret not in page
    assert tenant.client_secret_envelope not in page
    assert history()[:3] == ["tenant.added", "tenant.secret_kept", "check_tenant.requested"]


def test_missing_and_excess_permissions_are_named(operator_client: Client, tenant: EntraTenant) -> None:
    EntraTenant.objects.update(
        checked_at=timezone.now(), missing_permissions=["Organization.Read.All"], excess_permissions=["Mail.Read"]
    )
    page = operator_client.get(page_of(tenant)).content.decode()
    assert "state-red" in page
    assert "Organization.Read.All" in page
    assert "state-amber" in page
    assert "Mail.Read" in page


def test_checking_without_a_secret_says_what_to_do(operator_client: Client, tenant: EntraTenant) -> None:
    EntraTenant.objects.update(client_secret_envelope="")
    answer = operator_client.post(page_of(tenant, "check_credential"), follow=True)
    assert "has no secret yet" in answer.content.decode()
    assert not Operation.objects.exists()


def test_an_edit_keeps_before_and_after(operator_client: Client, tenant: EntraTenant) -> None:
    page = operator_client.get(page_of(tenant))
    operator_client.post(page_of(tenant), {**form_values(page), "name": "Finebak Europe"})
    event = AuditEvent.objects.get()
    assert event.action == "tenant.changed"
    assert event.actor_label == "Olga Operator"
    assert event.ip_address == "127.0.0.1"
    assert (event.before, event.after) == ({"name": "Finebak"}, {"name": "Finebak Europe"})


def test_saving_without_an_edit_writes_no_history(operator_client: Client, tenant: EntraTenant) -> None:
    page = operator_client.get(page_of(tenant))
    operator_client.post(page_of(tenant), form_values(page))
    assert history() == []


def test_a_secret_is_in_no_entry_of_the_history(operator_client: Client, tenant: EntraTenant) -> None:
    page = operator_client.get(page_of(tenant))
    operator_client.post(page_of(tenant), {**form_values(page), "client_secret": SECRET})
    tenant.refresh_from_db()
    assert tenant.unseal("client_secret_envelope") == SECRET
    assert history() == ["tenant.secret_kept", "check_tenant.requested"]
    for event in AuditEvent.objects.all():
        assert SECRET not in f"{event.before}{event.after}{event.reason}"


def test_an_edit_leaves_what_a_worker_wrote_meanwhile(operator_client: Client, instance: UmpInstance) -> None:
    page = operator_client.get(page_of(instance))
    UmpInstance.objects.update(status="active")
    operator_client.post(page_of(instance), {**form_values(page), "ump_scope": "api://other/.default"})
    instance.refresh_from_db()
    assert (instance.status, instance.ump_scope) == ("active", "api://other/.default")


def test_an_instance_is_added_with_its_secret(operator_client: Client) -> None:
    provider = factories.make_provider(domain="finebak.com")
    given = {
        "ump_client_id": GUID,
        "ump_tenant_id": GUID,
        "ump_scope": "api://ump/.default",
        "ump_client_secret": SECRET,
    }
    answer = operator_client.post(reverse(ADD_INSTANCE), instance_values(provider, delivery="api", **given))
    assert answer.status_code == 302
    assert UmpInstance.objects.get().unseal("ump_client_secret_envelope") == SECRET


def instance_values(provider: ServiceProvider, **values: Any) -> dict[str, Any]:
    return {
        "provider": provider.pk,
        "app_name": "umptoken",
        "delivery": "handover",
        "ump_url": f"https://ump.{provider.domain}/tenantui",
        "ump_tenant_id": "",
        "ump_client_id": "",
        "ump_client_secret": "",
        "ump_scope": "",
        **values,
    }


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://ump.finebak.com/tenantui", "must start with https"),
        ("https://evil.example/tenantui", "is not under finebak.com"),
        ("https://finebak.com.evil.example/", "is not under finebak.com"),
        ("https://user:pw@ump.finebak.com/", "no user name"),
    ],
)
def test_a_ump_url_elsewhere_is_refused(operator_client: Client, url: str, sentence: str) -> None:
    provider = factories.make_provider(domain="finebak.com")
    answer = operator_client.post(reverse(ADD_INSTANCE), instance_values(provider, ump_url=url))
    page = answer.content.decode()
    assert sentence in page
    assert f'href="{url}"' not in page
    assert not UmpInstance.objects.exists()


def test_half_a_credential_is_refused(operator_client: Client) -> None:
    provider = factories.make_provider()
    values = instance_values(provider, ump_client_id="f1eba000-0000-4000-8000-000000000002")
    answer = operator_client.post(reverse(ADD_INSTANCE), values).content.decode()
    assert "The UMP API client secret is missing" in answer
    assert "The UMP API tenant ID is missing" in answer


def test_delivery_by_api_without_a_credential_is_refused(operator_client: Client) -> None:
    provider = factories.make_provider()
    answer = operator_client.post(reverse(ADD_INSTANCE), instance_values(provider, delivery="api")).content.decode()
    assert answer.count("delivery by API needs it") == 4
    assert not UmpInstance.objects.exists()


@pytest.mark.parametrize(
    "spelling", ["https://UMP.finebak.localhost/tenantui/", "https://ump.finebak.localhost:443/tenantui"]
)
def test_a_second_instance_on_one_ump_is_refused(operator_client: Client, spelling: str) -> None:
    first = factories.make_instance()
    values = instance_values(first.provider, app_name="second", ump_url=spelling)
    answer = operator_client.post(reverse(ADD_INSTANCE), values).content.decode()
    assert answer.count(f"{first.host} has this UMP base URL") == 1
    assert "Constraint" not in answer
    assert UmpInstance.objects.count() == 1


def test_a_second_instance_of_one_host_is_refused_in_words(operator_client: Client) -> None:
    first = factories.make_instance()
    values = instance_values(first.provider, ump_url="https://other.finebak.localhost/")
    answer = operator_client.post(reverse(ADD_INSTANCE), values).content.decode()
    assert "This service provider has an instance with that app name already" in answer
    assert "Constraint" not in answer


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


def test_host_and_urls_are_shown_before_anything_is_created(operator_client: Client) -> None:
    provider = factories.make_provider(domain="finebak.com")
    empty = operator_client.get(reverse(ADD_INSTANCE)).content.decode()
    assert 'data-derived="redirect"' in empty
    assert "finebak.com" in empty
    operator_client.post(reverse(ADD_INSTANCE), instance_values(provider))
    page = operator_client.get(page_of(UmpInstance.objects.get())).content.decode()
    assert 'data-copy="https://umptoken.finebak.com/authenticate/OAuth2Callback"' in page
    assert 'data-copy="https://umptoken.finebak.com/authenticate"' in page
    assert not Operation.objects.exists()


def test_the_address_is_read_only_after_the_first_delivery(operator_client: Client, instance: UmpInstance) -> None:
    UmpInstance.objects.update(delivered_at=timezone.now())
    page = operator_client.get(page_of(instance))
    assert not {"app_name", "ump_url", "provider", "delivery"} & set(form_values(page))
    values = {**form_values(page), "app_name": "other", "ump_url": "https://evil.finebak.localhost/"}
    operator_client.post(page_of(instance), values)
    instance.refresh_from_db()
    assert instance.app_name == "umptoken"
    assert "evil" not in instance.ump_url
    assert not {"domain", "tenant"} & set(form_values(operator_client.get(page_of(instance.provider))))
    assert "tenant_id" not in form_values(operator_client.get(page_of(instance.provider.tenant)))


def test_a_url_that_is_not_allowed_any_more_does_not_stop_other_edits(
    operator_client: Client, instance: UmpInstance, settings: Any
) -> None:
    UmpInstance.objects.update(delivered_at=timezone.now())
    settings.UMP_ALLOWED_HOSTS = []
    page = operator_client.get(page_of(instance))
    operator_client.post(page_of(instance), {**form_values(page), "ump_scope": "api://other/.default"})
    instance.refresh_from_db()
    assert instance.ump_scope == "api://other/.default"


def test_the_address_is_read_only_while_an_operation_is_at_work(operator_client: Client, instance: UmpInstance) -> None:
    provisioning.request(instance, actor=OLGA)
    assert "ump_url" not in form_values(operator_client.get(page_of(instance)))


def change_address(client: Client, instance: UmpInstance, **values: Any) -> str:
    given = {
        "delivery": "api",
        "app_name": "umptoken",
        "ump_url": "https://new.finebak.localhost/",
        "reason": "The UMP moved",
        **values,
    }
    answer = client.post(page_of(instance, "change_address"), given, follow=True)
    instance.refresh_from_db()
    return answer.content.decode()


def test_a_changed_address_voids_the_credential_and_tells_why(operator_client: Client, instance: UmpInstance) -> None:
    delivered = timezone.now()
    UmpInstance.objects.update(delivered_at=delivered, status="active")
    assert "The address is changed" in change_address(operator_client, instance)
    assert instance.ump_url == "https://new.finebak.localhost/"
    assert instance.ump_client_secret_envelope == ""
    assert instance.status == "draft"
    assert instance.delivered_at == delivered
    event = AuditEvent.objects.get()
    assert (event.action, event.reason) == ("instance.address_changed", "The UMP moved")
    assert event.after["ump_url"] == "https://new.finebak.localhost/"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"ump_url": "https://evil.example/"}, "is not under finebak.localhost"),
        ({"reason": ""}, "This field is required"),
        ({"app_name": "not a label"}, "Use letters, digits and hyphens only"),
        ({"ump_url": "https://ump.finebak.localhost/SECOND/"}, "second.finebak.localhost has this UMP base URL"),
    ],
)
def test_a_wrong_new_address_changes_nothing(
    operator_client: Client, instance: UmpInstance, values: dict[str, str], sentence: str
) -> None:
    factories.make_instance(app_name="second", ump_url="https://ump.finebak.localhost/second")
    UmpInstance.objects.update(delivered_at=timezone.now(), status="active")
    assert sentence in change_address(operator_client, instance, **values)
    assert instance.status == "active"
    assert history() == []


def test_an_address_is_not_changed_under_a_working_operation(operator_client: Client, instance: UmpInstance) -> None:
    UmpInstance.objects.update(delivered_at=timezone.now())
    provisioning.request(instance, actor=OLGA)
    assert "has not ended yet" in change_address(operator_client, instance)
    assert "new.finebak" not in instance.ump_url


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


def test_a_name_from_outside_is_shown_as_text(operator_client: Client, tenant: EntraTenant) -> None:
    EntraTenant.objects.update(name='<img src=x x-on:error="1">')
    for address in (page_of(tenant), reverse("admin:registrations_entratenant_changelist"), "/admin/"):
        assert "<img src=x" not in operator_client.get(address).content.decode()


def test_the_chain_holds_after_all_of_it(operator_client: Client, tenant: EntraTenant) -> None:
    page = operator_client.get(page_of(tenant))
    operator_client.post(page_of(tenant), {**form_values(page), "name": "Finebak Asia"})
    assert audit.first_broken() is None
