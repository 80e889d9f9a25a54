"""Customers, their services, invitations, sign-ins, connections and delegated tokens."""

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from onboarding.validators import validate_registration_name, validate_short_name
from registrations.models import AppRegistration, UmpInstance
from registrations.models.fields import EmailField, EncryptedModel, EnvelopeField, GuidField, IdentifierField, NameField


class Customer(EncryptedModel):
    """An organisation: one Microsoft 365 tenant."""

    name = NameField(max_length=120)
    tenant_id = GuidField("Microsoft 365 tenant ID", unique=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Service(EncryptedModel):
    """A customer's phone service on one UMP instance."""

    class Type(models.TextChoices):
        HOSTED_ESSENTIALS_PLUS = "hosted_essentials_plus", "Direct Routing: Hosted Essentials Plus"
        HOSTED_PRO = "hosted_pro", "Direct Routing: Hosted Pro"
        OC_ESSENTIALS_PLUS = "oc_essentials_plus", "Operator Connect: OC Essentials Plus"
        OC_PRO = "oc_pro", "Operator Connect: OC Pro"

    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="services")
    instance = models.ForeignKey(
        UmpInstance, on_delete=models.PROTECT, related_name="services", verbose_name="UMP instance"
    )
    service_type = models.CharField(max_length=30, choices=Type)
    full_name = NameField(max_length=200)
    short_name = IdentifierField(max_length=15, validators=[validate_short_name])
    ump_customer_guid = GuidField("UMP customer GUID", blank=True, help_text="Looked up by short name when needed.")

    class Meta:
        ordering = ["full_name"]
        constraints = [
            models.UniqueConstraint(
                "instance",
                Lower("short_name"),
                name="one_service_per_short_name",
                violation_error_message="Another service on this UMP instance already has this short name.",
            )
        ]

    def __str__(self) -> str:
        return f"{self.full_name} ({self.short_name})"


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Invitations whose link still works."""

    def usable(self, now: datetime) -> "InvitationQuerySet":
        """Those whose link opens the wizard: a setup that started in time may be completed after the expiry."""
        connecting = Q(status=Invitation.Status.CONNECTING)
        return self.filter(connecting | Q(status__in=Invitation.UNBEGUN, expires_at__gt=now))


class Invitation(EncryptedModel):
    """An invitation to connect a service: the link that the customer's administrator receives."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        SENT = "sent", "Sent"
        STARTED = "started", "Started"
        CONNECTING = "connecting", "Connecting"
        COMPLETED = "completed", "Completed"
        REVOKED = "revoked", "Revoked"

    UNBEGUN = [Status.DRAFT, Status.SENT, Status.STARTED]  # no setup has started, so it can expire
    OPEN = [*UNBEGUN, Status.CONNECTING]
    LONGEST = timedelta(days=365)

    service = models.ForeignKey(Service, on_delete=models.PROTECT, related_name="invitations")
    tenant_id = GuidField("expected tenant ID", help_text="Only an administrator of this tenant can use the link.")
    it_admin_email = EmailField(
        "invitation e-mail", help_text="The customer's IT administrator, who receives the link."
    )
    m365_admin_email = EmailField(
        "M365 admin e-mail", help_text="The Microsoft 365 administrator who will be asked to consent."
    )
    token_hash = models.CharField(max_length=64, unique=True, editable=False)
    token_envelope = EnvelopeField()
    status = models.CharField(max_length=20, choices=Status, default=Status.DRAFT, editable=False)
    email_sent = models.BooleanField("email sent", default=False, editable=False)
    send_count = models.PositiveIntegerField("email invitation sent count", default=0, editable=False)
    sent_at = models.DateTimeField(null=True, blank=True, editable=False)
    started_at = models.DateTimeField(null=True, blank=True, editable=False)
    authenticated_at = models.DateTimeField(null=True, blank=True, editable=False)
    completed_at = models.DateTimeField(null=True, blank=True, editable=False)
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    older_sign_ins = models.PositiveIntegerField(
        default=0, editable=False, help_text="Sign-ins that were counted and whose rows were deleted."
    )
    older_refusals = models.PositiveIntegerField(default=0, editable=False, help_text="How many of these were refused.")
    created_at = models.DateTimeField("created at", auto_now_add=True)
    expires_at = models.DateTimeField("expires at")

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        permissions = [
            ("send_invitation", "Can send an invitation"),
            ("copy_link_invitation", "Can copy the link of an invitation"),
            ("revoke_invitation", "Can revoke an invitation"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(status__in=["draft", "sent", "started", "connecting", "completed", "revoked"]),
                name="invitation_status_is_known",
            )
        ]

    def __str__(self) -> str:
        return f"Invitation of {self.service}"

    @property
    def is_expired(self) -> bool:
        """Whether it expired before a setup started."""
        return self.status in self.UNBEGUN and self.expires_at <= timezone.now()

    def clean(self) -> None:
        """Refuse an expiry in the past, or more than LONGEST in the future."""
        super().clean()
        if self._state.adding and self.expires_at and self.expires_at <= timezone.now():
            raise ValidationError({"expires_at": "Choose a time in the future."})
        if self.status in self.OPEN and self.expires_at and self.expires_at > timezone.now() + self.LONGEST:
            raise ValidationError({"expires_at": f"Choose a time within {self.LONGEST.days} days."})


class ConnectionMethod(models.TextChoices):
    """How a customer connects, recommended method first."""

    NEW = "new", "New app registration"
    EXISTING = "existing", "Existing app registration"
    TOKEN = "token", "Delegated token"


class SignInQuerySet(models.QuerySet["SignIn"]):
    """Sign-ins by what became of them."""

    def refused(self) -> "SignInQuerySet":
        """Those in which somebody was refused; not those that were open when the link was replaced."""
        return self.filter(outcome=SignIn.Outcome.REFUSED, redeemed_at__isnull=False)


class SignIn(EncryptedModel):
    """One sign-in at Microsoft: bound to a one-time state and to the browser that started it."""

    class Purpose(models.TextChoices):
        IDENTIFY = "identify", "Identify the administrator"
        AUTHORISE = "authorise", "Authorise the setup"

    class Outcome(models.TextChoices):
        STARTED = "started", "Started"
        SUCCEEDED = "succeeded", "Succeeded"
        REFUSED = "refused", "Refused"

    invitation = models.ForeignKey(Invitation, on_delete=models.CASCADE, related_name="sign_ins")
    purpose = models.CharField(max_length=20, choices=Purpose)
    token_hash = models.CharField(max_length=64, blank=True)  # of the link it was started with
    way = models.CharField("method", max_length=20, choices=ConnectionMethod, default=ConnectionMethod.NEW)
    registration_name = models.CharField(max_length=15, blank=True)  # the name that its page showed
    state_hash = models.CharField(max_length=64, unique=True)
    browser_hash = models.CharField(max_length=64)
    flow_envelope = EnvelopeField()
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    redeemed_at = models.DateTimeField(null=True, blank=True)
    code_hash = models.CharField(max_length=64, blank=True)  # of Microsoft's answer that claimed it
    outcome = models.CharField(max_length=20, choices=Outcome, default=Outcome.STARTED)
    refusal = models.CharField(max_length=60, blank=True)
    microsoft_code = models.CharField(max_length=60, blank=True)
    correlation_id = models.CharField(max_length=60, blank=True)
    microsoft_words = models.CharField(max_length=300, blank=True)  # the first sentence of an unknown code, redacted
    is_offer = models.BooleanField(default=False)  # prepared for the page of a refusal: nobody pressed a button
    for_staff = models.BooleanField(default=False)  # the customer alone cannot resolve the refusal
    # While Microsoft's answer cannot be redeemed yet: the answer, when it is tried again, and how often it was tried
    answer_envelope = EnvelopeField()
    retry_at = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    result_envelope = EnvelopeField()  # how it ended, for a browser that sends the same answer twice

    objects = SignInQuerySet.as_manager()

    class Meta:
        verbose_name = "sign-in"
        ordering = ["-created_at"]
        default_permissions = ("view",)
        indexes = [models.Index(fields=["browser_hash", "-created_at"], name="sign_in_of_browser")]


class Connection(EncryptedModel):
    """The result of one invitation: access to the customer's tenant, handed over to the UMP.

    The administrator's fields stay empty without a sign-in: an existing registration is verified by its own token.
    """

    class Status(models.TextChoices):
        IDENTIFIED = "identified", "Administrator identified"
        CONNECTING = "connecting", "Connecting"
        CONNECTED = "connected", "Connected"
        FAILED = "failed", "Failed"

    invitation = models.OneToOneField(Invitation, on_delete=models.PROTECT, related_name="connection")
    status = models.CharField(max_length=20, choices=Status, default=Status.IDENTIFIED)
    way = models.CharField("method", max_length=20, choices=ConnectionMethod, default=ConnectionMethod.NEW)
    admin_object_id = GuidField("administrator's object ID", blank=True)
    admin_name = models.CharField(max_length=255, blank=True)
    admin_username = models.CharField(max_length=255, blank=True)
    admin_roles = models.JSONField(
        default=list, blank=True
    )  # template IDs of the roles that were active at the sign-in
    registration_name = IdentifierField(max_length=15, blank=True, validators=[validate_registration_name])
    registration = models.OneToOneField(
        AppRegistration, on_delete=models.PROTECT, null=True, blank=True, related_name="connection"
    )
    customer_part_done_at = models.DateTimeField(null=True, blank=True)
    grant_removed = models.BooleanField(null=True, blank=True)
    connected_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"Connection of {self.invitation.service}"


class DelegatedToken(EncryptedModel):
    """The delegated token of a connection: MSAL's cache with the refresh token, stored encrypted."""

    connection = models.OneToOneField(Connection, on_delete=models.PROTECT, related_name="token")
    cache_envelope = EnvelopeField()
    username = models.CharField(max_length=255)
    obtained_at = models.DateTimeField()
    renewed_at = models.DateTimeField(null=True, blank=True)
    delivered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "delegated token"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"Delegated token of {self.username}"
