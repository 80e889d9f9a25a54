"""Every page in every state. A new page is one more line here.

The tests and `make screenshots` use this list.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page

from onboarding import emails
from onboarding.error_catalogue import ERRORS
from onboarding.models import Connection, Customer, Service
from registrations.models import AppRegistration, AuditEvent, ClientSecret, EntraTenant, ServiceProvider, UmpInstance
from tests.browser.stage import Stage

Open = Callable[[Stage, Page], Any]


@dataclass(frozen=True)
class PageState:
    """A page in one of its states, and how a browser without cookies opens it."""

    name: str
    open: Open


# --- How to open a customer's page ------------------------------------------------------------------------------------
def at(path: str, state: str = "") -> Open:
    """A path on the instance's host, signed in as the administrator whose invitation is in this state."""

    def open_page(stage: Stage, page: Page) -> None:
        if state:
            stage.sign_in_customer(page.context, state)
        page.goto(f"{stage.portal}/authenticate{path}")

    return open_page


def link(state: str, below: str = "") -> Open:
    """The link in the mail of the invitation in this state, or a page below it."""
    return lambda stage, page: page.goto(stage.link(state) + below)


def then(before: Open, *, press: str, **fill: str) -> Open:
    """The page after another one: fill fields, found by the start of their labels, and press a button."""

    def open_page(stage: Stage, page: Page) -> None:
        before(stage, page)
        for label, value in fill.items():
            page.get_by_label(re.compile(rf"^\s*{label.replace('_', ' ')}")).first.fill(value)
        with page.expect_navigation():
            page.get_by_role("button", name=re.compile(rf"^{press}( arrow_forward)?$")).click()

    return open_page


def answer_put_off(stage: Stage, page: Page) -> None:
    """The page that waits until Microsoft accepts its own answer."""
    sign_in = stage.invitations["answer-put-off"].sign_ins.get()
    stage.invitations["answer-put-off"].sign_ins.update(retry_at=timezone.now() + timedelta(seconds=60))
    at(f"/sign-in/{sign_in.pk}", "answer-put-off")(stage, page)


def by_token(stage: Stage, page: Page) -> None:
    """The first sign-in for a delegated token."""
    link("sent")(stage, page)
    page.get_by_role("radio", name=re.compile("Use a delegated token")).check()
    with page.expect_navigation():
        page.get_by_role("button", name="Start").click()


def mail(stage: Stage, page: Page) -> None:
    """The invitation's mail, as a mail program shows it."""
    invitation = stage.invitations["sent"]
    (html, _), *_ = emails.invitation_message(invitation, stage.link("sent")).alternatives
    page.goto("about:blank")
    page.set_content(str(html))


REGISTRATION = at("/registration", "signed-in")
CUSTOMER = [
    PageState("portal", at("")),
    PageState("landing", link("sent")),
    PageState("landing-of-begun", link("running")),
    PageState("forward", link("sent", "/forward")),
    PageState("sign-in", then(link("sent"), press="Start")),
    PageState("sign-in-by-token", by_token),
    PageState("existing", link("sent", "/existing")),
    PageState(
        "existing-refused",
        then(link("sent", "/existing"), press="Check the values", Tenant="x", Application="x", Client="x"),
    ),
    PageState("existing-tried", at("/progress", "existing-tried")),
    PageState("existing-missing", at("/progress", "existing-missing")),
    PageState("existing-failed", at("/progress", "existing-failed")),
    PageState("existing-not-accepted", at("/progress", "existing-not-accepted")),
    PageState("secrets-forbidden", at("/progress", "secrets-forbidden")),
    PageState("waiting-for-microsoft", answer_put_off),
    PageState("admin-consent", at("/OAuth2Callback?admin_consent=True", "answer-put-off")),
    PageState("portal-of-known-browser", at("", "answer-put-off")),
    PageState("unknown-link-of-known-browser", at("/nothing-here", "answer-put-off")),
    PageState("told-by-get", at("/OAuth2Callback?error=temporarily_unavailable", "answer-put-off")),
    PageState("token-allow", at("/allow", "token-signed-in")),
    PageState("token-done", at("/done", "token-connected")),
    PageState("token-waiting", at("/progress", "token-waiting")),
    PageState("done-again", at("/done", "connected-again")),
    PageState("existing-done", at("/done", "existing-connected")),
    PageState("existing-done-with-rest", at("/done", "existing-connected-with-rest")),
    PageState("registration", REGISTRATION),
    PageState(
        "registration-wrong-name", then(REGISTRATION, press="Sign in with Microsoft", Name_of_the_registration="a b")
    ),
    PageState("progress-running", at("/progress", "running")),
    PageState("progress-waiting", at("/progress", "waiting")),
    PageState("progress-sign-in-again", at("/progress", "sign-in-again")),
    PageState("progress-failed", at("/progress", "failed")),
    PageState("progress-provider", at("/progress", "provider")),
    PageState("progress-own-part-done", at("/progress", "own-part-done")),
    PageState("done", at("/done", "connected")),
    PageState("done-with-rest", at("/done", "connected-with-rest")),
    PageState("link-used", link("connected")),
    PageState("link-revoked", link("revoked")),
    PageState("link-expired", link("expired")),
    PageState("mail", mail),
    PageState("unavailable", at("/unavailable")),
    PageState("unavailable-too-slow", at("/unavailable/slow")),
    *(PageState(f"refusal-{key}", at(f"/refusal/{key}")) for key in ERRORS),
    *(
        PageState(f"refusal-microsoft-{code}", at(f"/refusal/microsoft_error/{code}"))
        for code in ("53003", "500021", "90095", "1234567")
    ),
]


# --- How to open a page of the staff ----------------------------------------------------------------------------------
def staff(
    address: str, *args: str | Callable[[Stage], Any], query: str = "", name: str = "olga", confirmed: bool = True
) -> Open:
    """A page of the admin by its URL name; arguments may be functions of the stage."""

    def open_page(stage: Stage, page: Page) -> None:
        if name:
            stage.sign_in_staff(page.context, name, confirmed=confirmed)
        found = [arg(stage) if callable(arg) else arg for arg in args]
        page.goto(f"{stage.admin}{reverse(f'admin:{address}', args=found)}{query}")

    return open_page


def in_bulk(address: str, action: str) -> Open:
    """The preview of an act on every row of a list."""

    def open_page(stage: Stage, page: Page) -> None:
        staff(address)(stage, page)
        with page.expect_navigation():
            page.evaluate(CHOOSE_ALL, action)

    return open_page


def all_skipped(before: Open) -> Open:
    """The result page of an act that leaves every row alone, so that other pages find their states unchanged."""

    def open_page(stage: Stage, page: Page) -> None:
        before(stage, page)
        with page.expect_navigation():
            page.evaluate(SKIP_ALL)

    return open_page


CHOOSE_ALL = """action => {
    const form = document.querySelector("#changelist-form");
    form.querySelectorAll("input.action-select").forEach(box => { box.checked = true; });
    form.querySelector("select[name=action]").value = action;
    form.submit();
}"""
SKIP_ALL = """() => {
    const form = document.querySelector("main form[method=post], form[action$='/']:has(input[name=confirmed])");
    form.querySelectorAll("input[name=_selected_action]").forEach(row => {
        form.append(Object.assign(row.cloneNode(), {name: "skipped"}));
    });
    form.submit();
}"""


def first(model: Any) -> Callable[[Stage], Any]:
    """The id of any row."""
    return lambda stage: model.objects.values_list("pk", flat=True).first()


def connected(state: str = "connected") -> Callable[[Stage], Any]:
    """The id of a completed connection."""
    return lambda stage: Connection.objects.values_list("pk", flat=True).get(invitation=stage.invitations[state])


def registration_of(state: str) -> Callable[[Stage], Any]:
    """The id of a connection's registration."""
    return lambda stage: AppRegistration.objects.values_list("pk", flat=True).get(
        connection__invitation=stage.invitations[state]
    )


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


def history_of(model: Any, pk: Callable[[Stage], Any], name: str = "olga") -> Open:
    """What the History button of an object leads to."""
    return staff(f"{model._meta.app_label}_{model._meta.model_name}_history", pk, name=name)


INSTANCE, TENANT = "registrations_umpinstance", "registrations_entratenant"
PROVIDER, OPERATION = "registrations_serviceprovider", "registrations_operation"
REGISTRATION_ROW, SECRET = "registrations_appregistration", "registrations_clientsecret"
INVITATION, BULK = "onboarding_invitation", "registrations_bulkjob"
STAFF = [
    PageState("staff-sign-in", staff("login", name="")),
    PageState(
        "staff-sign-in-refused",
        then(staff("login", name=""), press="Log in", Username="olga", Password="a wrong one"),
    ),
    PageState("start", staff("index")),
    PageState("start-as-auditor", staff("index", name="arthur")),
    PageState("instances", staff(f"{INSTANCE}_changelist")),
    PageState("instances-none", staff(f"{INSTANCE}_changelist", query="?q=nothing-has-this-name")),
    PageState("instance", staff(f"{INSTANCE}_change", instance())),
    PageState("instance-failed", staff(f"{INSTANCE}_change", instance("failed"))),
    PageState("instance-last-run-failed", staff(f"{INSTANCE}_change", instance("last-run-failed"))),
    PageState("instance-expired", staff(f"{INSTANCE}_change", instance("active"))),
    PageState("instance-as-auditor", staff(f"{INSTANCE}_change", instance(), name="arthur")),
    PageState("instance-add", staff(f"{INSTANCE}_add")),
    PageState("instance-add-refused", then(staff(f"{INSTANCE}_add"), press="Save")),
    PageState("provision", staff(f"{INSTANCE}_provision", instance("draft"))),
    PageState("provision-active", staff(f"{INSTANCE}_provision", instance())),
    PageState("provision-expired", staff(f"{INSTANCE}_provision", instance("active"))),
    PageState("provision-many", in_bulk(f"{INSTANCE}_changelist", "provision_selected")),
    PageState("provision-many-result", all_skipped(in_bulk(f"{INSTANCE}_changelist", "provision_selected"))),
    PageState("instance-change-address", staff(f"{INSTANCE}_change_address", instance())),
    PageState("providers", staff(f"{PROVIDER}_changelist")),
    PageState("provider", staff(f"{PROVIDER}_change", first(ServiceProvider))),
    PageState("tenants", staff(f"{TENANT}_changelist")),
    PageState("tenant", staff(f"{TENANT}_change", first(EntraTenant))),
    PageState("tenant-check", staff(f"{TENANT}_check_credential", first(EntraTenant))),
    PageState("invitations", staff(f"{INVITATION}_changelist")),
    PageState("invitation", staff(f"{INVITATION}_change", invitation("sent"))),
    PageState("invitation-refused", staff(f"{INVITATION}_change", invitation("refused"))),
    PageState("invitation-failed", staff(f"{INVITATION}_change", invitation("failed"))),
    PageState("invitation-add", staff(f"{INVITATION}_add")),
    PageState("invitation-send", staff(f"{INVITATION}_send", invitation("draft"))),
    PageState("invitation-revoke", staff(f"{INVITATION}_revoke", invitation("draft"))),
    PageState("invitations-send-many", in_bulk(f"{INVITATION}_changelist", "send_selected")),
    PageState("invitations-revoke-many", in_bulk(f"{INVITATION}_changelist", "revoke_selected")),
    PageState("invitation-link", then(staff(f"{INVITATION}_copy_link", invitation("draft")), press="Show link")),
    PageState("services", staff("onboarding_service_changelist")),
    PageState("service", staff("onboarding_service_change", first(Service))),
    PageState("customers", staff("onboarding_customer_changelist")),
    PageState("customer", staff("onboarding_customer_change", first(Customer))),
    PageState("operations", staff(f"{OPERATION}_changelist")),
    PageState("operation", staff(f"{OPERATION}_change", operation("provisioned"))),
    PageState("operation-failed", staff(f"{OPERATION}_change", operation("instance-failed"))),
    PageState("operation-waiting", staff(f"{OPERATION}_change", operation("instance-provisioning"))),
    PageState("operation-resume", staff(f"{OPERATION}_resume", operation("instance-failed"))),
    PageState("operations-cancel-many", in_bulk(f"{OPERATION}_changelist", "cancel_selected")),
    PageState("operation-hand-over", staff(f"{OPERATION}_hand_over", operation("hand-over"))),
    PageState("operation-reveal", staff(f"{OPERATION}_reveal", operation("hand-over"))),
    PageState("operation-running", staff(f"{OPERATION}_change", operation("bulk-running"))),
    PageState("operation-cancelled", staff(f"{OPERATION}_change", operation("bulk-cancelled"))),
    PageState("operation-waiting-for-quota", staff(f"{OPERATION}_change", operation("bulk-waiting"))),
    PageState("bulk-jobs", staff(f"{BULK}_changelist")),
    PageState("bulk-job", staff(f"{BULK}_change", job("running"))),
    PageState("bulk-job-limited-by-workers", staff(f"{BULK}_change", job("slow"))),
    PageState("bulk-job-ended", staff(f"{BULK}_change", job("ended"))),
    PageState("bulk-job-cancelled", staff(f"{BULK}_change", job("cancelled"))),
    PageState("bulk-job-as-auditor", staff(f"{BULK}_change", job("running"), name="arthur")),
    PageState("bulk-job-cancel", staff(f"{BULK}_act", part("running"), "cancel")),
    PageState("bulk-job-retry", staff(f"{BULK}_act", part("running"), "try-again")),
    PageState("registrations", staff(f"{REGISTRATION_ROW}_changelist")),
    PageState("registrations-of-customers", staff(f"{REGISTRATION_ROW}_changelist", query="?in=customer")),
    PageState("registrations-none", staff(f"{REGISTRATION_ROW}_changelist", query="?q=nothing-has-this-name")),
    PageState("registration-row", staff(f"{REGISTRATION_ROW}_change", first(AppRegistration))),
    PageState(
        "registration-row-not-in-use", staff(f"{REGISTRATION_ROW}_change", registration_of("connected-again-replaced"))
    ),
    PageState("secrets", staff(f"{SECRET}_changelist")),
    PageState("secret", staff(f"{SECRET}_change", first(ClientSecret))),
    PageState("connections", staff("onboarding_connection_changelist")),
    PageState("connection", staff("onboarding_connection_change", connected())),
    PageState("connection-replaced", staff("onboarding_connection_change", connected("connected-again-replaced"))),
    PageState("connection-delete-stored", staff("onboarding_connection_delete_stored", connected())),
    PageState("instance-history", history_of(UmpInstance, instance())),
    PageState("customer-history", history_of(Customer, first(Customer))),
    PageState("registration-history", history_of(AppRegistration, first(AppRegistration), name="arthur")),
    PageState("history-of-unknown", staff("registrations_auditevent_changelist", query="?about=umpinstance:x")),
    PageState("history", staff("registrations_auditevent_changelist")),
    PageState("history-entry", staff("registrations_auditevent_change", first(AuditEvent))),
    PageState("own-password", staff("password_change")),
    PageState("people", staff("auth_user_changelist", name="root")),
    PageState("person", staff("auth_user_change", first(User), name="root")),
    PageState("person-password-asked", staff("auth_user_add", name="root", confirmed=False)),
    PageState("person-add", staff("auth_user_add", name="root")),
    PageState("group", staff("auth_group_change", first(Group), name="root")),
]
