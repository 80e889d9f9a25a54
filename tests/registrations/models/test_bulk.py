"""How far the items of a bulk job's part are."""

import pytest

from registrations import audit
from registrations.models import BulkItem, Operation
from registrations.services import bulk_jobs
from tests import factories

pytestmark = pytest.mark.django_db


def test_an_item_is_pending_then_live_then_neither() -> None:
    part = bulk_jobs.request([factories.make_instance()], actor=audit.SYSTEM).parts.get()
    assert (part.items.pending().count(), part.items.live().count()) == (1, 0)
    bulk_jobs.start_next()
    assert (part.items.pending().count(), part.items.live().count()) == (0, 1)
    Operation.objects.update(status="failed")
    assert (BulkItem.objects.pending().count(), BulkItem.objects.live().count()) == (0, 0)
