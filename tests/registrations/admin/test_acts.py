"""Provisioning from the list and the page, the operation's pages, and the hand-over sheet filled by hand."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from registrations.engine import queue
from registrations.models import AuditEvent, ClientSecret, Operation, UmpInstance
from registrations.services import provisioning
from sandbox.app import Sandbox
from tests import factories
from tests.registrations.admin.conftest import OLGA, page_of

pytestmark = pytest.mark.django_db
LIST = "admin:registrations_umpinstance_changelist"
CONFIRMED = "admin:registrations_umpinstance_provision_confirmed"
Work = Callable[[], None]


def test_provisioning_several_instances_is_confirmed_by_name_and_number(
    operator_client: Client,
    instance: UmpInstance,
    sandbox: Sandbox,
    rung: list[str],
    django_capture_on_commit_callbacks: Any,
) -> None:
    other = factories.make_instance(sandbox, app_name="second")
    chosen = {"action": "provision_selected", "_selected_action": [instance.pk, other.pk]}
    page = operator_client.post(reverse(LIST), chosen).content.decode()
    assert "Provision 2 instances" in page
    assert instance.redirect_uri in page
    assert other.host in page
    assert not Operation.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        answer = operator_client.post(reverse(CONFIRMED), {"instance": [instance.pk, other.pk]}, follow=True)
    assert answer.content.decode().count("provisioning has begun") == 2
    assert set(rung) == {str(operation.pk) for operation in Operation.objects.all()}


def test_a_second_provisioning_is_a_message_and_not_a_duplicate(operator_client: Client, instance: UmpInstance) -> None:
    provisioning.request(instance, actor=OLGA)
    answer = operator_client.post(reverse(CONFIRMED), {"instance": [instance.pk]}, follow=True)
    assert "has an operation that has not ended yet" in answer.content.decode()
    assert Operation.objects.count() == 1


def test_an_auditor_cannot_provision_by_address(auditor_client: Client, instance: UmpInstance) -> None:
    assert auditor_client.post(reverse(CONFIRMED), {"instance": [instance.pk]}).status_code == 403
    chosen = {"action": "provision_selected", "_selected_action": [instance.pk]}
    auditor_client.post(reverse(LIST), chosen)
    assert not Operation.objects.exists()


def test_opening_the_confirmations_address_does_nothing(operator_client: Client, instance: UmpInstance) -> None:
    assert operator_client.get(reverse(CONFIRMED), {"instance": str(instance.pk)}).status_code == 405
    assert (
        "Choose at least one"
        in operator_client.post(reverse(CONFIRMED), {"instance": "x"}, follow=True).content.decode()
    )
    assert not Operation.objects.exists()


def test_the_instances_page_shows_the_steps_to_the_end(
    operator_client: Client, instance: UmpInstance, work: Work, portal: None
) -> None:
    operator_client.post(reverse(CONFIRMED), {"instance": [instance.pk]})
    operation = Operation.objects.get()
    fragment = reverse("admin:registrations_operation_steps", args=[operation.pk])
    assert 'data-is-live="true"' in operator_client.get(fragment).content.decode()
    assert fragment in operator_client.get(page_of(instance)).content.decode()
    work()
    ended = operator_client.get(fragment).content.decode()
    assert 'data-is-live="false"' in ended
    assert "8 of 8 steps are done" in ended
    assert "<html" not in ended
    page = operator_client.get(page_of(instance)).content.decode()
    assert "Active" in page
    assert instance.registrations.get().app_id in page


def test_the_fragment_needs_the_permission_of_the_page(instance: UmpInstance, stranger_client: Client) -> None:
    operation = provisioning.request(instance, actor=OLGA)
    answer = stranger_client.get(reverse("admin:registrations_operation_steps", args=[operation.pk]))
    assert answer.status_code == 302


def test_a_failed_operation_is_resumed(
    operator_client: Client, instance: UmpInstance, rung: list[str], django_capture_on_commit_callbacks: Any
) -> None:
    operation = provisioning.request(instance, actor=OLGA)
    Operation.objects.update(status="failed", message="It is down.", steps=operation.steps)
    assert ">Resume<" in operator_client.get(page_of(operation)).content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        operator_client.post(page_of(operation, "resume"))
    operation.refresh_from_db()
    assert operation.status == "queued"
    assert rung == [str(operation.pk)]
    event = AuditEvent.objects.first()
    assert event
    assert (event.action, event.actor_label) == ("provision.resumed", "Olga Operator")


def test_a_queued_operation_is_cancelled_once(operator_client: Client, instance: UmpInstance) -> None:
    operation = provisioning.request(instance, actor=OLGA)
    assert "is cancelled" in operator_client.post(page_of(operation, "cancel"), follow=True).content.decode()
    again = operator_client.post(page_of(operation, "cancel"), follow=True).content.decode()
    assert "cannot be cancelled now" in again


def test_an_application_that_was_there_is_taken_over_after_a_confirmation(
    operator_client: Client, instance: UmpInstance, sandbox: Sandbox, work: Work, portal: None
) -> None:
    tenant = sandbox.world.tenant(instance.provider.tenant.tenant_id)
    sandbox.world.add_application(tenant, "umptoken", uniqueName=f"syncportal-{instance.host}")
    operation = provisioning.request(instance, actor=OLGA)
    work()
    page = operator_client.get(page_of(operation)).content.decode()
    assert ">Take over<" in page
    operator_client.post(page_of(operation, "take_over"))
    assert "application.adoption_confirmed" in AuditEvent.objects.values_list("action", flat=True)


def test_the_sheet_is_filled_by_hand_from_end_to_end(
    operator_client: Client, waiting: Operation, work: Work, sandbox: Sandbox
) -> None:
    sheet = operator_client.get(page_of(waiting, "hand_over")).content.decode()
    labels = ["Client Id", "Client Secret Value", "Redirect URI", "Customer Authentication Portal URL"]
    places = [sheet.index(f"<dt>{label}</dt>") for label in labels]
    assert places == sorted(places)
    secret = ClientSecret.objects.get().unseal("envelope")
    assert secret not in sheet
    shown = operator_client.post(page_of(waiting, "reveal"), {"password": factories.PASSWORD})
    assert f'data-copy="{secret}"' in shown.content.decode()
    assert "no-store" in shown["Cache-Control"]
    assert secret not in operator_client.get(page_of(waiting, "hand_over")).content.decode()
    operator_client.post(page_of(waiting, "tick"), {"group": "sync_app"})
    work()
    operator_client.post(page_of(waiting, "tick"), {"group": "authentication_portal"})
    work()
    waiting.refresh_from_db()
    assert waiting.status == "succeeded", waiting.message
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"secret.revealed", "handover.sync_app_confirmed", "handover.authentication_portal_confirmed"} <= actions
    for event in AuditEvent.objects.all():
        assert secret not in f"{event.before}{event.after}{event.reason}"


def test_a_wrong_password_reveals_nothing(operator_client: Client, waiting: Operation) -> None:
    answer = operator_client.post(page_of(waiting, "reveal"), {"password": "wrong"}).content.decode()
    assert "The password is wrong" in answer
    assert ClientSecret.objects.get().revealed_at is None
    assert AuditEvent.objects.filter(action="staff.sign_in_refused").count() == 1


def test_guessing_the_password_is_stopped(operator_client: Client, waiting: Operation) -> None:
    for _ in range(5):
        operator_client.post(page_of(waiting, "reveal"), {"password": "wrong"})
    answer = operator_client.post(page_of(waiting, "reveal"), {"password": factories.PASSWORD}).content.decode()
    assert "Too many wrong passwords" in answer
    assert ClientSecret.objects.get().revealed_at is None


def test_a_secret_is_revealed_once(operator_client: Client, waiting: Operation) -> None:
    operator_client.post(page_of(waiting, "reveal"), {"password": factories.PASSWORD})
    again = operator_client.post(page_of(waiting, "reveal"), {"password": factories.PASSWORD}).content.decode()
    assert "was revealed before" in again
    assert ClientSecret.objects.get().unseal("envelope") not in again


def test_opening_the_reveal_page_reveals_nothing(operator_client: Client, waiting: Operation) -> None:
    page = operator_client.get(page_of(waiting, "reveal")).content.decode()
    assert "Your password" in page
    assert ClientSecret.objects.get().unseal("envelope") not in page
    assert ClientSecret.objects.get().revealed_at is None


def test_a_lost_secret_is_replaced(operator_client: Client, waiting: Operation, work: Work) -> None:
    operator_client.post(page_of(waiting, "reveal"), {"password": factories.PASSWORD})
    lost = ClientSecret.objects.get()
    assert "Create a new secret" in operator_client.get(page_of(waiting, "hand_over")).content.decode()
    operator_client.post(page_of(waiting, "new_secret"))
    for _ in range(5):
        queue.wake(Operation.objects.filter(pk=waiting.pk))
        work()
    shown = operator_client.post(page_of(waiting, "reveal"), {"password": factories.PASSWORD}).content.decode()
    assert ClientSecret.objects.exclude(pk=lost.pk).get(status__in=ClientSecret.LIVE).unseal("envelope") in shown


def test_a_tick_for_another_operation_is_refused(operator_client: Client, instance: UmpInstance) -> None:
    operation = provisioning.request(instance, actor=OLGA)
    answer = operator_client.post(page_of(operation, "tick"), {"group": "sync_app"}, follow=True).content.decode()
    assert "does not wait for the hand-over sheet" in answer
