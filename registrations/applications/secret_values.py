"""The stored values of client secrets that are no longer needed here: a deleted value cannot be misused."""

from django.db.models import QuerySet

from registrations import audit
from registrations.models import ClientSecret


def delete(secrets: QuerySet[ClientSecret], *, actor: audit.Actor) -> None:
    """Blank the values of these secrets, each with a history entry, in the caller's transaction.

    Their rows stay as they are: the secrets still exist in Entra, where their key IDs find them.
    """
    for secret in secrets.exclude(envelope="").select_related("registration"):
        ClientSecret.objects.filter(pk=secret.pk).update(envelope="")
        audit.record("secret.value_deleted", actor=actor, subject=secret.registration, after={"key_id": secret.key_id})
