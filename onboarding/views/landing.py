"""The pages behind the link in the email. Opening it changes nothing: mail scanners open links too."""

from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from onboarding import methods, requirements, tokens
from onboarding.errors import RefusedError
from onboarding.middleware import InstanceRequest
from onboarding.models import Connection, ConnectionMethod, Invitation, SignIn
from onboarding.services import invitations, sign_in_requests
from onboarding.views import pages, sessions
from onboarding.views.error_pages import shows_error_pages
from onboarding.views.pages import SeeOther
from onboarding.views.sign_in import begin_sign_in


@require_safe
def portal(request: InstanceRequest) -> HttpResponseBase:
    """The Customer Authentication Portal URL without a token. The UMP validates it, so it always answers 200."""
    return pages.page(request, "portal.html", {"link": pages.link_of_browser(request)})


@require_safe
@shows_error_pages
def landing(request: InstanceRequest, token: str) -> HttpResponseBase:
    """Who invites, for which service, until when, what will be created, and which permissions and roles it needs."""
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
        "first_scopes": requirements.SCOPES_FIRST_SIGN_IN,
        "token_scopes": requirements.TOKEN_SCOPES + requirements.TOKEN_SCOPES_ELSEWHERE,
        "token_roles": requirements.TOKEN_ROLES,
        **needs_of(request, invitation),
        "choices": methods.offered(request.instance),
        "reason": methods.reason(request.instance),
        "days_left": max((invitation.expires_at - timezone.now()).days, 0),
    }
    if context["begun"] and sessions.is_open_for(request, invitation):
        return redirect("progress")
    if invitation.status == Invitation.Status.COMPLETED:
        return pages.page(request, "used.html", context, status=HTTPStatus.GONE)
    return pages.page(request, "landing.html", context)


@require_safe
def changed_link(request: InstanceRequest, text: str) -> HttpResponseBase:
    """The invitation of a link to which something is stuck, or that is broken. Raises Http404 if there is none in it."""
    candidates = tokens.candidates_in(text)
    for token in candidates:
        if invitations.behind_link(token, request.instance):
            return landing(request, token)
    if not candidates:
        raise Http404
    return landing(request, candidates[0])


@require_safe
@shows_error_pages
def choose(request: InstanceRequest, token: str) -> HttpResponseBase:
    """An address of earlier versions: the choice is on the invitation's own page now."""
    invitation_of(request, token, SignIn.Purpose.AUTHORISE)
    return redirect(f"{reverse('landing', args=[token])}#connect")


@require_http_methods(["GET", "HEAD", "POST"])
@shows_error_pages
def start(request: InstanceRequest, token: str) -> HttpResponseBase:
    """Continue with the chosen method: the form for an existing registration, or Microsoft's sign-in.

    The response is a page whose button is a link, because the content policy forbids forms that lead to another site.
    """
    if request.method != "POST":
        return redirect("landing", token=token)
    invitation = invitation_of(request, token)
    method = _method_of(request, invitation)
    if method == ConnectionMethod.EXISTING:
        return SeeOther(reverse("existing", args=[token]))
    actor = invitations.invitee(invitation, pages.address_of(request))
    return begin_sign_in(request, invitation, SignIn.Purpose.IDENTIFY, actor=actor, method=method)


def _method_of(request: InstanceRequest, invitation: Invitation) -> str:
    """The chosen method. Once the setup has started, the sign-in only leads to its progress or result."""
    if invitation.status not in Invitation.UNBEGUN:
        return _started_method(invitation)
    chosen = request.POST.get("way", ConnectionMethod.NEW)
    if chosen not in {choice.method for choice in methods.offered(request.instance)}:
        refused = RefusedError("way_not_offered", facts="this connection method")
        refused.may_choose, refused.link = True, invitations.link_of(invitation)
        raise refused
    return chosen


def _started_method(invitation: Invitation) -> ConnectionMethod:
    """The method by whose roles a sign-in is judged once the setup has started."""
    by_token = Connection.objects.filter(invitation=invitation, way=ConnectionMethod.TOKEN).exists()
    return ConnectionMethod.TOKEN if by_token else ConnectionMethod.NEW


def needs_of(request: InstanceRequest, invitation: Invitation) -> dict[str, Any]:
    """What each method needs; once the setup has started (`begun`) or is completed, only `needed_now` counts."""
    needed_now = requirements.NEEDED_ROLE_SENTENCE
    if invitation.status not in Invitation.UNBEGUN and _started_method(invitation) == ConnectionMethod.TOKEN:
        only_shown = invitation.status == Invitation.Status.COMPLETED  # nothing is accepted at Microsoft any more
        needed_now = requirements.TOKEN_ROLES_SENTENCE if only_shown else requirements.NEEDED_FOR_TOKEN_SENTENCE
    return {
        "token_offered": methods.offers_token(request.instance),
        "needed_role": requirements.NEEDED_ROLE_SENTENCE,
        "needed_for_token": requirements.NEEDED_FOR_TOKEN_SENTENCE,
        "needed_now": needed_now,
        "begun": invitation.status == Invitation.Status.CONNECTING,
    }


def invitation_of(
    request: InstanceRequest, token: str, purpose: SignIn.Purpose = SignIn.Purpose.IDENTIFY
) -> Invitation:
    """The invitation behind the link on this host. Raises RefusedError if the link does not work for this purpose."""
    invitation = invitations.behind_link(token, request.instance)
    if invitation is None:
        raise RefusedError("unknown_link")
    try:
        sign_in_requests.require_usable(invitation, purpose)
    except RefusedError as refused:
        refused.for_link_holder(invitations.link_of(invitation)).customer = invitation.service.customer.name
        raise
    return invitation
