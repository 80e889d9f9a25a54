"""The rows behind an operation, and the operation of a method."""

import uuid

import pytest

from onboarding.models import Connection, ConnectionMethod, Invitation
from onboarding.services import invitations, lookups
from registrations import audit
from registrations.errors import WrongStateError
from registrations.models import Operation

pytestmark = pytest.mark.django_db


def test_every_method_has_a_kind_of_operation() -> None:
    assert set(lookups.KINDS) == set(ConnectionMethod)
    for method, kind in lookups.KINDS.items():
        assert lookups.method_of(Operation(kind=kind)) == method


def test_a_connection_without_an_operation_has_none(invitation: Invitation) -> None:
    assert lookups.operation_of(Connection.objects.create(invitation=invitation)) is None


def test_an_operation_whose_connection_is_gone_is_refused() -> None:
    with pytest.raises(WrongStateError, match="does not exist any more"):
        lookups.connection_of(Operation(subject_id=uuid.uuid4(), subject_label="Connection of Contoso"))


def test_a_step_of_a_revoked_invitation_is_refused(invitation: Invitation) -> None:
    connection = Connection.objects.create(invitation=invitation)
    invitations.revoke(invitation, actor=audit.SYSTEM)
    assert lookups.connection_of(Operation(subject_id=connection.pk)) == connection
    with pytest.raises(WrongStateError, match="was revoked"):
        lookups.open_connection(Operation(subject_id=connection.pk))


def test_a_revoked_invitation_cannot_begin_connecting(invitation: Invitation) -> None:
    invitations.revoke(invitation, actor=audit.SYSTEM)
    with pytest.raises(WrongStateError, match="can no longer be used"):
        lookups.begin_connecting(invitation.pk)
