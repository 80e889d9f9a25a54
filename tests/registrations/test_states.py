"""The state of each thing: what its badge, filter and count say."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from registrations import admin_html, audit, engine, states
from registrations.models import (
    AppRegistration,
    BulkItem,
    BulkJob,
    BulkPart,
    ClientSecret,
    EntraTenant,
    Operation,
    UmpInstance,
)
from registrations.services import bulk_jobs, provisioning, tenant_check
from tests import factories

pytestmark = pytest.mark.django_db
OLGA = audit.Actor("staff", "Olga Operator", "1", "192.0.2.7")
ALL_STATES = [
    states.OperationState,
    states.SecretState,
    states.InstanceState,
    states.RegistrationState,
    states.TenantState,
    states.JobState,
]


def state_of(rows: Any) -> str:
    return str(rows.get().state)


def make_secret(status: str = "delivered", days: float | None = 700) -> ClientSecret:
    factories.make_registration(factories.make_instance(status="active"), secret="abc-secret", app_id="an-id")
    ends = None if days is None else timezone.now() + timedelta(days=days)
    ClientSecret.objects.update(status=status, expires_at=ends)
    return ClientSecret.objects.get()


@pytest.mark.parametrize("kind", ALL_STATES)
def test_every_state_has_one_badge_with_its_word(kind: Any) -> None:
    for state in kind:
        assert admin_html.STATES[state][2] == state.label


@pytest.mark.parametrize(
    ("status", "days", "of_secret", "of_instance"),
    [
        ("delivered", -2, "expired", "expired"),
        ("delivered", 59, "expiring", "expiring"),
        ("delivered", 61, "delivered", "active"),
        ("delivered", None, "delivered", "active"),
        ("proven", -2, "expired", "expired"),
        ("stored", 1, "expiring", "expiring"),
        ("intended", None, "intended", "no_secret"),
        ("superseded", -2, "discarded", "no_secret"),
        ("discarded", -2, "discarded", "no_secret"),
        ("removed", -2, "removed", "no_secret"),
    ],
)
def test_a_secrets_end_decides_what_its_owners_are(status: str, days: float, of_secret: str, of_instance: str) -> None:
    make_secret(status, days)
    assert state_of(states.secrets(ClientSecret.objects.all())) == of_secret
    assert state_of(states.instances(UmpInstance.objects.all())) == of_instance
    assert state_of(states.registrations(AppRegistration.objects.all())) == of_instance


@pytest.mark.parametrize(
    ("days", "of_secret", "of_instance"),
    [(700, "entered", "active_unverified"), (59, "expiring", "expiring"), (-2, "expired", "expired")],
)
def test_what_was_entered_by_hand_is_never_said_to_be_verified(days: int, of_secret: str, of_instance: str) -> None:
    make_secret(days=days)
    UmpInstance.objects.update(delivery="handover")
    ClientSecret.objects.update(revealed_at=timezone.now())
    assert state_of(states.secrets(ClientSecret.objects.all())) == of_secret
    assert state_of(states.instances(UmpInstance.objects.all())) == of_instance


def test_a_secret_that_nobody_saw_was_not_entered_by_hand() -> None:
    make_secret()
    UmpInstance.objects.update(delivery="handover")
    assert state_of(states.secrets(ClientSecret.objects.all())) == "delivered"


@pytest.mark.parametrize("status", [*ClientSecret.LIVE, "superseded"])
@pytest.mark.parametrize("days", [-2, 5, 700, None])
def test_a_secret_whose_value_was_deleted_asks_nobody_to_act(
    operator_client: Client, status: str, days: float | None
) -> None:
    make_secret(status, days)
    ClientSecret.objects.update(envelope="")
    assert state_of(states.secrets(ClientSecret.objects.all())) == "deleted"
    expected = "no_secret" if status == "superseded" else "unused"
    assert state_of(states.registrations(AppRegistration.objects.all())) == expected
    listed = reverse("admin:registrations_clientsecret_changelist")
    for query, count in (("state=deleted", 1), ("state=delivered", 0), ("state=expired", 0), ("state=expiring", 0)):
        assert operator_client.get(f"{listed}?{query}").context["cl"].result_count == count, query
    for need in ("expired", "expiring"):
        assert operator_client.get(f"{listed}?needs={need}").context["cl"].result_count == 0
    assert not [line for line in operator_client.get("/admin/").context["lines"] if "secrets" in line.title]
    assert str(admin_html.badge("deleted")) in operator_client.get(listed).content.decode()


def test_a_secret_that_is_not_in_use_is_sorted_last(operator_client: Client) -> None:
    for number, (status, days, envelope) in enumerate(
        (("removed", -400, ""), ("delivered", -300, ""), ("superseded", -200, "x"), ("delivered", 5, "x"))
    ):
        instance = factories.make_instance(app_name=f"host{number}", status="active")
        registration = factories.make_registration(instance, secret="abc-secret", app_id=f"id-{number}")
        ends = timezone.now() + timedelta(days=days)
        made = ClientSecret.objects.filter(registration=registration)
        made.update(status=status, expires_at=ends, envelope=made.get().envelope if envelope else "")
    rows = list(operator_client.get(reverse("admin:registrations_clientsecret_changelist")).context["cl"].result_list)
    assert [(row.state == "expiring", row.ends_at is None) for row in rows] == [(True, False), *[(False, True)] * 3]


def test_the_secret_of_a_former_tenant_says_nothing_of_the_instance() -> None:
    make_secret()
    AppRegistration.objects.update(tenant_id="00000009-0000-4000-8000-000000000009")
    assert state_of(states.instances(UmpInstance.objects.all())) == "no_secret"


@pytest.mark.parametrize("days", [-2, 23, 700])
@pytest.mark.parametrize("status", [*UmpInstance.Status])
@pytest.mark.parametrize("live", ["", "queued", "running", "waiting"])
def test_an_instances_state_follows_operation_status_and_secret(status: str, live: str, days: int) -> None:
    make_secret(days=days)
    if live:
        engine.request(provisioning.KIND, UmpInstance.objects.get(), actor=OLGA)
        Operation.objects.update(status=live)
    UmpInstance.objects.update(status=status)
    by_end = {-2: "expired", 23: "expiring", 700: "active"}[days]
    unfinished = {"draft": live or "draft", "provisioning": live or "running", "failed": live or "failed"}
    expected = {**unfinished, "active": by_end, "retired": "retired"}[status]
    assert state_of(states.instances(UmpInstance.objects.all())) == expected


@pytest.mark.parametrize("status", [*Operation.Status])
@pytest.mark.parametrize("minutes", [-11, -9, 5])
def test_an_operation_that_is_due_for_minutes_is_late(status: str, minutes: int) -> None:
    engine.request(tenant_check.KIND, factories.make_tenant(), actor=OLGA)
    instant = timezone.now() + timedelta(minutes=minutes)
    Operation.objects.update(status=status, next_attempt_at=instant, leased_until=instant)
    is_late = minutes < -10 and status in Operation.LIVE
    assert state_of(states.operations(Operation.objects.all())) == ("late" if is_late else status)


@pytest.mark.parametrize(
    ("values", "check", "expected"),
    [
        ({"checked_at": None}, "", "unchecked"),
        ({"checked_at": None}, "failed", "failed"),
        ({"missing_permissions": ["A"]}, "succeeded", "missing"),
        ({"missing_permissions": ["A"]}, "failed", "failed"),
        ({"excess_permissions": ["A"]}, "succeeded", "excess"),
        ({}, "succeeded", "complete"),
        ({}, "failed", "failed"),  # the outcome of an earlier check says nothing of today
    ],
)
def test_a_tenants_state_is_that_of_its_newest_check(values: dict[str, Any], check: str, expected: str) -> None:
    tenant = factories.make_tenant(**{"checked_at": timezone.now(), **values})
    if check:
        tenant_check.request(tenant, actor=OLGA)
        Operation.objects.update(status=check)
    assert state_of(states.tenants(EntraTenant.objects.all())) == expected


def make_job(*operations: tuple[str, str], pending: int = 0, status: str = "running") -> BulkJob:
    """A job with an item for each (status, what it waits for), and items that have not started."""
    names = [f"host{number}" for number in range(len(operations) + pending)]
    job = bulk_jobs.request([factories.make_instance(app_name=name) for name in names], actor=OLGA)
    for item, (state, waits_for) in zip(BulkItem.objects.order_by("place"), operations, strict=False):
        made = engine.request(provisioning.KIND, item.instance, actor=OLGA)
        Operation.objects.filter(pk=made.pk).update(status=state, waits_for=waits_for)
        BulkItem.objects.filter(pk=item.pk).update(status="begun", operation=made)
    if status == "cancelled":
        BulkItem.objects.filter(operation=None).update(status="cancelled")
    BulkPart.objects.update(status=status)
    return job


@pytest.mark.parametrize(
    ("operations", "pending", "status", "expected"),
    [
        ([("waiting", "staff"), ("succeeded", "")], 0, "running", "waiting"),
        ([("waiting", "staff"), ("waiting", "")], 0, "running", "running"),
        ([("waiting", "staff")], 1, "running", "running"),
        ([("queued", "")], 0, "paused", "paused"),
        ([("succeeded", "")], 0, "completed", "completed"),
        ([("succeeded", ""), ("failed", "")], 0, "completed", "partly_failed"),
        ([("cancelled", "")], 1, "cancelled", "cancelled"),
    ],
)
def test_a_jobs_state_is_what_happens_in_it(
    operations: list[tuple[str, str]], pending: int, status: str, expected: str
) -> None:
    make_job(*operations, pending=pending, status=status)
    assert state_of(states.parts(BulkPart.objects.all())) == expected
    assert state_of(states.jobs(BulkJob.objects.all())) == expected


def test_a_cancelled_job_is_being_cancelled_while_something_runs() -> None:
    make_job(("running", ""), status="cancelled")
    BulkItem.objects.update(status="cancelled")
    assert state_of(states.jobs(BulkJob.objects.all())) == "cancelling"


def test_a_cancelled_job_does_not_count_what_was_cancelled_as_done(operator_client: Client) -> None:
    job = make_job(("succeeded", ""), ("failed", ""), pending=3, status="cancelled")
    listed = operator_client.get(reverse("admin:registrations_bulkjob_changelist")).content.decode()
    page = operator_client.get(reverse("admin:registrations_bulkjob_change", args=[job.pk])).content.decode()
    for text in (listed, page):
        assert "1 of 5, 1 failed, 3 cancelled" in text
        assert "5 of 5" not in text


@pytest.mark.parametrize("state", states.InstanceState.values)
def test_the_filter_by_state_shows_what_the_column_says(operator_client: Client, state: str) -> None:
    make_secret(days=-1)
    factories.make_instance(app_name="draft")
    factories.make_instance(app_name="failed", status="failed")
    factories.make_instance(app_name="bare", status="active")
    by_hand = factories.make_instance(app_name="byhand", status="active", delivery="handover")
    factories.make_registration(by_hand, secret="def-secret", app_id="another-id", unique_name="by-hand")
    factories.make_instance(app_name="resumed", status="failed")
    resumed = engine.request(provisioning.KIND, UmpInstance.objects.get(app_name="resumed"), actor=OLGA)
    Operation.objects.filter(pk=resumed.pk).update(status="waiting")
    address = reverse("admin:registrations_umpinstance_changelist")
    everything = operator_client.get(address).context["cl"].result_list
    found = operator_client.get(f"{address}?state={state}").context["cl"].result_list
    assert {row.pk for row in found} == {row.pk for row in everything if row.state == state}


def test_an_expired_secret_is_red_wherever_it_is_shown(operator_client: Client) -> None:
    secret = make_secret(days=-2)
    instance = UmpInstance.objects.get()
    pages = {
        "list": reverse("admin:registrations_umpinstance_changelist"),
        "instance": reverse("admin:registrations_umpinstance_change", args=[instance.pk]),
        "provision": reverse("admin:registrations_umpinstance_provision", args=[instance.pk]),
        "secrets": reverse("admin:registrations_clientsecret_changelist"),
        "secret": reverse("admin:registrations_clientsecret_change", args=[secret.pk]),
        "registrations": reverse("admin:registrations_appregistration_changelist"),
        "registration": reverse("admin:registrations_appregistration_change", args=[secret.registration_id]),
    }
    for name, address in pages.items():
        text = operator_client.get(address).content.decode()
        assert str(admin_html.badge("expired")) in text, name
        for green in ("active", "delivered"):
            assert str(admin_html.badge(green)) not in text, name
        assert "expires <time" not in text, name


@pytest.mark.parametrize(
    ("address", "column"),
    [("umpinstance", "secret_expires"), ("clientsecret", "expires"), ("appregistration", "secret_expires")],
)
@pytest.mark.parametrize("direction", ["", "-"])
def test_sorting_by_expiry_puts_what_has_none_last(
    operator_client: Client, address: str, column: str, direction: str
) -> None:
    for number, days in enumerate((None, 5, 700, None)):
        instance = factories.make_instance(app_name=f"host{number}", status="active")
        registration = factories.make_registration(instance, secret="abc-secret", app_id=f"id-{number}")
        ends = None if days is None else timezone.now() + timedelta(days=days)
        ClientSecret.objects.filter(registration=registration).update(expires_at=ends)
    page = reverse(f"admin:registrations_{address}_changelist")
    listed = operator_client.get(page).context["cl"]
    place = listed.list_display.index(column)
    rows = operator_client.get(f"{page}?o={direction}{place}").context["cl"].result_list
    found: list[Any] = [getattr(row, "secret_end", None) or getattr(row, "expires_at", None) for row in rows]
    assert found[2:] == [None, None]
    assert found[:2] == sorted(found[:2], reverse=direction == "-")


def test_a_resumed_instance_is_counted_once_and_not_as_failed(operator_client: Client) -> None:
    instance = factories.make_instance(
        provider=factories.make_provider(tenant=factories.make_tenant(checked_at=timezone.now()))
    )
    operation = provisioning.request(instance, actor=OLGA)
    Operation.objects.update(status="failed", ended_at=timezone.now())
    UmpInstance.objects.update(status="failed")
    engine.resume(operation, actor=OLGA)
    Operation.objects.update(status="waiting", waits_for="staff")
    assert UmpInstance.objects.get().status == "provisioning"
    lines = {line.title: line.count for line in operator_client.get("/admin/").context["lines"]}
    assert lines == {"Operations that wait for staff": 1}
    assert state_of(states.instances(UmpInstance.objects.all())) == "waiting"


def test_a_resumed_provisioning_that_is_cancelled_leaves_a_draft() -> None:
    operation = provisioning.request(factories.make_instance(), actor=OLGA)
    Operation.objects.update(status="failed", ended_at=timezone.now())
    UmpInstance.objects.update(status="failed")
    engine.resume(operation, actor=OLGA)
    engine.cancel(operation, actor=OLGA)
    assert UmpInstance.objects.get().status == "draft"
