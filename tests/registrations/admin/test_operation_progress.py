"""An operation's progress on its pages: what it waits for, its message, and how it ended."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from registrations.engine import queue
from registrations.models import Operation, UmpInstance
from registrations.services import provisioning
from tests import factories
from tests.registrations.admin.conftest import OLGA, page_of

pytestmark = pytest.mark.django_db
CONFIRMED = "admin:registrations_umpinstance_provision_confirmed"
RunWorker = Callable[[], None]
ASKED = "Restore it, or delete it for good and let another be made."


def test_the_instances_page_shows_the_steps_until_the_end(
    operator_client: Client, instance: UmpInstance, run_worker: RunWorker, portal: None
) -> None:
    operator_client.post(reverse(CONFIRMED), {"instance": [instance.pk]})
    operation = Operation.objects.get()
    fragment = reverse("admin:registrations_operation_steps", args=[operation.pk])
    assert 'data-is-live="true"' in operator_client.get(fragment).content.decode()
    assert fragment in operator_client.get(page_of(instance)).content.decode()
    run_worker()
    ended = operator_client.get(fragment).content.decode()
    assert 'data-is-live="false"' in ended
    assert "8 of 8 steps done" in ended
    assert "<html" not in ended
    page = operator_client.get(page_of(instance)).content.decode()
    assert "Active" in page
    assert instance.registrations.get().app_id in page


def test_the_live_part_needs_the_permission_of_the_page(instance: UmpInstance, stranger_client: Client) -> None:
    operation = provisioning.request(instance, actor=OLGA)
    answer = stranger_client.get(reverse("admin:registrations_operation_steps", args=[operation.pk]))
    assert answer.status_code == 302


@pytest.fixture
def operation(instance: UmpInstance) -> Operation:
    """A provisioning that waits for a decision of staff at its second step."""
    made = provisioning.request(instance, actor=OLGA)
    factories.change(made.steps[0], status="done", note="Finebak has what it needs.")
    factories.change(made.steps[1], status="waiting", note=ASKED)
    set_state(
        made,
        status="waiting",
        waits_for="staff",
        message=ASKED,
        error_code="deleted_twin",
        next_attempt_at=None,
        steps=made.steps,
    )
    return made


def set_state(operation: Operation, **values: Any) -> None:
    """Set columns of the operation."""
    Operation.objects.filter(pk=operation.pk).update(**values)
    operation.refresh_from_db()


def live_part(client: Client, operation: Operation) -> str:
    """The live part of the page, with its white space collapsed."""
    return shown(client, reverse("admin:registrations_operation_steps", args=[operation.pk]))


def shown(client: Client, address: str) -> str:
    return " ".join(client.get(address).content.decode().split())


def test_error_code_and_end_are_in_the_live_part(operator_client: Client, operation: Operation) -> None:
    assert "<dt>Code</dt><dd><code>deleted_twin</code>" in live_part(operator_client, operation)
    assert "<dt>Finished</dt>" not in live_part(operator_client, operation)
    set_state(operation, status="failed", waits_for="", error_code="quota", ended_at=timezone.now())
    assert "<dt>Code</dt><dd><code>quota</code>" in live_part(operator_client, operation)
    assert "<dt>Finished</dt>" in live_part(operator_client, operation)
    whole = shown(operator_client, page_of(operation))
    assert (whole.count("<dt>Code</dt>"), whole.count("<dt>Finished</dt>")) == (1, 1)


@pytest.mark.parametrize("status", ["running", "queued"])
def test_an_earlier_wait_is_not_shown_once_the_operation_continues(
    operator_client: Client, operation: Operation, status: str
) -> None:
    factories.change(operation.steps[1], status="running", note="")
    set_state(operation, status=status, waits_for="", steps=operation.steps)
    page = shown(operator_client, page_of(operation))
    assert ASKED not in page
    assert "deleted_twin" not in page


def test_the_page_says_who_is_waited_for_and_when_it_looks_again(operator_client: Client, operation: Operation) -> None:
    assert "Waiting for staff." in live_part(operator_client, operation)
    assert "looks again" not in live_part(operator_client, operation)
    set_state(operation, next_attempt_at=timezone.now() + timedelta(minutes=5, seconds=30))
    assert "Waiting for staff. SyncPortal checks again <time" in live_part(operator_client, operation)
    assert "in 5 minutes</time>." in live_part(operator_client, operation)
    set_state(operation, waits_for="customer", next_attempt_at=timezone.now())
    assert "Waiting for the customer. SyncPortal checks again now." in live_part(operator_client, operation)
    set_state(operation, waits_for="")
    assert "It waits for" not in live_part(operator_client, operation)
    assert "SyncPortal checks again now." in live_part(operator_client, operation)


def test_the_same_sentence_is_shown_once(operator_client: Client, operation: Operation) -> None:
    assert live_part(operator_client, operation).count(ASKED) == 1
    assert "Finebak has what it needs." in live_part(operator_client, operation)
    factories.change(operation.steps[1], status="failed")
    set_state(
        operation,
        status="failed",
        waits_for="",
        message=f"{ASKED} The permission was removed again.",
        steps=operation.steps,
    )
    assert live_part(operator_client, operation).count(ASKED) == 1


def test_a_note_that_differs_from_the_message_is_shown(operator_client: Client, operation: Operation) -> None:
    factories.change(operation.steps[1], note="Microsoft was asked twice.")
    set_state(operation, steps=operation.steps)
    assert "Microsoft was asked twice." in live_part(operator_client, operation)


def test_a_cancelled_operation_shows_who_cancelled_it(operator_client: Client, operation: Operation) -> None:
    assert "step-waiting" in live_part(operator_client, operation)
    operator_client.post(page_of(operation, "cancel"))
    page = live_part(operator_client, operation)
    assert "Cancelled by Olga Operator. What was created stays." in page
    assert "step-cancelled" in page
    assert "Waiting" not in page
    assert ASKED not in page
    assert "<dt>Code</dt>" not in page
    operation.refresh_from_db()
    assert (operation.status, operation.error_code) == ("cancelled", "")


@pytest.mark.parametrize(("waits_for", "variant"), [("", "default"), ("staff", "primary"), ("customer", "primary")])
def test_resume_is_primary_only_if_nothing_else_continues_it(
    operator_client: Client, operation: Operation, waits_for: str, variant: str
) -> None:
    set_state(operation, waits_for=waits_for, error_code="service_missing", next_attempt_at=timezone.now())
    address = page_of(operation, "resume")
    assert f'<a class="button button-{variant}" href="{address}">Resume</a>' in live_part(operator_client, operation)
    set_state(operation, status="failed", waits_for="", next_attempt_at=None)
    assert f'<a class="button button-primary" href="{address}">Resume</a>' in live_part(operator_client, operation)


def test_a_cancelled_provisioning_leaves_a_draft_without_alarm(
    operator_client: Client, instance: UmpInstance, operation: Operation
) -> None:
    queue.cancel(operation, actor=OLGA)
    start = shown(operator_client, "/admin/")
    assert "Instances whose provisioning failed" not in start
    assert "Instances that are not provisioned yet" in start
    page = shown(operator_client, page_of(instance))
    assert ">Draft<" in page
    assert 'name="app_name"' in page  # it may be edited,
    assert reverse("admin:registrations_umpinstance_provision", args=[instance.pk]) in page  # and provisioned


@pytest.mark.parametrize(
    ("code", "decided", "button"),
    [
        ("deleted_twin", {"twin_choice": "restore"}, "Restore"),
        ("adoption_needed", {"adoption_confirmed_by": "Olga Operator"}, "Take over"),
    ],
)
def test_the_page_asks_no_more_once_a_person_has_decided(
    operator_client: Client, operation: Operation, code: str, decided: dict[str, str], button: str
) -> None:
    set_state(operation, error_code=code)
    assert f">{button}</a>" in live_part(operator_client, operation)
    set_state(operation, notes=decided, next_attempt_at=timezone.now())
    page = live_part(operator_client, operation)
    assert f">{button}</a>" not in page
    assert "Decided. A worker carries it out now." in page
    set_state(operation, next_attempt_at=None)  # it was refused, and asks again
    assert f">{button}</a>" in live_part(operator_client, operation)


def test_the_steps_are_above_the_form_during_and_after_a_run(
    operator_client: Client, instance: UmpInstance, run_worker: Callable[[], None], portal: None
) -> None:
    provisioning.request(instance, actor=OLGA)
    for _ in range(2):
        page = operator_client.get(page_of(instance)).content.decode()
        assert page.index("data-live-steps") < page.index('id="umpinstance_form"')
        assert page.count("data-live-steps") == 1
        run_worker()
