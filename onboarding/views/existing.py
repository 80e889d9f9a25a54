"""An existing registration: the form for its values, and a new check once missing permissions are granted."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods, require_POST

from onboarding import methods, requirements
from onboarding.errors import RefusedError
from onboarding.forms import ExistingForm
from onboarding.middleware import InstanceRequest
from onboarding.models import ConnectionMethod, Invitation, SignIn
from onboarding.services import existing_registration, invitations
from onboarding.views import pages, sessions
from onboarding.views.error_pages import shows_error_pages
from onboarding.views.landing import invitation_of
from onboarding.views.pages import SeeOther
from registrations import tasks


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@shows_error_pages
@sensitive_variables()
def existing(request: InstanceRequest, token: str) -> HttpResponseBase:
    """The form. A worker checks valid values, and this browser may watch. Entered values are never shown again."""
    invitation = invitation_of(request, token, SignIn.Purpose.AUTHORISE)
    if request.method != "POST":
        return _page(request, invitation, token, {})
    form = _form(invitation, request.POST)
    if not form.is_valid():
        return _page(request, invitation, token, {name: [*map(str, found)] for name, found in form.errors.items()})
    actor = invitations.invitee(invitation, pages.address_of(request))
    try:
        operation = existing_registration.request(
            invitation, existing_registration.EnteredValues(**form.cleaned_data), actor=actor
        )
    except RefusedError as refused:
        refused.customer = invitation.service.customer.name
        refused.link = invitations.link_of(invitation)
        raise
    tasks.enqueue(operation.pk)
    sessions.open_to_watch(request, operation, link=invitation.token_hash)
    return SeeOther(reverse("progress"))


@require_POST
@shows_error_pages
def look_again(request: InstanceRequest) -> HttpResponseBase:
    """The customer has granted what was missing: check now."""
    _, operation = sessions.watched(request)
    if operation and operation.error_code == existing_registration.MISSING_GRANTS:
        existing_registration.check_again(operation)
        tasks.enqueue(operation.pk)
    return redirect("progress")


def _form(invitation: Invitation, data: Mapping[str, Any] | None = None) -> ExistingForm:
    return ExistingForm(data, tenant_id=invitation.tenant_id, customer=invitation.service.customer.name)


def _page(
    request: InstanceRequest, invitation: Invitation, token: str, errors: Mapping[str, Sequence[str]]
) -> HttpResponseBase:
    form = _form(invitation)  # a new form: entered values are never written into the page
    for name, field in form.fields.items():
        described_by = [f"{name}-help", f"{name}-error"] if name in errors else [f"{name}-help"]
        field.widget.attrs |= {"aria-describedby": " ".join(described_by), "aria-invalid": str(name in errors).lower()}
    context = {
        "stage": methods.stage(ConnectionMethod.EXISTING, "enter"),
        "customer_name": invitation.service.customer.name,
        "token": token,
        "fields": [(field, errors.get(field.name, [])) for field in form],
        "errors": bool(errors),
        "permissions": requirements.PERMISSIONS,
        "roles": requirements.ROLES,
        "hours": int(existing_registration.VALUES_LIFETIME.total_seconds() // 3600),
    }
    return pages.page(request, "existing.html", context, status=422 if errors else 200)
