"""The steps of a running setup, and the final page. Both need a session, not only the link."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from onboarding import methods, requirements
from onboarding.explanations import set_up
from onboarding.middleware import InstanceRequest
from onboarding.models import Connection, ConnectionMethod, Invitation, SignIn
from onboarding.services import (
    existing_registration,
    invitations,
    leftovers,
    lookups,
    new_registration,
    temporary_grant,
    ump_handover,
)
from onboarding.views import pages, sessions
from onboarding.views.error_pages import shows_error_pages
from onboarding.views.sign_in import begin_sign_in
from registrations.connections import SIGN_IN_AGAIN
from registrations.models import Operation
from registrations.models.steps import StepState

EXPLAIN = {ConnectionMethod.EXISTING: set_up.check_failed, ConnectionMethod.TOKEN: set_up.token_failed}
WORDS = {"pending": "Not started", "running": "Running", "waiting": "Waiting", "done": "Done", "failed": "Failed"}
REFRESH_SECONDS = 3
SLOW_REFRESH_SECONDS = 30  # staff of the provider must act, which takes longer


@dataclass(frozen=True)
class StepLine:
    """One step as the customer sees it."""

    title: str
    state: str
    word: str
    note: str


@require_safe
@shows_error_pages
def progress(request: InstanceRequest) -> HttpResponseBase:
    """The steps of the operation. The page refreshes itself while the operation can still change."""
    connection, operation = sessions.watched(request)
    if operation is None:
        return redirect("registration")
    if connection.status == Connection.Status.CONNECTED:
        return redirect("done")
    situation = situation_of(operation, connection)
    provider = connection.invitation.service.instance.provider.name
    context = {
        "connection": connection,
        "customer_name": connection.invitation.service.customer.name,
        "operation": operation,
        "situation": situation,
        "problem": problem_of(operation, situation, connection),
        "steps": [line_of(step, situation, operation, provider) for step in operation.steps],
        "refresh": {"working": REFRESH_SECONDS, "provider": SLOW_REFRESH_SECONDS}.get(situation, 0),
        "service": connection.invitation.service,
        "now": timezone.now(),
    }
    if situation in {"provider", "failed"}:
        context |= _grant(request, connection)
    method = lookups.method_of(operation)
    if situation == "failed" and method == ConnectionMethod.NEW and not new_registration.made_anything(connection):
        context["nothing_made"] = True
        if connection.invitation.status in Invitation.UNBEGUN:
            context["choose"] = f"{invitations.link_of(connection.invitation)}#connect"
    context["stage"], context["by_token"] = methods.stage(method, "progress"), method == ConnectionMethod.TOKEN
    if method == ConnectionMethod.EXISTING:
        context |= _existing(connection, operation)
    return pages.page(request, "progress.html", context)


def _existing(connection: Connection, operation: Operation) -> dict[str, Any]:
    """What an existing registration lacks, and the address of its form."""
    form = f"{invitations.link_of(connection.invitation)}/existing"
    return {
        "existing": True,
        "missing": existing_registration.missing_grants(operation),
        "grants_page": operation.notes.get("grants_page", ""),
        "trial": _trial(operation, connection),
        "form_address": form,
    }


def _trial(operation: Operation, connection: Connection) -> set_up.SetupProblem | None:
    """Why Microsoft does not accept the values so far, while they are checked again; None if there is no such reason."""
    if operation.waits_for or not operation.is_live:
        return None
    problem = set_up.check_continues(operation.error_code)
    provider = connection.invitation.service.instance.provider.name
    return problem and set_up.SetupProblem(problem.sentence, problem.next_step.format(provider=provider))


@require_POST
@shows_error_pages
def sign_in_again(request: InstanceRequest) -> HttpResponseBase:
    """Start the second sign-in again: the token has expired, or a step failed."""
    connection = sessions.connection_of(request)
    operation = lookups.operation_of(connection)
    if operation is None or connection.way == ConnectionMethod.EXISTING:
        return redirect("progress")
    if situation_of(operation, connection) not in {"customer", "failed"}:
        return redirect("progress")
    sessions.refuse_another(request, connection)
    actor = sessions.actor_of(request)
    return begin_sign_in(request, connection.invitation, SignIn.Purpose.AUTHORISE, actor=actor, method=connection.way)


@require_safe
@shows_error_pages
def done(request: InstanceRequest) -> HttpResponseBase:
    """What was created, which roles can be removed now, when the secret expires and how to disconnect."""
    connection, _ = sessions.watched(request)
    if connection.status == Connection.Status.CONNECTED and connection.way == ConnectionMethod.TOKEN:
        return _done_by_token(request, connection)
    registration = connection.registration
    if connection.status != Connection.Status.CONNECTED or registration is None:
        return redirect("progress")
    secret = registration.live_secret
    context: dict[str, Any] = {
        "connection": connection,
        "customer_name": connection.invitation.service.customer.name,
        "service": connection.invitation.service,
        "registration": registration,
        "registration_page": requirements.overview_page(registration.app_id),
        "secret": secret,
        "secret_has_expired": bool(secret and secret.expires_at and secret.expires_at <= timezone.now()),
        "secret_days": (secret.expires_at - timezone.now()).days if secret and secret.expires_at else 0,
        "permissions": requirements.PERMISSIONS,
        "roles": requirements.ROLES,
        "removable_roles": [role for role in requirements.ROLES if role.removable_after],
        "administrator_roles": requirements.held_administrator_roles(connection.admin_roles),
        "roles_page": requirements.ROLES_PAGE,
        "unused_registrations": _unused_registrations(connection),
        **_grant(request, connection),
    }
    template = "done.html" if registration.managed else "done_existing.html"
    return pages.page(request, template, context)


def _done_by_token(request: InstanceRequest, connection: Connection) -> HttpResponseBase:
    context = {
        "connection": connection,
        "customer_name": connection.invitation.service.customer.name,
        "service": connection.invitation.service,
        "scopes": requirements.TOKEN_SCOPES + requirements.TOKEN_SCOPES_ELSEWHERE,
        "token_roles": requirements.TOKEN_ROLES,
        "administrator_roles": requirements.held_administrator_roles(
            connection.admin_roles, keep=[role.template_id for role in requirements.TOKEN_ROLES]
        ),
        "roles_page": requirements.ROLES_PAGE,
        "warning": methods.CONDITIONAL_ACCESS,
        "unused_registrations": _unused_registrations(connection),
        **_grant(request, connection),
    }
    return pages.page(request, "done_token.html", context)


def _unused_registrations(connection: Connection) -> list[tuple[str, str]]:
    """The name of each registration that this connection replaced, and its page in Microsoft Entra."""
    found = leftovers.unused_registrations(connection)
    return [(each.display_name, requirements.overview_page(each.app_id)) for each in found]


def _grant(request: InstanceRequest, connection: Connection) -> dict[str, Any]:
    """What became of the temporary permissions in this organisation, and where its administrators can revoke them.

    Who only watches with the link does not read the names of other accounts.
    """
    remains, accounts = temporary_grant.remains(connection), temporary_grant.accounts_of_tokens(connection)
    return {
        "grant_remains": remains,
        "nothing_else": not remains and not temporary_grant.was_asked_for(connection),
        "has_tokens": bool(accounts),
        "token_accounts": accounts if sessions.signed_in_object_id(request) else [],
        "enterprise_page": requirements.ENTERPRISE_PAGE,
    }


def situation_of(operation: Operation, connection: Connection) -> str:
    """Who must act: nobody ("working"), the "provider" or the "customer"; or the setup has "failed"."""
    ended = not operation.is_live
    if connection.customer_part_done_at and (ended or operation.waits_for == "staff"):
        return "provider"
    if ended:
        return "failed"
    if operation.waits_for == "customer":
        return "customer"
    return "provider" if operation.waits_for == "staff" else "working"


def problem_of(operation: Operation, situation: str, connection: Connection) -> set_up.SetupProblem | None:
    """Why the setup could not finish, where the customer can act; None otherwise."""
    if situation not in {"customer", "failed"}:
        return None
    if situation == "customer":
        if operation.error_code == SIGN_IN_AGAIN or not operation.message:
            return set_up.SIGN_IN
        return set_up.SetupProblem(operation.message, "")  # the step wrote this sentence for the customer
    cancelled = operation.status == Operation.Status.CANCELLED
    explain = EXPLAIN.get(lookups.method_of(operation), set_up.failed)
    problem = explain(operation.error_code, cancelled=cancelled, message=operation.message)
    if problem is set_up.SECRETS_FORBIDDEN and connection.invitation.status not in Invitation.UNBEGUN:
        problem = set_up.SECRETS_FORBIDDEN_LATE
    step = operation.current_step
    service = connection.invitation.service
    names = {
        "provider": service.instance.provider.name,
        "customer": service.customer.name,
        "name": connection.registration_name,
        "step": step.title if step else "",
        "app": service.instance.app_name,
        "needed_role": requirements.NEEDED_FOR_TOKEN_SENTENCE,
    }
    return set_up.SetupProblem(problem.sentence.format(**names), problem.next_step.format(**names))


def line_of(step: StepState, situation: str, operation: Operation, provider: str) -> StepLine:
    """One step for the customer, without the notes for the provider's staff."""
    state = step.status
    if situation == "provider" and state in {"waiting", "failed"}:
        is_missing = operation.error_code == ump_handover.SERVICE_MISSING and step.name == "find_service"
        note = set_up.SERVICE_MISSING.format(provider=provider) if is_missing else ""
        return StepLine(step.title, "waiting", WORDS["waiting"], note)
    note = ""  # the top of the page says it
    if state == "waiting" and situation == "working":
        has_reason = operation.kind == lookups.EXISTING_REGISTRATION and set_up.check_continues(operation.error_code)
        note = set_up.CHECKED_AGAIN if has_reason else set_up.waiting_note(step.name)
    return StepLine(step.title, state, WORDS[state], note)
