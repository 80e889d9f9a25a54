"""The addresses of UMP instances, to which secrets are sent: when they may be edited, and how they are changed later."""

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
    validate_new_ump_url,
    validate_ump_is_free,
    validate_ump_url,
)

HAS_LIVE_OPERATION = models.Exists(Operation.objects.live().filter(subject_id=models.OuterRef("pk")))


def was_delivered(instances: models.QuerySet[UmpInstance]) -> bool:
    """Whether one of these instances' UMPs got a sync app."""
    return instances.filter(delivered_at__isnull=False).exists()


def is_fixed(instances: models.QuerySet[UmpInstance]) -> bool:
    """Whether the address of these instances cannot be edited: one was delivered, or has a live operation."""
    if was_delivered(instances):
        return True
    ids = list(instances.values_list("pk", flat=True))
    return Operation.objects.live().filter(models.Q(subject_id__in=ids) | _noting(ids)).exists()


def lock(instances: models.QuerySet[UmpInstance]) -> None:
    """Lock these rows until the transaction ends, always in this order, so that no deadlock occurs."""
    list(instances.order_by("pk").select_for_update(of=("self",), no_key=True).only("pk"))


def lock_for_edit(instances: models.QuerySet[UmpInstance]) -> None:
    """Lock these instances until the transaction ends, so that what their address is generated from may be edited.

    Raises WrongStateError if their address cannot be edited (any more): an operation may have started a moment ago.
    """
    lock(instances)
    if is_fixed(instances):
        raise WrongStateError(
            "Nothing was saved: an operation uses this address, or something was delivered to it. "
            "Wait until the operation ends, or cancel it. After a delivery, use Change address."
        )


def change_instance_address(
    instance: UmpInstance, *, ump_url: str, app_name: str, reason: str, actor: audit.Actor, delivery: str = ""
) -> None:
    """Change the UMP URL, app name or delivery of a delivered instance. It is a draft again, and needs its UMP secret.

    Raises ValidationError for an address that is not allowed, WrongStateError while it has a live operation.
    """
    validate_dns_label(app_name)
    validate_new_ump_url(ump_url, instance.provider.domain)
    ump_url = canonical_ump_url(ump_url)
    validate_ump_is_free(ump_url, instance.pk)
    _require_reason(reason)
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
    """Change a provider's domain or tenant. All its instances are drafts again and need their UMP secret.

    A UMP URL that is not under the new domain is emptied: no secret may be sent there before a person enters it again.
    Raises ValidationError for an invalid domain, WrongStateError while one of the instances has a live operation.
    """
    validate_domain(domain)
    validate_domain_is_free(domain, provider.pk)
    _require_reason(reason)
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
    # Lock first, then check: a request for an operation locks the instance too, so a recent request is seen.
    lock(rows)
    if Operation.objects.live().filter(_noting(rows.values_list("pk", flat=True))).exists():
        raise WrongStateError(
            "A customer is being connected on this instance. Wait until that ends, or cancel it first."
        )
    try:
        with audit.atomic():
            changed = rows.exclude(HAS_LIVE_OPERATION).update(
                **address,
                ump_client_secret_envelope="",
                status=UmpInstance.Status.DRAFT,
                status_changed_at=timezone.now(),
            )
    except IntegrityError:
        raise WrongStateError("Another instance has that app name or that UMP base URL.") from None
    if not changed:
        raise WrongStateError("An operation of this instance has not ended yet. Wait for it or cancel it first.")


def _noting(ids: Iterable[Any]) -> models.Q:
    """Operations about other subjects that need the address of one of these instances."""
    return models.Q(**{f"notes__{INSTANCE_NOTE}__in": [str(pk) for pk in ids]})


def _allowed(url: str, domain: str) -> bool:
    try:
        validate_ump_url(url, domain)
    except ValidationError:
        return False
    return True


def _require_reason(reason: str) -> None:
    if not reason.strip():
        raise WrongStateError("Enter a reason: it is stored in the history.")
