"""The migration to standard names: rows of the version before stay as they are, and live operations continue."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.apps.registry import Apps
from django.conf import settings
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from registrations import audit, encryption
from registrations.auth import throttle
from registrations.engine import queue, registry, runner
from registrations.models import EntraTenant, LoginAttempt, Operation
from tests import factories

BEFORE = ("registrations", "0009_bulk_jobs")
TABLES = ("operation", "passwordtry", "bulkjob", "bulkpart", "bulkitem")
NOW = timezone.now().replace(microsecond=250_000)


def old_step(number: int, **values: Any) -> dict[str, Any]:
    """One step as the engine before wrote it; its very first version had no counters and instants but these."""
    first_version = {
        "name": f"step{number}",
        "title": f"Step {number}",
        "request_id": "",
        "status": "pending",
        "attempts": 0,
        "started_at": None,
        "ended_at": None,
        "note": "",
    }
    return {**first_version, **values}


DONE = old_step(0, status="done", attempts=1, started_at=NOW.isoformat(), ended_at=NOW.isoformat(), note="Made.")
LATER_KEYS: dict[str, Any] = {"uncounted": 0, "refused_at": None, "waits_since": None}
OF_LATER_VERSIONS = {"correlation_id": "", "answered_at": "", "says": "", "outcome": ""}
WAITING = {**old_step(1, status="waiting", attempts=3, started_at=NOW.isoformat(), note="Copying."), **LATER_KEYS}
ROWS: dict[str, dict[str, Any]] = {
    "queued": {"status": "queued", "next_attempt_at": NOW, "steps": [DONE, old_step(1)]},
    "running": {
        "status": "running",
        "lease": "of a worker that was killed",
        "leased_until": NOW - timedelta(minutes=1),
        "steps": [DONE, {**old_step(1, status="running", attempts=1, started_at=NOW.isoformat()), **LATER_KEYS}],
    },
    "waiting": {
        "status": "waiting",
        "waits_for": "staff",
        "error_code": "deleted_twin",
        "notes": {"twin_id": "a", "missing": {"b": [NOW.isoformat(), NOW.isoformat(), 2]}},
        "steps": [DONE, {**WAITING, "uncounted": 7, "refused_at": NOW.isoformat(), "waits_since": NOW.isoformat()}],
    },
    "failed": {
        "status": "failed",
        "error_code": "unknown",
        "ended_at": NOW,
        "steps": [DONE, {**WAITING, "status": "failed", "request_id": "r", "ended_at": NOW.isoformat()}],
    },
    "bulk": {"status": "queued", "lane": "bulk", "next_attempt_at": NOW, "steps": [old_step(0), old_step(1)]},
}


def apps_before() -> Apps:
    """The models as the migration before this one left them."""
    return MigrationExecutor(connection).loader.project_state([BEFORE]).apps


@pytest.fixture
def before(transactional_db: None) -> Iterator[Apps]:
    """A database of the version before. The newest schema is back after the test."""
    call_command("migrate", *BEFORE, verbosity=0)
    try:
        yield apps_before()
    finally:
        call_command("migrate", verbosity=0)


def model_of(apps: Apps, name: str) -> Any:
    """A model of the version before."""
    return apps.get_model("registrations", name)


def insert_operations(before: Apps) -> dict[str, Any]:
    """One operation in each state, and a bulk item for the bulk one; the IDs by name."""
    tenants = {name: make_tenant(before, number) for number, name in enumerate(ROWS)}
    model = model_of(before, "Operation")
    common = {"kind": "try", "subject_type": "entratenant", "requested_by_label": "Olga Operator"}
    made = {
        name: model.objects.create(id=uuid4(), subject_id=tenants[name].pk, subject_label="Finebak", **common, **values)
        for name, values in ROWS.items()
    }
    return {name: operation.pk for name, operation in made.items()}


def make_tenant(before: Apps, number: int) -> Any:
    model = model_of(before, "EntraTenant")
    tenant_id = f"f1eba000-0000-4000-8000-{number:012d}"
    return model.objects.create(id=uuid4(), name=f"T{number}", tenant_id=tenant_id, client_id=tenant_id)


def insert_bulk_item(before: Apps, operation_id: Any) -> Any:
    """The bulk job's row that leads to this operation."""
    tenant = model_of(before, "EntraTenant").objects.order_by("name").first()
    provider = model_of(before, "ServiceProvider").objects.create(
        id=uuid4(), name="F", domain="f.example", tenant=tenant
    )
    instance = model_of(before, "UmpInstance").objects.create(id=uuid4(), provider=provider, app_name="a")
    job = model_of(before, "BulkJob").objects.create(id=uuid4(), requested_by_label="Olga Operator")
    part = model_of(before, "BulkPart").objects.create(id=uuid4(), job=job, tenant=tenant)
    item = {"instance": instance, "operation_id": operation_id, "status": "begun", "place": 0}
    return model_of(before, "BulkItem").objects.create(id=uuid4(), part=part, **item).pk


def insert_typed_passwords(before: Apps, name: str, address: str, number: int) -> None:
    """Wrong passwords, counted under the purpose that the version before used."""
    ring = encryption.ring_of(settings.PORTAL_KEYS)
    model = model_of(before, "PasswordTry")
    for _ in range(number):
        key = "name:" + encryption.keyed_hash(ring, "sign-in", name)
        model.objects.create(at=timezone.now(), name_key=key, network=address)


def stored_rows() -> dict[str, list[tuple[Any, ...]]]:
    """All that the renamed models' tables hold."""
    found = {}
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"SELECT * FROM registrations_{table} ORDER BY id")  # noqa: S608  our own names
            columns = tuple(column[0] for column in cursor.description)
            found[table] = [columns, *cursor.fetchall()]
    return found


@pytest.fixture
def calls() -> Iterator[list[str]]:
    """The steps of kind "try" that ran, in order."""
    ran: list[str] = []

    def run(name: str) -> Any:
        return lambda _: ran.append(name)

    steps = tuple(registry.Step(f"step{n}", f"Step {n}", run(f"step{n}")) for n in range(2))
    registry.register(registry.Kind("try", "Try", steps, EntraTenant, lambda _: None, lambda _: None))
    yield ran
    registry.kinds.pop("try", None)


def test_every_row_stays_as_it_was(before: Apps) -> None:
    ids = insert_operations(before)
    insert_bulk_item(before, ids["bulk"])
    insert_typed_passwords(before, "olga", "2001:db8:1:2::/64", 2)
    kept = stored_rows()
    call_command("migrate", verbosity=0)
    assert stored_rows() == kept
    assert [len(rows) for rows in kept.values()] == [6, 3, 2, 2, 2]  # with the row of column names


def test_the_migration_can_be_undone_without_loss(before: Apps) -> None:
    insert_operations(before)
    kept = stored_rows()
    call_command("migrate", verbosity=0)
    call_command("migrate", *BEFORE, verbosity=0)
    assert stored_rows() == kept


def test_steps_are_read_as_typed_objects(before: Apps) -> None:
    ids = insert_operations(before)
    call_command("migrate", verbosity=0)
    done, waiting = Operation.objects.get(pk=ids["waiting"]).steps
    assert (done.is_done, done.attempts, done.started_at, done.ended_at, done.note) == (True, 1, NOW, NOW, "Made.")
    assert (done.uncounted, done.refused_at, done.waits_since) == (0, None, None)
    assert (waiting.status, waiting.uncounted, waiting.refused_at, waiting.waits_since) == ("waiting", 7, NOW, NOW)
    notes: Any = Operation.objects.get(pk=ids["waiting"]).notes
    assert (notes["twin_id"], notes["missing"]) == ("a", {"b": [NOW.isoformat(), NOW.isoformat(), 2]})


@pytest.mark.parametrize("name", ["queued", "running", "bulk"])
def test_a_live_operation_runs_to_its_end(before: Apps, calls: list[str], name: str) -> None:
    ids = insert_operations(before)
    call_command("migrate", verbosity=0)
    assert ids[name] in queue.due()
    assert runner.run(ids[name]) is True
    operation = Operation.objects.get(pk=ids[name])
    assert (operation.status, [step.status for step in operation.steps]) == ("succeeded", ["done", "done"])
    assert calls == (["step0", "step1"] if name == "bulk" else ["step1"])


@pytest.mark.parametrize("name", ["waiting", "failed"])
def test_a_stopped_operation_can_be_resumed(before: Apps, calls: list[str], name: str) -> None:
    ids = insert_operations(before)
    call_command("migrate", verbosity=0)
    assert ids[name] not in queue.due()
    queue.resume(Operation.objects.get(pk=ids[name]), actor=audit.SYSTEM)
    runner.run(ids[name])
    assert (Operation.objects.get(pk=ids[name]).status, calls) == ("succeeded", ["step1"])


def test_the_priority_is_read_from_the_old_column(before: Apps) -> None:
    ids = insert_operations(before)
    item = insert_bulk_item(before, ids["bulk"])
    call_command("migrate", verbosity=0)
    operation = Operation.objects.get(pk=ids["bulk"])
    assert (operation.priority, operation.bulk_item.pk) == (Operation.Priority.BULK, item)
    assert queue.priorities_of([ids["queued"]]) == {ids["queued"]: "interactive"}


def test_wrong_passwords_still_count(before: Apps) -> None:
    insert_typed_passwords(before, "olga", "192.0.2.1", throttle.MAX_FOR_NAME_AND_NETWORK)
    call_command("migrate", verbosity=0)
    assert LoginAttempt.objects.count() == throttle.MAX_FOR_NAME_AND_NETWORK
    assert throttle.is_throttled("Olga", "192.0.2.1")
    assert throttle.is_throttled("Olga", "192.0.2.200")  # they count by network since then
    assert not throttle.is_throttled("arthur", "192.0.2.1")
    models = ContentType.objects.filter(app_label="registrations").values_list("model", flat=True)
    assert "loginattempt" in models
    assert "passwordtry" not in models


@pytest.mark.django_db
def test_the_version_before_can_read_what_a_run_writes(calls: list[str]) -> None:
    """During an update workers of both versions run."""
    operation = queue.request("try", factories.make_tenant(), actor=audit.SYSTEM)
    runner.run(operation.pk)
    model = model_of(apps_before(), "Operation")
    kept = model.objects.get(pk=operation.pk)
    assert kept.lane == "interactive"
    for number, step in enumerate(kept.steps):
        assert set(step) == {*old_step(number), *LATER_KEYS, *OF_LATER_VERSIONS}
        assert (step["name"], step["status"], step["attempts"], step["note"]) == (f"step{number}", "done", 1, "")
        assert all(is_instant(step[key]) for key in ("started_at", "ended_at"))
        assert (step["uncounted"], step["refused_at"], step["waits_since"]) == (0, None, None)


@pytest.mark.django_db
def test_steps_and_notes_of_the_version_before_are_written_back_unchanged() -> None:
    model = model_of(apps_before(), "Operation")
    values = {**ROWS["waiting"], "subject_id": uuid4(), "kind": "try"}
    made = model.objects.create(id=uuid4(), **values)
    operation = Operation.objects.get(pk=made.pk)
    operation.save()
    kept = model.objects.get(pk=made.pk)
    assert kept.steps == [
        {**DONE, **LATER_KEYS, **OF_LATER_VERSIONS},
        {**values["steps"][1], **OF_LATER_VERSIONS},
    ]
    assert kept.notes == values["notes"]
    json.dumps(kept.steps)  # nothing but JSON


def is_instant(value: object) -> bool:
    return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
