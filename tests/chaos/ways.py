"""The two other ways to connect a customer: a registration that the customer made, and a person's token."""

from collections import defaultdict
from typing import Any

from onboarding import requirements
from onboarding.models import Connection, ConnectionMethod, Invitation
from onboarding.services import delegated_token, existing_registration
from registrations import audit
from sandbox.catalogue import APPLICATION_ADMINISTRATOR
from tests.chaos.rows import Connections, signed_in


class Existing(Connections):
    """A registration of Contoso's for each, with all that is needed; its values are typed behind the link."""

    def prepare(self) -> None:
        """Nobody signs in."""
        self.typed: list[tuple[Invitation, existing_registration.EnteredValues]] = []
        self.permissions: dict[str, list[str]] = defaultdict(list)
        for permission in requirements.PERMISSIONS:
            self.permissions[permission.resource_app_id].append(permission.value)

    def make(self, number: int) -> None:
        """A service, its invitation, and the registration in Contoso's tenant."""
        made = self.control.world(
            "add_granted_application",
            tenant=self.seed["tenant_id"],
            name=self._name(number),
            permissions=self.permissions,
            roles=[role.template_id for role in requirements.ROLES],
        )
        typed = existing_registration.EnteredValues(self.seed["tenant_id"], made["app_id"], made["secret"])
        self.typed.append((self.invite(number), typed))

    def request(self, number: int) -> Any:
        """The trial of what was typed, which goes on to connect."""
        return existing_registration.request(*self.typed[number], actor=audit.SYSTEM)


class Tokens(Connections):
    """A person of Contoso with the two roles has agreed for good."""

    def prepare(self) -> None:
        """One sign-in for all of them: a refresh token may be used again, and each operation gets its own by it."""
        self.username = f"tilda{self.batch}@contoso.example"
        roles = [APPLICATION_ADMINISTRATOR, *(role.template_id for role in requirements.TOKEN_ROLES)]
        self.control.world(
            "add_user", tenant=self.seed["tenant_id"], display_name="Tilda", upn=self.username, roles=roles
        )
        self.redeemed = signed_in(self.instance, self.seed["tenant_id"], self.username, keeps=True)

    def make(self, number: int) -> None:
        """The same, by the way of a token."""
        super().make(number)
        Connection.objects.filter(pk=self.connections[number].pk).update(way=ConnectionMethod.TOKEN)

    def request(self, number: int) -> Any:
        """The token is kept and set to work."""
        return delegated_token.start_or_resume(self.connections[number], self.redeemed, audit.SYSTEM)


MAKERS: dict[str, Any] = {"connect_existing": Existing, "connect_token": Tokens}
