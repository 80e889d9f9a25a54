"""The history: who did what, when, from where, before and after. Rows are only ever added."""

from django.db import models


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
        ]

    def __str__(self) -> str:
        return f"{self.actor_label} {self.action} {self.subject_label}".strip()
