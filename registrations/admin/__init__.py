"""The staff's pages: they ask, the services decide."""

from registrations.admin import applications, bulk_job, entra_tenant, operation, service_provider, staff, ump_instance

__all__ = [
    "applications",
    "bulk_job",
    "entra_tenant",
    "history",
    "operation",
    "service_provider",
    "staff",
    "ump_instance",
]
