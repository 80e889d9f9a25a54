"""When a session ends: idle, too old, or its person may not sign in any more. Enforced here, whatever the browser keeps."""

import time
from collections.abc import Callable

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

STARTED, SEEN, CONFIRMED = "started_at", "seen_at", "password_confirmed_at"  # keys of a session; seconds since 1970
WRITTEN_EVERY = 60  # seconds: a session is not written with each request
CONFIRMED_FOR = 10 * 60  # seconds


class SessionLimitsMiddleware:
    """Ends sessions of staff that were idle or are too old, customers' sessions that are too old, and those of nobody."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Go on without the session where it has ended: the page then asks for a sign-in."""
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            limit(request)
        return self.get_response(request)


def limit(request: HttpRequest) -> None:
    """End the session, or note that it was used."""
    session, now = request.session, int(time.time())
    if not session.keys():
        return
    started, seen = int(session.get(STARTED, now)), int(session.get(SEEN, now))
    # A customer's session has a limit of its own, and waits for its setup without a click.
    oldest = min(session.get_expiry_age(), settings.SESSION_COOKIE_AGE)
    of_staff = SESSION_KEY in session
    idle = of_staff and now - seen >= settings.SESSION_IDLE_MINUTES * 60
    if idle or now - started >= oldest or (of_staff and not request.user.is_authenticated):
        session.flush()
        request.user = AnonymousUser()
    elif STARTED not in session:
        session[STARTED], session[SEEN] = now, now
    elif of_staff and now - seen >= WRITTEN_EVERY and not is_background(request):
        session[SEEN] = now


def is_background(request: HttpRequest) -> bool:
    """Whether a page asks by itself, without its reader: that keeps nobody signed in.

    https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Dest: a script's fetch says "empty".
    """
    return request.method == "GET" and request.headers.get("Sec-Fetch-Dest") == "empty"


def end_all(person: User) -> int:
    """Sign a person out everywhere, in the transaction of the change that demands it. The number of sessions."""
    ended = 0
    for session in Session.objects.filter(expire_date__gt=timezone.now()).iterator():
        if session.get_decoded().get(SESSION_KEY) == str(person.pk):
            session.delete()
            ended += 1
    return ended


def is_confirmed(request: HttpRequest) -> bool:
    """Whether the signed-in person entered their password again a few minutes ago."""
    return time.time() - float(request.session.get(CONFIRMED, 0)) < CONFIRMED_FOR


def confirm(request: HttpRequest) -> None:
    """Note that the password was entered again."""
    request.session[CONFIRMED] = int(time.time())
