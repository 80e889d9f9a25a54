"""An application that SyncPortal did not create: a person decides whether it is adopted."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from registrations import connections
from registrations.applications import conflicts
from registrations.clients.graph import client
from registrations.engine import queue
from registrations.models import AppRegistration, AuditEvent, ClientSecret, Operation, UmpInstance
from registrations.services import provisioning
from sandbox.app import Sandbox
from sandbox.model import Application, Tenant
from tests import factories
from tests.registrations.runs import (
    OLGA,
    Provision,
    RunWorker,
    run_again,
    run_until_settled,
)

pytestmark = pytest.mark.django_db
Make = Callable[..., Application]
ADOPTION_NEEDED = provisioning.ADOPTION_NEEDED


def test_an_application_without_our_row_needs_confirmation(
    provision: Provision, instance: UmpInstance, run_worker: RunWorker
) -> None:
    provision()
    Operation.objects.all().delete()
    ClientSecret.objects.all().delete()
    AppRegistration.objects.all().delete()  # the portal lost its database
    operation = provision()
    assert (operation.status, operation.error_code, operation.waits_for) == ("waiting", "adoption_needed", "staff")
    assert AppRegistration.objects.count() == 0
    provisioning.adopt(operation, actor=OLGA)
    assert run_again(operation, run_worker).status == "succeeded"
    assert AppRegistration.objects.get().adopted is True


@pytest.fixture
def tenant(sandbox: Sandbox, instance: UmpInstance) -> Tenant:
    return sandbox.world.tenant(instance.provider.tenant.tenant_id)


@pytest.fixture
def provision(instance: UmpInstance, run_worker: RunWorker, portal: None) -> Provision:
    def run(**request: Any) -> Operation:
        return run_until_settled(provisioning.request(instance, actor=OLGA, **request), run_worker)

    return run


@pytest.fixture
def make(sandbox: Sandbox, tenant: Tenant, instance: UmpInstance) -> Make:
    """Follow the manual procedure in Entra. SyncPortal's application is an owner of the result."""

    def by_hand(name: str = "umptoken", *uris: str, owned: bool = True, **properties: Any) -> Application:
        web = {"redirectUris": list(uris) or [instance.redirect_uri]}
        made = sandbox.world.add_application(tenant, name, web=web, **properties)
        sandbox.world.add_secret(made, "by hand")
        if owned:
            made.owners = [principal.id for principal in tenant.service_principals.values()]
        return made

    return by_hand


def resume(operation: Operation, run_worker: RunWorker) -> Operation:
    queue.resume(operation, actor=OLGA)
    return run_until_settled(operation, run_worker)


def adopt(operation: Operation, run_worker: RunWorker) -> Operation:
    provisioning.adopt(operation, actor=OLGA)
    return run_until_settled(operation, run_worker)


def applications_named(tenant: Tenant, name: str = "umptoken") -> list[Application]:
    return [app for app in tenant.applications.values() if app.display_name == name]


def list_calls(sandbox: Sandbox) -> list[str]:
    calls = [call.path for call in sandbox.calls if call.service == "graph" and call.method == "GET"]
    return [path for path in calls if path.partition("?")[0].endswith("/applications")]


def delete_application(tenant: Tenant, application: Application) -> None:
    application.deleted = application.created
    tenant.deleted_applications[application.id] = tenant.applications.pop(application.id)
    principal = tenant.service_principal_of(application.app_id)
    if principal is not None:
        principal.deleted = application.created
        tenant.deleted_service_principals[principal.id] = tenant.service_principals.pop(principal.id)


def test_no_second_application_is_created_before_a_person_decides(
    make: Make, provision: Provision, tenant: Tenant, instance: UmpInstance
) -> None:
    by_hand = make("UmpToken", instance.redirect_uri.upper().replace("HTTPS", "https"))
    operation = provision()
    assert (operation.status, operation.waits_for, operation.error_code) == ("waiting", "staff", ADOPTION_NEEDED)
    assert f"(UmpToken, {by_hand.app_id})" in operation.message
    assert "take it over, or delete it or its redirect URI in Entra, then resume" in operation.message
    assert "first of" not in operation.message
    assert "other redirect" not in operation.message
    assert applications_named(tenant) == []
    assert AppRegistration.objects.count() == 0


def test_an_adopted_application_is_kept_and_corrected(
    make: Make, provision: Provision, tenant: Tenant, instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    by_hand = make(isFallbackPublicClient=False)
    operation = adopt(provision(), run_worker)
    assert operation.status == "succeeded", operation.message
    assert applications_named(tenant) == [by_hand]
    registration = AppRegistration.objects.get()
    assert (registration.app_id, registration.object_id, registration.adopted) == (by_hand.app_id, by_hand.id, True)
    assert by_hand.properties["isFallbackPublicClient"] is True
    assert by_hand.properties["signInAudience"] == "AzureADMultipleOrgs"
    assert f"syncportal-instance-{instance.pk}" in by_hand.properties["tags"]
    assert [secret.display_name for secret in by_hand.passwords] == ["by hand", ClientSecret.objects.get().display_name]
    assert sandbox.world.ump("finebak").client_id == by_hand.app_id


def test_the_history_names_who_confirmed_the_adoption(make: Make, provision: Provision, run_worker: RunWorker) -> None:
    by_hand = make()
    adopt(provision(), run_worker)
    event = AuditEvent.objects.get(action="application.adopted")
    assert (event.after["confirmed_by"], event.after["app_id"]) == ("Olga Operator", by_hand.app_id)
    assert not AuditEvent.objects.filter(action__in=["application.created", "application.intended"]).exists()


def test_the_adoption_page_shows_name_and_client_id(make: Make, provision: Provision, operator_client: Client) -> None:
    by_hand = make()
    address = reverse("admin:registrations_operation_take_over", args=[provision().pk])
    page = operator_client.get(address).content.decode()
    assert f"(umptoken, {by_hand.app_id})" in page
    assert "one of its owners" in page


def test_redirect_uris_that_adoption_removes_are_named_first(
    make: Make, provision: Provision, instance: UmpInstance
) -> None:
    make("umptoken", instance.redirect_uri, "https://umptoken.other.example/authenticate/OAuth2Callback")
    assert "other redirect URIs, 1 in number, such as https://umptoken.other.example/" in provision().message


@pytest.mark.parametrize("fix", ["deleted", "without its redirect URI", "renamed"])
def test_resume_creates_another_once_the_conflict_is_gone(
    make: Make, provision: Provision, tenant: Tenant, run_worker: RunWorker, fix: str
) -> None:
    by_hand = make()
    operation = provision()
    if fix == "deleted":
        delete_application(tenant, by_hand)
    elif fix == "renamed":
        by_hand.properties["displayName"] = "old umptoken"
    else:
        by_hand.properties["web"] = {"redirectUris": []}
    operation = resume(operation, run_worker)
    assert operation.status == "succeeded", operation.message
    assert AppRegistration.objects.get().app_id not in ("", by_hand.app_id)
    assert AppRegistration.objects.get().adopted is False


def test_of_several_applications_the_named_one_is_adopted(
    make: Make, provision: Provision, tenant: Tenant, run_worker: RunWorker
) -> None:
    first, second = sorted((make(), make()), key=lambda app: app.app_id)
    operation = provision()
    assert f"{first.app_id}), the first of 2." in operation.message
    assert resume(operation, run_worker).notes["found_app_id"] == first.app_id
    another = make(app_id="00000000-0000-4000-8000-000000000001")  # comes before both
    operation = adopt(operation, run_worker)
    assert operation.status == "succeeded", operation.message
    assert AppRegistration.objects.get().app_id == first.app_id
    assert all([secret.display_name for secret in app.passwords] == ["by hand"] for app in (second, another))


def test_a_confirmation_counts_only_for_the_named_application(
    make: Make, provision: Provision, tenant: Tenant, run_worker: RunWorker
) -> None:
    first, second = sorted((make(), make()), key=lambda app: app.app_id)
    operation = provision()
    provisioning.adopt(operation, actor=OLGA)
    delete_application(tenant, first)
    operation = run_until_settled(operation, run_worker)
    assert (operation.error_code, operation.notes["found_app_id"]) == (ADOPTION_NEEDED, second.app_id)
    assert "first of" not in operation.message
    assert adopt(operation, run_worker).status == "succeeded"
    assert AppRegistration.objects.get().app_id == second.app_id


def test_applications_for_other_hosts_are_no_conflict(
    make: Make, provision: Provision, sandbox: Sandbox, instance: UmpInstance
) -> None:
    make("umptoken", "https://umptoken.other.example/authenticate/OAuth2Callback")
    make("another name")
    make("umptoken", instance.redirect_uri, uniqueName="syncportal-umptoken.elsewhere.example")
    known = make()
    AppRegistration.objects.create(
        tenant_id=instance.provider.tenant.tenant_id,
        unique_name="syncportal-known",
        display_name="umptoken",
        instance=factories.make_instance(sandbox, app_name="known"),
        app_id=known.app_id,
        object_id=known.id,
    )
    operation = provision()
    assert operation.status == "succeeded", operation.message
    assert AppRegistration.objects.get(instance=instance).adopted is False


def test_conflicts_are_looked_for_at_the_first_provisioning_only(provision: Provision, sandbox: Sandbox) -> None:
    provision()
    assert len(list_calls(sandbox)) == 1
    provision()
    assert len(list_calls(sandbox)) == 1


def test_applications_are_found_across_pages_and_with_any_name(
    make: Make, instance: UmpInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = {make("O'Neil & Söhne").app_id for _ in range(5)}
    make("O")
    monkeypatch.setattr(client, "LONGEST_PAGE", 2)
    found = connections.graph_as_app(instance.provider.tenant).find_namesakes("o'neil & söhne")
    assert {application.app_id for application in found} == made


def test_adoption_without_ownership_says_so(make: Make, provision: Provision, run_worker: RunWorker) -> None:
    by_hand = make(owned=False)
    operation = adopt(provision(), run_worker)
    assert f"to the owners of {by_hand.app_id}" in operation.message
    assert [secret.display_name for secret in by_hand.passwords] == ["by hand"]


def test_an_adopted_application_that_was_deleted_is_found_by_object_id(
    make: Make, provision: Provision, tenant: Tenant, run_worker: RunWorker
) -> None:
    by_hand = make()
    principal = tenant.service_principal_of(by_hand.app_id)
    assert principal is not None
    principal.owners = by_hand.owners
    adopt(provision(), run_worker)
    delete_application(tenant, by_hand)
    AppRegistration.objects.update(made_at=timezone.now() - timedelta(hours=1))
    operation = provision()
    assert (operation.error_code, operation.notes["twin_app_id"]) == (conflicts.DELETED_APPLICATION, by_hand.app_id)
    conflicts.decide(operation, conflicts.RESTORE, actor=OLGA)
    operation = run_until_settled(operation, run_worker)
    assert operation.status == "succeeded", operation.message
    assert applications_named(tenant) == [by_hand]


def test_an_adopted_application_deleted_for_good_is_replaced(
    make: Make,
    provision: Provision,
    tenant: Tenant,
    run_worker: RunWorker,
    run_worker_a_minute_later: Callable[[Operation], None],
) -> None:
    by_hand = make()
    adopt(provision(), run_worker)
    delete_application(tenant, by_hand)
    AppRegistration.objects.update(made_at=timezone.now() - timedelta(hours=1))
    tenant.deleted_applications.clear()
    operation = provision()
    run_worker_a_minute_later(operation)
    operation = run_until_settled(operation, run_worker)
    assert operation.status == "succeeded", operation.message
    registration = AppRegistration.objects.get()
    assert registration.app_id != by_hand.app_id
    assert registration.adopted is False


def test_a_new_application_hidden_by_a_replica_is_not_treated_as_deleted(
    make: Make, provision: Provision, tenant: Tenant, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    by_hand = make()
    operation = provision()
    missing = {"error": {"code": "Request_ResourceNotFound", "message": "x"}}
    sandbox.faults.add(
        service="graph", kind="status", status=404, body=missing, method="GET", path=f"/applications/{by_hand.id}"
    )
    operation = adopt(operation, run_worker)
    assert operation.status == "succeeded", operation.message
    assert applications_named(tenant) == [by_hand]


@pytest.mark.parametrize("created", ["2019-05-01T08:00:00Z", None])
def test_an_old_adopted_application_counts_as_replicated(
    make: Make, provision: Provision, tenant: Tenant, run_worker: RunWorker, created: str | None
) -> None:
    by_hand = make()
    by_hand.created = created  # type: ignore[assignment]  # Graph shows null for the oldest
    operation = adopt(provision(), run_worker)
    assert operation.status == "succeeded", operation.message
    made_at = AppRegistration.objects.get().made_at
    assert made_at is not None
    assert timezone.now() - made_at >= timedelta(minutes=10)


def test_the_command_with_adopt_asks_if_there_are_several(
    make: Make, instance: UmpInstance, run_worker: RunWorker, portal: None
) -> None:
    made = [make(), make()]
    call_command("provision", instance.host, "--adopt")
    operation = run_until_settled(Operation.objects.get(), run_worker)
    assert operation.error_code == ADOPTION_NEEDED
    assert "first of 2" in operation.message
    call_command("provision", instance.host, "--adopt")  # now it knows which one
    assert run_until_settled(operation, run_worker).status == "succeeded"
    assert AppRegistration.objects.get().app_id == min(app.app_id for app in made)


def test_the_command_with_adopt_adopts_the_only_one(
    make: Make, instance: UmpInstance, run_worker: RunWorker, portal: None
) -> None:
    by_hand = make()
    call_command("provision", instance.host, "--adopt")
    assert run_until_settled(Operation.objects.get(), run_worker).status == "succeeded"
    assert AppRegistration.objects.get().app_id == by_hand.app_id


@pytest.mark.parametrize("change", [lambda uri: uri + "/", lambda uri: uri.replace("umptoken", "UmpToken")])
def test_a_manual_application_is_recognised_whatever_its_uri_looks_like(
    make: Make, provision: Provision, instance: UmpInstance, run_worker: RunWorker, change: Callable[[str], str]
) -> None:
    made = make("umptoken", change(instance.redirect_uri))
    operation = provision()
    assert (operation.status, operation.error_code) == ("waiting", ADOPTION_NEEDED)
    assert made.app_id in operation.message
    assert "other redirect URIs" not in operation.message
    provisioning.adopt(operation, actor=OLGA)
    assert run_again(operation, run_worker).status == "succeeded"
    assert AppRegistration.objects.get().app_id == made.app_id
    assert made.properties["web"]["redirectUris"] == [instance.redirect_uri]
