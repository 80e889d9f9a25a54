"""The staff's pages: they ask, the services decide."""

from registrations.admin import (
    applications,
    entra_tenant,
    history,
    operation,
    service_provider,
    staff,
    ump_instance,
)

__all__ = [
    "applications",
    "entra_tenant",
    "history",
    "operation",
    "service_provider",
    "staff",
    "ump_instance",
]
