"""The two other methods to connect a customer: an existing registration and a delegated token."""

from collections import defaultdict
from typing import Any

from onboarding import requirements
from onboarding.models import Connection, ConnectionMethod, Invitation
from onboarding.services import delegated_token, existing_registration
from registrations import audit
from sandbox.catalogue import APPLICATION_ADMINISTRATOR
from tests.chaos.fixtures import ConnectFactory, sign_in


class ExistingRegistrationFactory(ConnectFactory):
    """An existing, complete registration of Contoso for each, whose values the customer enters."""

    def prepare(self) -> None:
        """List the permissions; nobody signs in."""
        self.entered: list[tuple[Invitation, existing_registration.EnteredValues]] = []
        self.permissions: dict[str, list[str]] = defaultdict(list)
        for permission in requirements.PERMISSIONS:
            self.permissions[permission.resource_app_id].append(permission.value)

    def make(self, number: int) -> None:
        """Create a service, its invitation, and the registration in Contoso's tenant."""
        made = self.control.world(
            "add_granted_application",
            tenant=self.seed["tenant_id"],
            name=self._name(number),
            permissions=self.permissions,
            roles=[role.template_id for role in requirements.ROLES],
        )
        entered = existing_registration.EnteredValues(self.seed["tenant_id"], made["app_id"], made["secret"])
        self.entered.append((self.invite(number), entered))

    def request(self, number: int) -> Any:
        """Request the check of the entered values, which then connects."""
        return existing_registration.request(*self.entered[number], actor=audit.SYSTEM)


class DelegatedTokenFactory(ConnectFactory):
    """A person of Contoso with the two roles has consented to a refresh token."""

    def prepare(self) -> None:
        """Sign in once for all operations: the refresh token can be used again, and each operation gets its own with it."""
        self.username = f"tilda{self.batch}@contoso.example"
        roles = [APPLICATION_ADMINISTRATOR, *(role.template_id for role in requirements.TOKEN_ROLES)]
        self.control.world(
            "add_user", tenant=self.seed["tenant_id"], display_name="Tilda", upn=self.username, roles=roles
        )
        self.redeemed = sign_in(self.instance, self.seed["tenant_id"], self.username, keeps=True)

    def make(self, number: int) -> None:
        """Create the same with the token method."""
        super().make(number)
        Connection.objects.filter(pk=self.connections[number].pk).update(way=ConnectionMethod.TOKEN)

    def request(self, number: int) -> Any:
        """Store the token and request the operation that uses it."""
        return delegated_token.start_or_resume(self.connections[number], self.redeemed, audit.SYSTEM)


FACTORIES: dict[str, Any] = {"connect_existing": ExistingRegistrationFactory, "connect_token": DelegatedTokenFactory}
