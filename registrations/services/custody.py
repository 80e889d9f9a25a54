"""Secrets that staff give into our keeping, and the addresses they are sent to."""

from collections.abc import Iterable
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models
from django.utils import timezone

from registrations import audit
from registrations.errors import WrongStateError
from registrations.models import EntraTenant, Operation, ServiceProvider, UmpInstance
from registrations.models.fields import validate_dns_label, validate_domain
from registrations.models.notes import INSTANCE_NOTE
from registrations.models.tenants import (
    canonical_ump_url,
    validate_domain_is_free,
    validate_ump_is_free,
    validate_ump_url,
)

LIVE = Operation.objects.live().filter(subject_id=models.OuterRef("pk"))


def keep_tenant_secret(tenant: EntraTenant, secret: str, *, actor: audit.Actor) -> None:
    """Seal the client secret of the application that SyncPortal works with in this tenant; what was checked is void."""
    tenant.seal("client_secret_envelope", secret)
    tenant.checked_at, tenant.missing_permissions, tenant.excess_permissions = None, [], []
    with audit.atomic():
        tenant.save(update_fields=["client_secret_envelope", "checked_at", "missing_permissions", "excess_permissions"])
        audit.record("tenant.secret_kept", actor=actor, subject=tenant)


def void_check(tenant: EntraTenant) -> None:
    """What was checked is not known any more: the next provisioning looks again."""
    EntraTenant.objects.filter(pk=tenant.pk).update(checked_at=None, missing_permissions=[], excess_permissions=[])


def keep_ump_secret(instance: UmpInstance, secret: str, *, actor: audit.Actor) -> None:
    """Seal the client secret with which SyncPortal signs in to the UMP's API."""
    instance.seal("ump_client_secret_envelope", secret)
    with audit.atomic():
        instance.save(update_fields=["ump_client_secret_envelope"])
        audit.record("instance.secret_kept", actor=actor, subject=instance)


def was_delivered(instances: models.QuerySet[UmpInstance]) -> bool:
    """Whether one of these instances' UMPs got a sync app."""
    return instances.filter(delivered_at__isnull=False).exists()


def is_fixed(instances: models.QuerySet[UmpInstance]) -> bool:
    """Whether the address of these instances is past editing: one was delivered, or an operation is at work on one."""
    if was_delivered(instances):
        return True
    ids = list(instances.values_list("pk", flat=True))
    return Operation.objects.live().filter(models.Q(subject_id__in=ids) | _noted(ids)).exists()


def lock(instances: models.QuerySet[UmpInstance]) -> None:
    """Keep others from writing these rows until the transaction ends; all who lock several do it in this order."""
    list(instances.order_by("pk").select_for_update(of=("self",), no_key=True).only("pk"))


def hold_address(instances: models.QuerySet[UmpInstance]) -> None:
    """Keep these instances as they are until the transaction ends, so that what they derive from may be edited.

    Raises WrongStateError where their address is past editing: an operation may have begun a moment ago.
    """
    lock(instances)
    if is_fixed(instances):
        raise WrongStateError(
            "Nothing is saved: an operation has begun here, or something was delivered, and it uses this address. "
            "Wait for the end or cancel it. After a delivery, use Change address."
        )


def change_instance_address(
    instance: UmpInstance, *, ump_url: str, app_name: str, reason: str, actor: audit.Actor, delivery: str = ""
) -> None:
    """Give a delivered instance another UMP URL, app name or delivery: it is a draft again, and needs its UMP secret.

    Raises ValidationError for an address that is not allowed, WrongStateError while an operation is at work there.
    """
    validate_dns_label(app_name)
    validate_ump_url(ump_url, instance.provider.domain)
    ump_url = canonical_ump_url(ump_url)
    validate_ump_is_free(ump_url, instance.pk)
    _need_reason(reason)
    before = {"app_name": instance.app_name, "ump_url": instance.ump_url, "delivery": instance.delivery}
    after = {"app_name": app_name, "ump_url": ump_url, "delivery": delivery or instance.delivery}
    with audit.atomic():
        _readdress(UmpInstance.objects.filter(pk=instance.pk), **after)
        instance.refresh_from_db()
        audit.record(
            "instance.address_changed", actor=actor, subject=instance, before=before, after=after, reason=reason
        )


def change_provider_address(
    provider: ServiceProvider, *, domain: str, tenant: EntraTenant, reason: str, actor: audit.Actor
) -> None:
    """Give a provider another domain or tenant; all its instances are drafts again and need their UMP secret.

    A UMP URL that is not under the new domain is emptied: no secret may go there before a person has typed it again.
    Raises ValidationError for a domain that is not one, WrongStateError while one of the instances is at work.
    """
    validate_domain(domain)
    validate_domain_is_free(domain, provider.pk)
    _need_reason(reason)
    before = {"domain": provider.domain, "tenant": str(provider.tenant)}
    after = {"domain": domain, "tenant": str(tenant)}
    with audit.atomic():
        # All at once and in one order, before any is written.
        rows = UmpInstance.objects.select_for_update(no_key=True).filter(provider=provider).order_by("pk")
        instances = list(rows.exclude(status=UmpInstance.Status.RETIRED))
        try:
            with audit.atomic():
                ServiceProvider.objects.filter(pk=provider.pk).update(domain=domain, tenant=tenant)
        except IntegrityError:
            raise WrongStateError(f"Another service provider has the domain {domain}.") from None
        provider.refresh_from_db()
        audit.record(
            "provider.address_changed", actor=actor, subject=provider, before=before, after=after, reason=reason
        )
        for instance in instances:
            _follow_provider(instance, domain, reason, actor)


def _follow_provider(instance: UmpInstance, domain: str, reason: str, actor: audit.Actor) -> None:
    old_url = instance.ump_url
    _readdress(UmpInstance.objects.filter(pk=instance.pk), ump_url=old_url if _allowed(old_url, domain) else "")
    instance = UmpInstance.objects.select_related("provider").get(pk=instance.pk)
    audit.record(
        "instance.address_changed",
        actor=actor,
        subject=instance,
        reason=reason,
        before={"ump_url": old_url},
        after={"ump_url": instance.ump_url, "domain": domain},
    )


def _readdress(rows: models.QuerySet[UmpInstance], **address: Any) -> None:
    # Locked first, then looked at: whoever begins an operation locks the instance too, and one that began a moment ago is seen.
    lock(rows)
    if Operation.objects.live().filter(_noted(rows.values_list("pk", flat=True))).exists():
        raise WrongStateError("A customer is being connected on this instance. Wait for the end or cancel it first.")
    try:
        with audit.atomic():
            changed = rows.exclude(models.Exists(LIVE)).update(
                **address,
                ump_client_secret_envelope="",
                status=UmpInstance.Status.DRAFT,
                status_changed_at=timezone.now(),
            )
    except IntegrityError:
        raise WrongStateError("Another instance has that app name or that UMP base URL.") from None
    if not changed:
        raise WrongStateError("An operation of this instance has not ended yet. Wait for it or cancel it first.")


def _noted(ids: Iterable[Any]) -> models.Q:
    """Operations of something else that need the address of one of these instances."""
    return models.Q(**{f"notes__{INSTANCE_NOTE}__in": [str(pk) for pk in ids]})


def _allowed(url: str, domain: str) -> bool:
    try:
        validate_ump_url(url, domain)
    except ValidationError:
        return False
    return True


def _need_reason(reason: str) -> None:
    if not reason.strip():
        raise WrongStateError("Give a reason: it is kept in the history.")
