"""The forms of Entra tenants: a credential is checked, stored encrypted, and never shown."""

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from registrations.models import AuditEvent, EntraTenant, Operation, UmpInstance
from sandbox.app import Sandbox
from tests.registrations.admin.conftest import form_values, page_of

pytestmark = pytest.mark.django_db
ADD_TENANT = "admin:registrations_entratenant_add"
SECRET = "A8Q~what-nobody-must-see"


def history() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


def tenant_values(sandbox: Sandbox, **values: Any) -> dict[str, Any]:
    given = sandbox.seed.provider
    return {
        "name": "Finebak",
        "tenant_id": given.tenant_id,
        "subscription": "audiocodes",
        "client_id": given.client_id,
        "client_secret": given.client_secret,
        **values,
    }


def test_a_wrong_tenant_id_is_refused_beside_its_field(operator_client: Client, sandbox: Sandbox) -> None:
    answer = operator_client.post(reverse(ADD_TENANT), tenant_values(sandbox, tenant_id="contoso.com"))
    assert "Enter a GUID" in answer.content.decode()
    assert not EntraTenant.objects.exists()


def test_a_refused_form_does_not_show_the_secret(operator_client: Client, sandbox: Sandbox) -> None:
    answer = operator_client.post(reverse(ADD_TENANT), tenant_values(sandbox, tenant_id="x", client_secret=SECRET))
    assert SECRET not in answer.content.decode()


def test_a_new_credential_is_sealed_checked_and_never_shown(
    operator_client: Client,
    sandbox: Sandbox,
    run_worker: Callable[[], None],
    enqueued: list[str],
    django_capture_on_commit_callbacks: Any,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        operator_client.post(reverse(ADD_TENANT), tenant_values(sandbox))
    tenant = EntraTenant.objects.get()
    assert tenant.unseal("client_secret_envelope") == sandbox.seed.provider.client_secret
    assert enqueued == [str(Operation.objects.get().pk)]
    run_worker()
    page = operator_client.get(page_of(tenant)).content.decode()
    assert "Check the credential" in page
    assert "Succeeded" in page
    assert sandbox.seed.provider.client_secret not in page
    assert tenant.client_secret_envelope not in page
    assert history()[:3] == ["tenant.added", "tenant.secret_kept", "check_tenant.requested"]


def test_missing_and_excess_permissions_are_named(operator_client: Client, tenant: EntraTenant) -> None:
    EntraTenant.objects.update(
        checked_at=timezone.now(), missing_permissions=["Organization.Read.All"], excess_permissions=["Mail.Read"]
    )
    page = operator_client.get(page_of(tenant)).content.decode()
    assert "state-red" in page
    assert "Organization.Read.All" in page
    assert "state-amber" in page
    assert "Mail.Read" in page


def test_checking_without_a_secret_says_what_to_do(operator_client: Client, tenant: EntraTenant) -> None:
    EntraTenant.objects.update(client_secret_envelope="")
    answer = operator_client.post(page_of(tenant, "check_credential"), follow=True)
    assert "has no secret yet" in answer.content.decode()
    assert not Operation.objects.exists()


def test_an_edit_keeps_before_and_after(operator_client: Client, tenant: EntraTenant) -> None:
    page = operator_client.get(page_of(tenant))
    operator_client.post(page_of(tenant), {**form_values(page), "name": "Finebak Europe"})
    event = AuditEvent.objects.get()
    assert event.action == "tenant.changed"
    assert event.actor_label == "Olga Operator"
    assert event.ip_address == "127.0.0.1"
    assert (event.before, event.after) == ({"name": "Finebak"}, {"name": "Finebak Europe"})


def test_saving_without_an_edit_writes_no_history(operator_client: Client, tenant: EntraTenant) -> None:
    page = operator_client.get(page_of(tenant))
    operator_client.post(page_of(tenant), form_values(page))
    assert history() == []


def test_the_history_has_no_secret(operator_client: Client, tenant: EntraTenant) -> None:
    page = operator_client.get(page_of(tenant))
    operator_client.post(page_of(tenant), {**form_values(page), "client_secret": SECRET})
    tenant.refresh_from_db()
    assert tenant.unseal("client_secret_envelope") == SECRET
    assert history() == ["tenant.secret_kept", "check_tenant.requested"]
    for event in AuditEvent.objects.all():
        assert SECRET not in f"{event.before}{event.after}{event.reason}"


def test_an_edit_leaves_what_a_worker_wrote_meanwhile(operator_client: Client, instance: UmpInstance) -> None:
    page = operator_client.get(page_of(instance))
    UmpInstance.objects.update(status="active")
    operator_client.post(page_of(instance), {**form_values(page), "ump_scope": "api://other/.default"})
    instance.refresh_from_db()
    assert (instance.status, instance.ump_scope) == ("active", "api://other/.default")


def test_a_refused_form_asks_for_the_secret_again(operator_client: Client, tenant: EntraTenant) -> None:
    values = {**form_values(operator_client.get(page_of(tenant))), "client_id": "x"}
    assert "Enter the secret again" not in operator_client.post(page_of(tenant), values).content.decode()
    answer = operator_client.post(page_of(tenant), {**values, "client_secret": "typed-once"}).content.decode()
    assert "Enter the secret again" in answer
    assert "typed-once" not in answer


def test_a_failed_check_of_a_new_secret_is_the_last_check_and_the_message_said_what_follows(
    operator_client: Client, tenant: EntraTenant, run_worker: Callable[[], None], portal: None
) -> None:
    assert last_check(operator_client.get(page_of(tenant))) == "never"
    EntraTenant.objects.update(checked_at=timezone.now())
    values = form_values(operator_client.get(page_of(tenant)))
    saved = operator_client.post(page_of(tenant), {**values, "client_secret": SECRET}, follow=True)
    assert "The old client secret was replaced. If the check of the new one fails" in text_of(saved)
    run_worker()
    page = operator_client.get(page_of(tenant))
    assert "Microsoft does not accept" in text_of(page)
    assert "Its values are under Entra tenants" not in text_of(page)
    listed = operator_client.get(reverse("admin:registrations_entratenant_changelist"))
    for shown in (page, listed):
        assert re.fullmatch(r"failed, .*(now|ago).*", last_check(shown)), last_check(shown)
    assert "Last check" in text_of(listed)


def test_replacing_a_secret_that_was_never_accepted_warns_of_nothing(
    operator_client: Client, tenant: EntraTenant
) -> None:
    values = form_values(operator_client.get(page_of(tenant)))
    saved = operator_client.post(page_of(tenant), {**values, "client_secret": SECRET}, follow=True)
    assert "The old client secret was replaced" not in text_of(saved)


def last_check(answer: Any) -> str:
    found = re.search(r'data-refresh="checked">(.*?)</(?:span|div)>', answer.content.decode(), re.DOTALL)
    assert found
    return re.sub(r"<[^>]+>", "", found[1]).strip()


def text_of(answer: Any) -> str:
    return " ".join(re.sub(r"<[^>]+>", "", html.unescape(answer.content.decode())).split())
