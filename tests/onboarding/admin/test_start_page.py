"""The start page counts what needs attention, and each count leads to exactly those rows."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from django.utils.html import strip_tags

from onboarding.models import Connection, Invitation
from onboarding.services import invitations
from registrations import engine
from registrations.models import ClientSecret, EntraTenant, Operation, ServiceProvider, UmpInstance
from registrations.services import provisioning, tenant_check
from tests import factories
from tests.onboarding.conftest import OLGA

pytestmark = pytest.mark.django_db


def lines(client: Client) -> dict[str, int]:
    return {line.title: line.count for line in client.get("/admin/").context["lines"]}


@pytest.fixture
def quiet(db: None) -> UmpInstance:
    """An active instance that needs no attention."""
    tenant = factories.make_tenant(checked_at=timezone.now())
    instance = factories.make_instance(
        provider=factories.make_provider(tenant=tenant), status="active", delivered_at=timezone.now()
    )
    factories.make_registration(instance, secret="xyz-a-secret")
    return instance


def test_nothing_needs_attention(operator_client: Client, quiet: UmpInstance) -> None:
    page = operator_client.get("/admin/").content.decode()
    assert "Nothing needs attention." in page
    assert "Checked" in page


def test_an_empty_portal_lists_the_first_steps(operator_client: Client, auditor_client: Client) -> None:
    assert "Add an Entra tenant" in operator_client.get("/admin/").content.decode()
    assert "Add an Entra tenant" not in auditor_client.get("/admin/").content.decode()


def test_each_need_is_counted_and_leads_to_its_rows(operator_client: Client, quiet: UmpInstance) -> None:
    now = timezone.now()
    factories.make_instance(app_name="fresh")
    factories.make_instance(app_name="broken", status="failed")
    factories.make_tenant(name="Unchecked", tenant_id="00000001-0000-4000-8000-000000000001")
    factories.make_tenant(name="Lacking", tenant_id="00000002-0000-4000-8000-000000000001")
    lacking = EntraTenant.objects.filter(name="Lacking")
    lacking.update(missing_permissions=["Organization.Read.All"], checked_at=now)
    ClientSecret.objects.update(expires_at=now + timedelta(days=59))
    for number, days in enumerate((-1, 3, 20)):
        service = factories.make_service(instance=quiet, short_name=f"name{number}")
        made = invitations.create(
            service, it_admin_email="it@contoso.example", m365_admin_email="ga@contoso.example", actor=OLGA
        )
        Invitation.objects.filter(pk=made.pk).update(
            expires_at=now + timedelta(days=days), status="sent", email_sent=True
        )
    Invitation.objects.filter(expires_at__gt=now + timedelta(days=10)).update(status="draft", email_sent=False)
    waiting = provisioning.request(UmpInstance.objects.get(app_name="fresh"), actor=OLGA)
    Operation.objects.filter(pk=waiting.pk).update(status="waiting", waits_for="staff")
    factories.make_instance(app_name="draft")
    assert set(lines(operator_client).values()) == {1}
    assert len(lines(operator_client)) == 9
    for line in operator_client.get("/admin/").context["lines"]:
        shown = operator_client.get(line.address).context["cl"].result_count
        assert shown == line.count, line.title


def test_a_failure_that_a_retry_resolved_needs_no_attention(operator_client: Client, quiet: UmpInstance) -> None:
    for status in ("failed", "succeeded"):
        operation = provisioning.request(quiet, actor=OLGA)
        Operation.objects.filter(pk=operation.pk).update(status=status, ended_at=timezone.now())
    assert lines(operator_client) == {}
    Operation.objects.filter(status="succeeded").update(status="failed")
    assert lines(operator_client) == {"Active instances whose last provisioning failed": 1}


def test_a_failed_provisioning_is_one_line(operator_client: Client, quiet: UmpInstance) -> None:
    operation = provisioning.request(quiet, actor=OLGA)
    Operation.objects.filter(pk=operation.pk).update(status="failed", ended_at=timezone.now())
    UmpInstance.objects.update(status="failed")
    assert lines(operator_client) == {"Instances whose provisioning failed": 1}


def test_a_tenant_whose_first_check_failed_is_one_line(operator_client: Client, quiet: UmpInstance) -> None:
    tenant = EntraTenant.objects.get()
    EntraTenant.objects.update(checked_at=None)
    operation = tenant_check.request(tenant, actor=OLGA)
    assert lines(operator_client) == {"Entra tenants that were never checked": 1}
    Operation.objects.filter(pk=operation.pk).update(status="failed", ended_at=timezone.now())
    (line,) = operator_client.get("/admin/").context["lines"]
    assert (line.title, line.count) == ("Entra tenants whose check failed", 1)
    assert operator_client.get(line.address).context["cl"].result_count == 1


def test_an_expired_secret_is_not_merely_expiring(operator_client: Client, quiet: UmpInstance) -> None:
    ClientSecret.objects.update(expires_at=timezone.now() - timedelta(days=1))
    assert lines(operator_client) == {"Client secrets that have expired": 1}


def test_a_line_says_how_old_its_row_is_or_its_oldest(operator_client: Client, quiet: UmpInstance) -> None:
    def age() -> str:
        (line,) = operator_client.get("/admin/").context["lines"]
        return strip_tags(line.since)

    ClientSecret.objects.update(expires_at=timezone.now() - timedelta(days=2, hours=1))
    assert age() == "2 days ago"
    another = factories.make_instance(provider=quiet.provider, app_name="another", status="active")
    factories.make_registration(another, secret="another-secret")
    ClientSecret.objects.update(expires_at=timezone.now() - timedelta(days=2, hours=1))
    assert age() == "the oldest 2 days ago"


def test_every_line_names_the_hosts_of_its_rows(operator_client: Client, quiet: UmpInstance) -> None:
    """Labels of before had none, and several hosts have customers of the same name."""
    now = timezone.now()
    service, unsent = (factories.make_service(instance=quiet, short_name=name) for name in ("one", "two"))
    invitation, _ = (
        invitations.create(each, it_admin_email="a@c.example", m365_admin_email="b@c.example", actor=OLGA)
        for each in (service, unsent)
    )
    theirs = factories.make_registration(
        quiet, secret="a-customers-secret", tenant_id=service.customer.tenant_id, unique_name="customer-1"
    )
    theirs.instance, theirs.display_name = None, "contoso-sync"
    theirs.save()
    connection = Connection.objects.create(invitation=invitation, registration=theirs)
    ClientSecret.objects.update(expires_at=now + timedelta(days=5))
    operation = engine.request("connect", connection, actor=OLGA)
    Operation.objects.filter(pk=operation.pk).update(status="failed", ended_at=now, subject_label="Contoso Ltd")
    named = {line.title: line.whose for line in operator_client.get("/admin/").context["lines"]}
    host = "umptoken.finebak.localhost"
    assert named["Operations that failed"] == f"Contoso Ltd, {host}"
    secrets = named["Client secrets that expire within 60 days"]
    assert sorted(secrets.split("; ")) == sorted([host, f"contoso-sync, {host}"])
    assert theirs.tenant_id not in secrets
    assert named["Invitations that are not sent yet"] == f"{unsent}, {host}"


def test_the_start_page_makes_as_many_queries_for_many_rows(
    operator_client: Client, quiet: UmpInstance, django_assert_max_num_queries: Any
) -> None:
    def draft(count: int, offset: int) -> None:
        for number in range(offset, offset + count):
            service = factories.make_service(instance=quiet, short_name=f"name{number}")
            invitations.create(service, it_admin_email="a@c.example", m365_admin_email="b@c.example", actor=OLGA)

    draft(1, 0)
    operator_client.get("/admin/")  # caches that the first look fills
    with CaptureQueriesContext(database) as queries:
        operator_client.get("/admin/")
    draft(5, 1)
    with django_assert_max_num_queries(len(queries)):
        operator_client.get("/admin/")


def test_the_chart_has_its_table(operator_client: Client, quiet: UmpInstance) -> None:
    operation = provisioning.request(quiet, actor=OLGA)
    Operation.objects.filter(pk=operation.pk).update(status="succeeded", ended_at=timezone.now())
    days = operator_client.get("/admin/").context["days"]
    assert len(days) == 14
    assert (days[-1].succeeded, days[-1].failed, days[-1].succeeded_height) == (1, 0, 100)


def test_staff_without_permissions_see_no_counts(stranger: User, quiet: UmpInstance) -> None:
    factories.make_instance(app_name="fresh")
    User.objects.filter(pk=stranger.pk).update(is_staff=True)
    client = Client(headers={"host": "localhost"})
    client.force_login(stranger)
    assert lines(client) == {}


def test_a_provider_without_a_contact_needs_attention(operator_client: Client, quiet: UmpInstance) -> None:
    ServiceProvider.objects.update(contact_email="")
    assert lines(operator_client) == {"Service providers without a contact for customers": 1}
    page = operator_client.get("/admin/registrations/serviceprovider/?needs=contact").content.decode()
    assert "Finebak" in page


def test_each_line_of_the_start_page_has_a_button_that_says_it_opens_a_list(
    operator_client: Client, auditor_client: Client, quiet: UmpInstance
) -> None:
    factories.make_instance(app_name="fresh")
    factories.make_tenant(name="Unchecked", tenant_id="00000001-0000-4000-8000-000000000001")
    service = factories.make_service(instance=quiet)
    invitations.create(service, it_admin_email="it@contoso.example", m365_admin_email="g@contoso.example", actor=OLGA)
    for client in (operator_client, auditor_client):
        page = client.get("/admin/")
        assert BUTTON.findall(page.content.decode()) == ["Open"] * len(page.context["lines"])
        assert len(page.context["lines"]) == 3


BUTTON = re.compile(r'<a class="button"[^>]*>([^<]*)</a>')


def test_an_invitation_of_an_instance_that_is_not_active_is_not_listed_as_unsent(
    operator_client: Client, quiet: UmpInstance
) -> None:
    service = factories.make_service(instance=quiet)
    invitations.create(service, it_admin_email="it@contoso.example", m365_admin_email="g@contoso.example", actor=OLGA)
    assert "Invitations that are not sent yet" in lines(operator_client)
    UmpInstance.objects.update(status="draft")
    assert lines(operator_client) == {"Instances that are not provisioned yet": 1}


def test_a_viewer_of_one_model_sees_only_its_lines(stranger: User, quiet: UmpInstance) -> None:
    factories.make_instance(app_name="fresh")
    User.objects.filter(pk=stranger.pk).update(is_staff=True)
    stranger.user_permissions.add(Permission.objects.get(codename="view_umpinstance"))
    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.get(pk=stranger.pk))
    assert BUTTON.findall(client.get("/admin/").content.decode()) == ["Open"]


def test_an_active_instance_without_a_secret_needs_attention(operator_client: Client, quiet: UmpInstance) -> None:
    ClientSecret.objects.update(status="removed")
    assert lines(operator_client) == {"Active instances without a client secret": 1}
