"""The throttle of staff logins: it counts every attempt before the password is checked, and refuses too many."""

from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.http import HttpRequest
from django.utils import timezone

from registrations import audit, encryption, request_limits
from registrations.errors import WrongStateError
from registrations.models import AuditEvent, LoginAttempt

REFUSED, COUNTED = "staff.sign_in_refused", "staff.refusals_counted"
RECORDED = request_limits.Limit("refused passwords", 50, timedelta(days=1))  # of a user name; the rest is counted
WINDOW = timedelta(minutes=15)
MAX_FOR_NAME_AND_NETWORK = 5  # wrong passwords for one user name from one network
MAX_FOR_NAME = 20  # for one user name from anywhere: a guesser may have many networks
# For all user names from one network: a guesser may have many names. An office is one network too, but right passwords do
# not count, and ten people who each type theirs wrong five times are throttled by their own names already.
MAX_FROM_NETWORK = 50
LONGEST_NAME = 150
TOO_MANY = "Too many wrong passwords. Wait 15 minutes, then try again."


def address_of(request: HttpRequest | None) -> str | None:
    """The address of the browser; the first middleware has resolved proxies."""
    return (request.META.get("REMOTE_ADDR") or None) if request is not None else None


def is_throttled(username: str, address: str | None) -> bool:
    """Whether there were too many wrong passwords for this user name, from this network, or both."""
    return _is_full(_name_key(username), request_limits.network_of(address), room=0)


def confirm_password(user: User, password: str, address: str | None, where: str = "confirmation") -> bool:
    """Whether the signed-in person entered their own password; a wrong one counts like a refused login.

    Do not call it in a transaction: parallel guesses must see each other. Raises WrongStateError after too many wrong ones.
    """
    attempt = count_attempt(user.username, address)
    if attempt is None:
        raise WrongStateError(TOO_MANY)
    if user.check_password(password):
        attempt.delete()
        return True
    record_refusal(user.username, address, where)
    return False


def delete_old_attempts() -> int:
    """Delete attempts that no longer count; their number."""
    return LoginAttempt.objects.filter(at__lte=timezone.now() - WINDOW).delete()[0]


def count_attempt(username: str, address: str | None) -> LoginAttempt | None:
    """Count an attempt before its password is checked, so that parallel guesses see each other; None if it is one too many."""
    name_key, network = _name_key(username), request_limits.network_of(address)
    with audit.atomic(durable=True):
        attempt = LoginAttempt.objects.create(at=timezone.now(), name_key=name_key, network=network)
    if _is_full(name_key, network, room=1):
        attempt.delete()  # its password is not checked, so it revealed nothing
        return None
    return attempt


def _is_full(name_key: str, network: str, *, room: int) -> bool:
    """Whether a limit is reached; `room` is for the attempt that is being made."""
    of_name, of_network = models.Q(name_key=name_key), models.Q(network=network)
    found = LoginAttempt.objects.filter(of_name | of_network, at__gt=timezone.now() - WINDOW).aggregate(
        both=models.Count("pk", filter=of_name & of_network),
        name=models.Count("pk", filter=of_name),
        network=models.Count("pk", filter=of_network),
    )
    limits = {"both": MAX_FOR_NAME_AND_NETWORK, "name": MAX_FOR_NAME, "network": MAX_FROM_NETWORK}
    return any(found[key] - room >= limit for key, limit in limits.items())


def record_refusal(username: str, address: str | None, where: str) -> None:
    """Write a wrong password into the history; `where` says what it was entered for."""
    name = username.strip()[:LONGEST_NAME]
    # People type passwords into the wrong field: an unknown user name is kept only as a keyed hash.
    known = User.objects.filter(username=name).first()
    actor = audit.Actor(
        AuditEvent.ActorKind.STAFF, name if known else "Unknown user name", _name_key(username), address
    )
    about = audit.Subject.of(known) if known else audit.Subject(label="Unknown user names")
    with audit.atomic():
        # Names are free to invent and addresses cheap, so unknown names share one number.
        if request_limits.take(RECORDED, about.id, action=COUNTED, subject=about) is None:
            audit.record(REFUSED, actor=actor, after={"where": where})


def _name_key(username: str) -> str:
    name = username.strip()[:LONGEST_NAME].casefold()
    return "name:" + encryption.keyed_hash(encryption.ring_of(settings.PORTAL_KEYS), "sign-in", name)
