"""What we keep of tenants, UMP instances, registrations, operations and the history."""

from registrations.models.applications import AppRegistration, ClientSecret
from registrations.models.audit import AuditContext, AuditEvent
from registrations.models.bulk import BulkItem, BulkJob, BulkPart
from registrations.models.key_canary import KeyCanary
from registrations.models.login_attempts import LoginAttempt
from registrations.models.operations import Operation
from registrations.models.request_windows import RequestWindow
from registrations.models.tenants import EntraTenant, ServiceProvider, UmpInstance

__all__ = [
    "AppRegistration",
    "AuditContext",
    "AuditEvent",
    "BulkItem",
    "BulkJob",
    "BulkPart",
    "ClientSecret",
    "EntraTenant",
    "KeyCanary",
    "LoginAttempt",
    "Operation",
    "RequestWindow",
    "ServiceProvider",
    "UmpInstance",
]
