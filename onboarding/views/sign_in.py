"""The page whose button leads to Microsoft, and the cookie that identifies the browser when it returns."""

import contextlib
import math
import re
import uuid
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Any

from django.http import HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from onboarding import methods, requirements
from onboarding.errors import RefusedError
from onboarding.middleware import InstanceRequest
from onboarding.models import ConnectionMethod, Invitation, SignIn
from onboarding.services import invitations, redemption, repeated_answers, sign_in_requests
from onboarding.views import pages
from onboarding.views.error_pages import TRIES, shows_error_pages
from onboarding.views.pages import SeeOther
from registrations import audit

GOES_ON = "go"  # in the query: the page leads on to Microsoft by itself
WAITS = "wait"  # in the query: the page waits for another request of this browser, which redeems the same answer
SENT_AGAIN = ("way", "name", TRIES)  # the fields of the forms that begin a sign-in
LOOKS_AGAIN_AFTER = timedelta(seconds=2)


def begin_sign_in(
    request: InstanceRequest,
    invitation: Invitation,
    purpose: SignIn.Purpose,
    *,
    actor: audit.Actor,
    method: str = ConnectionMethod.NEW,
) -> HttpResponse:
    """Prepare a sign-in and redirect to its page, so that the browser's Back button works. Raises RefusedError.

    The page of a second sign-in leads on to Microsoft by itself: the page before has said what Microsoft will show. It does so
    by a refresh, because the content policy forbids forms that lead to another site, and a customer's own sign-in service
    may stand behind Microsoft's.
    """
    try:
        started = sign_in_requests.start(
            invitation, purpose, browser=pages.browser_of(request), actor=actor, method=method
        )
    except RefusedError as refused:
        refused.customer, refused.method = invitation.service.customer.name, method
        if refused.page.key == "remote_unavailable":
            refused.form = {name: str(request.POST[name]) for name in SENT_AGAIN if name in request.POST}
            if re.fullmatch("[1-9][0-9]{0,2}", request.POST.get(TRIES, "")):  # the history has the first refusal
                sign_in_requests.record_refused_form(invitation, refused, actor=actor, is_act=False)
        if purpose == SignIn.Purpose.AUTHORISE:
            refused.in_second_step()
        elif refused.page.status != HTTPStatus.GONE:
            refused.link = invitations.link_of(invitation)  # this browser came from the link
        raise
    goes_on = f"?{GOES_ON}" if purpose == SignIn.Purpose.AUTHORISE else ""
    response = SeeOther(reverse("sign_in", args=[started.sign_in.pk]) + goes_on)
    response.set_cookie(
        pages.COOKIE,
        started.browser,
        max_age=sign_in_requests.BROWSER_KNOWN_FOR,
        secure=True,
        httponly=True,
        samesite="None",  # Microsoft's page posts from another site; the session cookie stays Lax
    )
    return response


def offer_other_account(request: InstanceRequest, refused_one: SignIn, refused: RefusedError) -> None:
    """Prepare Microsoft's page for another account, where that is the advice: its address goes into the refusal.

    The page leads to the invitation instead where Microsoft does not respond, and where many offers were made.
    """
    if not (refused.needs_other_account and refused.link) or sign_in_requests.has_many_offers(refused_one.invitation):
        return
    # In the second step only the first account is accepted; every other account starts with the first step.
    wants_first_account = refused.page.key == "another_administrator"
    purpose = SignIn.Purpose.AUTHORISE if wants_first_account else SignIn.Purpose.IDENTIFY
    with contextlib.suppress(RefusedError):
        started = sign_in_requests.start(
            refused_one.invitation,
            purpose,
            browser=pages.browser_of(request),
            actor=invitations.invitee(refused_one.invitation, pages.address_of(request)),
            method=refused_one.way,
            other_account=True,
        )
        refused.other_account = sign_in_requests.auth_uri_of(started.sign_in)


@require_safe
@shows_error_pages
def sign_in(request: InstanceRequest, sign_in_id: uuid.UUID) -> HttpResponseBase:
    """What Microsoft will ask, and the button that leads there. Only the browser that started the sign-in sees it."""
    current = sign_in_requests.find_for_browser(pages.browser_of(request), sign_in_id, request.instance)
    if WAITS in request.GET and repeated_answers.is_recent(current):
        return _waiting_page(request, current, timezone.now() + LOOKS_AGAIN_AFTER, is_repeated=True)
    if current.outcome == SignIn.Outcome.SUCCEEDED:
        return redirect("progress")
    if redemption.is_waiting(current) and current.retry_at:
        return _waiting_page(request, current, current.retry_at)
    try:
        sign_in_requests.require_current_link(current)
        auth_uri = sign_in_requests.auth_uri_of(current)
    except RefusedError as refused:
        refused.customer = current.invitation.service.customer.name
        refused.link = invitations.link_for_sign_in(current)
        raise
    context = {"auth_uri": auth_uri, "goes_on": GOES_ON in request.GET, **_context(current)}
    return pages.page(request, "sign_in.html", context)


def _waiting_page(
    request: InstanceRequest, current: SignIn, retry_at: datetime, *, is_repeated: bool = False
) -> HttpResponse:
    """Microsoft does not accept its own answer yet, or another request redeems it. The page sends its form by itself."""
    service = current.invitation.service
    code = [("Code", current.microsoft_code)] if current.microsoft_code else []
    context: dict[str, Any] = {
        "sign_in": current,
        "is_repeated": is_repeated,
        "stage": methods.stage(current.way, "authorise" if current.purpose == SignIn.Purpose.AUTHORISE else "identify"),
        "seconds": max(math.ceil((retry_at - timezone.now()).total_seconds()), 1),
        "is_consent": current.microsoft_code in redemption.CONSENT_REPLICATES,
        "customer_name": service.customer.name,
        "details": [*code, ("Time", f"{timezone.now():%Y-%m-%d %H:%M:%S} UTC")],
    }
    return pages.page(request, "waiting.html", context)


def _context(current: SignIn) -> dict[str, object]:
    invitation, service = current.invitation, current.invitation.service
    is_second = current.purpose == SignIn.Purpose.AUTHORISE
    by_token = current.way == ConnectionMethod.TOKEN
    return {
        "second": is_second,
        "used": invitation.status == Invitation.Status.COMPLETED,
        "stage": methods.stage(current.way, "authorise" if is_second else "identify"),
        "invitation_link": invitations.link_for_sign_in(current),
        "may_choose": not is_second and invitation.status in Invitation.UNBEGUN,
        "needed_role": requirements.NEEDED_FOR_TOKEN_SENTENCE if by_token else requirements.NEEDED_ROLE_SENTENCE,
        "account": invitation.connection.admin_username if is_second else invitation.m365_admin_email,
        "registration_name": current.registration_name,
        "may_rename": bool(current.registration_name) and not invitation.connection.registration_id,
        "customer": service.customer,
        "customer_name": service.customer.name,
        "scopes": requirements.TOKEN_SCOPES + requirements.TOKEN_SCOPES_ELSEWHERE if by_token else requirements.SCOPES,
        "by_token": by_token,
        "minutes": int(sign_in_requests.VALID_FOR.total_seconds() // 60),
    }
