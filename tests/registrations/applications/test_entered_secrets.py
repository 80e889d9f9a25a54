"""Client secrets that a customer's administrator entered."""

import pytest

from registrations import audit
from registrations.applications import entered_secrets
from registrations.engine import queue
from registrations.models import AppRegistration, AuditEvent, ClientSecret, Operation
from tests import factories
from tests.registrations.runs import OLGA

pytestmark = pytest.mark.django_db
VALUE = "A8Q~entered-by-contoso"


@pytest.fixture
def operation() -> Operation:
    """An operation that stores what was entered."""
    return queue.request("check_tenant", factories.make_tenant(), actor=OLGA)


def entered(operation: Operation, *, managed: bool) -> AppRegistration:
    """A registration with an entered secret."""
    registration = AppRegistration.objects.create(
        tenant_id=str(operation.subject_id), display_name="C", managed=managed
    )
    with audit.atomic():
        entered_secrets.store(registration, VALUE, actor=OLGA, operation=operation, display_name="entered")
    return registration


def test_an_entered_secret_is_proven_and_encrypted(operation: Operation) -> None:
    entered(operation, managed=False)
    secret = ClientSecret.objects.get()
    assert (secret.status, secret.hint, secret.unseal("envelope")) == ("proven", "A8Q", VALUE)
    assert (secret.key_id, secret.expires_at) == ("", None)  # unknown to SyncPortal
    assert VALUE not in secret.envelope + str(AuditEvent.objects.filter(action="secret.entered").values().get())


def test_forgetting_deletes_the_value_and_is_recorded_once(operation: Operation) -> None:
    registration = entered(operation, managed=False)
    for _ in range(2):
        with audit.atomic():
            entered_secrets.forget(registration, actor=OLGA, operation=operation)
    secret = ClientSecret.objects.get()
    assert (secret.status, secret.envelope) == ("removed", "")
    assert AuditEvent.objects.filter(action="secret.forgotten").count() == 1


def test_a_managed_registrations_secret_is_not_forgotten(operation: Operation) -> None:
    registration = entered(operation, managed=True)
    with audit.atomic():
        entered_secrets.forget(registration, actor=OLGA, operation=operation)
    assert ClientSecret.objects.get().unseal("envelope") == VALUE
