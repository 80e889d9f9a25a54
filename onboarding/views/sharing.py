"""Before the sign-in: forward the invitation to a colleague, and a text file for the security team."""

from django.http import HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_safe

from onboarding import methods, requirements
from onboarding.middleware import InstanceRequest
from onboarding.models import SignIn
from onboarding.services import invitations
from onboarding.views import pages
from onboarding.views.error_pages import shows_error_pages
from onboarding.views.landing import invitation_of, needs_of
from registrations.models import AppRegistration


@require_safe
@shows_error_pages
def forward(request: InstanceRequest, token: str) -> HttpResponseBase:
    """The link to copy, and a prepared email that the customer's own email program sends."""
    invitation = invitation_of(request, token, SignIn.Purpose.AUTHORISE)
    context = {
        "invitation": invitation,
        "service": invitation.service,
        "customer_name": invitation.service.customer.name,
        "token": token,
        "link": invitations.link_of(invitation),
        **needs_of(request, invitation),
    }
    return pages.page(request, "forward.html", context)


@require_safe
@shows_error_pages
def for_security(request: InstanceRequest, token: str) -> HttpResponseBase:
    """A text file without the link: what is created, which permissions and roles, why, and how to undo it."""
    invitation = invitation_of(request, token, SignIn.Purpose.AUTHORISE)
    service = invitation.service
    sync_app = AppRegistration.objects.sync_app_of(request.instance)
    context = {
        **pages.frame_of(request),
        "service": service,
        "customer": service.customer,
        "tenant_id": invitation.tenant_id,
        "choices": methods.offered(request.instance),
        "reason": methods.reason(request.instance),
        "permissions": requirements.PERMISSIONS,
        "roles": requirements.ROLES,
        "scopes": requirements.SCOPES,
        "first_scopes": requirements.SCOPES_FIRST_SIGN_IN,
        "client_id": sync_app.app_id if sync_app else "",
        "version": requirements.VERSION,
        "token_scopes": requirements.TOKEN_SCOPES + requirements.TOKEN_SCOPES_ELSEWHERE,
        "token_roles": requirements.TOKEN_ROLES,
        **needs_of(request, invitation),
        "now": timezone.now(),
    }
    name = f"{slugify(service.instance.provider.name) or 'provider'}-{slugify(service.short_name)}.txt"
    return HttpResponse(
        render_to_string("onboarding/security.txt", context),
        content_type="text/plain; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
