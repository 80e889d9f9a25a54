"""Every page that people see, each in each of its states. A new page is one more line here.

The same list is looked at by the tests, by axe and by the camera (`make screenshots`).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group, User
from django.urls import reverse
from playwright.sync_api import Page

from onboarding import emails
from onboarding.error_catalogue import ERRORS
from onboarding.models import Customer, Service
from registrations.models import AuditEvent, EntraTenant, ServiceProvider
from tests.browser.stage import Stage

Open = Callable[[Stage, Page], Any]


@dataclass(frozen=True)
class Scene:
    """A page in one of its states: how a browser without cookies comes to it."""

    name: str
    open: Open


# --- Ways to a customer's page ----------------------------------------------------------------------------------------
def at(path: str, state: str = "") -> Open:
    """A path on the instance's host, as the administrator whose invitation is in this state."""

    def open_page(stage: Stage, page: Page) -> None:
        if state:
            stage.lend_customer(page.context, state)
        page.goto(f"{stage.portal}/authenticate{path}")

    return open_page


def link(state: str, below: str = "") -> Open:
    """The link of the invitation in this state, as it stands in the mail, or a page below it."""
    return lambda stage, page: page.goto(stage.link(state) + below)


def then(before: Open, *, press: str, **fill: str) -> Open:
    """A page that follows another one: fields are filled by the beginning of their labels, then a button is pressed."""

    def open_page(stage: Stage, page: Page) -> None:
        before(stage, page)
        for label, value in fill.items():
            page.get_by_label(re.compile(rf"^\s*{label.replace('_', ' ')}")).first.fill(value)
        with page.expect_navigation():
            page.get_by_role("button", name=re.compile(rf"^{press}( arrow_forward)?$")).click()

    return open_page


def mail(stage: Stage, page: Page) -> None:
    """The invitation's mail as a mail program shows it."""
    invitation = stage.invitations["sent"]
    (html, _), *_ = emails.invitation_message(invitation, stage.link("sent")).alternatives
    page.goto("about:blank")
    page.set_content(str(html))


REGISTRATION = at("/registration", "signed-in")
CUSTOMER = [
    Scene("portal", at("")),
    Scene("landing", link("sent")),
    Scene("landing-of-begun", link("running")),
    Scene("forward", link("sent", "/forward")),
    Scene("choose", then(link("sent"), press="Start")),
    Scene("sign-in", then(then(link("sent"), press="Start"), press="Continue")),
    Scene("existing", link("sent", "/existing")),
    Scene(
        "existing-refused",
        then(link("sent", "/existing"), press="Check the values", Tenant="x", Application="x", Client="x"),
    ),
    Scene("existing-tried", at("/progress", "existing-tried")),
    Scene("existing-missing", at("/progress", "existing-missing")),
    Scene("existing-failed", at("/progress", "existing-failed")),
    Scene("token-allow", at("/allow", "token-signed-in")),
    Scene("token-done", at("/done", "token-connected")),
    Scene("existing-done", at("/done", "existing-connected")),
    Scene("registration", REGISTRATION),
    Scene("registration-wrong-name", then(REGISTRATION, press="Continue", Name_of_the_registration="a b")),
    Scene("allow-the-set-up", then(REGISTRATION, press="Continue")),
    Scene("progress-running", at("/progress", "running")),
    Scene("progress-waiting", at("/progress", "waiting")),
    Scene("progress-sign-in-again", at("/progress", "sign-in-again")),
    Scene("progress-failed", at("/progress", "failed")),
    Scene("progress-provider", at("/progress", "provider")),
    Scene("progress-own-part-done", at("/progress", "own-part-done")),
    Scene("done", at("/done", "connected")),
    Scene("done-with-rest", at("/done", "connected-with-rest")),
    Scene("link-used", link("connected")),
    Scene("link-revoked", link("revoked")),
    Scene("link-expired", link("expired")),
    Scene("mail", mail),
    *(Scene(f"refusal-{key}", at(f"/refusal/{key}")) for key in ERRORS),
    *(Scene(f"refusal-microsoft-{code}", at(f"/refusal/microsoft_error/{code}")) for code in ("53003", "500021")),
]


# --- Ways to a page of the staff --------------------------------------------------------------------------------------
def staff(address: str, *args: str | Callable[[Stage], Any], query: str = "", name: str = "olga") -> Open:
    """A page of the admin by its name; an argument may be asked from the stage when the page is opened."""

    def open_page(stage: Stage, page: Page) -> None:
        if name:
            stage.lend_staff(page.context, name)
        found = [arg(stage) if callable(arg) else arg for arg in args]
        page.goto(f"{stage.admin}{reverse(f'admin:{address}', args=found)}{query}")

    return open_page


def first(model: Any) -> Callable[[Stage], Any]:
    """The id of some row."""
    return lambda stage: model.objects.values_list("pk", flat=True).first()


def instance(state: str = "") -> Callable[[Stage], Any]:
    """The id of the provisioned instance, or of one in this state."""
    return lambda stage: stage.operations[f"instance-{state}"].subject_id if state else stage.instance.pk


def operation(state: str) -> Callable[[Stage], Any]:
    """The id of an operation."""
    return lambda stage: stage.operations[state].pk


def invitation(state: str) -> Callable[[Stage], Any]:
    """The id of an invitation."""
    return lambda stage: stage.invitations[state].pk


def job(state: str) -> Callable[[Stage], Any]:
    """The id of a bulk job."""
    return lambda stage: stage.jobs[state].pk


def part(state: str) -> Callable[[Stage], Any]:
    """The id of the first part of a bulk job."""
    return lambda stage: stage.jobs[state].parts.values_list("pk", flat=True)[0]


INSTANCE, TENANT = "registrations_umpinstance", "registrations_entratenant"
PROVIDER, OPERATION = "registrations_serviceprovider", "registrations_operation"
INVITATION, BULK = "onboarding_invitation", "registrations_bulkjob"
STAFF = [
    Scene("staff-sign-in", staff("login", name="")),
    Scene(
        "staff-sign-in-refused",
        then(staff("login", name=""), press="Log in", Username="olga", Password="a wrong one"),
    ),
    Scene("start", staff("index")),
    Scene("instances", staff(f"{INSTANCE}_changelist")),
    Scene("instances-none", staff(f"{INSTANCE}_changelist", query="?q=nothing-has-this-name")),
    Scene("instance", staff(f"{INSTANCE}_change", instance())),
    Scene("instance-failed", staff(f"{INSTANCE}_change", instance("failed"))),
    Scene("instance-as-auditor", staff(f"{INSTANCE}_change", instance(), name="arthur")),
    Scene("instance-add", staff(f"{INSTANCE}_add")),
    Scene("instance-add-refused", then(staff(f"{INSTANCE}_add"), press="Save")),
    Scene("provision", staff(f"{INSTANCE}_provision", instance("draft"))),
    Scene("instance-change-address", staff(f"{INSTANCE}_change_address", instance())),
    Scene("providers", staff(f"{PROVIDER}_changelist")),
    Scene("provider", staff(f"{PROVIDER}_change", first(ServiceProvider))),
    Scene("tenants", staff(f"{TENANT}_changelist")),
    Scene("tenant", staff(f"{TENANT}_change", first(EntraTenant))),
    Scene("tenant-check", staff(f"{TENANT}_check_credential", first(EntraTenant))),
    Scene("invitations", staff(f"{INVITATION}_changelist")),
    Scene("invitation", staff(f"{INVITATION}_change", invitation("sent"))),
    Scene("invitation-refused", staff(f"{INVITATION}_change", invitation("refused"))),
    Scene("invitation-failed", staff(f"{INVITATION}_change", invitation("failed"))),
    Scene("invitation-add", staff(f"{INVITATION}_add")),
    Scene("invitation-send", staff(f"{INVITATION}_send", invitation("draft"))),
    Scene("invitation-revoke", staff(f"{INVITATION}_revoke", invitation("draft"))),
    Scene("invitation-link", then(staff(f"{INVITATION}_copy_link", invitation("draft")), press="Show link")),
    Scene("services", staff("onboarding_service_changelist")),
    Scene("service", staff("onboarding_service_change", first(Service))),
    Scene("customers", staff("onboarding_customer_changelist")),
    Scene("customer", staff("onboarding_customer_change", first(Customer))),
    Scene("operations", staff(f"{OPERATION}_changelist")),
    Scene("operation", staff(f"{OPERATION}_change", operation("provisioned"))),
    Scene("operation-failed", staff(f"{OPERATION}_change", operation("instance-failed"))),
    Scene("operation-waiting", staff(f"{OPERATION}_change", operation("instance-provisioning"))),
    Scene("operation-resume", staff(f"{OPERATION}_resume", operation("instance-failed"))),
    Scene("operation-hand-over", staff(f"{OPERATION}_hand_over", operation("hand-over"))),
    Scene("operation-reveal", staff(f"{OPERATION}_reveal", operation("hand-over"))),
    Scene("operation-running", staff(f"{OPERATION}_change", operation("at-work"))),
    Scene("operation-cancelled", staff(f"{OPERATION}_change", operation("cancelled"))),
    Scene("operation-in-line", staff(f"{OPERATION}_change", operation("in-line"))),
    Scene("bulk-jobs", staff(f"{BULK}_changelist")),
    Scene("bulk-job", staff(f"{BULK}_change", job("at-work"))),
    Scene("bulk-job-ended", staff(f"{BULK}_change", job("ended"))),
    Scene("bulk-job-cancelled", staff(f"{BULK}_change", job("cancelled"))),
    Scene("bulk-job-as-auditor", staff(f"{BULK}_change", job("at-work"), name="arthur")),
    Scene("bulk-job-cancel", staff(f"{BULK}_act", part("at-work"), "cancel")),
    Scene("bulk-job-try-again", staff(f"{BULK}_act", part("at-work"), "try-again")),
    Scene("history", staff("registrations_auditevent_changelist")),
    Scene("history-entry", staff("registrations_auditevent_change", first(AuditEvent))),
    Scene("own-password", staff("password_change")),
    Scene("people", staff("auth_user_changelist", name="root")),
    Scene("person", staff("auth_user_change", first(User), name="root")),
    Scene("person-add", staff("auth_user_add", name="root")),
    Scene("group", staff("auth_group_change", first(Group), name="root")),
]
