"""The authentication backend of the admin: active staff only, throttled, every login in the history."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from registrations import audit
from registrations.auth import throttle

SIGNED_IN = "staff.signed_in"


class ThrottledBackend(ModelBackend):
    """Django's user table, with a pause after repeated wrong passwords."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """The staff member, or None. Raises PermissionDenied after too many wrong passwords."""
        if username is None or password is None:
            return None
        address = throttle.address_of(request)
        attempt = throttle.count_attempt(username, address)
        if attempt is None:
            raise PermissionDenied(throttle.TOO_MANY)
        user = super().authenticate(request, username=username, password=password, **kwargs)
        if user is None:
            throttle.record_refusal(username, address, "sign-in")
            return None
        with audit.atomic():
            attempt.delete()
            audit.record(SIGNED_IN, actor=audit.Actor.staff(user, address), subject=user)
        return user

    def user_can_authenticate(self, user: User | AnonymousUser | None) -> bool:
        """Active staff only: a person who is no longer either is signed out with the next request."""
        return super().user_can_authenticate(user) and bool(getattr(user, "is_staff", False))
