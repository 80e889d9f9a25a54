"""Where rows belong, and what the history keeps of it."""

from collections.abc import Callable

import pytest
from django.db import connection as database

from onboarding.models import Connection, Service
from onboarding.services import invitations
from registrations import audit, places
from registrations.models import AuditContext, AuditEvent, BulkJob, EntraTenant, UmpInstance
from registrations.services import bulk_jobs, provisioning
from sandbox.app import Sandbox
from tests import factories
from tests.registrations.admin.conftest import OLGA

pytestmark = pytest.mark.django_db


def recorded(subject: object) -> AuditEvent:
    """The entry of an act on this row."""
    with audit.atomic():
        audit.record("test.acted", actor=OLGA, subject=subject)  # type: ignore[arg-type]
    return AuditEvent.objects.select_related("context").latest("id")


@pytest.fixture
def service() -> Service:
    return factories.make_service()


@pytest.fixture
def connection(service: Service) -> Connection:
    """Contoso's, with a registration in its own tenant."""
    invitation = invitations.create(service, it_admin_email="a@c.example", m365_admin_email="b@c.example", actor=OLGA)
    registration = factories.make_registration(
        service.instance, secret="a-value", tenant_id=service.customer.tenant_id, unique_name="customer-1"
    )
    registration.instance = None
    registration.display_name = "contoso-sync"
    registration.save()
    return Connection.objects.create(invitation=invitation, registration=registration)


def test_an_unknown_row_or_one_of_nowhere_has_no_place() -> None:
    recorded(None)
    recorded(audit.Subject("umpinstance", "0b7e0000-0000-4000-8000-000000000000", "gone.example"))
    recorded(audit.Subject("umpinstance", "not a uuid", "strange"))
    recorded(audit.Subject("user", "1", "olga"))
    assert AuditEvent.objects.count() == 4
    assert not AuditContext.objects.exists()


def test_a_rolled_back_entry_leaves_no_place(service: Service) -> None:
    before = AuditContext.objects.count()

    def act() -> None:
        with audit.atomic():
            audit.record("test.acted", actor=OLGA, subject=service.instance)
            raise ValueError("stop")

    with pytest.raises(ValueError, match="stop"):
        act()
    assert AuditContext.objects.count() == before


def test_each_row_of_an_instance_leads_to_its_host(connection: Connection) -> None:
    service = connection.invitation.service
    registration = connection.registration
    assert registration is not None
    instance = service.instance
    own = factories.make_registration(instance, secret="another-value")
    for row in (instance, own, own.secrets.get(), service, connection.invitation, connection, registration):
        context = recorded(row).context
        assert (context.host, context.instance_id) == ("umptoken.finebak.localhost", instance.pk), row
        assert (context.provider_id, context.tenant_id) == (instance.provider_id, instance.provider.tenant_id), row


def test_what_a_customer_has_leads_to_customer_and_invitation(connection: Connection) -> None:
    registration = connection.registration
    assert registration is not None
    for row in (connection, registration, registration.secrets.get()):
        context = recorded(row).context
        assert context.customer_id == connection.invitation.service.customer_id
        assert context.invitation_id == connection.invitation_id
    assert recorded(registration.secrets.get()).context.registration_id == registration.pk


def test_every_new_label_of_something_with_a_host_contains_it(connection: Connection) -> None:
    registration = connection.registration
    assert registration is not None
    for row in (connection, connection.invitation, registration, registration.secrets.get()):
        assert "umptoken.finebak.localhost" in recorded(row).subject_label, row
    assert registration.tenant_id in recorded(registration).subject_label


def test_a_long_name_keeps_its_host(service: Service) -> None:
    label = recorded(audit.Subject("service", str(service.pk), "x" * 300)).subject_label
    assert len(label) == 255
    assert label.endswith("x, umptoken.finebak.localhost")


def test_a_host_longer_than_a_label_is_cut_once() -> None:
    domain = ".".join(["a" * 60] * 3 + ["b" * 49, "example"])
    provider = factories.make_provider(domain=domain)
    instance = factories.make_instance(app_name="u" * 63, provider=provider, ump_url=f"https://ump.{domain}")
    entry = recorded(instance)
    assert entry.subject_label == instance.host[:255]
    assert entry.context.host == instance.host


def test_a_job_of_one_provider_belongs_to_it_and_one_of_two_to_none() -> None:
    one = factories.make_instance(app_name="one")
    other_tenant = factories.make_tenant(name="O", tenant_id="f1eba000-0000-4000-8000-00000000000a")
    other = factories.make_provider(name="Other", domain="other.example", tenant=other_tenant)
    two = factories.make_instance(app_name="two", provider=other, ump_url="https://ump.other.example/tenantui")
    alone, mixed = bulk_jobs.request([one], actor=OLGA), bulk_jobs.request([one, two], actor=OLGA)
    assert recorded(alone).context.provider_id == one.provider_id
    context = recorded(mixed).context
    assert (context.job_id, context.provider_id, context.tenant_id) == (mixed.pk, None, None)


def test_what_a_bulk_job_starts_belongs_to_it(sandbox: Sandbox) -> None:
    job = bulk_jobs.request([factories.make_instance(sandbox)], actor=OLGA)
    bulk_jobs.start_next(job.parts.all())
    assert AuditContext.objects.get(entry__action="provision.requested").job_id == job.pk
    assert BulkJob.objects.count() == 1


def test_all_that_provisioning_writes_is_placed(sandbox: Sandbox, run_worker: Callable[[], None], portal: None) -> None:
    instance = factories.make_instance(sandbox)
    provisioning.request(instance, actor=OLGA)
    run_worker()
    entries = AuditEvent.objects.select_related("context")
    assert {"provision.requested", "application.created", "secret.added"} <= {e.action for e in entries}
    about_the_tenant = EntraTenant._meta.model_name
    for entry in entries.exclude(subject_type=about_the_tenant):
        assert entry.context.instance_id == instance.pk, entry
        assert instance.host in entry.subject_label, entry
    assert audit.first_broken() is None


def test_rows_are_looked_up_together(django_assert_num_queries: Callable[..., object]) -> None:
    instances = [factories.make_instance(app_name=f"ump{number}") for number in range(4)]
    keys = [("umpinstance", str(instance.pk)) for instance in instances]
    with django_assert_num_queries(1):  # type: ignore[attr-defined]
        assert len(places.of(keys)) == 4
    with places.kept(), django_assert_num_queries(1):  # type: ignore[attr-defined]
        assert places.of(keys) == places.of(keys)


def test_an_sqlite_without_returning_places_entries_too(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(database.features), "can_return_rows_from_bulk_insert", False)
    with audit.atomic():
        audit.record("test.first", actor=OLGA, subject=service.instance)
        audit.record("test.nowhere", actor=OLGA)
        audit.record("test.last", actor=OLGA, subject=service)
    assert list(
        AuditContext.objects.filter(entry__action__startswith="test.")
        .order_by("entry_id")
        .values_list("entry__action", "service_id")
    ) == [("test.first", None), ("test.last", service.pk)]
    assert UmpInstance.objects.count() == 1
