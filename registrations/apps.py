"""The staff's side."""

from django.apps import AppConfig


class RegistrationsConfig(AppConfig):
    """Registers the kinds of operation whose steps this app owns, and the system checks."""

    name = "registrations"
    verbose_name = "Service providers"

    def ready(self) -> None:
        """Registration happens once, when every app is loaded."""
        from registrations import checks, deploy_checks  # noqa: F401
        from registrations.services import provisioning, tenant_check

        provisioning.register()
        tenant_check.register()
