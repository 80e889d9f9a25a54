"""The sync app of an instance, and the secret in use."""

import pytest
from django.db import IntegrityError, transaction

from registrations.models import AppRegistration, ClientSecret
from tests import factories

pytestmark = pytest.mark.django_db
OTHER_TENANT = "f1eba000-0000-4000-8000-0000000000ff"


def test_a_registration_in_a_former_tenant_is_not_the_sync_app() -> None:
    instance = factories.make_instance()
    factories.make_registration(instance, tenant_id=OTHER_TENANT)
    assert AppRegistration.objects.sync_app_of(instance) is None


def test_the_sync_app_comes_with_the_very_instance_that_was_given() -> None:
    instance = factories.make_instance()
    made = factories.make_registration(instance)
    found = AppRegistration.objects.sync_app_of(instance)
    assert found == made
    assert found is not None
    assert found.instance is instance


@pytest.mark.parametrize("status", ClientSecret.Status.values)
def test_only_stored_proven_and_delivered_secrets_are_live(status: str) -> None:
    registration = factories.make_registration(factories.make_instance(), secret="abc-secret")
    ClientSecret.objects.update(status=status)
    is_live = status in ("stored", "proven", "delivered")
    assert (registration.live_secret is not None) is is_live
    assert ClientSecret.objects.live().exists() is is_live


def test_a_second_live_secret_is_refused_by_the_database() -> None:
    registration = factories.make_registration(factories.make_instance(), secret="abc-secret")
    with pytest.raises(IntegrityError), transaction.atomic():
        ClientSecret.objects.create(registration=registration, display_name="a second one")
