"""A step's state: typed in Python, JSON in the row, and readable by the versions before and after."""

from datetime import UTC, datetime
from typing import Any, cast

import pytest
from django.core import serializers

from registrations.models import Operation
from registrations.models.steps import KEYS, StepState, StepStatus, reset_steps
from tests import factories

NOON = datetime(2026, 11, 30, 12, 0, 0, 250_000, tzinfo=UTC)
OLDEST = {"name": "a", "title": "A", "status": "waiting", "attempts": 2, "started_at": NOON.isoformat(), "note": ""}


def test_keys_that_an_older_version_did_not_write_get_their_defaults() -> None:
    step = StepState.from_json(OLDEST)
    assert (step.attempts, step.started_at, step.uncounted, step.refused_at, step.ended_at) == (2, NOON, 0, None, None)


def test_keys_that_a_newer_version_wrote_are_left_out() -> None:
    assert StepState.from_json({**OLDEST, "paid": 3}) == StepState.from_json(OLDEST)


@pytest.mark.parametrize("empty", [None, ""])
def test_an_empty_instant_is_none(empty: Any) -> None:
    assert not StepState.from_json({**OLDEST, "started_at": empty}).started_at


def test_json_has_every_key_and_instants_as_iso_strings() -> None:
    step = StepState("a", "A", status=StepStatus.DONE, ended_at=NOON)
    kept = step.as_json()
    assert tuple(kept) == KEYS
    assert (kept["status"], kept["ended_at"], kept["started_at"]) == ("done", "2026-11-30T12:00:00.250000+00:00", None)
    assert StepState.from_json(kept) == step


def test_reset_keeps_only_names_and_what_support_asks_for() -> None:
    of_support = ("r-1", "c-1", "noon", "No.")
    step = StepState("a", "A", "failed", 12, NOON, NOON, "No.", *of_support, uncounted=90, refused_at=NOON)
    step.reset()
    assert step == StepState("a", "A", "pending", 0, None, None, "", *of_support)


def test_only_the_named_steps_are_reset() -> None:
    steps = [StepState(name, name.upper(), status="done", attempts=1) for name in "abc"]
    assert [step.status for step in reset_steps(steps, "b", "of an older version")] == ["done", "pending", "done"]


@pytest.mark.django_db
def test_a_row_gives_typed_steps_and_a_lookup_within_them_plain_values() -> None:
    steps = [StepState("a", "A", status="done"), StepState("b", "B", started_at=NOON)]
    values = {"kind": "try", "subject_id": factories.make_tenant().pk}
    made = Operation.objects.create(steps=steps, **values)
    found = Operation.objects.get(pk=made.pk)
    assert found.steps == steps
    assert found.current_step == found.step("b") == steps[1]
    assert Operation.objects.filter(steps__1__started_at=NOON.isoformat()).count() == 1
    assert list(Operation.objects.values_list("steps__0__status", flat=True)) == ["done"]


@pytest.mark.django_db
def test_an_operation_survives_serialisation_and_validation() -> None:
    tenant = factories.make_tenant()
    operation = Operation.objects.create(
        kind="check_tenant",
        subject_type="entratenant",
        subject_id=tenant.pk,
        subject_label=str(tenant),
        requested_by_label="Olga",
        steps=[StepState("token", "Obtain a token", StepStatus.DONE, started_at=NOON)],
    )
    operation.clean_fields()
    text = serializers.serialize("json", [operation])
    (restored,) = serializers.deserialize("json", text)
    assert cast(Operation, restored.object).steps == operation.steps
