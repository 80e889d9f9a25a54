"""Where the link in the mail leads. Opening it changes nothing: mail scanners open links too."""

from http import HTTPStatus

from django.http import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from onboarding import requirements, ways
from onboarding.hosts import InstanceRequest
from onboarding.models import Connection, ConnectionWay, Invitation, SignIn
from onboarding.refusals import RefusedError
from onboarding.services import arrivals, invitations, sign_ins
from onboarding.views import pages, sessions
from onboarding.views.departures import depart
from onboarding.views.pages import SeeOther
from onboarding.views.refusals import refusing


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
    if context["begun"] and sessions.is_open_for(request, invitation):
        return redirect("progress")
    if invitation.status == Invitation.Status.COMPLETED:
        return pages.page(request, "used.html", context, status=HTTPStatus.GONE)
    return pages.page(request, "landing.html", context)


@require_safe
@refusing
def choose(request: InstanceRequest, token: str) -> HttpResponseBase:
    """Which way: the recommended one first and chosen already, each with what it leaves behind."""
    invitation = invitation_of(request, token, SignIn.Purpose.AUTHORISE)
    context = {
        "service": invitation.service,
        "customer_name": invitation.service.customer.name,
        "token": token,
        "choices": ways.offered(request.instance),
        "reason": ways.ORDER_REASON,
    }
    return pages.page(request, "choose.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@refusing
def start(request: InstanceRequest, token: str) -> HttpResponseBase:
    """Go the chosen way: to the form for an existing registration, or to Microsoft's sign-in.

    The answer is a page whose button is a link: a form must not lead to another site.
    """
    if request.method != "POST":
        return redirect("landing", token=token)
    invitation = invitation_of(request, token)
    way = _way_of(request, invitation)
    if way == ConnectionWay.EXISTING:
        return SeeOther(reverse("existing", args=[token]))
    actor = arrivals.invited_person(invitation, pages.address_of(request))
    return depart(request, invitation, SignIn.Purpose.IDENTIFY, actor=actor, way=way)


def _way_of(request: InstanceRequest, invitation: Invitation) -> str:
    """What was chosen; once the work has begun, the sign-in only leads to its progress or end."""
    if invitation.status not in Invitation.UNBEGUN:
        by_token = Connection.objects.filter(invitation=invitation, way=ConnectionWay.TOKEN).exists()
        return ConnectionWay.TOKEN if by_token else ConnectionWay.NEW
    chosen = request.POST.get("way", ConnectionWay.NEW)
    if chosen not in {choice.way for choice in ways.offered(request.instance)}:
        raise RefusedError("way_not_offered", facts="a connection made in this way")
    return chosen


def invitation_of(
    request: InstanceRequest, token: str, purpose: SignIn.Purpose = SignIn.Purpose.IDENTIFY
) -> Invitation:
    """The invitation that the link opens on this host for this purpose.

    Raises RefusedError where it opens nothing (any more).
    """
    invitation = invitations.behind_link(token, request.instance)
    if invitation is None:
        raise RefusedError("unknown_link")
    try:
        sign_ins.refuse_unusable(invitation, purpose)
    except RefusedError as refused:
        refused.at_the_link(invitations.link_of(invitation)).customer = invitation.service.customer.name
        raise
    return invitation
