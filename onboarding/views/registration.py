"""After the first sign-in: what the new registration is called. Then the second sign-in."""

from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from onboarding import names, requirements, ways
from onboarding.forms import RegistrationForm
from onboarding.hosts import InstanceRequest
from onboarding.models import Connection, ConnectionWay, SignIn
from onboarding.refusals import RefusedError
from onboarding.services import connecting, naming
from onboarding.views import pages, sessions
from onboarding.views.departures import depart
from onboarding.views.refusals import refusing
from registrations.errors import WrongStateError


@require_http_methods(["GET", "HEAD", "POST"])
@refusing
def registration(request: InstanceRequest) -> HttpResponseBase:
    """The form; with a good name the answer is the page that leads to Microsoft's permissions."""
    connection = sessions.connection_of(request)
    if connection.status == Connection.Status.CONNECTED:
        return redirect("done")
    if connection.way != ConnectionWay.NEW:
        return redirect("allow" if connection.way == ConnectionWay.TOKEN else "progress")
    operation = connecting.latest_operation(connection)
    if operation and (operation.is_live or connection.registration_id):
        return redirect("progress")
    sessions.refuse_another(request, connection)
    if request.method != "POST":
        initial = connection.registration_name or naming.default_name(connection.invitation.service)
        return _page(request, connection, RegistrationForm(initial={"name": initial}), initial)
    form = RegistrationForm(request.POST)
    if not form.is_valid():
        return _page(request, connection, form, request.POST.get("name", "").strip())
    actor = sessions.actor_of(request)
    try:
        naming.choose(connection, form.cleaned_data["name"], actor=actor)
    except WrongStateError as error:
        raise RefusedError("busy", facts=str(error)) from error
    return depart(request, connection.invitation, SignIn.Purpose.AUTHORISE, actor=actor)


def _page(request: InstanceRequest, connection: Connection, form: RegistrationForm, name: str) -> HttpResponseBase:
    service = connection.invitation.service
    context = {
        "connection": connection,
        "stage": ways.stage(connection.way, "name"),
        "customer_name": service.customer.name,
        "form": form,
        "rules": names.rule_results(name),
        "name_rules": {
            "min": names.MIN_LENGTH,
            "max": names.MAX_LENGTH,
            "forbidden": names.FORBIDDEN,
            "reserved": names.RESERVED,
        },
        "scopes": requirements.SCOPES,
    }
    return pages.page(request, "registration.html", context, status=422 if form.errors else 200)
