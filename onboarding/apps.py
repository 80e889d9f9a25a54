"""The customer's side."""

from django.apps import AppConfig


class OnboardingConfig(AppConfig):
    """Registers the kinds of operation whose steps this app owns."""

    name = "onboarding"
    verbose_name = "Customers"

    def ready(self) -> None:
        """Registration happens once, when every app is loaded."""
        from onboarding.services import connecting, delegating, sending, using_existing

        connecting.register()
        using_existing.register()
        delegating.register()
        sending.register()
