"""The customers' side."""

from django.apps import AppConfig


class OnboardingConfig(AppConfig):
    """Registers the kinds of operation whose steps this app owns, and where its rows belong."""

    name = "onboarding"
    verbose_name = "Customers"

    def ready(self) -> None:
        """Register both once, when every app is loaded."""
        from onboarding import places
        from onboarding.services import delegated_token, existing_registration, invitation_mail, new_registration

        new_registration.register()
        existing_registration.register()
        delegated_token.register()
        invitation_mail.register()
        places.register_models()
