"""Client secrets that a customer's administrator entered: SyncPortal stores their values, and never manages them."""

from django.utils import timezone

from registrations import audit
from registrations.models import AppRegistration, ClientSecret, Operation


def store(
    registration: AppRegistration, value: str, *, actor: audit.Actor, operation: Operation, display_name: str
) -> None:
    """Encrypt an entered secret that obtained a token, in the caller's transaction.

    Only its value is known: key ID and expiry are shown only to those who may read the registration.
    """
    secret = ClientSecret(
        registration=registration,
        display_name=display_name,
        hint=value[:3],
        stored_at=timezone.now(),
        status=ClientSecret.Status.PROVEN,
    )
    secret.seal("envelope", value)
    secret.save(force_insert=True)
    audit.record("secret.entered", actor=actor, subject=registration, operation_id=operation.pk)


def forget(registration: AppRegistration, *, actor: audit.Actor, operation: Operation) -> None:
    """Delete the stored values of entered secrets, in the caller's transaction. In Entra they stay the customer's."""
    live = ClientSecret.objects.live().filter(registration=registration, registration__managed=False)
    if live.update(status=ClientSecret.Status.REMOVED, envelope=""):
        audit.record("secret.forgotten", actor=actor, subject=registration, operation_id=operation.pk)
