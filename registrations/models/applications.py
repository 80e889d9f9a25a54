"""The registrations SyncPortal works with in Entra tenants, and their client secrets."""

from typing import Self

from django.db import models

from registrations.models.fields import EncryptedModel, EnvelopeField, GuidField
from registrations.models.tenants import UmpInstance


class AppRegistrationQuerySet(models.QuerySet["AppRegistration"]):
    """Finds registrations by what they are for."""

    def sync_app_of(self, instance: UmpInstance) -> "AppRegistration | None":
        """The instance's sync app in its provider's tenant as it is now, with this very instance as `instance`."""
        found = self.filter(instance=instance, tenant_id=instance.provider.tenant.tenant_id).first()
        if found:
            found.instance = instance
        return found


class AppRegistration(EncryptedModel):
    """One application object in one tenant. The row is written before the application is created (the intent)."""

    instance = models.ForeignKey(
        UmpInstance,
        on_delete=models.PROTECT,
        related_name="registrations",
        null=True,
        blank=True,
        help_text="Set for a sync app; empty for a registration in a customer's tenant.",
    )
    tenant_id = GuidField("tenant ID")
    unique_name = models.CharField(max_length=255)
    display_name = models.CharField(max_length=120)
    object_id = GuidField("object ID", blank=True)
    app_id = GuidField("application (client) ID", blank=True)
    service_principal_id = GuidField("service principal object ID", blank=True)
    made_at = models.DateTimeField(
        null=True, blank=True, help_text="When its IDs became known: replication is counted from then."
    )
    adopted = models.BooleanField(
        default=False, help_text="It existed before, and a person confirmed that it is taken over."
    )
    managed = models.BooleanField(
        default=True,
        help_text="SyncPortal may change it and its secrets. Off if the customer created it and entered its values.",
    )
    applied_settings = models.JSONField(
        default=dict,
        blank=True,
        editable=False,
        help_text="What SyncPortal last made sure of in Entra, in Graph's properties; empty if that is not known.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AppRegistrationQuerySet.as_manager()

    class Meta:
        verbose_name = "app registration"
        constraints = [
            models.UniqueConstraint(fields=["tenant_id", "unique_name"], name="one_registration_per_unique_name"),
        ]

    def __str__(self) -> str:
        """The host, because many sync apps have the same name; the tenant for a registration that a customer has."""
        return self.instance.host if self.instance else f"{self.display_name}, tenant {self.tenant_id}"

    @property
    def live_secret(self) -> "ClientSecret | None":
        """The secret in use, or None."""
        return self.secrets.live().first()

    @property
    def tag(self) -> str:
        """The tag by which SyncPortal recognises an application as its own."""
        return f"syncportal-{self.unique_name}"[:256]


class ClientSecretQuerySet(models.QuerySet["ClientSecret"]):
    """Finds secrets by their status."""

    def live(self) -> Self:
        """Those in use: at most one for each registration."""
        return self.filter(status__in=ClientSecret.LIVE)

    def in_use(self) -> Self:
        """The live ones whose value is stored. It is deleted once what used it was replaced or revoked."""
        return self.live().exclude(envelope="")

    def of_sync_app(self, instance: UmpInstance) -> "ClientSecret | None":
        """The live secret of the instance's sync app in its provider's tenant, with its registration; or None."""
        tenant_id = instance.provider.tenant.tenant_id
        live = self.live().filter(registration__instance=instance, registration__tenant_id=tenant_id)
        return live.exclude(registration__app_id="").select_related("registration").order_by("-created_at").first()


class ClientSecret(EncryptedModel):
    """One client secret of a registration. Its intent (the display name) is saved before Entra is asked to add it."""

    class Status(models.TextChoices):
        INTENDED = "intended", "Intended"
        STORED = "stored", "Stored"
        PROVEN = "proven", "Proven"
        DELIVERED = "delivered", "Delivered"
        SUPERSEDED = "superseded", "To be removed once its successor is delivered"
        DISCARDED = "discarded", "To be removed"
        REMOVED = "removed", "Removed"

    LIVE = [Status.STORED, Status.PROVEN, Status.DELIVERED]

    registration = models.ForeignKey(AppRegistration, on_delete=models.PROTECT, related_name="secrets")
    display_name = models.CharField(max_length=120)
    key_id = GuidField("key ID", blank=True)
    hint = models.CharField(max_length=3, blank=True)
    envelope = EnvelopeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    stored_at = models.DateTimeField(null=True, blank=True)
    status = models.CharField(max_length=20, choices=Status, default=Status.INTENDED)
    revealed_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ClientSecretQuerySet.as_manager()

    class Meta:
        verbose_name = "client secret"
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["registration"],
                condition=models.Q(status__in=["intended", "stored", "proven", "delivered"]),
                name="one_live_secret_per_registration",
            ),
        ]

    def __str__(self) -> str:
        """Whose secret it is. Its name in Entra says which operation added it."""
        return (
            f"Client secret {self.hint}… of {self.registration}"
            if self.hint
            else f"Client secret of {self.registration}"
        )
