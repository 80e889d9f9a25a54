"""The steps of the set-up while they are done, and the end page. Both need the signed-in session, not just the link."""

from dataclasses import dataclass
from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from onboarding import requirements
from onboarding.hosts import InstanceRequest
from onboarding.models import Connection, SignIn
from onboarding.services import connecting
from onboarding.views import pages, sessions
from onboarding.views.departures import depart
from onboarding.views.refusals import refusing
from registrations.models import ClientSecret, Operation

WORDS = {"pending": "Not started", "running": "Running", "waiting": "Waiting", "done": "Done", "failed": "Failed"}
REFRESH_SECONDS = 3
SLOW_REFRESH_SECONDS = 30  # a person at the provider has to act: no hurry
# https://learn.microsoft.com/entra/identity/role-based-access-control/manage-roles-portal
ROLES_PAGE = "https://entra.microsoft.com/#view/Microsoft_AAD_IAM/AllRolesBlade"
# https://learn.microsoft.com/entra/identity-platform/howto-remove-app
REGISTRATION_PAGE = (
    "https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/Overview/appId/"
)


@dataclass(frozen=True)
class StepLine:
    """One step as the customer sees it."""

    title: str
    state: str
    word: str
    note: str


@require_safe
@refusing
def progress(request: InstanceRequest) -> HttpResponseBase:
    """The steps of the operation; the page looks again by itself while something may still happen."""
    connection = sessions.connection_of(request)
    operation = connecting.latest_operation(connection)
    if connection.status == Connection.Status.CONNECTED:
        return redirect("done")
    if operation is None:
        return redirect("registration")
    situation = situation_of(operation, connection)
    context = {
        "connection": connection,
        "customer_name": connection.invitation.service.customer.name,
        "operation": operation,
        "situation": situation,
        "steps": [line_of(step, situation) for step in operation.steps],
        "refresh": {"working": REFRESH_SECONDS, "provider": SLOW_REFRESH_SECONDS}.get(situation, 0),
        "service": connection.invitation.service,
        "now": timezone.now(),
    }
    return pages.page(request, "progress.html", context)


@require_POST
@refusing
def sign_in_again(request: InstanceRequest) -> HttpResponseBase:
    """Begin the second sign-in once more: the permission ran out, or a step failed."""
    connection = sessions.connection_of(request)
    operation = connecting.latest_operation(connection)
    if operation is None or situation_of(operation, connection) not in {"customer", "failed"}:
        return redirect("progress")
    sessions.refuse_another(request, connection)
    actor = sessions.actor_of(request)
    return depart(request, connection.invitation, SignIn.Purpose.AUTHORISE, actor=actor)


@require_safe
@refusing
def done(request: InstanceRequest) -> HttpResponseBase:
    """What was created, what may be taken away now, when the secret expires and how to withdraw."""
    connection = sessions.connection_of(request)
    registration = connection.registration
    if connection.status != Connection.Status.CONNECTED or registration is None:
        return redirect("progress")
    secret = registration.secrets.filter(status__in=ClientSecret.LIVE).first()
    context: dict[str, Any] = {
        "connection": connection,
        "customer_name": connection.invitation.service.customer.name,
        "service": connection.invitation.service,
        "registration": registration,
        "registration_page": REGISTRATION_PAGE + registration.app_id,
        "secret": secret,
        "secret_days": (secret.expires_at - timezone.now()).days if secret and secret.expires_at else 0,
        "permissions": requirements.PERMISSIONS,
        "roles": requirements.ROLES,
        "removable_roles": [role for role in requirements.ROLES if role.removable_after],
        "administrator_roles": requirements.ADMINISTRATOR_ROLES,
        "roles_page": ROLES_PAGE,
    }
    return pages.page(request, "done.html", context)


def situation_of(operation: Operation, connection: Connection) -> str:
    """Who has to do something now: nobody (working), the provider, the customer; or it has failed."""
    ended = not operation.is_live
    if connection.customer_part_done_at and (ended or operation.waits_for == "staff"):
        return "provider"
    if ended:
        return "failed"
    if operation.waits_for == "customer":
        return "customer"
    return "provider" if operation.waits_for == "staff" else "working"


def line_of(step: dict[str, Any], situation: str) -> StepLine:
    """One step in the customer's words; what is meant for the provider's staff is left out."""
    state = step["status"]
    if situation == "provider" and state in {"waiting", "failed"}:
        return StepLine(step["title"], "waiting", WORDS["waiting"], "")
    note = step["note"] if state == "waiting" and situation == "working" else ""  # elsewhere the page says it on top
    return StepLine(step["title"], state, WORDS[state], note)
