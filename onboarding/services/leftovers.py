"""What remains in a customer's tenant when an invitation is revoked; only its administrators can remove it then."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from onboarding.errors import RefusedError
from onboarding.models import Connection, Invitation
from onboarding.services.lookups import SIGN_IN_KINDS
from registrations.models import AppRegistration, Operation


@dataclass(frozen=True)
class Leftovers:
    """The registration and the sync app's enterprise application that remain; empty names where there is none."""

    registration: str = ""
    is_certain: bool = True
    is_theirs: bool = False
    app: str = ""
    has_grant: bool = False  # the temporary permissions are still in place

    @property
    def label(self) -> str:
        """One line for staff; empty where nothing remains."""
        parts = []
        if self.registration and self.is_theirs:
            parts.append(f"the customer's own registration {self.registration}, whose secret was entered here")
        elif self.registration:
            perhaps = "" if self.is_certain else "perhaps "
            parts.append(f"{perhaps}the registration {self.registration} with its secret, permissions and roles")
        if self.app:
            with_what = "the temporary permissions for the setup" if self.has_grant else "a consent to sign in"
            parts.append(f"the enterprise application {self.app} with {with_what}")
        return "; ".join(parts)

    @property
    def sentences(self) -> list[str]:
        """For the customer: what remains and how to remove it. Without IDs, because any holder of the link reads them."""
        return [sentence for sentence in (self._of_registration(), self._of_app()) if sentence]

    def _of_registration(self) -> str:
        if not self.registration:
            return ""
        if self.is_theirs:
            return (
                f"The secret of your registration {self.registration} was entered here and still works. To revoke it, remove "
                "it in Microsoft Entra, under Certificates & secrets."
            )
        verb = "is still" if self.is_certain else "may still be"
        return (
            f"The registration {self.registration} {verb} in your organisation. To remove it, delete it in Microsoft "
            "Entra, under App registrations."
        )

    def _of_app(self) -> str:
        if self.has_grant:
            return (
                f"The temporary permissions for the setup are still in place. To remove them, delete {self.app} in "
                "Microsoft Entra, under Enterprise applications."
            )
        return self.app and (
            f"The application {self.app}, which was used to sign in, may be listed under Enterprise applications in "
            "Microsoft Entra. You can delete it there."
        )


def of(invitation: Invitation) -> Leftovers:
    """What the wizard has left in the tenant so far, according to the database."""
    return of_many([invitation])[invitation.pk]


def of_many(invitations: Collection[Invitation]) -> dict[Any, Leftovers]:
    """The same of each invitation, by its key: two queries, however many there are."""
    keys = [each.pk for each in invitations]
    rows = Connection.objects.select_related("registration", "invitation__service__instance").filter(
        invitation__in=keys
    )
    made = {connection.invitation_id: connection for connection in rows}
    begun = Operation.objects.filter(subject_id__in=[each.pk for each in made.values()], kind__in=SIGN_IN_KINDS)
    started = set(begun.values_list("subject_id", flat=True))
    return {key: _of(made[key], made[key].pk in started) if key in made else Leftovers() for key in keys}


def _of(connection: Connection, has_started: bool) -> Leftovers:
    registration = connection.registration
    return Leftovers(
        registration=registration.display_name if registration else "",
        is_certain=bool(registration and registration.object_id),
        is_theirs=bool(registration and not registration.managed),
        app=connection.invitation.service.instance.app_name if connection.admin_object_id else "",
        has_grant=connection.grant_removed is False or (has_started and connection.grant_removed is None),
    )


def unused_registrations(connection: Connection) -> QuerySet[AppRegistration]:
    """The registrations that earlier setups of this service created in the same tenant, and that it replaced; newest first."""
    earlier = Q(connection__connected_at__lt=connection.connected_at)
    given_up = Q(connection__invitation__status=Invitation.Status.REVOKED)
    return (
        AppRegistration.objects.filter(earlier | given_up, managed=True, tenant_id=connection.invitation.tenant_id)
        .filter(connection__invitation__service=connection.invitation.service_id)
        .exclude(Q(pk=connection.registration_id) | Q(object_id="") | Q(app_id=""))
        .order_by("-created_at")
    )


def revoked_error(invitation: Invitation) -> RefusedError:
    """The error for a revoked invitation, which says what remains in the organisation."""
    refused = RefusedError("revoked_link", customer=invitation.service.customer.name)
    refused.leftovers = of(invitation).sentences
    return refused
