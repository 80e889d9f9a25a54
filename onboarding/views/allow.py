"""The way of a token, after the first sign-in: what Microsoft will ask to allow, before anything is asked."""

from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from onboarding import requirements, ways
from onboarding.hosts import InstanceRequest
from onboarding.models import Connection, ConnectionWay, SignIn
from onboarding.services import setups
from onboarding.views import pages, sessions
from onboarding.views.departures import depart
from onboarding.views.refusals import refusing


@require_http_methods(["GET", "HEAD", "POST"])
@refusing
def allow(request: InstanceRequest) -> HttpResponseBase:
    """The permissions and what may end them; the button's answer is the page that leads to Microsoft."""
    connection = sessions.connection_of(request)
    if connection.status == Connection.Status.CONNECTED:
        return redirect("done")
    if connection.way != ConnectionWay.TOKEN:
        return redirect("registration")
    operation = setups.operation_of(connection)
    if operation and operation.is_live:
        return redirect("progress")
    if request.method == "POST":
        sessions.refuse_another(request, connection)
        actor = sessions.actor_of(request)
        return depart(request, connection.invitation, SignIn.Purpose.AUTHORISE, actor=actor, way=connection.way)
    context = {
        "connection": connection,
        "stage": ways.stage(connection.way, "authorise"),
        "customer_name": connection.invitation.service.customer.name,
        "scopes": requirements.TOKEN_SCOPES + requirements.TOKEN_SCOPES_ELSEWHERE,
        "roles": requirements.TOKEN_ROLES,
        "warning": ways.CONDITIONAL_ACCESS,
    }
    return pages.page(request, "allow.html", context)
