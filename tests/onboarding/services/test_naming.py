"""The registration's name: its default, and when it can be stored."""

import pytest
from django.core.exceptions import ValidationError

from onboarding.models import Connection, Invitation, Service
from onboarding.services import naming
from registrations import audit
from registrations.errors import WrongStateError
from registrations.models import AuditEvent, ServiceProvider, UmpInstance

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("provider", "short_name", "expected"),
    [
        ("Finebak", "sync", "Finebak-sync"),
        ("A provider with a long name", "contoso", "contoso-sync"),
        ("A provider with a long name", "contoso-muc-01", "contoso-muc-01"),
    ],
)
def test_the_default_name_uses_what_fits(provider: str, short_name: str, expected: str) -> None:
    instance = UmpInstance(provider=ServiceProvider(name=provider))
    assert naming.default_name(Service(instance=instance, short_name=short_name)) == expected


def test_a_stored_name_is_in_the_history_once(invitation: Invitation) -> None:
    connection = Connection.objects.create(invitation=invitation)
    for _ in range(2):
        naming.choose(connection, "Contoso-sync", actor=audit.SYSTEM)
    assert AuditEvent.objects.get(action="connection.named").after == {"registration_name": "Contoso-sync"}


def test_an_invalid_name_is_refused(invitation: Invitation) -> None:
    with pytest.raises(ValidationError):
        naming.choose(Connection.objects.create(invitation=invitation), "a b", actor=audit.SYSTEM)


def test_a_connecting_registration_keeps_its_name(invitation: Invitation) -> None:
    connection = Connection.objects.create(invitation=invitation, status=Connection.Status.CONNECTING)
    with pytest.raises(WrongStateError):
        naming.choose(connection, "Contoso-sync", actor=audit.SYSTEM)
