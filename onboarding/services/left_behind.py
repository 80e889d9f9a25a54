"""What stays in a customer's organisation when an invitation is withdrawn: only its administrators can remove it then."""

from dataclasses import dataclass

from onboarding.models import Connection, Invitation
from onboarding.refusals import RefusedError
from onboarding.services.subjects import LENDING
from registrations.models import Operation


@dataclass(frozen=True)
class LeftBehind:
    """The registration's name (empty: none), whether it is sure to exist, the sync app's name and what that may do."""

    registration: str = ""
    is_certain: bool = True
    app: str = ""
    lent: bool = False

    @property
    def label(self) -> str:
        """For staff, in one line; empty where nothing stays."""
        parts = []
        if self.registration:
            doubt = "" if self.is_certain else "perhaps "
            parts.append(f"{doubt}the registration {self.registration} with its secret, permissions and roles")
        if self.app:
            with_what = "the permissions lent for the set-up" if self.lent else "a consent to sign in"
            parts.append(f"the enterprise application {self.app} with {with_what}")
        return "; ".join(parts)

    @property
    def sentences(self) -> list[str]:
        """For the customer: what is there and how to remove it. No ids: whoever holds the link reads them."""
        found = []
        if self.registration:
            verb = "is" if self.is_certain else "may be"
            found.append(
                f"The registration {self.registration} {verb} in your organisation still. To remove it, delete it in "
                "Microsoft Entra, under App registrations."
            )
        if self.app and self.lent:
            found.append(
                "The permissions that were lent for the set-up are still there. To remove them, delete "
                f"{self.app} in Microsoft Entra, under Enterprise applications."
            )
        elif self.app:
            found.append(
                f"The application {self.app}, through which the sign-in went, may be listed under Enterprise "
                "applications in Microsoft Entra. You may delete it there."
            )
        return found


def of(invitation: Invitation) -> LeftBehind:
    """What the wizard has left so far, as our rows know it."""
    connection = (
        Connection.objects.select_related("registration", "invitation__service__instance")
        .filter(invitation=invitation.pk)
        .first()
    )
    if connection is None:
        return LeftBehind()
    registration = connection.registration if connection.registration and connection.registration.managed else None
    begun = Operation.objects.filter(kind__in=LENDING, subject_id=connection.pk).exists()
    return LeftBehind(
        registration=registration.display_name if registration else "",
        is_certain=bool(registration and registration.object_id),
        app=connection.invitation.service.instance.app_name if connection.admin_object_id else "",
        lent=connection.grant_removed is False or (begun and connection.grant_removed is None),
    )


def revoked(invitation: Invitation) -> RefusedError:
    """The refusal of a withdrawn invitation, which says what is still in the organisation."""
    refused = RefusedError("revoked_link", customer=invitation.service.customer.name)
    refused.left = of(invitation).sentences
    return refused
