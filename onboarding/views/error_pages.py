"""RefusedError as a page: one template, filled from the catalogue. Also the handlers for unexpected errors."""

import math
import re
from collections.abc import Callable
from datetime import timedelta
from email.utils import parseaddr
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.text import capfirst

from onboarding import emails, methods, requirements
from onboarding.error_catalogue import BACK, GRANT_SENTENCES, HOW_TO_CONTINUE, ButtonTarget, ErrorPage, GrantOutcome
from onboarding.errors import RefusedError
from onboarding.forms import ExistingForm
from onboarding.middleware import InstanceRequest
from onboarding.models import ConnectionMethod, Invitation
from onboarding.services import invitations, redemption, sign_in_requests, stranger_limits
from onboarding.views import pages, sessions
from registrations import unavailable

P = ParamSpec("P")
FORM_TOO_OLD = (
    "The form has expired, or your browser does not accept cookies. Go back, reload the page and send it again.\n"
)
WAYS_BACK = {ButtonTarget.INVITATION, ButtonTarget.PORTAL}  # to the invitation, where it is known
LEADS_TO_CHOICE = frozenset({"consent_declined", "roles_missing", "way_not_offered"})
NEEDED_ROLES: dict[str, str] = {ConnectionMethod.TOKEN: requirements.NEEDED_FOR_TOKEN_SENTENCE}
# The first is used once, and `redemption` bounds the second: over a limit, what Microsoft has just granted would stay.
UNCOUNTED = frozenset({"callback", "try_again"})
TRIES = "tries"  # the field that counts how often a form was sent again
MOST_TRIES_BY_ITSELF = 5
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
            if not refused.link and refused.page.target in WAYS_BACK:
                refused.link = pages.link_of_browser(request)
            back = _way_back(request, str(kwargs.get("token", ""))) if _asks_for_a_link(refused) else ""
            return render_error(request, refused, back=back)

    return wrapped


def _asks_for_a_link(refused: RefusedError) -> bool:
    """Whether the page sends people to the provider for a link, although this browser may have one that works."""
    return refused.page.target is ButtonTarget.CONTACT and not refused.link


def _way_back(request: HttpRequest, token: str = "") -> str:
    """The link at which this browser began, where it leads on: not the one that was just refused."""
    invitation = pages.invitation_of_browser(request)
    if invitation is None or invitation.is_expired or invitation.status == Invitation.Status.REVOKED:
        return ""
    link = invitations.link_of(invitation)
    return "" if token and link.endswith(f"/{token}") else link


def _limit(request: InstanceRequest, token: str) -> None:
    """Count the form of a link or, without one in the address, of a session whose link is current. Others change nothing."""
    if request.resolver_match and request.resolver_match.url_name in UNCOUNTED:
        return
    invitation = (
        invitations.behind_link(token, request.instance) if token else sessions.invitation_with_current_link(request)
    )
    if invitation is None:
        return
    person = "" if token else sessions.signed_in_object_id(request)
    try:
        stranger_limits.limit_forms(
            invitation, person=person, browser=pages.browser_of(request), address=pages.address_of(request)
        )
    except RefusedError as refused:
        refused.link = invitations.link_of(invitation) if token else ""  # this browser has just sent the same link
        raise


def _invitation_of(request: InstanceRequest, token: str) -> Invitation | None:
    return invitations.behind_link(token, request.instance) or sessions.invitation_behind(request)


def _record(request: InstanceRequest, refused: RefusedError, token: str) -> None:
    """Record a refused form in the history. Opening a page writes nothing."""
    invitation = _invitation_of(request, token)
    if invitation:
        actor = invitations.invitee(invitation, pages.address_of(request))
        sign_in_requests.record_refused_form(invitation, refused, actor=actor, is_act=is_act(request))
    elif refused.page.key == "session_missing" and settings.SESSION_COOKIE_NAME in request.COOKIES:
        actor = pages.customer_actor(request, "Somebody without a session")
        sign_in_requests.record_form_without_session(request.instance, actor=actor)


def is_act(request: HttpRequest) -> bool:
    """Whether a person can have sent this form with a page of the wizard: with a method that exists, or with values."""
    name = request.resolver_match.url_name if request.resolver_match else ""
    if name == "start":
        return request.POST.get("way", ConnectionMethod.NEW) in ConnectionMethod.values
    if name == "existing":
        return any(request.POST.get(field, "").strip() for field in ExistingForm.base_fields)
    return True


def render_error(request: HttpRequest, refused: RefusedError, *, back: str = "") -> HttpResponse:
    """The page of one error. It uses neither database nor session, so it works when they fail.

    `back` is the link at which this browser began, beside a button that leads elsewhere.
    """
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
        "button": _button(page, refused),
        "button_url": _url(page, refused, names, frame),
        "other_account": refused.other_account,
        "forward": f"{refused.link}/forward" if refused.link and refused.needs_other_account else "",
        "choose": _choice(refused, frame),
        "back": back,
        "codes": _codes(refused) if page.shows_codes else [],
        "details": _details(refused),
        **_form(request, refused),
    }
    response = HttpResponse(render_to_string("onboarding/error.html", context), status=page.status)
    if refused.retry_after is not None:
        response.headers["Retry-After"] = str(math.ceil(refused.retry_after.total_seconds()))
    return response


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """An unknown address below /authenticate: most often a link that an email program cut off."""
    return render_error(request, RefusedError("unknown_link"), back=_way_back(request))


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's 400."""
    return render_error(request, RefusedError("bad_request"))


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's 403."""
    return render_error(request, RefusedError("forbidden"))


def server_error(request: HttpRequest) -> HttpResponse:
    """503 while the database cannot be used, and Django's 500 otherwise; the log has the traceback."""
    return unavailable.page() or render_error(request, RefusedError("server_error"))


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
        "needed_role": NEEDED_ROLES.get(refused.method, requirements.NEEDED_ROLE_SENTENCE),
        "wait": _in_words(refused.retry_after),
    }


def _in_words(wait: timedelta | None) -> str:
    if wait is None:
        return "a minute"
    seconds = max(math.ceil(wait.total_seconds()), 1)
    if seconds > 90:
        return f"{math.ceil(seconds / 60)} minutes"
    return "one second" if seconds == 1 else f"{seconds} seconds"


def _form(request: HttpRequest, refused: RefusedError) -> dict[str, Any]:
    """The refused form once more, where it may succeed later as it is. It sends itself, if Microsoft said when."""
    if refused.form is None:
        return {}
    wait, tries = refused.retry_after, refused.form.get(TRIES, "")
    tried = int(tries) if re.fullmatch("[0-9]{1,3}", tries) else 0
    by_itself = wait is not None and wait <= redemption.LONGEST_RETRY and tried < MOST_TRIES_BY_ITSELF
    return {
        "form_action": request.path,
        "form_fields": {**refused.form, TRIES: str(tried + 1)}.items(),
        "form_token": get_token(request),
        "submit_after": max(math.ceil(wait.total_seconds()), 1) if by_itself and wait is not None else 0,
    }


def _fill(text: str, names: dict[str, str]) -> str:
    filled = text.format(**names)
    # Our own words start a sentence with a capital; an address or a name stays as its owner writes it.
    return str(capfirst(filled)) if filled.startswith(UNKNOWN) else filled


def _contact(frame: dict[str, Any]) -> str:
    """Whom a mail of the customer reaches: the provider's contact, else the sender of the invitation."""
    provider = frame["provider"]
    return (provider.contact_email if provider else "") or parseaddr(emails.sender())[1]


def _button(page: ErrorPage, refused: RefusedError) -> str:
    if page.target not in WAYS_BACK:
        return page.button
    if not refused.link:
        return HOW_TO_CONTINUE
    return page.button if page.target is ButtonTarget.INVITATION else BACK[0]


def _url(page: ErrorPage, refused: RefusedError, names: dict[str, str], frame: dict[str, Any]) -> str:
    if page.target is ButtonTarget.REGISTRATION:
        return reverse("registration")
    if page.target is ButtonTarget.PROGRESS:
        return reverse("progress")
    if page.target is ButtonTarget.CONTACT:
        subject = f"Invitation for {refused.customer or names['host']}: {page.title}"
        return f"mailto:{_contact(frame)}?subject={quote(subject)}"
    portal = reverse("portal", settings.INSTANCE_URLCONF)
    # The link is only for a browser that has shown that it started from it.
    return refused.link or portal


def _choice(refused: RefusedError, frame: dict[str, Any]) -> str:
    """Where another method can be chosen, if that is a way out of this refusal; "" otherwise."""
    is_way_out = refused.page.key in LEADS_TO_CHOICE and refused.may_choose and bool(refused.link)
    return f"{refused.link}#connect" if is_way_out and methods.others(frame["instance"], refused.method) else ""


def _codes(refused: RefusedError) -> list[tuple[str, str]]:
    found = [("Code", refused.code), ("Correlation ID", refused.correlation_id)]
    return [(label, value) for label, value in found if value]


def _details(refused: RefusedError) -> list[tuple[str, str]]:
    time = ("Time", f"{timezone.now():%Y-%m-%d %H:%M:%S} UTC")
    return [("Error", refused.page.key), *_codes(refused), time]
