"""Kinds of operation, and the rows that operations are about."""

import pytest

from registrations.engine import registry
from registrations.errors import WrongStateError
from registrations.models import EntraTenant
from tests.registrations.engine.operations import MakeOperation, succeeds

pytestmark = pytest.mark.django_db


def test_a_kind_that_no_app_registered_is_refused(make_operation: MakeOperation) -> None:
    operation = make_operation(succeeds)
    registry.kinds.pop("try")
    with pytest.raises(WrongStateError, match="does not know operations of kind 'try'"):
        registry.kind_of(operation)


def test_a_subject_that_was_deleted_is_named(make_operation: MakeOperation) -> None:
    operation = make_operation(succeeds)
    EntraTenant.objects.all().delete()
    with pytest.raises(WrongStateError, match="Finebak does not exist any more"):
        registry.subject_of(operation)


def test_a_subject_is_read_again_and_keeps_its_label_in_the_history(make_operation: MakeOperation) -> None:
    operation = make_operation(succeeds)
    EntraTenant.objects.update(name="Renamed")
    assert registry.subject_of(operation).name == "Renamed"
    assert registry.history_subject(operation).label == "Finebak"


def test_only_the_kinds_of_this_product_are_registered() -> None:
    assert {"provision", "check_tenant"} <= set(registry.kinds)
    assert all(kind.name == name and kind.steps for name, kind in registry.kinds.items())
