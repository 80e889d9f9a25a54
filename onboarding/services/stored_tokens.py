"""Forget delegated tokens that nobody needs any more: what is not kept cannot be used in a person's name."""

from django.db.models import QuerySet

from onboarding.models import DelegatedToken
from registrations import audit


def clear(tokens: QuerySet[DelegatedToken], *, actor: audit.Actor) -> None:
    """Blank the tokens' caches, each with its history entry, in the caller's transaction."""
    for token in tokens.exclude(cache_envelope="").select_related("connection__invitation__service"):
        DelegatedToken.objects.filter(pk=token.pk).update(cache_envelope="")
        audit.record("token.forgotten", actor=actor, subject=token.connection)
