"""The staff's side."""

from django.apps import AppConfig


class RegistrationsConfig(AppConfig):
    """Registers the kinds of operation whose steps this app owns, where its rows belong, and the system checks."""

    name = "registrations"
    verbose_name = "Service providers"

    def ready(self) -> None:
        """Registration happens once, when every app is loaded."""
        from registrations import (
            checks,  # noqa: F401
            deploy_checks,  # noqa: F401
            places,
        )
        from registrations.services import provisioning, tenant_check

        places.register_models()
        provisioning.register()
        tenant_check.register()
