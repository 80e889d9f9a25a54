"""The page whose button leads to Microsoft, and the cookie by which the browser is known when it comes back."""

from django.http import HttpResponse

from onboarding import requirements, ways
from onboarding.hosts import InstanceRequest
from onboarding.models import ConnectionWay, Invitation, SignIn
from onboarding.refusals import RefusedError
from onboarding.services import sign_ins
from onboarding.views import pages
from registrations.services import audit

COOKIE = "__Host-signin"


def depart(
    request: InstanceRequest,
    invitation: Invitation,
    purpose: SignIn.Purpose,
    *,
    actor: audit.Actor,
    way: str = ConnectionWay.NEW,
) -> HttpResponse:
    """Prepare a sign-in and answer with the page that leads to it. Raises RefusedError."""
    service = invitation.service
    try:
        departure = sign_ins.begin(invitation, purpose, browser=request.COOKIES.get(COOKIE, ""), actor=actor, way=way)
    except RefusedError as refused:
        refused.customer = service.customer.name
        raise
    second = purpose == SignIn.Purpose.AUTHORISE
    by_token = way == ConnectionWay.TOKEN
    context = {
        "auth_uri": departure.auth_uri,
        "second": second,
        "used": invitation.status == Invitation.Status.COMPLETED,
        "stage": ways.stage(way, "authorise" if second else "identify"),
        "account": invitation.connection.admin_username if second else invitation.m365_admin_email,
        "invitation": invitation,
        "service": service,
        "customer": service.customer,
        "customer_name": service.customer.name,
        "scopes": requirements.TOKEN_SCOPES + requirements.TOKEN_SCOPES_ELSEWHERE if by_token else requirements.SCOPES,
        "by_token": by_token,
        "minutes": int(sign_ins.VALID_FOR.total_seconds() // 60),
    }
    response = pages.page(request, "sign_in.html", context)
    response.set_cookie(
        COOKIE,
        departure.browser,
        max_age=sign_ins.VALID_FOR,
        secure=True,
        httponly=True,
        samesite="None",  # Microsoft's page posts the answer from another site; the session's own cookie stays Lax
    )
    return response
