"""The form for an existing registration, and who may watch its check."""

import html
import uuid
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.utils import timezone
from django.utils.html import strip_tags

from onboarding import requirements
from onboarding.models import Connection, ConnectionMethod, Invitation
from onboarding.services import existing_registration
from registrations.clients.graph.client import TEAMS_ADMIN_API_APP_ID
from registrations.models import AuditEvent, ClientSecret, Operation
from sandbox import directory
from sandbox.app import Sandbox
from tests.onboarding.browser import Browser, read
from tests.onboarding.existing import (
    GRAPH_NEEDS,
    TEAMS_NEEDS,
    Own,
    RunWorker,
    bare,
    contoso,
    enter,
    grant,
    own,
    run_newest_check,
    told,
)
from tests.onboarding.wizard import refused, text

pytestmark = pytest.mark.django_db


__all__ = ["bare", "contoso", "own"]  # fixtures


def test_entered_values_are_never_shown_or_stored_in_clear(
    customer: Browser, link: str, own: Own, run_worker: RunWorker, caplog: pytest.LogCaptureFixture
) -> None:
    pages = [text(enter(customer, link, {**own.values, "tenant": "no domain"}))]
    pages.append(text(enter(customer, link, {**own.values, "client_id": "no guid"})))
    enter(customer, link, own.values)
    pages.append(text(customer.open("/authenticate/progress")))
    run_newest_check(run_worker)
    pages.append(text(customer.open("/authenticate/progress", follow=True)))
    for page in pages:
        for value in own.values.values():
            assert value not in page
        assert "no domain" not in page
        assert "no guid" not in page
    assert own.values["client_secret"] not in told() + caplog.text
    assert Operation.objects.get(kind=existing_registration.KIND).credential_envelope == ""
    secret = ClientSecret.objects.get(registration__managed=False)
    assert secret.unseal("envelope") == own.values["client_secret"]
    assert own.values["client_secret"] not in secret.envelope


def test_missing_grants_are_listed_with_their_pages_and_checked_again(
    customer: Browser, link: str, bare: Own, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    enter(customer, link, bare.values)
    operation = run_newest_check(run_worker)
    assert (operation.waits_for, operation.error_code) == ("customer", "missing_grants")
    page = customer.open("/authenticate/progress")
    said = text(page)
    for permission in requirements.PERMISSIONS:
        assert f"Open the page that grants {permission.value}" in said
    for role in requirements.ROLES:
        assert f"Open the page that grants {role.name}" in said
    links = [found["href"] for found in read(page.content.decode()).links]
    assert any(href.endswith(f"/CallAnAPI/appId/{bare.values['client_id']}") for href in links)
    # Microsoft's page of admin consent needs a redirect URI of the registration, which nobody knows here (AADSTS500113).
    assert not any("/adminconsent" in href for href in links)
    assert "choose Grant admin consent" in said
    assert requirements.ROLES_PAGE in links
    assert bare.values["client_secret"] not in said
    assert Invitation.objects.get().status != "connecting"  # nothing stands in the way of another way
    grant(sandbox, bare)
    customer.press(page)
    assert run_newest_check(run_worker).status == "succeeded"


@pytest.mark.parametrize("lacking", ["Group.Read.All", "application_access", "Teams Administrator"])
def test_a_single_missing_grant_is_named(
    customer: Browser, link: str, bare: Own, run_worker: RunWorker, sandbox: Sandbox, lacking: str
) -> None:
    app_id = bare.application.app_id
    sandbox.world.grant_application_permissions(bare.tenant, app_id, [v for v in GRAPH_NEEDS if v != lacking])
    sandbox.world.grant_application_permissions(
        bare.tenant, app_id, [v for v in TEAMS_NEEDS if v != lacking], TEAMS_ADMIN_API_APP_ID
    )
    principal = bare.tenant.service_principal_of(app_id)
    assert principal is not None
    for role in requirements.ROLES:
        if role.name != lacking:
            directory.assign_role(bare.tenant, principal.id, role.template_id, 0.0)
    enter(customer, link, bare.values)
    assert run_newest_check(run_worker).notes["missing"] == [lacking]


def test_missing_permissions_and_the_final_page_have_both_of_microsofts_names(
    customer: Browser, link: str, bare: Own, run_worker: RunWorker, sandbox: Sandbox
) -> None:
    enter(customer, link, bare.values)
    run_newest_check(run_worker)
    missing = html.unescape(strip_tags(text(customer.open("/authenticate/progress"))))
    grant(sandbox, bare)
    customer.press(customer.open("/authenticate/progress"))
    run_newest_check(run_worker)
    final = html.unescape(strip_tags(text(customer.open("/authenticate/progress", follow=True))))
    assert "Contoso is connected" in final
    for permission in requirements.PERMISSIONS:
        assert f"“{permission.display_name}” {permission.value}: {permission.sentence}" in missing
        assert f"“{permission.display_name}” ({permission.value})" in final
    for role in requirements.ROLES:
        assert f" {role.name}: {role.sentence}" in missing


def test_values_can_be_entered_again_while_grants_are_missing(
    customer: Browser, link: str, own: Own, bare: Own, run_worker: RunWorker
) -> None:
    own.tenant.role_assignments.clear()
    enter(customer, link, own.values)
    first = run_newest_check(run_worker)
    other = Browser(customer.sandbox, customer.host)
    enter(other, link, own.values)
    first.refresh_from_db()
    assert (first.status, first.credential_envelope) == ("cancelled", "")
    assert run_newest_check(run_worker).pk != first.pk


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        (
            "client_secret",
            "9d576dc4-b85d-4571-880e-4c6ed4c08c31",
            "This is the secret’s ID. Enter its value instead",
        ),
        ("client_secret", "{9D576DC4-B85D-4571-880E-4C6ED4C08C31} ", "This is the secret’s ID"),
        ("client_secret", "short", "This is not the value of a secret"),
        ("client_secret", "", "Enter the secret’s value."),
        ("client_id", "Contoso telephony", "Enter a GUID like"),
        ("tenant", "9d576dc4-b85d-4571-880e-4c6ed4c08c31", "another organisation’s tenant ID"),
        ("tenant", "contoso/../x", "or a domain like contoso.com"),
    ],
)
def test_invalid_values_are_refused_without_a_request(
    customer: Browser, link: str, own: Own, field: str, value: str, sentence: str
) -> None:
    customer.sandbox.log.clear()
    answer = enter(customer, link, {**own.values, field: value})
    assert answer.status_code == 422
    assert sentence in text(answer)
    assert not customer.sandbox.calls
    assert not Operation.objects.exists()
    assert not Connection.objects.exists()


def test_opening_the_form_changes_nothing(customer: Browser, link: str, own: Own) -> None:
    before = AuditEvent.objects.count()
    assert customer.open(urlsplit(link).path + "/existing").status_code == 200
    assert AuditEvent.objects.count() == before
    assert not Connection.objects.exists()


def test_only_the_browser_that_entered_the_values_sees_their_check(
    customer: Browser, link: str, own: Own, run_worker: RunWorker
) -> None:
    enter(customer, link, own.values)
    other = Browser(customer.sandbox, customer.host)
    refused(other.open("/authenticate/progress"), "session_missing")
    refused(customer.open("/authenticate/registration"), "session_missing")


def test_a_failed_guesser_does_not_see_another_persons_result(
    customer: Browser, link: str, own: Own, run_worker: RunWorker
) -> None:
    thief = Browser(customer.sandbox, customer.host)
    enter(thief, link, {**own.values, "client_secret": "Xy8Q~wrong-value-of-a-secret-0123456789"})
    Operation.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    run_newest_check(run_worker)
    enter(customer, link, own.values)
    run_newest_check(run_worker)
    for page in ("progress", "done"):
        assert "Contoso telephony" not in text(thief.open(f"/authenticate/{page}"))
        refused(thief.open(f"/authenticate/{page}"), "session_missing")


def test_a_failed_guesser_does_not_see_a_token_connection(
    customer: Browser, link: str, own: Own, run_worker: RunWorker
) -> None:
    enter(customer, link, {**own.values, "client_secret": "Xy8Q~wrong-value-of-a-secret-0123456789"})
    Operation.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    run_newest_check(run_worker)
    assert customer.open("/authenticate/progress").status_code == 200
    Connection.objects.update(way=ConnectionMethod.TOKEN, status=Connection.Status.CONNECTED)
    another = Operation.objects.get()
    another.pk, another.kind, another.status = uuid.uuid4(), "connect_token", Operation.Status.SUCCEEDED
    another.save(force_insert=True)
    for page in ("progress", "done"):
        refused(customer.open(f"/authenticate/{page}"), "session_missing")


def test_a_failed_check_is_explained_without_the_staffs_sentences(
    customer: Browser, link: str, own: Own, run_worker: RunWorker
) -> None:
    enter(customer, link, own.values)
    Operation.objects.update(status="failed", error_code="", message="Fix the cause, then resume.")
    page = text(customer.open("/authenticate/progress"))
    assert "The values could not be checked completely" in page
    assert "then resume" not in page
