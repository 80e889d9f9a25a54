"""Acts on many rows: what is skipped is said before, and what became of each row after, in one table."""

from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from registrations import engine, tasks
from registrations.models import BulkJob, EntraTenant, Operation, UmpInstance
from registrations.services import provisioning, tenant_check
from tests import factories
from tests.registrations.admin.conftest import OLGA, page_of

pytestmark = pytest.mark.django_db
INSTANCES = "admin:registrations_umpinstance_changelist"
OPERATIONS = "admin:registrations_operation_changelist"
TENANTS = "admin:registrations_entratenant_changelist"


def ask(client: Client, address: str, action: str, rows: Any) -> Any:
    """The page before the act."""
    data = {"action": action, "_selected_action": [str(row.pk) for row in rows]}
    return client.post(reverse(address), data)


def confirm(client: Client, page: Any) -> Any:
    """Press the button of the page before the act; the page after it."""
    fields: dict[str, list[str]] = {}
    for name, value in page.context["hidden"]:
        fields.setdefault(name, []).append(value)
    return client.post(page.context["action"], fields, follow=True)


def told(page: Any) -> dict[str, tuple[str, str]]:
    """Each row's state and sentence in the table."""
    return {line.name: (line.state, line.sentence) for line in page.context["lines"]}


@pytest.fixture
def five() -> list[UmpInstance]:
    """Two drafts, one retired, one that is being provisioned, one active with nothing missing."""
    made = [factories.make_instance(app_name=name) for name in ("new1", "new2", "old", "busy", "whole")]
    UmpInstance.objects.filter(app_name="old").update(status="retired")
    provisioning.request(made[3], actor=OLGA)
    factories.make_registration(made[4], secret="abc-secret", app_id="an-id", service_principal_id="an-id")
    UmpInstance.objects.filter(app_name="whole").update(status="active")
    return made


def test_rows_that_cannot_be_provisioned_are_named_with_the_reason(
    operator_client: Client, five: list[UmpInstance]
) -> None:
    page = ask(operator_client, INSTANCES, "provision_selected", five)
    text = page.content.decode()
    assert "3 will be provisioned, 2 skipped." in text
    assert "Provision 3 instances</button>" in text
    lines = told(page)
    assert lines["old.finebak.localhost"] == ("skipped", "It is retired.")
    assert lines["busy.finebak.localhost"] == ("skipped", "Its last operation has not finished yet.")
    assert "is created" in lines["new1.finebak.localhost"][1]
    assert (
        "According to SyncPortal's records, nothing changes. No new client secret is created"
        in lines["whole.finebak.localhost"][1]
    )
    assert Operation.objects.count() == 1


def test_the_outcome_of_each_row_is_in_one_table(operator_client: Client, five: list[UmpInstance]) -> None:
    page = ask(operator_client, INSTANCES, "provision_selected", five)
    provisioning.request(five[0], actor=OLGA)  # somebody was faster
    answer = confirm(operator_client, page)
    assert "Provision: 2 queued, 3 skipped" in answer.content.decode()
    assert {name.partition(".")[0]: state for name, (state, _) in told(answer).items()} == {
        "new1": "skipped",
        "old": "skipped",
        "busy": "skipped",
        "new2": "done",
        "whole": "done",
    }
    assert not list(get_messages(answer.wsgi_request))
    assert Operation.objects.count() == 4


def test_loading_the_result_again_repeats_nothing(operator_client: Client, five: list[UmpInstance]) -> None:
    answer = confirm(operator_client, ask(operator_client, INSTANCES, "provision_selected", five))
    (address, _), *_ = answer.redirect_chain
    again = operator_client.get(address)
    assert told(again) == told(answer)
    assert Operation.objects.count() == 4


def test_a_row_named_as_skipped_is_left_alone(operator_client: Client, five: list[UmpInstance]) -> None:
    page = ask(operator_client, INSTANCES, "provision_selected", five)
    Operation.objects.update(status="cancelled")  # busy could be provisioned now, and nobody was told so
    answer = confirm(operator_client, page)
    assert told(answer)["busy.finebak.localhost"][0] == "skipped"
    assert Operation.objects.live().count() == 3


def test_each_row_is_sent_once(operator_client: Client, five: list[UmpInstance]) -> None:
    page = ask(operator_client, INSTANCES, "provision_selected", five)
    sent = [value for name, value in page.context["hidden"] if name in {"_selected_action", "skipped"}]
    assert sorted(sent) == sorted(str(row.pk) for row in five)


@pytest.mark.parametrize("value", ["\0", "x", "9" * 40, "\n"])
@pytest.mark.parametrize("address", [INSTANCES, OPERATIONS, TENANTS])
def test_no_row_named_as_skipped_breaks_an_act(
    operator_client: Client, five: list[UmpInstance], address: str, value: str
) -> None:
    model, action = {
        INSTANCES: (UmpInstance, "provision_selected"),
        OPERATIONS: (Operation, "cancel_selected"),
        TENANTS: (EntraTenant, "check_selected"),
    }[address]
    chosen = [str(row.pk) for row in model._default_manager.all()]
    form = {"action": action, "confirmed": "yes", "_selected_action": chosen, "skipped": value}
    assert operator_client.post(reverse(address), form).status_code == 302


@pytest.mark.parametrize(
    ("address", "model", "action"),
    [
        (INSTANCES, UmpInstance, "provision_selected"),
        (OPERATIONS, Operation, "resume_selected"),
        (TENANTS, EntraTenant, "check_selected"),
    ],
)
def test_a_broker_that_is_away_is_asked_once(
    operator_client: Client,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
    address: str,
    model: Any,
    action: str,
) -> None:
    tried: list[Any] = []

    def away(operation_id: Any) -> bool:
        tried.append(operation_id)
        return False

    monkeypatch.setattr(tasks, "enqueue", away)
    for number in range(3):
        tenant = factories.make_tenant(name=f"t{number}", tenant_id=f"0000000{number}-0000-4000-8000-000000000001")
        tenant_check.request(tenant, actor=OLGA)
        factories.make_instance(app_name=f"host{number}")
    Operation.objects.update(status="failed")
    page = ask(operator_client, address, action, model.objects.all())
    with django_capture_on_commit_callbacks(execute=True):
        answer = confirm(operator_client, page)
    assert sum(state == "done" for state, _ in told(answer).values()) > 1
    assert len(tried) == 1


def test_without_a_row_to_act_on_there_is_no_button(operator_client: Client, five: list[UmpInstance]) -> None:
    text = ask(operator_client, INSTANCES, "provision_selected", five[2:4]).content.decode()
    assert "0 will be provisioned, 2 skipped." in text
    assert 'type="submit" class="button' not in text


def test_a_bulk_job_has_only_what_is_not_skipped(operator_client: Client, five: list[UmpInstance]) -> None:
    more = [factories.make_instance(app_name=f"more{number}") for number in range(10)]
    answer = confirm(operator_client, ask(operator_client, INSTANCES, "provision_selected", [*five, *more]))
    job = BulkJob.objects.get()
    assert job.parts.get().items.count() == 13
    assert page_of(job) in answer.content.decode()
    assert sum(state == "skipped" for state, _ in told(answer).values()) == 2


def test_many_credentials_are_checked_after_a_preview(operator_client: Client) -> None:
    good, busy, bare = (
        factories.make_tenant(name=name, tenant_id=f"0000000{number}-0000-4000-8000-000000000001")
        for number, name in enumerate(("good", "busy", "bare"))
    )
    tenant_check.request(busy, actor=OLGA)
    EntraTenant.objects.filter(pk=bare.pk).update(client_secret_envelope="")
    page = ask(operator_client, TENANTS, "check_selected", (good, busy, bare))
    assert "1 will be checked, 2 skipped." in page.content.decode()
    assert Operation.objects.count() == 1
    assert {name: state for name, (state, _) in told(confirm(operator_client, page)).items()} == {
        "good": "done",
        "busy": "skipped",
        "bare": "skipped",
    }


@pytest.fixture
def operations() -> dict[str, Operation]:
    """One in each status, and a failed one that a newer one replaced."""
    found = {}
    for status in (*Operation.Status, "replaced"):
        instance = factories.make_instance(app_name=status)
        found[status] = provisioning.request(instance, actor=OLGA)
        Operation.objects.filter(pk=found[status].pk).update(status="failed" if status == "replaced" else status)
    engine.request(provisioning.KIND, UmpInstance.objects.get(app_name="replaced"), actor=OLGA)
    return found


@pytest.mark.parametrize(
    ("action", "acted_on"),
    [("resume_selected", {"waiting", "failed"}), ("cancel_selected", {"queued", "waiting"})],
)
def test_operations_are_resumed_and_cancelled_together(
    operator_client: Client, operations: dict[str, Operation], action: str, acted_on: set[str]
) -> None:
    page = ask(operator_client, OPERATIONS, action, operations.values())
    assert f"{len(acted_on)} will be " in page.content.decode()
    answer = confirm(operator_client, page)
    done = {name.rpartition(": ")[2].partition(".")[0] for name, (state, _) in told(answer).items() if state == "done"}
    assert done == acted_on


def test_an_auditor_has_no_act_on_rows(auditor_client: Client, operations: dict[str, Operation]) -> None:
    for address, action in ((OPERATIONS, "cancel_selected"), (INSTANCES, "provision_selected")):
        ask(auditor_client, address, action, operations.values())
        assert 'name="action"' not in auditor_client.get(reverse(address)).content.decode()
    assert Operation.objects.live().count() == 4


def test_the_preview_needs_no_more_queries_for_more_rows(operator_client: Client) -> None:
    rows = [factories.make_instance(app_name=f"host{number}") for number in range(8)]
    ask(operator_client, INSTANCES, "provision_selected", rows)  # fills the caches
    with CaptureQueriesContext(connection) as few:
        ask(operator_client, INSTANCES, "provision_selected", rows[:2])
    with CaptureQueriesContext(connection) as many:
        ask(operator_client, INSTANCES, "provision_selected", rows)
    assert len(few) == len(many)
