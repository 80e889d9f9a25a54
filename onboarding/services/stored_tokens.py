"""Delete delegated tokens that are no longer needed: a deleted token cannot be misused."""

from django.db.models import QuerySet

from onboarding.models import DelegatedToken
from registrations import audit


def clear(tokens: QuerySet[DelegatedToken], *, actor: audit.Actor) -> None:
    """Blank the tokens' caches, each with a history entry, in the caller's transaction."""
    for token in tokens.exclude(cache_envelope="").select_related("connection__invitation__service"):
        DelegatedToken.objects.filter(pk=token.pk).update(cache_envelope="")
        audit.record("token.forgotten", actor=actor, subject=token.connection)
