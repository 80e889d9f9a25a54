"""One story a database: provisioned by a real worker through a dead broker and a crash, then a customer connected.

The tests of this file go on from each other, as the story does.
"""

import time
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest

from tests.stack import customer, search
from tests.stack.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(180)]
PATIENCE_SECONDS = 75.0  # a sweep each 20 s, and a worker that finds its broker again


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for the condition, or fail naming what did not happen."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"Still not: {what}"
        time.sleep(0.2)


def newest_operation(stack: Stack) -> tuple[str, str]:
    """Status and message of the newest operation."""
    [(status, message)] = stack.query(
        "SELECT status, message FROM registrations_operation ORDER BY created_at DESC LIMIT 1"
    )
    return str(status), str(message)


def applications(stack: Stack) -> list[dict[str, Any]]:
    """The applications that the product made in the sandbox's Entra ID, by their unique names."""
    tenant = stack.sandbox("world")["tenants"][stack.seed["provider"]["tenant_id"]]
    apps = tenant["applications"].values()
    return [app for app in apps if str(app["properties"].get("uniqueName") or "").startswith("syncportal-")]


def test_a_request_without_a_broker_runs_once_it_is_back(stack: Stack) -> None:
    stack.end("broker")
    [answer] = stack.manage_json("provision", stack.host)
    assert "broker cannot be reached" in answer["status"]
    assert newest_operation(stack)[0] == "queued"
    stack.start_broker()
    until(lambda: newest_operation(stack)[0] == "succeeded", "the sweep found the row and a worker did the work")


def test_a_repeat_is_followed_step_by_step_and_makes_no_second_application(stack: Stack) -> None:
    lines = stack.manage_json("provision", stack.host, "--wait")
    steps = [line["step"] for line in lines if "step" in line]
    assert steps[0] == "preflight"
    assert steps[-1] == "validation"
    assert lines[-1]["status"] == "succeeded"
    [application] = applications(stack)
    assert len(application["passwords"]) == 1


def test_an_operation_whose_worker_was_killed_goes_on_with_another_worker(stack: Stack) -> None:
    stack.sandbox(
        "faults", {"service": "ump", "method": "GET", "path": ".*", "kind": "slow", "seconds": 20, "times": 1}
    )
    stack.manage("provision", stack.host)
    until(lambda: not stack.sandbox("faults"), "a worker is in the middle of a step")
    stack.end("worker", politely=False)
    assert newest_operation(stack)[0] == "running"
    # The lease is a minute; the test does not wait for it.
    stack.query(
        "UPDATE registrations_operation SET leased_until = '2020-01-01 00:00:00+00:00' WHERE status = 'running'"
    )
    stack.start_worker()
    until(lambda: newest_operation(stack)[0] == "succeeded", "another worker went on")
    [application] = applications(stack)
    assert len(application["passwords"]) == 1


@pytest.mark.parametrize("with_children", [False, True])
def test_a_stopped_worker_hands_its_step_back_within_ten_seconds(stack: Stack, with_children: bool) -> None:
    stack.sandbox("faults", {"service": "ump", "method": "GET", "kind": "slow", "seconds": 25})
    stack.manage("provision", stack.host)
    until(lambda: not stack.sandbox("faults"), "a worker is in the middle of a step")
    assert stack.ask_to_stop("worker", patience=15, with_children=with_children) < 10
    assert newest_operation(stack)[0] == "queued"
    stack.start_worker()
    until(lambda: newest_operation(stack)[0] == "succeeded", "another worker went on at once")


def test_a_worker_survives_the_loss_of_its_broker_during_a_step(stack: Stack) -> None:
    stack.sandbox("faults", {"service": "ump", "method": "GET", "kind": "slow", "seconds": 3})
    stack.manage("provision", stack.host)
    until(lambda: not stack.sandbox("faults"), "a worker is in the middle of a step")
    stack.end("broker")
    until(lambda: newest_operation(stack)[0] == "succeeded", "the worker finished what it had begun")
    stack.start_broker()
    stack.manage("provision", stack.host)
    until(lambda: newest_operation(stack)[0] == "succeeded", "the same worker takes work again")
    stack.supervisor.check()


def test_a_customer_connects_from_the_mail_to_the_end_page(stack: Stack) -> None:
    stack.seeding.invite()
    visit = customer.Visit(stack)
    visit.connect()
    assert stack.query("SELECT status FROM onboarding_invitation") == [("completed",)]


def test_no_secret_is_kept_in_clear_anywhere(stack: Stack) -> None:
    secrets = search.secrets_used(stack)
    assert len(secrets) >= 5  # two credentials given to us, two secrets made by us, the invitation's link
    kept = stack.everything_kept()
    # We look at the right places: the database and, in base64, the messages that rang the workers.
    assert stack.host in kept
    [(operation_id,)] = stack.query("SELECT id FROM registrations_operation ORDER BY created_at LIMIT 1")
    assert any(part in kept for part in search.base64_parts(str(UUID(str(operation_id))).encode()))
    assert [name for name, secret in secrets.items() if search.is_in(kept, secret)] == []
