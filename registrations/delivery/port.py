"""How a sync app's values reach a UMP: one port with two adapters, the contract API and the hand-over sheet."""

from typing import Protocol

from registrations.models import AppRegistration, Operation


class Delivery(Protocol):
    """How values reach one UMP. Each act is repeatable and returns a note for people."""

    def deliver_sync_app(self, registration: AppRegistration, operation: Operation) -> str:
        """Client ID, client secret and redirect URI: the first save group."""

    def deliver_portal_url(self, operation: Operation) -> str:
        """The Customer Authentication Portal URL: the second save group."""

    def validate(self, registration: AppRegistration, operation: Operation) -> str:
        """The UMP holds these values and they work there."""
