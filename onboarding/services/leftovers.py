"""What stays in a customer's organisation when an invitation is withdrawn: only its administrators can remove it then."""

from dataclasses import dataclass

from onboarding.errors import RefusedError
from onboarding.models import Connection, Invitation
from onboarding.services.lookups import SIGN_IN_KINDS
from registrations.models import Operation


@dataclass(frozen=True)
class Leftovers:
    """The registration's name (empty: none) and whose it is, the sync app's name and whether it holds lent permissions."""

    registration: str = ""
    is_certain: bool = True
    is_theirs: bool = False
    app: str = ""
    lent: bool = False

    @property
    def label(self) -> str:
        """For staff, in one line; empty where nothing stays."""
        parts = []
        if self.registration and self.is_theirs:
            parts.append(f"the customer's own registration {self.registration}, whose secret was entered here")
        elif self.registration:
            doubt = "" if self.is_certain else "perhaps "
            parts.append(f"{doubt}the registration {self.registration} with its secret, permissions and roles")
        if self.app:
            with_what = "the temporary permissions for the setup" if self.lent else "a consent to sign in"
            parts.append(f"the enterprise application {self.app} with {with_what}")
        return "; ".join(parts)

    @property
    def sentences(self) -> list[str]:
        """For the customer: what is there and how to remove it. No ids: whoever holds the link reads them."""
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
        if self.lent:
            return (
                f"The temporary permissions for the setup are still in place. To remove them, delete {self.app} in "
                "Microsoft Entra, under Enterprise applications."
            )
        return self.app and (
            f"The application {self.app}, which was used to sign in, may be listed under Enterprise applications in "
            "Microsoft Entra. You can delete it there."
        )


def of(invitation: Invitation) -> Leftovers:
    """What the wizard has left so far, as our rows know it."""
    connection = (
        Connection.objects.select_related("registration", "invitation__service__instance")
        .filter(invitation=invitation.pk)
        .first()
    )
    if connection is None:
        return Leftovers()
    registration = connection.registration
    begun = Operation.objects.filter(kind__in=SIGN_IN_KINDS, subject_id=connection.pk).exists()
    return Leftovers(
        registration=registration.display_name if registration else "",
        is_certain=bool(registration and registration.object_id),
        is_theirs=bool(registration and not registration.managed),
        app=connection.invitation.service.instance.app_name if connection.admin_object_id else "",
        lent=connection.grant_removed is False or (begun and connection.grant_removed is None),
    )


def revoked_error(invitation: Invitation) -> RefusedError:
    """The refusal of a withdrawn invitation, which says what is still in the organisation."""
    refused = RefusedError("revoked_link", customer=invitation.service.customer.name)
    refused.leftovers = of(invitation).sentences
    return refused
