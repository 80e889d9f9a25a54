"""Every form field for text cleans what was typed: no form was forgotten."""

from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.test import Client, RequestFactory
from django.urls import reverse

from onboarding.forms import ExistingForm, RegistrationForm
from onboarding.models import Customer
from registrations import form_fields
from registrations.admin.instance_forms import ChangeAddressForm
from registrations.admin.service_provider import ChangeDomainForm
from registrations.models import EntraTenant, ServiceProvider, UmpInstance
from registrations.models.fields import GuidField
from tests import factories

GUID = "9d576dc4-b85d-4571-880e-4c6ed4c08c31"
PASSWORDS = {
    "password",
    "password1",
    "password2",
    "old_password",
    "new_password1",
    "new_password2",
}  # taken as they are


def forms_of_the_admin() -> Iterator[tuple[str, Any]]:
    """The fields of every add form."""
    request = RequestFactory().get("/")
    request.user = User(username="root", is_superuser=True, is_staff=True, is_active=True)
    for model, page in sorted(admin.site._registry.items(), key=lambda each: str(each[0]._meta.label)):
        if page.has_add_permission(request):
            for name, field in page.get_form(request).base_fields.items():
                yield f"{model._meta.label}.{name}", field


def all_fields() -> dict[str, Any]:
    """The text fields of every form of the product."""
    own: list[Any] = [ChangeAddressForm, ChangeDomainForm, RegistrationForm, ExistingForm]
    found = [(f"{form.__name__}.{name}", field) for form in own for name, field in form.base_fields.items()]
    found += list(forms_of_the_admin())
    return {name: field for name, field in found if isinstance(field, forms.CharField)}


@pytest.mark.django_db
def test_no_text_field_of_any_form_takes_a_misleading_character() -> None:
    checked = {name: field for name, field in all_fields().items() if name.rpartition(".")[2] not in PASSWORDS}
    assert len(checked) > 20
    for name, field in checked.items():
        for character in ("\u202e", "\0"):
            with pytest.raises(ValidationError) as refusal:
                field.clean(f"con{character}toso")
            assert f"U+{ord(character):04X}" in refusal.value.messages[0], name


@pytest.mark.django_db
def test_no_text_field_of_any_form_keeps_what_surrounds_its_value() -> None:
    for name, field in all_fields().items():
        if name.rpartition(".")[2] not in PASSWORDS:
            assert field.to_python("\ufeff\u00a0contoso\u200b\r\n").removeprefix("https://") == "contoso", name


@pytest.mark.django_db
@pytest.mark.parametrize("form", ["{%s}", "%s", " {%s}\u200b", "\ufeff%s\r\n"])
def test_every_guid_of_every_form_is_taken_in_braces_and_capitals(form: str) -> None:
    guids = {name: field for name, field in all_fields().items() if isinstance(field, form_fields.GuidField)}
    assert len(guids) >= 6
    for name, field in guids.items():
        assert field.clean(form % GUID.upper()) == GUID, name
        assert int(field.widget_attrs(field.widget)["maxlength"]) > 38, name


def test_every_guid_of_every_model_is_canonical() -> None:
    for model in admin.site._registry:
        for field in model._meta.get_fields():
            if isinstance(field, GuidField):
                assert field.clean(f"{{{GUID.upper()}}}", None) == GUID


@pytest.mark.django_db
def test_a_customers_tenant_id_is_stored_without_its_braces(operator_client: Client) -> None:
    given = {"name": " Contoso\u00a0Ltd ", "tenant_id": f"{{{GUID.upper()}}}\u200b"}
    assert operator_client.post(reverse("admin:onboarding_customer_add"), given).status_code == 302
    assert Customer.objects.values_list("name", "tenant_id").get() == ("Contoso Ltd", GUID)


@pytest.mark.django_db
def test_a_name_that_turns_its_letters_is_refused_by_name(operator_client: Client) -> None:
    given = {"name": "Con\u202etoso", "tenant_id": GUID}
    answer = operator_client.post(reverse("admin:onboarding_customer_add"), given)
    assert "U+202E (right-to-left override)" in answer.content.decode()
    assert not Customer.objects.exists()


@pytest.mark.django_db
@pytest.mark.parametrize("port", [":0", ":99999", ":abc", ":-1", ":"])
def test_a_ump_url_with_an_impossible_port_is_refused(operator_client: Client, port: str) -> None:
    instance = factories.make_instance()
    url = f"https://ump.finebak.localhost{port}/other"
    with pytest.raises(ValidationError):
        UmpInstance(provider=instance.provider, app_name="other", ump_url=url).full_clean()
    given = {"provider": instance.provider_id, "app_name": "other", "delivery": "handover", "ump_url": url}
    answer = operator_client.post(reverse("admin:registrations_umpinstance_add"), given)
    assert answer.context["adminform"].form.errors["ump_url"]
    UmpInstance.objects.update(delivered_at="2026-01-01T00:00:00Z")
    change = reverse("admin:registrations_umpinstance_change", args=[instance.pk]).replace("change", "change-address")
    moved = {"app_name": "umptoken", "ump_url": url, "delivery": "handover", "reason": "Moved."}
    answer = operator_client.post(change, moved)
    assert answer.status_code == 200
    assert answer.context["form"].errors
    assert UmpInstance.objects.get().ump_url == instance.ump_url


@pytest.mark.django_db
def test_a_host_is_taken_in_capitals(operator_client: Client) -> None:
    tenant = factories.make_tenant()
    given = {"name": "Finebak", "domain": " Finebak.COM. ", "tenant": tenant.pk}
    assert operator_client.post(reverse("admin:registrations_serviceprovider_add"), given).status_code == 302
    assert ServiceProvider.objects.get().domain == "finebak.com"


@pytest.mark.django_db
def test_a_secret_is_stored_without_what_surrounds_it(operator_client: Client) -> None:
    secret = "Xy8Q~not-a-real-secret-value"
    given = {"name": "Finebak", "tenant_id": GUID, "subscription": "audiocodes", "client_id": GUID}
    add = reverse("admin:registrations_entratenant_add")
    assert operator_client.post(add, {**given, "client_secret": f"\ufeff{secret}\u00a0\r\n"}).status_code == 302
    assert EntraTenant.objects.get().unseal("client_secret_envelope") == secret
