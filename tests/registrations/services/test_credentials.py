"""Credentials that staff enter: stored encrypted, recorded without their value, and checked again."""

import pytest
from django.utils import timezone

from registrations.models import AuditEvent, EntraTenant, UmpInstance
from registrations.services import credentials
from tests import factories
from tests.registrations.runs import OLGA

pytestmark = pytest.mark.django_db
SECRET = "A8Q~a-secret-of-finebak"


def test_a_new_secret_is_encrypted_and_the_last_check_no_longer_counts() -> None:
    tenant = factories.make_tenant(checked_at=timezone.now(), missing_permissions=["A"], excess_permissions=["B"])
    credentials.store_tenant_secret(tenant, SECRET, actor=OLGA)
    kept = EntraTenant.objects.get()
    assert kept.unseal("client_secret_envelope") == SECRET
    assert SECRET not in kept.client_secret_envelope
    assert (kept.checked_at, kept.missing_permissions, kept.excess_permissions) == (None, [], [])
    assert SECRET not in str(AuditEvent.objects.filter(action="tenant.secret_kept").values().get())


def test_storing_a_ump_secret_writes_no_other_column() -> None:
    instance = factories.make_instance()
    UmpInstance.objects.update(status="active")  # a worker, after the form was opened
    credentials.store_ump_secret(instance, SECRET, actor=OLGA)
    kept = UmpInstance.objects.get()
    assert (kept.unseal("ump_client_secret_envelope"), kept.status) == (SECRET, "active")
    assert SECRET not in str(AuditEvent.objects.filter(action="instance.secret_kept").values().get())


def test_a_reset_leaves_other_tenants_as_they_are() -> None:
    now = timezone.now()
    tenant = factories.make_tenant(checked_at=now)
    other = factories.make_tenant(tenant_id="f1eba000-0000-4000-8000-0000000000ff", checked_at=now)
    credentials.reset_check(tenant)
    assert list(EntraTenant.objects.filter(checked_at__isnull=False)) == [other]
