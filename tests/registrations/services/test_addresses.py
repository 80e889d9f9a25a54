"""Addresses to which secrets are sent: fixed after a delivery, and changed with a reason by one service."""

from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from registrations.engine import queue
from registrations.errors import WrongStateError
from registrations.models import AuditEvent, UmpInstance
from registrations.models.notes import INSTANCE_NOTE
from registrations.services import addresses, provisioning
from tests import factories
from tests.registrations.runs import OLGA

pytestmark = pytest.mark.django_db
GOOD: dict[str, Any] = {"ump_url": "https://new.finebak.localhost/tenantui", "app_name": "umptoken", "reason": "Moved."}


@pytest.fixture
def delivered() -> UmpInstance:
    """An active instance with a UMP credential."""
    instance = factories.make_instance(status="active", delivered_at=timezone.now())
    instance.seal("ump_client_secret_envelope", "abc-secret")
    instance.save()
    return instance


@pytest.mark.parametrize(
    ("changed", "error", "reason"),
    [
        ({"reason": " "}, WrongStateError, "Enter a reason"),
        ({"ump_url": "https://evil.example/"}, ValidationError, "is not under"),
        ({"app_name": "ump token"}, ValidationError, "letters, digits and hyphens"),
    ],
)
def test_a_change_that_is_not_allowed_changes_nothing(
    delivered: UmpInstance, changed: dict[str, str], error: type[Exception], reason: str
) -> None:
    with pytest.raises(error, match=reason):
        addresses.change_instance_address(delivered, actor=OLGA, **{**GOOD, **changed})
    kept = UmpInstance.objects.get()
    assert (kept.status, kept.ump_url, bool(kept.ump_client_secret_envelope)) == ("active", delivered.ump_url, True)
    assert not AuditEvent.objects.exists()


def test_a_changed_instance_is_a_draft_without_its_ump_secret(delivered: UmpInstance) -> None:
    addresses.change_instance_address(delivered, actor=OLGA, **GOOD)
    kept = UmpInstance.objects.get()
    assert (kept.status, kept.ump_url, kept.ump_client_secret_envelope) == ("draft", GOOD["ump_url"], "")
    event = AuditEvent.objects.get(action="instance.address_changed")
    assert (event.reason, event.after["ump_url"]) == ("Moved.", GOOD["ump_url"])


def test_an_address_is_not_changed_while_an_operation_uses_it(delivered: UmpInstance) -> None:
    operation = provisioning.request(delivered, actor=OLGA)
    with pytest.raises(WrongStateError, match="has not ended"):
        addresses.change_instance_address(delivered, actor=OLGA, **GOOD)
    queue.cancel(operation, actor=OLGA)
    notes: Any = {INSTANCE_NOTE: str(delivered.pk)}
    queue.request("check_tenant", delivered.provider.tenant, actor=OLGA, notes=notes)
    with pytest.raises(WrongStateError, match="customer is being connected"):
        addresses.change_instance_address(delivered, actor=OLGA, **GOOD)


def test_a_draft_can_be_edited_until_something_is_delivered() -> None:
    instance = factories.make_instance()
    rows = UmpInstance.objects.filter(pk=instance.pk)
    addresses.lock_for_edit(rows)
    rows.update(delivered_at=timezone.now())
    with pytest.raises(WrongStateError, match="Nothing was saved"):
        addresses.lock_for_edit(rows)
