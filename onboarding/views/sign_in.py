"""The page whose button leads to Microsoft, and the cookie by which the browser is known when it comes back."""

import uuid
from http import HTTPStatus

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from onboarding import methods, requirements
from onboarding.errors import RefusedError
from onboarding.middleware import InstanceRequest
from onboarding.models import ConnectionMethod, Invitation, SignIn
from onboarding.services import invitations, sign_in_requests
from onboarding.views import pages
from onboarding.views.error_pages import shows_error_pages
from onboarding.views.pages import SeeOther
from registrations import audit

COOKIE = "__Host-signin"


def begin_sign_in(
    request: InstanceRequest,
    invitation: Invitation,
    purpose: SignIn.Purpose,
    *,
    actor: audit.Actor,
    method: str = ConnectionMethod.NEW,
) -> HttpResponse:
    """Prepare a sign-in and lead to its page, to which the browser's Back comes as well. Raises RefusedError."""
    try:
        departure = sign_in_requests.start(
            invitation, purpose, browser=request.COOKIES.get(COOKIE, ""), actor=actor, method=method
        )
    except RefusedError as refused:
        refused.customer = invitation.service.customer.name
        if purpose == SignIn.Purpose.AUTHORISE:
            refused.in_second_step()
        elif refused.page.status != HTTPStatus.GONE:
            refused.link = invitations.link_of(invitation)  # this browser came with it
        raise
    response = SeeOther(reverse("sign_in", args=[departure.sign_in.pk]))
    response.set_cookie(
        COOKIE,
        departure.browser,
        max_age=sign_in_requests.VALID_FOR,
        secure=True,
        httponly=True,
        samesite="None",  # Microsoft's page posts the answer from another site; the session's own cookie stays Lax
    )
    return response


@require_safe
@shows_error_pages
def sign_in(request: InstanceRequest, sign_in_id: uuid.UUID) -> HttpResponseBase:
    """What Microsoft will ask, and the button that leads there. Only the browser that began the trip sees its page."""
    trip = sign_in_requests.find_for_browser(request.COOKIES.get(COOKIE, ""), sign_in_id, request.instance)
    if trip.outcome == SignIn.Outcome.SUCCEEDED:
        return redirect("progress")
    try:
        sign_in_requests.require_current_link(trip)
        auth_uri = sign_in_requests.auth_uri_of(trip)
    except RefusedError as refused:
        refused.customer = trip.invitation.service.customer.name
        refused.link = invitations.link_for_sign_in(trip)
        raise
    return pages.page(request, "sign_in.html", {"auth_uri": auth_uri, **_told(trip)})


def _told(trip: SignIn) -> dict[str, object]:
    invitation, service = trip.invitation, trip.invitation.service
    second = trip.purpose == SignIn.Purpose.AUTHORISE
    by_token = trip.way == ConnectionMethod.TOKEN
    return {
        "second": second,
        "used": invitation.status == Invitation.Status.COMPLETED,
        "stage": methods.stage(trip.way, "authorise" if second else "identify"),
        "account": invitation.connection.admin_username if second else invitation.m365_admin_email,
        "registration_name": trip.registration_name,
        "may_rename": bool(trip.registration_name) and not invitation.connection.registration_id,
        "customer": service.customer,
        "customer_name": service.customer.name,
        "scopes": requirements.TOKEN_SCOPES + requirements.TOKEN_SCOPES_ELSEWHERE if by_token else requirements.SCOPES,
        "by_token": by_token,
        "minutes": int(sign_in_requests.VALID_FOR.total_seconds() // 60),
    }
