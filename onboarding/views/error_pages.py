"""RefusedError as a page: one template, filled from the catalogue. Also the handlers for unexpected errors."""

import math
from collections.abc import Callable
from email.utils import parseaddr
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst

from onboarding import emails
from onboarding.error_catalogue import GRANT_SENTENCES, HOW_TO_CONTINUE, ButtonTarget, ErrorPage, GrantOutcome
from onboarding.errors import RefusedError
from onboarding.middleware import InstanceRequest
from onboarding.models import Invitation
from onboarding.services import invitations, sign_in_requests, stranger_limits
from onboarding.views import pages, sessions

P = ParamSpec("P")
FORM_TOO_OLD = (
    "The form has expired, or your browser does not accept cookies. Go back, reload the page and send it again.\n"
)
UNKNOWN = ("your provider", "the application", "your organisation")


def shows_error_pages(
    view: Callable[Concatenate[InstanceRequest, P], HttpResponseBase],
) -> Callable[Concatenate[InstanceRequest, P], HttpResponseBase]:
    """Decorate a view so that its RefusedErrors become pages."""

    @wraps(view)
    def wrapped(request: InstanceRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        try:
            if request.method == "POST":
                _limit(request, str(kwargs.get("token", "")))
            return view(request, *args, **kwargs)
        except RefusedError as refused:
            if request.method == "POST" and not refused.recorded:
                _record(request, refused, str(kwargs.get("token", "")))
            return render_error(request, refused)

    return wrapped


def _limit(request: InstanceRequest, token: str) -> None:
    """Count the form of a link or a session. One with neither changes nothing, and the callback's state is used once."""
    invitation = _invitation_of(request, token)
    if invitation is None:
        return
    browser = pages.browser_of(request)
    address = pages.address_of(request)
    try:
        stranger_limits.limit_forms(invitation, signed_in=not token, browser=browser, address=address)
    except RefusedError as refused:
        refused.link = invitations.link_of(invitation) if token else ""
        raise


def _invitation_of(request: InstanceRequest, token: str) -> Invitation | None:
    return invitations.behind_link(token, request.instance) or sessions.invitation_behind(request)


def _record(request: InstanceRequest, refused: RefusedError, token: str) -> None:
    """Record a refused form in the history. Opening a page writes nothing."""
    invitation = _invitation_of(request, token)
    if invitation:
        actor = invitations.invitee(invitation, pages.address_of(request))
        sign_in_requests.record_refused_form(invitation, refused, actor=actor)
    elif refused.page.key == "session_missing" and settings.SESSION_COOKIE_NAME in request.COOKIES:
        actor = pages.customer_actor(request, "Somebody without a session")
        sign_in_requests.record_form_without_session(request.instance, actor=actor)


def render_error(request: HttpRequest, refused: RefusedError) -> HttpResponse:
    """The page of one error. It uses neither database nor session, so it works when they fail."""
    page = refused.page
    frame = pages.frame_of(request)
    names = _names(frame, refused)
    context = {
        **frame,
        "customer_name": refused.customer,
        "title": _fill(page.title, names),
        "sentence": _fill(page.sentence, names),
        "next_step": _fill(page.next_step, names),
        "effect": _fill(page.effect, names),
        "leftovers": refused.leftovers,
        "grant": _fill(GRANT_SENTENCES.get(refused.grant, ""), names),
        "grant_remains": refused.grant in {GrantOutcome.NOT_REVOKED, GrantOutcome.UNKNOWN},
        "button": page.button if refused.link or page.target is not ButtonTarget.INVITATION else HOW_TO_CONTINUE,
        "button_url": _url(page, refused, names),
        "details": _details(refused),
    }
    response = HttpResponse(render_to_string("onboarding/error.html", context), status=page.status)
    if refused.retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(refused.retry_after.total_seconds()))
    return response


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """An unknown address below /authenticate: most often a link that an email program cut off."""
    return render_error(request, RefusedError("unknown_link"))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's 400."""
    return render_error(request, RefusedError("bad_request"))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's 403."""
    return render_error(request, RefusedError("forbidden"))


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's 500; the log has the traceback."""
    return render_error(request, RefusedError("server_error"))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form without its CSRF token: the wizard's error page, or plain text on an admin host."""
    if hasattr(request, "instance"):
        return render_error(request, RefusedError("csrf"))
    return HttpResponse(FORM_TOO_OLD, status=403, content_type="text/plain; charset=utf-8")


def _names(frame: dict[str, Any], refused: RefusedError) -> dict[str, str]:
    provider, instance = frame["provider"], frame["instance"]
    return {
        "provider": provider.name if provider else UNKNOWN[0],
        "host": instance.host if instance else "",
        "app": instance.app_name if instance else UNKNOWN[1],
        "customer": refused.customer or UNKNOWN[2],
        "facts": refused.facts,
    }


def _fill(text: str, names: dict[str, str]) -> str:
    filled = text.format(**names)
    # Our own words start a sentence with a capital; an address or a name stays as its owner writes it.
    return str(capfirst(filled)) if filled.startswith(UNKNOWN) else filled


def _url(page: ErrorPage, refused: RefusedError, names: dict[str, str]) -> str:
    if page.target is ButtonTarget.REGISTRATION:
        return reverse("registration")
    if page.target is ButtonTarget.PROGRESS:
        return reverse("progress")
    if page.target is ButtonTarget.CONTACT:
        subject = f"Invitation for {refused.customer or names['host']}: {page.title}"
        return f"mailto:{parseaddr(emails.sender())[1]}?subject={quote(subject)}"
    portal = reverse("portal", settings.INSTANCE_URLCONF)
    # The link is only for a browser that has shown that it started from it.
    return refused.link or portal if page.target is ButtonTarget.INVITATION else portal


def _details(refused: RefusedError) -> list[tuple[str, str]]:
    found = [
        ("Error", refused.page.key),
        ("Code", refused.code),
        ("Correlation ID", refused.correlation_id),
        ("Time", f"{timezone.now():%Y-%m-%d %H:%M:%S} UTC"),
    ]
    return [(label, value) for label, value in found if value]
