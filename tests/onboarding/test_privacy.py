"""The privacy text knows every field that may hold something about a customer's people."""

import html
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from django.apps import apps
from django.db import models
from django.utils.html import strip_tags

from onboarding import privacy
from tests.onboarding.browser import Browser

# Keys, numbers, times and switches say nothing alone: what they belong to is in the table.
SAYS_NOTHING = (models.ForeignKey, models.BooleanField, models.IntegerField, models.DateTimeField, models.UUIDField)
# Names of organisations and services, values of applications, states, and what concerns the provider's own staff alone.
NOT_OF_CUSTOMERS_PEOPLE = {
    "AppRegistration": "tenant_id unique_name display_name object_id app_id service_principal_id applied_settings",
    "AuditContext": "host",
    "AuditEvent": "actor_kind action subject_type subject_id subject_label key_id previous_digest digest",
    "BulkItem": "status message",
    "BulkJob": "requested_by_label",
    "BulkPart": "status",
    "ClientSecret": "display_name key_id status",
    "Connection": "status way registration_name",
    "Customer": "name tenant_id",
    "EntraTenant": "name tenant_id subscription client_id client_secret_envelope missing_permissions excess_permissions",
    "Invitation": "tenant_id token_hash token_envelope status",
    "KeyCanary": "key_id envelope",
    "LoginAttempt": "name_key network",
    "Operation": "kind subject_type subject_label status error_code waits_for lease priority",
    "RequestWindow": "scope action subject_type subject_id subject_label",
    "Service": "service_type full_name short_name ump_customer_guid",
    "ServiceProvider": "name domain contact_name contact_email contact_phone",
    "SignIn": "purpose way registration_name",
    "UmpInstance": "app_name ump_url ump_tenant_id ump_client_id ump_client_secret_envelope ump_scope delivery status",
}


def stored_fields() -> Iterator[str]:
    """Every field of the product's models that could hold a text: "Model.field"."""
    for app in ("onboarding", "registrations"):
        for model in apps.get_app_config(app).get_models():
            for field in model._meta.concrete_fields:
                if not field.primary_key and not isinstance(field, SAYS_NOTHING):
                    yield f"{model.__name__}.{field.name}"


def test_the_table_knows_every_field_that_may_hold_personal_data() -> None:
    told = {name for row in privacy.KEPT for name in row.fields}
    others = {f"{model}.{name}" for model, names in NOT_OF_CUSTOMERS_PEOPLE.items() for name in names.split()}
    stored = set(stored_fields())
    assert stored - told - others == set(), "say in onboarding/privacy.py what is kept, or here why it is nobody's data"
    assert (told | others) - stored == set(), "these fields do not exist any more"
    assert told & others == set()


def words(page: str) -> str:
    return " ".join(html.unescape(strip_tags(page)).split())


@pytest.mark.django_db
def test_page_and_security_file_say_the_same(customer: Browser, link: str) -> None:
    page = words(customer.open(urlsplit(link).path).content.decode())
    told = words(customer.open(urlsplit(link).path + "/security").content.decode())
    for what, why in privacy.table("Finebak"):
        for shown in (page, told):
            assert what in shown
            assert why in shown
    assert "administrator roles" in told
    assert "Three cookies" in told


@pytest.mark.django_db
def test_the_text_is_true_for_a_connected_organisation() -> None:
    kept = dict(privacy.table("Finebak"))["The secret of a registration, or the token that you allow the phone service"]
    assert "while your organisation is connected" in kept
    assert "at any time if you ask for it" in kept
    assert "until it is replaced or the invitation is revoked" not in kept
