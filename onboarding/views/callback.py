"""The redirect URI of the sign-in: the only view that accepts a form from another site."""

from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from onboarding.middleware import InstanceRequest
from onboarding.models import SignIn
from onboarding.services import lookups, sign_in_callback, sign_in_requests
from onboarding.views import pages, sessions
from onboarding.views.error_pages import shows_error_pages
from onboarding.views.pages import SeeOther
from registrations import audit, tasks


@csrf_exempt  # the one-time state and the browser's cookie bind the answer to the sign-in instead
@require_http_methods(["GET", "HEAD", "POST"])
@shows_error_pages
def callback(request: InstanceRequest) -> HttpResponseBase:
    """Process Microsoft's response once and open a session. A GET only explains where to go."""
    if request.method != "POST":
        return pages.page(request, "portal.html", {})
    answer = {name: str(value) for name, value in request.POST.items()}
    address = pages.address_of(request)
    sign_in = sign_in_requests.claim(
        answer.get("state", ""),
        pages.browser_of(request),
        request.instance,
        actor=audit.Actor.customer("Unknown browser", ip_address=address),
        code=answer.get("code", ""),
    )
    if sign_in.outcome == SignIn.Outcome.SUCCEEDED:
        return SeeOther(reverse("progress"))
    if sign_in.purpose == SignIn.Purpose.IDENTIFY:
        result = sign_in_callback.identify(sign_in, answer, ip_address=address)
    else:
        result = sign_in_callback.authorise(sign_in, answer, ip_address=address)
    if result.operation:
        tasks.enqueue(result.operation.pk)
    sessions.open_for(request, result.connection, result.person, link=sign_in.token_hash)
    return _next_page(result)


def _next_page(result: sign_in_callback.CallbackResult) -> HttpResponse:
    has_operation = lookups.operation_of(result.connection) is not None
    return SeeOther(reverse("progress" if has_operation else "registration"))
