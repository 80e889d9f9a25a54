"""The form of UMP instances: what it refuses, and what it shows before anything is created."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from registrations.models import Operation, ServiceProvider, UmpInstance
from tests import factories
from tests.registrations.admin.conftest import page_of

pytestmark = pytest.mark.django_db
ADD_INSTANCE = "admin:registrations_umpinstance_add"
GUID = "0f5a1c37-7a1d-4a5e-8a51-2f0f3ab7f0aa"
SECRET = "A8Q~what-nobody-must-see"


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
    listed = operator_client.get(answer["Location"])
    assert [str(each) for each in listed.context["messages"]] == ["Added. Provision it next."]
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


def test_a_second_instance_of_one_host_is_refused_with_a_sentence(operator_client: Client) -> None:
    first = factories.make_instance()
    values = instance_values(first.provider, ump_url="https://other.finebak.localhost/")
    answer = operator_client.post(reverse(ADD_INSTANCE), values).content.decode()
    assert "This service provider has an instance with that app name already" in answer
    assert "Constraint" not in answer


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


def test_the_field_and_the_error_of_an_app_name_say_length_characters_and_an_example(operator_client: Client) -> None:
    opened = operator_client.get(reverse(ADD_INSTANCE)).content.decode()
    values = instance_values(factories.make_provider(), app_name="ump_token")
    refused = operator_client.post(reverse(ADD_INSTANCE), values).content.decode()
    assert "1 to 63 characters: letters from a to z, digits and hyphens" in opened
    assert "in lower case, 1 to 63 characters, with no hyphen at either end. For example: umptoken." in refused
