"""The start page shows what needs attention."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from registrations import audit
from registrations.engine import queue
from registrations.models import Operation
from tests import factories

pytestmark = pytest.mark.django_db


def test_the_start_page_names_operations_that_no_worker_claims(operator_client: Client) -> None:
    operation = queue.request("check_tenant", factories.make_tenant(), actor=audit.SYSTEM)
    assert b"no worker takes up" not in operator_client.get("/admin/").content
    Operation.objects.filter(pk=operation.pk).update(next_attempt_at=timezone.now() - timedelta(minutes=11))
    assert b"no worker takes up" in operator_client.get("/admin/").content
