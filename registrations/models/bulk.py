"""A bulk job: many instances provisioned on one request, tenant by tenant, at the pace that Microsoft allows."""

from typing import Self

from django.conf import settings
from django.db import models

from registrations.models.fields import EncryptedModel
from registrations.models.operations import Operation
from registrations.models.tenants import EntraTenant, UmpInstance


class BulkJob(EncryptedModel):
    """What one person asked for at once."""

    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    requested_by_label = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = "bulk job"
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"Provisioning requested by {self.requested_by_label}"


class BulkPart(EncryptedModel):
    """The part of a job in one tenant: what is paused, resumed and cancelled, because the quota is the tenant's."""

    class Status(models.TextChoices):
        RUNNING = "running", "Running"
        PAUSED = "paused", "Paused"
        CANCELLED = "cancelled", "Cancelled"
        COMPLETED = "completed", "Completed"

    job = models.ForeignKey(BulkJob, on_delete=models.CASCADE, related_name="parts")
    tenant = models.ForeignKey(EntraTenant, on_delete=models.PROTECT)
    status = models.CharField(max_length=20, choices=Status, default=Status.RUNNING)
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "tenant"], name="one_part_per_tenant"),
            models.CheckConstraint(
                condition=models.Q(status__in=["running", "paused", "cancelled", "completed"]),
                name="part_status_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.job}, in {self.tenant}"


class BulkItemQuerySet(models.QuerySet["BulkItem"]):
    """How far the items of a part are."""

    def live(self) -> Self:
        """Those whose operation has not ended."""
        return self.filter(operation__status__in=Operation.LIVE)

    def pending(self) -> Self:
        """Those that have not started."""
        return self.filter(status=BulkItem.Status.PENDING)


class BulkItem(EncryptedModel):
    """One instance of a part. It gets its operation when it starts."""

    class Status(models.TextChoices):
        PENDING = "pending", "Pending"
        BEGUN = "begun", "Started"
        REFUSED = "refused", "Refused"
        CANCELLED = "cancelled", "Cancelled"

    part = models.ForeignKey(BulkPart, on_delete=models.CASCADE, related_name="items")
    instance = models.ForeignKey(UmpInstance, on_delete=models.PROTECT, related_name="bulk_items")
    operation = models.OneToOneField(
        Operation, on_delete=models.SET_NULL, null=True, blank=True, related_name="bulk_item"
    )
    status = models.CharField(max_length=20, choices=Status, default=Status.PENDING)
    message = models.TextField(blank=True)
    place = models.PositiveIntegerField()

    objects = BulkItemQuerySet.as_manager()

    class Meta:
        ordering = ["place"]
        indexes = [models.Index(fields=["part", "status", "place"], name="bulk_item_next")]
        constraints = [models.UniqueConstraint(fields=["part", "instance"], name="one_item_per_instance")]

    def __str__(self) -> str:
        return str(self.instance)
