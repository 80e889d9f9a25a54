"""Delegated token, after the first sign-in: what Microsoft will ask the customer to allow."""

from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from onboarding import methods, requirements
from onboarding.middleware import InstanceRequest
from onboarding.models import Connection, ConnectionMethod, Invitation, SignIn
from onboarding.services import invitations, lookups
from onboarding.views import pages, sessions
from onboarding.views.error_pages import shows_error_pages
from onboarding.views.sign_in import begin_sign_in


@require_http_methods(["GET", "HEAD", "POST"])
@shows_error_pages
def allow(request: InstanceRequest) -> HttpResponseBase:
    """The permissions and what can end them. The button leads to the page with Microsoft's sign-in."""
    connection = sessions.connection_of(request)
    if connection.status == Connection.Status.CONNECTED:
        return redirect("done")
    if connection.way != ConnectionMethod.TOKEN:
        return redirect("registration")
    operation = lookups.operation_of(connection)
    if operation and operation.is_live:
        return redirect("progress")
    if request.method == "POST":
        sessions.refuse_another(request, connection)
        actor = sessions.actor_of(request)
        return begin_sign_in(
            request, connection.invitation, SignIn.Purpose.AUTHORISE, actor=actor, method=connection.way
        )
    context = {
        "connection": connection,
        "invitation_link": invitations.link_of(connection.invitation),
        "may_choose": connection.invitation.status in Invitation.UNBEGUN,
        "stage": methods.stage(connection.way, "authorise"),
        "customer_name": connection.invitation.service.customer.name,
        "scopes": requirements.TOKEN_SCOPES + requirements.TOKEN_SCOPES_ELSEWHERE,
        "roles": requirements.TOKEN_ROLES,
        "warning": methods.CONDITIONAL_ACCESS,
    }
    return pages.page(request, "allow.html", context)
