"""A customer's registration is deleted by hand half-way: before each step, and once its values were handed over."""

from urllib.parse import urlsplit

import pytest

from onboarding.models import Connection
from onboarding.services import new_registration
from registrations import audit
from registrations.engine import queue
from registrations.models import AppRegistration, Operation, UmpInstance
from sandbox.app import Sandbox
from sandbox.model import Application, Tenant
from tests.onboarding import existing
from tests.onboarding.authorised import CARLA, authorised, contoso
from tests.onboarding.browser import Browser, read
from tests.onboarding.existing import Own, bare, enter, own
from tests.onboarding.wizard import text
from tests.registrations.deletion import DELETED, HOWS, PRINCIPAL, Settle, age, before, delete, deletions_before, settle

pytestmark = pytest.mark.django_db
__all__ = ["authorised", "bare", "contoso", "own", "settle"]  # fixtures
STEPS = ("service_principal", "permissions", "roles", "secret", "proof", "clean_up", "hand_over", "validation")
ASKS_THE_CUSTOMER = ("hand_over", "validation", "clean_up")  # their token is deleted by then


def made(contoso: Tenant) -> Application | None:
    """The registration that is there now."""
    return next((app for app in contoso.applications.values() if app.display_name == "Contoso-sync"), None)


def sign_in_again(customer: Browser) -> None:
    """Press the progress page's button and consent again."""
    answer = customer.sign_in(customer.press(customer.open("/authenticate/progress")), CARLA)
    assert answer.status_code == 303, text(answer)


def refuse_once(sandbox: Sandbox, path: str) -> None:
    """The UMP refuses the next call of this path for good: what it answers is no passing fault."""
    sandbox.faults.add(
        service="ump", kind="status", status=400, body={"error": {"code": "NoLicence"}}, path=path, times=1
    )


def require_working(contoso: Tenant, sandbox: Sandbox) -> Application:
    """Exactly one registration, with every role, whose secret the UMP holds."""
    (application,) = [app for app in contoso.applications.values() if app.display_name == "Contoso-sync"]
    principal = contoso.service_principal_of(application.app_id)
    assert principal is not None
    assert contoso.roles_of(principal.id)
    assert AppRegistration.objects.get(instance=None).app_id == application.app_id
    (password,) = application.passwords
    held = next(iter(sandbox.world.ump("finebak").customers.values())).connection
    assert (held.client_id, held.client_secret) == (application.app_id, password.secret)
    assert Connection.objects.get().status == "connected"
    return application


@pytest.mark.parametrize(("step", "how"), deletions_before(STEPS))
def test_a_setup_survives_a_deletion_before_each_step(
    step: str,
    how: str,
    authorised: Operation,
    contoso: Tenant,
    customer: Browser,
    sandbox: Sandbox,
    settle: Settle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def act() -> None:
        age()
        application = made(contoso)
        assert application is not None
        delete(sandbox, application, how)

    before(monkeypatch, step, act)
    operation = settle(authorised)
    if step in ASKS_THE_CUSTOMER:
        assert (operation.waits_for, operation.error_code) == ("customer", "sign_in_again"), operation.message
        sign_in_again(customer)
        operation = settle(operation)
    assert operation.status == "succeeded", operation.message
    require_working(contoso, sandbox)


@pytest.mark.parametrize("how", HOWS)
def test_sign_in_and_try_again_works_after_a_deletion(
    how: str, authorised: Operation, contoso: Tenant, customer: Browser, sandbox: Sandbox, settle: Settle
) -> None:
    """Refused by a policy at the secret's proof, deleted, then tried again: it must not fail at the same step for ever."""
    refuse_once(sandbox, "/api/v3/customer$")
    operation = settle(authorised)
    assert operation.status == "failed"
    Connection.objects.update(customer_part_done_at=None)
    age()
    application = made(contoso)
    assert application is not None
    delete(sandbox, application, how)
    sign_in_again(customer)
    operation = settle(operation)
    assert operation.status == "succeeded", operation.message
    again = require_working(contoso, sandbox)
    assert (again.app_id == application.app_id) == (how == PRINCIPAL)
    if how == DELETED:
        assert (
            application.id in contoso.deleted_applications
        )  # what the customer deleted is neither restored nor purged
        assert AppRegistration.objects.get(instance=None).unique_name.endswith("-new2")


def test_removed_permissions_are_granted_again_on_resume(
    authorised: Operation, contoso: Tenant, customer: Browser, sandbox: Sandbox, settle: Settle
) -> None:
    sandbox.world.lag["consent"] = 3600
    operation = settle(authorised)
    assert (operation.status, operation.error_code) == ("failed", new_registration.GRANTS_MISSING)
    sandbox.world.lag["consent"] = 0
    application = made(contoso)
    assert application is not None
    contoso.app_role_assignments.clear()
    sign_in_again(customer)
    operation = settle(operation)
    assert operation.status == "succeeded", operation.message
    require_working(contoso, sandbox)


@pytest.mark.parametrize("how", HOWS)
def test_an_entered_registration_that_is_deleted_opens_the_form_again(
    how: str,
    own: Own,
    customer: Browser,
    link: str,
    sandbox: Sandbox,
    settle: Settle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def act() -> None:
        age()
        delete(sandbox, own.application, how)

    enter(customer, link, own.values)
    before(monkeypatch, "hand_over", act)
    operation = settle(Operation.objects.get(kind="connect_existing"))
    assert (operation.status, operation.error_code) == ("failed", "entered_registration_gone")
    page = customer.open("/authenticate/progress")
    assert "was deleted after it was checked" in text(page)
    [form] = [way["href"] for way in read(page.content.decode()).links if way.get("href", "").endswith("/existing")]
    assert not AppRegistration.objects.get(managed=False).secrets.live().exists()

    application = sandbox.world.add_application(own.tenant, "Contoso telephony 2")
    password = sandbox.world.add_secret(application, "made by hand")
    values = {**own.values, "client_id": application.app_id, "client_secret": password.secret}
    existing.grant(sandbox, Own(own.tenant, application, password.key_id, values))
    customer.press(customer.open(urlsplit(form).path), **values)
    operation = settle(Operation.objects.filter(kind="connect_existing").latest("created_at"))
    assert operation.status == "succeeded", operation.message
    assert next(iter(sandbox.world.ump("finebak").customers.values())).connection.client_id == application.app_id


def test_a_secret_removed_in_entra_before_the_hand_over_is_made_again(
    authorised: Operation,
    contoso: Tenant,
    customer: Browser,
    sandbox: Sandbox,
    settle: Settle,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def act() -> None:
        age()
        application = made(contoso)
        assert application is not None
        application.passwords.clear()

    before(monkeypatch, "hand_over", act)
    operation = settle(authorised)
    assert (operation.waits_for, operation.error_code) == ("customer", "sign_in_again"), operation.message
    sign_in_again(customer)
    operation = settle(operation)
    assert operation.status == "succeeded", operation.message
    require_working(contoso, sandbox)


@pytest.mark.parametrize(("cap", "days"), [(180, 180), (50, 50)])
def test_a_customer_whose_tenant_caps_lifetimes_is_connected(
    cap: int, days: int, authorised: Operation, contoso: Tenant, sandbox: Sandbox, settle: Settle
) -> None:
    contoso.secret_policy.max_lifetime_days = cap
    operation = settle(authorised)
    assert operation.status == "succeeded", operation.message
    secret = AppRegistration.objects.get(instance=None).live_secret
    assert secret is not None
    assert secret.expires_at is not None
    assert secret.stored_at is not None
    assert days - 2 < (secret.expires_at - secret.stored_at).days < days


def test_staff_resume_a_setup_whose_registration_is_gone(
    authorised: Operation,
    contoso: Tenant,
    customer: Browser,
    instance: UmpInstance,
    sandbox: Sandbox,
    settle: Settle,
) -> None:
    refuse_once(sandbox, "/api/v3/customer/")
    operation = settle(authorised)
    assert operation.status == "failed"
    age()
    application = made(contoso)
    assert application is not None
    delete(sandbox, application, DELETED)
    queue.resume(operation, actor=audit.SYSTEM)
    operation = settle(operation)
    assert (operation.waits_for, operation.error_code) == ("customer", "sign_in_again"), operation.message
    sign_in_again(customer)
    assert settle(operation).status == "succeeded"
    require_working(contoso, sandbox)
