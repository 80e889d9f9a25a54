"""Where the link in the mail leads. Opening it changes nothing: mail scanners open links too."""

from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from onboarding import requirements, tokens
from onboarding.hosts import InstanceRequest
from onboarding.models import Invitation, SignIn
from onboarding.refusals import RefusedError
from onboarding.services import sign_ins
from onboarding.views import pages
from onboarding.views.departures import depart
from onboarding.views.refusals import refusing
from registrations.services import audit


@require_safe
def portal(request: InstanceRequest) -> HttpResponseBase:
    """The Customer Authentication Portal URL itself, without a link's token. The UMP validates it: always 200."""
    return pages.page(request, "portal.html", {})


@require_safe
@refusing
def landing(request: InstanceRequest, token: str) -> HttpResponseBase:
    """Who invites, for which service, until when, what will be made and which permissions and roles that takes."""
    invitation = invitation_of(request, token)
    context = {
        "invitation": invitation,
        "service": invitation.service,
        "customer": invitation.service.customer,
        "customer_name": invitation.service.customer.name,
        "token": token,
        "permissions": requirements.PERMISSIONS,
        "roles": requirements.ROLES,
        "scopes": requirements.SCOPES,
        "needed_role": requirements.NEEDED_ROLE_SENTENCE,
        "days_left": max((invitation.expires_at - timezone.now()).days, 0),
        "begun": invitation.status == Invitation.Status.CONNECTING,
    }
    used = invitation.status == Invitation.Status.COMPLETED
    return pages.page(request, "used.html" if used else "landing.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@refusing
def start(request: InstanceRequest, token: str) -> HttpResponseBase:
    """Begin the first sign-in. The answer is a page whose button is a link: a form must not lead to another site."""
    if request.method != "POST":
        return redirect("landing", token=token)
    invitation = invitation_of(request, token)
    name = invitation.service.customer.name
    actor = audit.Actor.customer(f"Invited person of {name}", ip_address=pages.address_of(request))
    return depart(request, invitation, SignIn.Purpose.IDENTIFY, actor=actor)


def invitation_of(request: InstanceRequest, token: str) -> Invitation:
    """The invitation that the link opens on this host. Raises RefusedError where it opens nothing (any more)."""
    invitation = (
        Invitation.objects.select_related("service__customer", "service__instance__provider__tenant")
        .filter(token_hash__in=tokens.invitation_hashes(token), service__instance=request.instance)
        .first()
    )
    if invitation is None:
        raise RefusedError("unknown_link")
    try:
        sign_ins.refuse_unusable(invitation, SignIn.Purpose.IDENTIFY)
    except RefusedError as refused:
        refused.customer = invitation.service.customer.name
        raise
    return invitation
