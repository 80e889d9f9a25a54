"""What SyncPortal has delivered to an instance's UMP before: a UMP restored from a backup may hold it.

The history knows the values: applications are created again, and addresses are changed.
"""

import itertools
from dataclasses import dataclass

from registrations import canonical
from registrations.models import AppRegistration, AuditEvent, ServiceProvider, UmpInstance


@dataclass(frozen=True)
class EarlierValues:
    """Today's values and all earlier ones."""

    app_ids: frozenset[str]
    redirect_uris: frozenset[str]
    portal_urls: frozenset[str]


def of(instance: UmpInstance) -> EarlierValues:
    """The values that the instance's UMP has held, or may have held, by SyncPortal's own doing."""
    registrations = AppRegistration.objects.filter(instance=instance)
    app_ids = set(registrations.values_list("app_id", flat=True))
    for registration_id in registrations.values_list("pk", flat=True):
        app_ids |= _written(str(registration_id), "app_id")
    names = {instance.app_name, *_written(str(instance.pk), "app_name")}
    domains = {instance.provider.domain, *_written(str(instance.provider_id), "domain")}
    addresses = [
        UmpInstance(app_name=name, provider=ServiceProvider(domain=domain))
        for name, domain in itertools.product(names, domains)
    ]
    return EarlierValues(
        frozenset(canonical.guid(app_id) for app_id in app_ids if app_id),
        frozenset(canonical.url(each.redirect_uri) for each in addresses),
        frozenset(canonical.url(each.portal_url) for each in addresses),
    )


def _written(subject_id: str, name: str) -> set[str]:
    """Every value of that name in the history entries of one object."""
    entries = AuditEvent.objects.filter(subject_id=subject_id).values_list("before", "after")
    found = (part.get(name) for entry in entries for part in entry if isinstance(part, dict))
    return {value for value in found if isinstance(value, str) and value}
