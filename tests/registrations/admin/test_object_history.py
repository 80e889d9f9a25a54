"""An object's history holds all that concerns it and what is below it, and each entry names its host."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.db import connection as database
from django.db import models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils.html import strip_tags

from onboarding.models import Connection, Customer, Invitation
from onboarding.services import invitations
from registrations import audit
from registrations.admin import object_history
from registrations.applications import conflicts, entered_secrets, secret_values
from registrations.delivery import handover_sheet
from registrations.models import (
    AppRegistration,
    AuditContext,
    AuditEvent,
    BulkJob,
    ClientSecret,
    Operation,
    UmpInstance,
)
from registrations.services import bulk_jobs, provisioning
from sandbox.app import Sandbox
from tests import factories
from tests.registrations.admin.conftest import OLGA, page_of

pytestmark = pytest.mark.django_db
LIST = "admin:registrations_auditevent_changelist"


@pytest.fixture
def provisioned(sandbox: Sandbox, run_worker: Callable[[], None], portal: None) -> UmpInstance:
    """Active, next to one of the same app name at another provider."""
    instance = factories.make_instance(sandbox)
    other = factories.make_provider(name="Other", domain="other.localhost")
    factories.make_instance(sandbox, provider=other)
    provisioning.request(instance, actor=OLGA)
    run_worker()
    instance.refresh_from_db()
    assert instance.status == "active"
    return instance


@pytest.fixture
def connection(provisioned: UmpInstance) -> Connection:
    """Contoso's, with an entered registration."""
    service = factories.make_service(instance=provisioned)
    invitation = invitations.create(service, it_admin_email="a@c.example", m365_admin_email="b@c.example", actor=OLGA)
    registration = AppRegistration.objects.create(
        tenant_id=service.customer.tenant_id, unique_name="customer-1", display_name="contoso-sync", managed=False
    )
    made = Connection.objects.create(invitation=invitation, registration=registration)
    with audit.atomic():
        audit.record("application.entered", actor=OLGA, subject=registration)
        audit.record("token.kept", actor=OLGA, subject=made)
        audit.record("staff.signed_in", actor=OLGA)
    return made


def history_of(client: Client, row: models.Model) -> list[AuditEvent]:
    """What the object's History button leads to."""
    answer = client.get(page_of(row, "history"), follow=True)
    assert answer.status_code == 200
    return list(answer.context["cl"].result_list)


def actions_of(client: Client, row: models.Model) -> set[str]:
    return {event.action for event in history_of(client, row)}


def test_an_unknown_object_has_no_history(operator_client: Client, provisioned: UmpInstance) -> None:
    unknown = ("x", "umpinstance", "umpinstance:x", "nothing:1", f"operation:{provisioned.pk}", ":")
    for chosen in unknown:
        answer = operator_client.get(reverse(LIST), {"about": chosen})
        assert list(answer.context["cl"].result_list) == [], chosen
    gone = page_of(provisioned, "history").replace(str(provisioned.pk), "0b7e0000-0000-4000-8000-000000000000")
    assert operator_client.get(gone).status_code == 404


def test_the_history_of_what_one_may_not_see_is_empty(
    operator: User, operator_client: Client, superuser_client: Client
) -> None:
    with audit.atomic():
        audit.record("staff.changed", actor=OLGA, subject=operator)
    address = object_history.address_of(User, operator.pk)
    assert len(superuser_client.get(address).context["cl"].result_list) == 1
    assert len(operator_client.get(address).context["cl"].result_list) == 0
    assert operator_client.get(page_of(operator, "history")).status_code == 403


def test_a_group_does_not_show_the_history_of_a_person_with_its_number(
    operator: User, superuser_client: Client
) -> None:
    group = Group.objects.create(pk=operator.pk + 1000, name="Others")
    with audit.atomic():
        audit.record("staff.changed", actor=OLGA, subject=audit.Subject("user", str(group.pk), "somebody"))
        audit.record("group.changed", actor=OLGA, subject=group)
    assert actions_of(superuser_client, group) == {"group.changed"}


def test_an_instances_history_holds_its_registration_and_secrets(
    operator_client: Client, provisioned: UmpInstance, connection: Connection
) -> None:
    found = actions_of(operator_client, provisioned)
    assert {"provision.requested", "application.created", "secret.added", "secret.delivered"} <= found
    assert {"invitation.created", "application.entered", "token.kept"} <= found
    assert "staff.signed_in" not in found
    assert found <= actions_of(operator_client, provisioned.provider)
    assert found <= actions_of(operator_client, provisioned.provider.tenant)


def test_another_instance_of_the_same_name_shows_nothing_of_it(
    operator_client: Client, provisioned: UmpInstance, connection: Connection
) -> None:
    other = UmpInstance.objects.exclude(pk=provisioned.pk).get()
    assert other.app_name == provisioned.app_name
    assert actions_of(operator_client, other) == set()
    assert actions_of(operator_client, other.provider) == set()


def test_a_registrations_history_holds_its_secrets(operator_client: Client, provisioned: UmpInstance) -> None:
    registration, secret = AppRegistration.objects.get(), ClientSecret.objects.get()
    found = actions_of(operator_client, registration)
    assert {"application.created", "secret.added", "secret.proven", "secret.delivered"} <= found
    assert "provision.requested" not in found
    of_secret = actions_of(operator_client, secret)
    assert {"secret.added", "secret.proven", "secret.delivered"} <= of_secret
    assert "application.created" not in of_secret


def test_an_operations_history_is_what_it_did(operator_client: Client, provisioned: UmpInstance) -> None:
    operation = Operation.objects.get()
    found = history_of(operator_client, operation)
    assert {event.operation_id for event in found} == {operation.pk}
    assert len(found) == AuditEvent.objects.filter(operation_id=operation.pk).count() > 5


def test_a_bulk_jobs_history_holds_its_operations(
    sandbox: Sandbox, operator_client: Client, run_worker: Callable[[], None], portal: None
) -> None:
    job = bulk_jobs.request([factories.make_instance(sandbox)], actor=OLGA)
    bulk_jobs.start_next(job.parts.all())
    run_worker()
    found = actions_of(operator_client, job)
    assert {"bulk.requested", "provision.requested", "secret.added", "provision.succeeded"} <= found
    other = BulkJob.objects.create(requested_by_label="Olga")
    assert actions_of(operator_client, other) == set()


def test_a_customers_history_holds_services_invitations_and_registrations(
    operator_client: Client, connection: Connection
) -> None:
    expected = {"invitation.created", "application.entered", "token.kept"}
    for row in (Customer.objects.get(), connection.invitation.service, Invitation.objects.get(), connection):
        found = actions_of(operator_client, row)
        assert expected <= found, row
        assert "secret.added" not in found, row  # the sync app's is the service provider's


def test_the_page_is_named_after_the_object(operator_client: Client, provisioned: UmpInstance) -> None:
    answer = operator_client.get(page_of(provisioned, "history"), follow=True)
    assert f"History of {provisioned.host}" in answer.content.decode()
    assert f'<a class="crumb" href="{page_of(provisioned)}">{provisioned.host}</a>' in answer.content.decode()


def test_each_sentence_names_the_host(operator_client: Client, connection: Connection) -> None:
    host = connection.invitation.service.instance.host
    pages: Any = admin.site._registry[AuditEvent]
    for event in history_of(operator_client, connection.invitation.service.instance):
        assert host in strip_tags(pages.sentence(event)), event


def test_an_old_entry_without_host_gets_it_from_its_place(operator_client: Client, provisioned: UmpInstance) -> None:
    with audit.atomic():
        audit.record("secret.added", actor=OLGA, subject=audit.Subject("appregistration", "gone", "umptoken"))
    entry = AuditEvent.objects.latest("id")
    assert entry.subject_label == "umptoken"
    AuditContext.objects.create(entry=entry, host=provisioned.host, instance_id=provisioned.pk)
    for address in (reverse(LIST), page_of(entry)):
        assert f"umptoken, {provisioned.host}" in operator_client.get(address).content.decode()
    rows = operator_client.get(reverse(LIST), {"q": provisioned.host}).context["cl"].result_list
    assert entry in list(rows)


def test_the_history_needs_no_more_queries_for_more_entries(operator_client: Client, provisioned: UmpInstance) -> None:
    def queries() -> int:
        with CaptureQueriesContext(database) as seen:
            history_of(operator_client, provisioned)
        return len(seen)

    queries()
    before = queries()
    with audit.atomic():
        for registration in [AppRegistration.objects.get()] * 150:
            audit.record("secret.added", actor=OLGA, subject=registration)
    assert queries() == before


def of_the_sheet(waiting: Operation) -> tuple[UmpInstance, AppRegistration, ClientSecret]:
    secret = ClientSecret.objects.get()
    return UmpInstance.objects.get(pk=waiting.subject_id), secret.registration, secret


def test_a_revealed_and_confirmed_secret_stands_in_every_history(operator_client: Client, waiting: Operation) -> None:
    handover_sheet.reveal_secret(waiting, actor=OLGA)
    handover_sheet.confirm(waiting, "sync_app", actor=OLGA)
    for row in (*of_the_sheet(waiting), waiting):
        assert {"secret.revealed", "handover.sync_app_confirmed"} <= actions_of(operator_client, row), row


def test_a_secret_that_was_revealed_before_this_version_stands_in_every_history(
    operator_client: Client, waiting: Operation
) -> None:
    instance, registration, secret = of_the_sheet(waiting)
    with audit.atomic():
        audit.record("secret.revealed", actor=OLGA, subject=instance, after={"key_id": secret.key_id})
        audit.record("application.adoption_confirmed", actor=OLGA, subject=instance, after={"app_id": "of another"})
        audit.record("application.purge_confirmed", actor=OLGA, subject=instance, after={"app_id": registration.app_id})
    assert AuditContext.objects.filter(entry__action="secret.revealed").get().registration_id is None
    for row in (instance, registration, secret):
        assert "secret.revealed" in actions_of(operator_client, row), row
    of_registration = actions_of(operator_client, registration)
    assert "application.purge_confirmed" in of_registration
    assert "application.adoption_confirmed" not in of_registration
    assert "application.purge_confirmed" not in actions_of(operator_client, secret)


def test_a_decision_about_a_deleted_application_stands_at_the_registration(
    operator_client: Client, provisioned: UmpInstance
) -> None:
    operation = provisioning.request(provisioned, actor=OLGA)
    Operation.objects.filter(pk=operation.pk).update(
        status="waiting", error_code=conflicts.DELETED_APPLICATION, notes={"twin_app_id": "of an earlier one"}
    )
    conflicts.decide(operation, conflicts.PURGE, actor=OLGA)
    assert "application.purge_confirmed" in actions_of(operator_client, AppRegistration.objects.get())
    assert "application.purge_confirmed" in actions_of(operator_client, provisioned)


def enter(connection: Connection, value: str) -> ClientSecret:
    """A secret that the customer entered, as the check of the entered values stores it."""
    registration = connection.registration
    assert registration
    operation = Operation(pk=registration.pk)
    with audit.atomic():
        entered_secrets.forget(registration, actor=OLGA, operation=operation)
    with audit.atomic():
        entered_secrets.store(registration, value, actor=OLGA, operation=operation, display_name="Entered")
    return ClientSecret.objects.filter(registration=registration).latest("created_at")


def test_an_entered_secret_without_a_key_has_its_own_history(operator_client: Client, connection: Connection) -> None:
    first, second = enter(connection, "first-value"), enter(connection, "second-value")
    with audit.atomic():
        audit.record("secret.proven", actor=OLGA, subject=second.registration, after={"key_id": ""})
        audit.record("secret.removed", actor=OLGA, subject=second.registration, after={"key_id": "of another"})
        secret_values.delete(ClientSecret.objects.filter(pk=second.pk), actor=OLGA)
    assert actions_of(operator_client, first) == {"secret.entered", "secret.forgotten"}
    assert actions_of(operator_client, second) == {"secret.entered", "secret.proven", "secret.value_deleted"}
    assert {"application.entered", "secret.removed"} <= actions_of(operator_client, second.registration)


@pytest.mark.postgresql
def test_an_objects_history_is_read_by_an_index(provisioned: UmpInstance) -> None:
    entries = AuditEvent.objects.select_related("context").order_by("-id")
    other = factories.make_registration(UmpInstance.objects.exclude(pk=provisioned.pk).get())
    for _ in range(10):
        with audit.atomic():
            for _ in range(400):
                audit.record("application.created", actor=OLGA, subject=other)
    with database.cursor() as cursor:
        cursor.execute("ANALYZE registrations_auditevent, registrations_auditcontext")
    registration, secret = provisioned.registrations.get(), ClientSecret.objects.get(registration__instance=provisioned)
    pages: Any = admin.site._registry
    widened = (pages[AppRegistration].history_of(registration), pages[ClientSecret].history_of(secret))
    for own in (object_history.about(provisioned), object_history.about(registration), *widened):
        plan = entries.filter(own)[:100].explain()
        assert "history_of_" in plan, plan
        assert "Seq Scan" not in plan, plan
