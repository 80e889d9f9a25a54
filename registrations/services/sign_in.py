"""Staff sign in: every attempt is in the history, and guessing is slowed down."""

import ipaddress
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import HttpRequest
from django.utils import timezone

from registrations import audit, encryption
from registrations.errors import WrongStateError
from registrations.models import AuditEvent, PasswordTry

REFUSED = "staff.sign_in_refused"
SIGNED_IN = "staff.signed_in"
WINDOW = timedelta(minutes=15)
MAX_AT_ADDRESS = 5  # wrong passwords for one user name from one address
MAX_FOR_NAME = 20  # for one user name from anywhere: a guesser may have many addresses
MAX_FROM_ADDRESS = 50  # for all user names from one address: a guesser may have many names
IPV6_SITE = 64  # RFC 6177 and RFC 4291, section 2.5.4: one subscriber has at least all addresses of a /64
LONGEST_NAME = 150
TOO_MANY = "Too many wrong passwords. Wait 15 minutes, then try again."


class ThrottledBackend(ModelBackend):
    """Django's user table for active staff only, with a pause after repeated wrong passwords."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """The staff member, or None. Raises PermissionDenied where too many wrong passwords were typed lately."""
        if username is None or password is None:
            return None
        address = address_of(request)
        typed = _count_in(username, address)
        if typed is None:
            raise PermissionDenied(TOO_MANY)
        user = super().authenticate(request, username=username, password=password, **kwargs)
        if user is None:
            _record_refusal(username, address, "sign-in")
            return None
        with audit.atomic():
            typed.delete()
            audit.record(SIGNED_IN, actor=audit.Actor.staff(user, address), subject=user)
        return user

    def user_can_authenticate(self, user: User | AnonymousUser | None) -> bool:
        """Active staff only: whoever loses either is signed out with the next request."""
        return super().user_can_authenticate(user) and bool(getattr(user, "is_staff", False))


def address_of(request: HttpRequest | None) -> str | None:
    """The address of the browser; proxies were dealt with by the first middleware."""
    return (request.META.get("REMOTE_ADDR") or None) if request is not None else None


def is_throttled(username: str, address: str | None) -> bool:
    """Whether too many wrong passwords were typed lately for this name, at this address, or both."""
    return _is_full(_name_key(username), network_of(address), room=0)


def confirm_password(user: User, password: str, address: str | None, where: str = "confirmation") -> bool:
    """Whether the signed-in person typed their own password; a wrong one counts like a refused sign-in.

    Not to be called in a transaction: parallel guesses must see each other. Raises WrongStateError after too many wrong
    ones.
    """
    typed = _count_in(user.username, address)
    if typed is None:
        raise WrongStateError(TOO_MANY)
    if user.check_password(password):
        typed.delete()
        return True
    _record_refusal(user.username, address, where)
    return False


def network_of(address: str | None) -> str:
    """What counts as one address: an IPv4 address, or the whole /64 of an IPv6 one; "" for anything else."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return ""
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return str(ip) if ip.version == 4 else str(ipaddress.ip_network((int(ip), IPV6_SITE), strict=False))


def forget_old_tries() -> int:
    """Delete typed passwords that no longer count."""
    return PasswordTry.objects.filter(at__lte=timezone.now() - WINDOW).delete()[0]


def _count_in(username: str, address: str | None) -> PasswordTry | None:
    """Count a password before it is looked at, so that parallel guesses see each other; None where it is one too many."""
    name_key, network = _name_key(username), network_of(address)
    with audit.atomic(durable=True):
        typed = PasswordTry.objects.create(at=timezone.now(), name_key=name_key, network=network)
    if _is_full(name_key, network, room=1):
        typed.delete()  # it was not looked at, so it told nobody anything
        return None
    return typed


def _is_full(name_key: str, network: str, *, room: int) -> bool:
    """Whether a limit is reached; `room` is what those that are being tried may take of it."""
    of_name, of_network = models.Q(name_key=name_key), models.Q(network=network)
    found = PasswordTry.objects.filter(of_name | of_network, at__gt=timezone.now() - WINDOW).aggregate(
        both=models.Count("pk", filter=of_name & of_network),
        name=models.Count("pk", filter=of_name),
        network=models.Count("pk", filter=of_network),
    )
    limits = {"both": MAX_AT_ADDRESS, "name": MAX_FOR_NAME, "network": MAX_FROM_ADDRESS}
    return any(found[key] - room >= limit for key, limit in limits.items())


def _record_refusal(username: str, address: str | None, where: str) -> None:
    name = username.strip()[:LONGEST_NAME]
    # People type passwords into the wrong field: a name that nobody has is kept as a keyed hash alone.
    known = User.objects.filter(username=name).exists()
    actor = audit.Actor(
        AuditEvent.ActorKind.STAFF, name if known else "Unknown user name", _name_key(username), address
    )
    with audit.atomic():
        audit.record(REFUSED, actor=actor, after={"where": where})


def _name_key(username: str) -> str:
    name = username.strip()[:LONGEST_NAME].casefold()
    return "name:" + encryption.keyed_hash(encryption.ring_of(settings.PORTAL_KEYS), "sign-in", name)
