"""The redirect URI of the sign-in: the only view that accepts a form from another site. And the second try of an answer."""

import re
import uuid

from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from onboarding.errors import RefusedError
from onboarding.middleware import InstanceRequest
from onboarding.models import Connection, ConnectionMethod, Invitation, SignIn
from onboarding.services import (
    invitations,
    lookups,
    redemption,
    repeated_answers,
    sign_in_callback,
    sign_in_errors,
    sign_in_requests,
)
from onboarding.services.redemption import RedeemLaterError
from onboarding.views import pages, sessions
from onboarding.views.error_pages import shows_error_pages
from onboarding.views.pages import SeeOther
from onboarding.views.sign_in import WAITS, offer_other_account
from registrations import audit, tasks
from registrations.clients.entra import EntraRefusedError
from registrations.service_words import LONGEST_READ

BARE_ERROR = re.compile(r"[a-z_]{3,60}")


@csrf_exempt  # the one-time state and the browser's cookie bind the answer to the sign-in instead
@require_http_methods(["GET", "HEAD", "POST"])
@shows_error_pages
def callback(request: InstanceRequest) -> HttpResponseBase:
    """Process Microsoft's response once and open a session. A GET only explains what happened."""
    if request.method != "POST":
        return _told_by_get(request)
    answer = {name: str(value) for name, value in request.POST.items()}
    claimed = sign_in_requests.claim(
        answer.get("state", ""),
        pages.browser_of(request),
        request.instance,
        actor=audit.Actor.customer("Unknown browser", ip_address=pages.address_of(request)),
        code=answer.get("code", ""),
    )
    sign_in = claimed.sign_in
    if claimed.is_mine:
        return _finish(request, sign_in, answer)
    if sign_in.outcome == SignIn.Outcome.SUCCEEDED:
        return SeeOther(reverse("progress"))
    if sign_in.outcome == SignIn.Outcome.REFUSED:
        return SeeOther(invitations.link_for_sign_in(sign_in) or reverse("portal"))
    page = reverse("sign_in", args=[sign_in.pk])
    return SeeOther(page if redemption.is_waiting(sign_in) else f"{page}?{WAITS}")


@require_POST
@shows_error_pages
def try_again(request: InstanceRequest, sign_in_id: uuid.UUID) -> HttpResponseBase:
    """Redeem an answer again that Microsoft did not accept yet. Before its time has come, the page waits on.

    Where another request of this browser has redeemed it meanwhile, this one gets the same outcome.
    """
    sign_in = sign_in_requests.find_for_browser(pages.browser_of(request), sign_in_id, request.instance)
    page = reverse("sign_in", args=[sign_in.pk])
    if repeated_answers.is_running(sign_in):
        return SeeOther(f"{page}?{WAITS}")
    repeated = _repeated(request, sign_in)
    if repeated:
        return repeated
    answer = redemption.take(sign_in)
    return SeeOther(page) if answer is None else _finish(request, sign_in, answer)


def _repeated(request: InstanceRequest, sign_in: SignIn) -> HttpResponse | None:
    """The outcome of a moment ago once more, with its session; None without one. Raises RefusedError as it did."""
    try:
        person = repeated_answers.take_person(sign_in)
    except RefusedError as refused:
        offer_other_account(request, sign_in, refused)
        raise
    connection = Connection.objects.filter(invitation=sign_in.invitation_id).first()
    if person is None or connection is None:
        return None
    sessions.open_for(request, connection, person, link=sign_in.token_hash)
    return _next_page(connection)


def _finish(request: InstanceRequest, sign_in: SignIn, answer: dict[str, str]) -> HttpResponse:
    address = pages.address_of(request)
    complete = sign_in_callback.identify if sign_in.purpose == SignIn.Purpose.IDENTIFY else sign_in_callback.authorise
    try:
        result = complete(sign_in, answer, ip_address=address)
    except RedeemLaterError:
        return SeeOther(reverse("sign_in", args=[sign_in.pk]))  # the page that waits
    except RefusedError as refused:
        offer_other_account(request, sign_in, refused)
        raise
    if result.operation:
        tasks.enqueue(result.operation.pk)
    sessions.open_for(request, result.connection, result.person, link=sign_in.token_hash)
    return _next_page(result.connection)


def _next_page(connection: Connection) -> HttpResponse:
    has_operation = lookups.operation_of(connection) is not None
    return SeeOther(reverse("progress" if has_operation else "registration"))


def _told_by_get(request: InstanceRequest) -> HttpResponseBase:
    """Say what Microsoft's page of errors or of admin consent brought in the address. Nothing is done or recorded.

    Anyone can write such an address, so of its text only known codes and IDs are used.
    """
    error, description = request.GET.get("error", ""), request.GET.get("error_description", "")[:LONGEST_READ]
    if error or description:
        known = EntraRefusedError(
            {"error": error if BARE_ERROR.fullmatch(error) else "", "error_description": description}
        )
        known.words = ""
        given = sign_in_errors.correlation_id_in({"error_description": description})
        refusal = sign_in_errors.refusal_of(known, ConnectionMethod.NEW, given).unrecorded()
        invitation = pages.invitation_of_browser(request)
        refusal.may_choose = invitation is not None and invitation.status in Invitation.UNBEGUN
        raise refusal
    if request.GET.get("admin_consent"):
        was_given = request.GET["admin_consent"].lower() == "true"
        context = {"given": was_given, "link": pages.link_of_browser(request)}
        return pages.page(request, "admin_consent.html", context)
    return pages.page(request, "portal.html", {"link": pages.link_of_browser(request)})
