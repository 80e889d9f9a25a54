"""The customers' side."""

from django.apps import AppConfig


class OnboardingConfig(AppConfig):
    """Registers the kinds of operation whose steps this app owns."""

    name = "onboarding"
    verbose_name = "Customers"

    def ready(self) -> None:
        """Register the kinds once, when every app is loaded."""
        from onboarding.services import delegated_token, existing_registration, invitation_mail, new_registration

        new_registration.register()
        existing_registration.register()
        delegated_token.register()
        invitation_mail.register()
