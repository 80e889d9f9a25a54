"""Connect by a registration that the customer made: what was typed is tried, compared, handed over, and never shown."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from onboarding import requirements
from onboarding.models import Connection, ConnectionMethod, Invitation
from onboarding.services import existing_registration, invitations
from registrations import audit
from registrations.clients.graph.client import TEAMS_ADMIN_API_APP_ID
from registrations.errors import WrongStateError
from registrations.models import AppRegistration, AuditEvent, ClientSecret, Operation
from registrations.services import client_secrets, operations
from sandbox import directory
from sandbox.app import Sandbox
from sandbox.model import Application, Tenant
from tests.onboarding.browser import Browser, read
from tests.onboarding.conftest import OLGA
from tests.onboarding.test_refusals import refused
from tests.onboarding.test_wizard import text

pytestmark = pytest.mark.django_db
Work = Callable[[], None]
GRAPH_NEEDS = [p.value for p in requirements.PERMISSIONS if p.resource_app_id != TEAMS_ADMIN_API_APP_ID]
TEAMS_NEEDS = [p.value for p in requirements.PERMISSIONS if p.resource_app_id == TEAMS_ADMIN_API_APP_ID]


@dataclass
class Own:
    """The customer's own registration as it is at Microsoft."""

    tenant: Tenant
    application: Application
    key_id: str
    values: dict[str, str]


@pytest.fixture
def contoso(sandbox: Sandbox) -> Tenant:
    return sandbox.world.tenant(sandbox.seed.customer.tenant_id)


@pytest.fixture
def bare(sandbox: Sandbox, contoso: Tenant) -> Own:
    """A registration of Contoso with a secret, and nothing granted."""
    application = sandbox.world.add_application(contoso, "Contoso telephony")
    password = sandbox.world.add_secret(application, "made by hand")
    values = {"tenant": contoso.id, "client_id": application.app_id, "client_secret": password.secret}
    return Own(contoso, application, password.key_id, values)


@pytest.fixture
def own(sandbox: Sandbox, bare: Own) -> Own:
    """The same with everything that is needed."""
    grant(sandbox, bare)
    return bare


def grant(sandbox: Sandbox, own: Own) -> None:
    world, app_id = sandbox.world, own.application.app_id
    world.grant_application_permissions(own.tenant, app_id, GRAPH_NEEDS)
    world.grant_application_permissions(own.tenant, app_id, TEAMS_NEEDS, TEAMS_ADMIN_API_APP_ID)
    principal = own.tenant.service_principal_of(app_id)
    assert principal is not None
    for role in requirements.ROLES:
        directory.assign_role(own.tenant, principal.id, role.template_id, 0.0)


def enter(customer: Browser, link: str, values: dict[str, str]) -> Any:
    """Choose the way and send the form: what the browser gets."""
    answer = customer.start(link, way="existing")
    assert answer.status_code == 303, text(answer)
    return customer.press(customer.open(answer.headers["location"]), **values)


def worked(work: Work) -> Operation:
    """Let workers work until the trial ends or waits for a person."""
    for _ in range(12):
        work()
        operation = Operation.objects.filter(kind=existing_registration.KIND).latest("created_at")
        if not operation.is_live or operation.waits_for:
            break
        Operation.objects.filter(pk=operation.pk).update(next_attempt_at=timezone.now())
    return operation


def told() -> str:
    """All that rows and history say in clear."""
    return str(list(Operation.objects.values())) + str(list(AuditEvent.objects.values()))


# --- The way through ---


def test_a_customer_connects_by_an_existing_registration_without_a_sign_in(
    customer: Browser, link: str, own: Own, work: Work, sandbox: Sandbox
) -> None:
    assert enter(customer, link, own.values).headers["location"] == "/authenticate/progress"
    operation = worked(work)
    assert operation.status == "succeeded", operation.message
    connection = Connection.objects.get()
    assert (connection.status, connection.way, connection.admin_object_id) == ("connected", "existing", "")
    assert Invitation.objects.get().status == "completed"
    held = next(iter(sandbox.world.ump("finebak").customers.values())).connection
    assert (held.client_id, held.client_secret) == (own.values["client_id"], own.values["client_secret"])
    page = text(customer.open("/authenticate/progress", follow=True))
    assert "Contoso is connected" in page
    assert "Contoso telephony" in page


def test_a_domain_is_resolved_to_the_invited_organisation(customer: Browser, link: str, own: Own, work: Work) -> None:
    enter(customer, link, {**own.values, "tenant": "Contoso.example"})
    assert worked(work).status == "succeeded"


def test_nothing_typed_is_shown_again_or_kept_in_clear(
    customer: Browser, link: str, own: Own, work: Work, caplog: pytest.LogCaptureFixture
) -> None:
    pages = [text(enter(customer, link, {**own.values, "tenant": "no domain"}))]
    pages.append(text(enter(customer, link, {**own.values, "client_id": "no guid"})))
    enter(customer, link, own.values)
    pages.append(text(customer.open("/authenticate/progress")))
    worked(work)
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


def test_the_customers_registration_is_never_changed_or_its_secret_removed(
    customer: Browser, link: str, own: Own, work: Work, sandbox: Sandbox
) -> None:
    before = (dict(own.application.properties), [p.key_id for p in own.application.passwords])
    sandbox.log.clear()
    enter(customer, link, own.values)
    operation = worked(work)
    assert (own.application.properties, [p.key_id for p in own.application.passwords]) == before
    assert not [call for call in sandbox.calls if call.service == "graph"]
    registration = AppRegistration.objects.get(managed=False)
    graph: Any = None  # refused before any call
    for act in (
        lambda: client_secrets.ensure_secret(graph, registration, operation),
        lambda: client_secrets.remove_strays(graph, registration, operation),
        lambda: client_secrets.remove_superseded(graph, registration, operation),
        lambda: client_secrets.replace(registration, actor=audit.SYSTEM, operation=operation),
    ):
        with pytest.raises(WrongStateError, match="customer's own"):
            act()


# --- What is missing ---


def test_everything_missing_is_listed_with_the_page_that_grants_it_and_the_check_goes_on(
    customer: Browser, link: str, bare: Own, work: Work, sandbox: Sandbox
) -> None:
    enter(customer, link, bare.values)
    operation = worked(work)
    assert (operation.waits_for, operation.error_code) == ("customer", "missing_grants")
    page = customer.open("/authenticate/progress")
    said = text(page)
    for permission in requirements.PERMISSIONS:
        assert f"Open the page that grants {permission.value}" in said
    for role in requirements.ROLES:
        assert f"Open the page that grants {role.name}" in said
    links = [found["href"] for found in read(page.content.decode()).links]
    assert any(href.endswith(f"/CallAnAPI/appId/{bare.values['client_id']}") for href in links)
    assert any("/adminconsent?client_id=" in href for href in links)
    assert requirements.ROLES_PAGE in links
    assert bare.values["client_secret"] not in said
    assert Invitation.objects.get().status != "connecting"  # nothing stands in the way of another way
    grant(sandbox, bare)
    customer.press(page)
    assert worked(work).status == "succeeded"


@pytest.mark.parametrize("lacking", ["Group.Read.All", "application_access", "Teams Administrator"])
def test_one_missing_grant_is_named_alone(
    customer: Browser, link: str, bare: Own, work: Work, sandbox: Sandbox, lacking: str
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
    assert worked(work).notes["missing"] == [lacking]


def test_whoever_lost_the_browser_while_grants_were_missing_types_the_values_again(
    customer: Browser, link: str, own: Own, bare: Own, work: Work
) -> None:
    own.tenant.role_assignments.clear()
    enter(customer, link, own.values)
    first = worked(work)
    other = Browser(customer.sandbox, customer.host)
    enter(other, link, own.values)
    first.refresh_from_db()
    assert (first.status, first.credential_envelope) == ("cancelled", "")
    assert worked(work).pk != first.pk


def test_values_are_forgotten_after_a_day(customer: Browser, link: str, bare: Own, work: Work) -> None:
    enter(customer, link, bare.values)
    waiting = worked(work)
    Operation.objects.filter(pk=waiting.pk).update(credential_expires_at=timezone.now(), next_attempt_at=timezone.now())
    operations.forget_expired_credentials()
    assert (worked(work).status, worked(work).error_code) == ("failed", "values_forgotten")
    assert "Enter the values again" in text(customer.open("/authenticate/progress"))


# --- Refused at once, without the network ---


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        (
            "client_secret",
            "9d576dc4-b85d-4571-880e-4c6ed4c08c31",
            "This is the secret&#x27;s ID. Enter its value instead",
        ),
        ("client_secret", "{9D576DC4-B85D-4571-880E-4C6ED4C08C31} ", "This is the secret&#x27;s ID"),
        ("client_secret", "short", "This is not the value of a secret"),
        ("client_secret", "", "Enter the secret&#x27;s value."),
        ("client_id", "Contoso telephony", "Enter a GUID like"),
        ("tenant", "9d576dc4-b85d-4571-880e-4c6ed4c08c31", "another organisation&#x27;s tenant ID"),
        ("tenant", "contoso/../x", "or a domain like contoso.com"),
    ],
)
def test_what_cannot_be_right_is_refused_without_asking_anybody(
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


# --- Refused by Microsoft ---


def test_a_wrong_secret_is_told_after_a_minute_and_forgotten(
    customer: Browser, link: str, own: Own, work: Work
) -> None:
    enter(customer, link, {**own.values, "client_secret": "Xy8Q~wrong-value-of-a-secret-0123456789"})
    work()
    operation = Operation.objects.get(kind=existing_registration.KIND)
    assert (operation.status, operation.error_code) == ("waiting", "AADSTS7000215")
    long_ago = timezone.now() - timedelta(minutes=2)
    Operation.objects.filter(pk=operation.pk).update(created_at=long_ago)
    operation = worked(work)
    assert (operation.status, operation.error_code, operation.credential_envelope) == ("failed", "AADSTS7000215", "")
    assert operation.current_step is not None
    assert operation.current_step["request_id"]
    page = text(customer.open("/authenticate/progress"))
    assert "Copy the secret&#x27;s value, not its ID" in page
    assert f'href="{link}/existing"' in page
    assert AuditEvent.objects.filter(action="connect_existing.failed", after__code="AADSTS7000215").exists()
    assert enter(customer, link, own.values).status_code == 303
    assert worked(work).status == "succeeded"


def test_an_expired_secret_and_an_unknown_application_are_told_apart(
    customer: Browser, link: str, own: Own, work: Work, sandbox: Sandbox
) -> None:
    expired = sandbox.world.add_secret(own.application, "old", days=-1)
    enter(customer, link, {**own.values, "client_secret": expired.secret})
    assert "The secret has expired" in worked(work).message
    Operation.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    enter(customer, link, {**own.values, "client_id": "9d576dc4-b85d-4571-880e-4c6ed4c08c31"})
    Operation.objects.live().update(created_at=timezone.now() - timedelta(seconds=90))
    assert "no such application" in worked(work).message


@pytest.mark.parametrize("domain", ["fabrikam.example", "nobody.example"])
def test_a_domain_of_another_organisation_never_sees_the_secret(
    customer: Browser, link: str, own: Own, work: Work, domain: str
) -> None:
    customer.sandbox.log.clear()
    enter(customer, link, {**own.values, "tenant": domain})
    assert worked(work).status == "failed"
    assert not [call for call in customer.sandbox.calls if call.path.endswith("/token")]


# --- Guessing, watching, and other ways at the same time ---


def test_guessing_is_stopped_after_five_tries(customer: Browser, link: str, own: Own, work: Work) -> None:
    for number in range(existing_registration.MAX_ATTEMPTS):
        enter(customer, link, {**own.values, "client_secret": f"Xy8Q~wrong-value-of-a-secret-{number}"})
        Operation.objects.update(created_at=timezone.now() - timedelta(minutes=2))
        assert worked(work).status == "failed"
    page = refused(enter(customer, link, own.values), "too_many_tries")
    assert f'href="{link}"' in page
    assert AuditEvent.objects.get(action="invitation.refused").after == {"refusal": "too_many_tries"}
    Operation.objects.update(created_at=timezone.now() - existing_registration.ATTEMPTS_WINDOW)
    assert enter(customer, link, own.values).status_code == 303


def test_a_second_trial_waits_for_the_first(customer: Browser, link: str, own: Own) -> None:
    enter(customer, link, own.values)
    other = Browser(customer.sandbox, customer.host)
    refused(enter(other, link, own.values), "under_way")


def test_only_the_browser_that_typed_the_values_sees_their_trial(
    customer: Browser, link: str, own: Own, work: Work
) -> None:
    enter(customer, link, own.values)
    other = Browser(customer.sandbox, customer.host)
    refused(other.open("/authenticate/progress"), "session_missing")
    refused(customer.open("/authenticate/registration"), "session_missing")


def test_who_guessed_in_vain_does_not_see_what_another_achieved(
    customer: Browser, link: str, own: Own, work: Work
) -> None:
    thief = Browser(customer.sandbox, customer.host)
    enter(thief, link, {**own.values, "client_secret": "Xy8Q~wrong-value-of-a-secret-0123456789"})
    Operation.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    worked(work)
    enter(customer, link, own.values)
    worked(work)
    for page in ("progress", "done"):
        assert "Contoso telephony" not in text(thief.open(f"/authenticate/{page}"))
        refused(thief.open(f"/authenticate/{page}"), "session_missing")


def test_who_guessed_in_vain_does_not_see_a_connection_by_token(
    customer: Browser, link: str, own: Own, work: Work
) -> None:
    enter(customer, link, {**own.values, "client_secret": "Xy8Q~wrong-value-of-a-secret-0123456789"})
    Operation.objects.update(created_at=timezone.now() - timedelta(minutes=2))
    worked(work)
    assert customer.open("/authenticate/progress").status_code == 200
    Connection.objects.update(way=ConnectionMethod.TOKEN, status=Connection.Status.CONNECTED)
    another = Operation.objects.get()
    another.pk, another.kind, another.status = uuid.uuid4(), "connect_token", Operation.Status.SUCCEEDED
    another.save(force_insert=True)
    for page in ("progress", "done"):
        refused(customer.open(f"/authenticate/{page}"), "session_missing")


def test_an_administrator_can_still_create_a_registration_while_grants_are_missing(
    customer: Browser, link: str, bare: Own, work: Work
) -> None:
    enter(Browser(customer.sandbox, customer.host), link, bare.values)
    worked(work)
    answer = customer.authorise(customer.identify(link))
    assert answer.status_code == 303, text(answer)
    assert set(Operation.objects.values_list("kind", "status")) == {
        ("connect_existing", "cancelled"),
        ("connect", "queued"),
    }
    assert Connection.objects.get().way == "new"


def test_a_revoked_invitation_forgets_the_values_that_wait(
    customer: Browser, link: str, invitation: Invitation, bare: Own, work: Work
) -> None:
    enter(customer, link, bare.values)
    worked(work)
    invitations.revoke(invitation, actor=OLGA)
    operation = Operation.objects.get(kind=existing_registration.KIND)
    assert (operation.status, operation.credential_envelope) == ("cancelled", "")
    refused(customer.open("/authenticate/progress"), "revoked_link")


def test_a_worker_that_dies_after_keeping_the_secret_keeps_it_once(
    customer: Browser, link: str, own: Own, work: Work
) -> None:
    enter(customer, link, own.values)
    operation = worked(work)
    steps = operations.reopened(operation.steps, "keep", "find_service", "hand_over", "validation")
    Operation.objects.filter(pk=operation.pk).update(status="queued", next_attempt_at=timezone.now(), steps=steps)
    assert worked(work).status == "succeeded"
    assert AppRegistration.objects.filter(managed=False).count() == 1


# --- The page of the ways ---


def test_the_ways_stand_in_the_documented_order_with_the_reason(customer: Browser, link: str) -> None:
    page = text(customer.choose(link))
    assert page.index("Create a new app registration") < page.index("Use an existing app registration")
    assert "The recommended option comes first" in page
    assert page.count("checked") == 1
    assert 'value="new" checked' in page


def test_choosing_changes_nothing_until_it_is_sent(customer: Browser, link: str) -> None:
    before = AuditEvent.objects.count()
    customer.choose(link)
    assert AuditEvent.objects.count() == before


def test_a_trial_that_breaks_is_told_without_the_staffs_sentences(
    customer: Browser, link: str, own: Own, work: Work
) -> None:
    enter(customer, link, own.values)
    Operation.objects.update(status="failed", error_code="", message="Look at what it needs, then resume.")
    page = text(customer.open("/authenticate/progress"))
    assert "The values could not be checked completely" in page
    assert "then resume" not in page


def test_a_revoked_invitation_says_that_the_entered_secret_works_still(
    customer: Browser, link: str, own: Own, work: Work, sandbox: Sandbox
) -> None:
    sandbox.world.ump("finebak").customers.clear()
    enter(customer, link, own.values)
    assert worked(work).waits_for == "staff"
    invitations.revoke(Invitation.objects.get(), actor=OLGA)
    page = refused(customer.open(urlsplit(link).path), "revoked_link")
    assert "was entered here and still works" in page
    assert "Enterprise applications" not in page
