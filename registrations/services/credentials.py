"""Credentials that staff enter: SyncPortal's own in each tenant, and those of the UMPs' APIs. Stored encrypted."""

from registrations import audit
from registrations.models import EntraTenant, UmpInstance


def store_tenant_secret(tenant: EntraTenant, secret: str, *, actor: audit.Actor) -> None:
    """Encrypt the client secret of SyncPortal's application in this tenant. The last check no longer counts."""
    tenant.seal("client_secret_envelope", secret)
    tenant.checked_at, tenant.missing_permissions, tenant.excess_permissions = None, [], []
    with audit.atomic():
        tenant.save(update_fields=["client_secret_envelope", "checked_at", "missing_permissions", "excess_permissions"])
        audit.record("tenant.secret_kept", actor=actor, subject=tenant)


def reset_check(tenant: EntraTenant) -> None:
    """The last check no longer counts: the next provisioning checks again."""
    EntraTenant.objects.filter(pk=tenant.pk).update(checked_at=None, missing_permissions=[], excess_permissions=[])


def store_ump_secret(instance: UmpInstance, secret: str, *, actor: audit.Actor) -> None:
    """Encrypt the client secret with which SyncPortal signs in to the UMP's API."""
    instance.seal("ump_client_secret_envelope", secret)
    with audit.atomic():
        instance.save(update_fields=["ump_client_secret_envelope"])
        audit.record("instance.secret_kept", actor=actor, subject=instance)
