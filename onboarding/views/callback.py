"""Where Microsoft sends the browser back to: the one view that takes a form from another site."""

from django.http import HttpResponse, HttpResponseBase
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from onboarding.hosts import InstanceRequest
from onboarding.models import SignIn
from onboarding.services import arrivals, setups, sign_ins
from onboarding.views import pages, sessions
from onboarding.views.departures import COOKIE
from onboarding.views.pages import SeeOther
from onboarding.views.refusals import refusing
from registrations import audit, tasks


@csrf_exempt  # the one-time state and the browser's cookie bind the answer to the sign-in instead
@require_http_methods(["GET", "HEAD", "POST"])
@refusing
def callback(request: InstanceRequest) -> HttpResponseBase:
    """Redeem the answer once and go on with a session; a GET only says where to go."""
    if request.method != "POST":
        return pages.page(request, "portal.html", {})
    answer = {name: str(value) for name, value in request.POST.items()}
    address = pages.address_of(request)
    sign_in = sign_ins.redeem(
        answer.get("state", ""),
        request.COOKIES.get(COOKIE, ""),
        request.instance,
        actor=audit.Actor.customer("Unknown browser", ip_address=address),
    )
    if sign_in.purpose == SignIn.Purpose.IDENTIFY:
        arrival = arrivals.identify(sign_in, answer, ip_address=address)
    else:
        arrival = arrivals.authorise(sign_in, answer, ip_address=address)
    if arrival.operation:
        tasks.enqueue(arrival.operation.pk)
    sessions.open_for(request, arrival.connection, arrival.person, link=sign_in.token_hash)
    return _go_on(arrival)


def _go_on(arrival: arrivals.Arrival) -> HttpResponse:
    under_way = setups.operation_of(arrival.connection) is not None
    return SeeOther(reverse("progress" if under_way else "registration"))
