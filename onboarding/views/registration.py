"""A new registration, after the first sign-in: choose its name, then start the second sign-in."""

from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from onboarding import methods, requirements, validators
from onboarding.errors import RefusedError
from onboarding.forms import RegistrationForm
from onboarding.middleware import InstanceRequest
from onboarding.models import Connection, ConnectionMethod, Invitation, SignIn
from onboarding.services import invitations, naming, new_registration
from onboarding.views import pages, sessions
from onboarding.views.error_pages import shows_error_pages
from onboarding.views.sign_in import begin_sign_in
from registrations.errors import WrongStateError


@require_http_methods(["GET", "HEAD", "POST"])
@shows_error_pages
def registration(request: InstanceRequest) -> HttpResponseBase:
    """The form. A valid name leads to the page with Microsoft's second sign-in."""
    connection = sessions.connection_of(request)
    if connection.status == Connection.Status.CONNECTED:
        return redirect("done")
    if connection.way != ConnectionMethod.NEW:
        return redirect("allow" if connection.way == ConnectionMethod.TOKEN else "progress")
    operation = new_registration.latest_operation(connection)
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
    return begin_sign_in(request, connection.invitation, SignIn.Purpose.AUTHORISE, actor=actor)


def _page(request: InstanceRequest, connection: Connection, form: RegistrationForm, name: str) -> HttpResponseBase:
    service = connection.invitation.service
    context = {
        "connection": connection,
        "invitation_link": invitations.link_of(connection.invitation),
        "may_choose": connection.invitation.status in Invitation.UNBEGUN,
        "stage": methods.stage(connection.way, "authorise"),
        "customer_name": service.customer.name,
        "form": form,
        "rules": validators.rule_results(name),
        "name_rules": {
            "min": validators.MIN_LENGTH,
            "max": validators.MAX_LENGTH,
            "forbidden": validators.FORBIDDEN,
            "reserved": validators.RESERVED,
        },
        "scopes": requirements.SCOPES,
    }
    return pages.page(request, "registration.html", context, status=422 if form.errors else 200)
