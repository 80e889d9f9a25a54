"""The history: who did what, when, from where, before and after. Rows are only ever added."""

from django.db import models
from django.db.models import Q


class AuditEvent(models.Model):
    """One entry, chained to the previous one by its digest. Only `audit.record` writes it.

    People are stored as text, not as foreign keys: a row must not change when a user is renamed or deleted.
    """

    class ActorKind(models.TextChoices):
        STAFF = "staff", "Staff"
        WORKER = "worker", "Worker"
        CUSTOMER = "customer", "Customer"
        SYSTEM = "system", "System"

    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField(db_index=True)
    actor_kind = models.CharField(max_length=20, choices=ActorKind)
    actor_id = models.CharField(max_length=120, blank=True)
    actor_label = models.CharField(max_length=255)
    ip_address = models.GenericIPAddressField(null=True, blank=True)
    action = models.CharField(max_length=80)
    subject_type = models.CharField(max_length=60, blank=True)
    subject_id = models.CharField(max_length=64, blank=True)
    subject_label = models.CharField(max_length=255, blank=True)
    operation_id = models.UUIDField(null=True, blank=True)
    before = models.JSONField(default=dict, blank=True)
    after = models.JSONField(default=dict, blank=True)
    reason = models.TextField(blank=True)
    key_id = models.CharField(max_length=40)
    previous_digest = models.CharField(max_length=64)
    digest = models.CharField(max_length=64, unique=True)

    class Meta:
        verbose_name = "history entry"
        verbose_name_plural = "history entries"
        ordering = ["-id"]
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["subject_id", "-id"], name="history_of_subject"),  # change pages
            models.Index(fields=["action", "at"], name="history_of_action"),  # the sign-in throttle
            models.Index(
                fields=["operation_id", "-id"], condition=Q(operation_id__isnull=False), name="history_of_operation"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.actor_label} {self.action} {self.subject_label}".strip()

    @property
    def host(self) -> str:
        """The host of the UMP instance that it concerns, or "". Read it with `select_related("context")`."""
        context: AuditContext | None = getattr(self, "context", None)
        return context.host if context else ""


def _index(name: str) -> models.Index:
    """For the pages of one object's history: most entries concern neither a customer nor a bulk job."""
    condition = Q(**{f"{name}_id__isnull": False})
    return models.Index(fields=[f"{name}_id", "-entry"], condition=condition, name=f"history_of_{name}")


class AuditContext(models.Model):
    """Where an entry belongs: what its object's own history and those of its parents are read from.

    It is not chained, and says nothing that happened. An entry that belongs nowhere has none. The host is the one of the
    time of writing; for entries of before this table, that of the time of its migration. `audit` writes it with the entry.
    """

    entry = models.OneToOneField(AuditEvent, on_delete=models.CASCADE, primary_key=True, related_name="context")
    host = models.CharField(max_length=320, blank=True)
    instance_id = models.UUIDField(null=True, blank=True)
    provider_id = models.UUIDField(null=True, blank=True)
    tenant_id = models.UUIDField(null=True, blank=True)
    registration_id = models.UUIDField(null=True, blank=True)
    job_id = models.UUIDField(null=True, blank=True)
    customer_id = models.UUIDField(null=True, blank=True)
    service_id = models.UUIDField(null=True, blank=True)
    invitation_id = models.UUIDField(null=True, blank=True)

    class Meta:
        verbose_name = "place of a history entry"
        default_permissions = ()
        indexes = [
            _index(name)
            for name in (
                "instance",
                "provider",
                "tenant",
                "registration",
                "job",
                "customer",
                "service",
                "invitation",
            )
        ]

    def __str__(self) -> str:
        return self.host or "no host"
