"""The staff's pages: they ask, the services decide."""

from registrations.admin import (
    applications,
    audit_event,
    bulk_job,
    entra_tenant,
    operation,
    service_provider,
    staff,
    ump_instance,
)

__all__ = [
    "applications",
    "audit_event",
    "bulk_job",
    "entra_tenant",
    "operation",
    "service_provider",
    "staff",
    "ump_instance",
]
