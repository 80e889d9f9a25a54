"""Staff sign in: every attempt is in the history, and guessing is slowed down."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from registrations import encryption
from registrations.errors import WrongStateError
from registrations.models import AuditEvent
from registrations.services import audit

REFUSED = "staff.sign_in_refused"
SIGNED_IN = "staff.signed_in"
MAX_REFUSALS = 5
WINDOW = timedelta(minutes=15)
LONGEST_NAME = 150
TOO_MANY = "Too many wrong passwords for this user name. Wait 15 minutes, then try again."


class ThrottledBackend(ModelBackend):
    """Django's user table for active staff only, with a pause after repeated wrong passwords."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """The staff member, or None. Raises PermissionDenied after 5 refusals within 15 minutes at one address."""
        if username is None or password is None:
            return None
        address = address_of(request)
        if is_throttled(username, address):
            raise PermissionDenied(TOO_MANY)
        user = super().authenticate(request, username=username, password=password, **kwargs)
        if user is None:
            _record_refusal(username, address, "sign-in")
            return None
        with transaction.atomic():
            audit.record(SIGNED_IN, actor=audit.Actor.staff(user, address), subject=user)
        return user

    def user_can_authenticate(self, user: User | AnonymousUser | None) -> bool:
        """Active staff only: whoever loses either is signed out with the next request."""
        return super().user_can_authenticate(user) and bool(getattr(user, "is_staff", False))


def address_of(request: HttpRequest | None) -> str | None:
    """The address of the browser; proxies were dealt with by the first middleware."""
    return (request.META.get("REMOTE_ADDR") or None) if request is not None else None


def is_throttled(username: str, address: str | None) -> bool:
    """Whether this user name was refused too often at this address within the last 15 minutes."""
    refusals = AuditEvent.objects.filter(
        action=REFUSED, at__gt=timezone.now() - WINDOW, actor_id=_name_key(username), ip_address=address
    )
    return refusals.count() >= MAX_REFUSALS


def confirm_password(user: User, password: str, address: str | None) -> bool:
    """Whether the signed-in person typed their own password; a wrong one counts like a refused sign-in.

    Raises WrongStateError after too many wrong ones.
    """
    if is_throttled(user.username, address):
        raise WrongStateError(TOO_MANY)
    if user.check_password(password):
        return True
    _record_refusal(user.username, address, "confirmation")
    return False


def _record_refusal(username: str, address: str | None, where: str) -> None:
    name = username.strip()[:LONGEST_NAME]
    # People type passwords into the wrong field: a name that nobody has is kept as a keyed hash alone.
    known = User.objects.filter(username=name).exists()
    actor = audit.Actor(
        AuditEvent.ActorKind.STAFF, name if known else "Unknown user name", _name_key(username), address
    )
    with transaction.atomic():
        audit.record(REFUSED, actor=actor, after={"where": where})


def _name_key(username: str) -> str:
    name = username.strip()[:LONGEST_NAME].casefold()
    return "name:" + encryption.keyed_hash(encryption.ring_of(settings.PORTAL_KEYS), "sign-in", name)
