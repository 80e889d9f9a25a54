"""The hand-over sheet's page: the secret is revealed once, and each group is confirmed."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client

from registrations import admin_html, states
from registrations.admin import operation_progress
from registrations.engine import queue
from registrations.models import AuditEvent, ClientSecret, Operation, UmpInstance
from registrations.services import provisioning
from sandbox.app import Sandbox
from tests import factories
from tests.registrations.admin.conftest import OLGA, page_of

pytestmark = pytest.mark.django_db
RunWorker = Callable[[], None]


def test_the_sheet_is_filled_by_hand_from_end_to_end(
    operator_client: Client, waiting: Operation, run_worker: RunWorker, sandbox: Sandbox
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
    run_worker()
    operator_client.post(page_of(waiting, "tick"), {"group": "authentication_portal"})
    run_worker()
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


def test_guessing_the_password_is_throttled(operator_client: Client, waiting: Operation) -> None:
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


def test_a_lost_secret_is_replaced(operator_client: Client, waiting: Operation, run_worker: RunWorker) -> None:
    operator_client.post(page_of(waiting, "reveal"), {"password": factories.PASSWORD})
    lost = ClientSecret.objects.get()
    assert "Create a new secret" in operator_client.get(page_of(waiting, "hand_over")).content.decode()
    operator_client.post(page_of(waiting, "new_secret"))
    for _ in range(5):
        queue.wake(Operation.objects.filter(pk=waiting.pk))
        run_worker()
    shown = operator_client.post(page_of(waiting, "reveal"), {"password": factories.PASSWORD}).content.decode()
    assert ClientSecret.objects.exclude(pk=lost.pk).get(status__in=ClientSecret.LIVE).unseal("envelope") in shown


def test_the_group_with_the_secret_is_not_marked_before_the_secret_was_revealed(
    operator_client: Client, waiting: Operation
) -> None:
    button = "Mark as done: Apply Changes was pressed in the UMP"
    page = operator_client.get(page_of(waiting, "hand_over")).content.decode()
    assert f'disabled aria-describedby="why-sync_app">{button}' in page
    assert "after the client secret was revealed: nobody has seen its value yet" in page
    assert page.count("disabled") == 1  # the other group has no secret
    refused = operator_client.post(page_of(waiting, "tick"), {"group": "sync_app"}, follow=True).content.decode()
    assert "it has not been revealed yet" in refused
    waiting.refresh_from_db()
    assert "ticks" not in waiting.notes
    shown = operator_client.post(page_of(waiting, "reveal"), {"password": factories.PASSWORD}).content.decode()
    assert f'class="button button-primary">{button}' in shown


def test_a_secret_that_was_revealed_before_the_operation_needs_a_word_that_it_was_kept(
    operator_client: Client, waiting: Operation
) -> None:
    ClientSecret.objects.update(revealed_at=waiting.created_at - timedelta(days=3))
    page = operator_client.get(page_of(waiting, "hand_over")).content.decode()
    assert "before this operation began. It is not shown again." in page
    assert 'name="value_was_kept" value="yes" required' in page
    refused = operator_client.post(page_of(waiting, "tick"), {"group": "sync_app"}, follow=True).content.decode()
    assert "The secret was revealed before this operation" in refused
    operator_client.post(page_of(waiting, "tick"), {"group": "sync_app", "value_was_kept": "yes"})
    waiting.refresh_from_db()
    assert list(waiting.notes["ticks"]) == ["sync_app"]


def test_a_confirmation_of_another_operation_is_refused(operator_client: Client, instance: UmpInstance) -> None:
    operation = provisioning.request(instance, actor=OLGA)
    answer = operator_client.post(page_of(operation, "tick"), {"group": "sync_app"}, follow=True).content.decode()
    assert "does not wait for the hand-over sheet" in answer


def test_the_message_after_the_last_confirmation_is_true(
    operator_client: Client, waiting: Operation, run_worker: Callable[[], None]
) -> None:
    operator_client.post(page_of(waiting, "reveal"), {"password": factories.PASSWORD})
    first = operator_client.post(page_of(waiting, "tick"), {"group": "sync_app"}, follow=True).content.decode()
    assert "continues when both groups are done" in first
    run_worker()
    last = operator_client.post(page_of(waiting, "tick"), {"group": "authentication_portal"}, follow=True)
    assert "continues when both groups are done" not in last.content.decode()
    run_worker()
    page = operator_client.get(page_of(waiting)).content.decode()
    assert "Succeeded" in page
    assert "<dt>Code</dt>" not in page


def test_nothing_that_was_entered_by_hand_has_the_badge_of_what_was_verified(
    operator_client: Client, waiting: Operation, run_worker: RunWorker
) -> None:
    operator_client.post(page_of(waiting, "reveal"), {"password": factories.PASSWORD})
    for group in ("sync_app", "authentication_portal"):
        operator_client.post(page_of(waiting, "tick"), {"group": group})
        if group == "sync_app":
            assert "Entered by hand" in operator_client.get(page_of(waiting, "hand_over")).content.decode()
        run_worker()
    waiting.refresh_from_db()
    assert waiting.status == "succeeded"
    described = operation_progress.describe(states.operations(Operation.objects.all()).get(), AnonymousUser())
    assert [row.state for row in described["rows"]] == ["done"] * 5 + ["entered", "entered", "unverified"]
    assert described["progress"] == "8 of 8 steps done"
    again = provisioning.request(UmpInstance.objects.get(), actor=OLGA)
    run_worker()
    again.refresh_from_db()
    assert [step.outcome for step in again.steps][-3:] == ["entered", "entered", "unverified"]
    page = operator_client.get(page_of(UmpInstance.objects.get())).content.decode()
    assert "Active, not verified" in page
    assert admin_html.badge("entered") in page
    assert admin_html.badge("active") not in page


def test_the_amber_box_of_an_instance_that_waits_for_the_sheet_opens_it(
    operator_client: Client, waiting: Operation
) -> None:
    instance = UmpInstance.objects.get(pk=waiting.subject_id)
    page = operator_client.get(page_of(instance)).content.decode()
    _, box = page.split('<p class="notice notice-amber">', 1)
    box, _ = box.split("</p>", 1)
    assert f'href="{page_of(waiting, "hand_over")}">Open the hand-over sheet</a>' in box
    assert page.count("Open the hand-over sheet") == 1
