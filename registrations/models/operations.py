"""The operation: a row that is both the queue and the record of one piece of remote work."""

from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Case, F, Q, When

from registrations.models.fields import EnvelopeField, Sealing


class OperationQuerySet(models.QuerySet["Operation"]):
    """Which operations a worker may take, and the one guarded UPDATE that takes one."""

    def due(self, now: datetime) -> Self:
        """Queued or waiting ones whose time has come, and running ones whose lease ran out."""
        return self.filter(
            Q(status__in=["queued", "waiting"], next_attempt_at__lte=now) | Q(status="running", leased_until__lt=now)
        )

    def live(self) -> Self:
        """Those that have not ended."""
        return self.filter(status__in=Operation.LIVE)

    def claim(self, pk: Any, lease: str, now: datetime, duration: timedelta) -> bool:
        """Take one due operation for `duration`; False where another worker was faster or it is not due.

        `next_attempt_at` then says since when it could be taken: since it was due, or since a dead worker's lease ran out.
        """
        of_dead_worker = When(status=Operation.Status.RUNNING, then=F("leased_until"))
        since_when = Case(of_dead_worker, default=F("next_attempt_at"))
        mine = self.filter(pk=pk).due(now)
        taken = mine.update(
            status=Operation.Status.RUNNING,
            lease=lease,
            leased_until=now + duration,
            waits_for="",
            next_attempt_at=since_when,
        )
        return taken == 1

    def held(self, pk: Any, lease: str) -> Self:
        """The operation as long as this lease holds it: every write of a worker goes through this guard."""
        return self.filter(pk=pk, status=Operation.Status.RUNNING, lease=lease)


class Operation(Sealing):
    """One act on remote systems, walked step by step; whoever holds the lease works on it."""

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        WAITING = "waiting", "Waiting"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    LIVE = [Status.QUEUED, Status.RUNNING, Status.WAITING]
    ENDED = [Status.SUCCEEDED, Status.FAILED, Status.CANCELLED]

    class Lane(models.TextChoices):
        INTERACTIVE = "interactive", "A person waits for it"
        MAIL = "mail", "Mail"
        BULK = "bulk", "Part of a bulk job"

    kind = models.CharField(max_length=40)
    lane = models.CharField(max_length=20, choices=Lane, default=Lane.INTERACTIVE)
    subject_type = models.CharField(max_length=60)
    subject_id = models.UUIDField()
    subject_label = models.CharField(max_length=255)
    status = models.CharField(max_length=20, choices=Status, default=Status.QUEUED)
    steps = models.JSONField(default=list)
    notes = models.JSONField(default=dict, blank=True, help_text="What steps tell each other; never a secret.")
    message = models.TextField(blank=True)
    error_code = models.CharField(max_length=120, blank=True)
    waits_for = models.CharField(max_length=20, blank=True, help_text="staff, customer, or empty for time.")
    next_attempt_at = models.DateTimeField(null=True, blank=True)
    lease = models.CharField(max_length=64, blank=True)
    leased_until = models.DateTimeField(null=True, blank=True)
    credential_envelope = EnvelopeField()
    credential_expires_at = models.DateTimeField(null=True, blank=True)
    requested_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True)
    requested_by_label = models.CharField(max_length=255)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)

    objects = OperationQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["status", "next_attempt_at"], name="operation_due"),  # the sweep
            models.Index(fields=["subject_id", "-created_at"], name="operation_of_subject"),  # change pages
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["subject_id"],
                condition=Q(status__in=["queued", "running", "waiting"]),
                name="one_live_operation_per_subject",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["queued", "running", "waiting", "succeeded", "failed", "cancelled"]),
                name="operation_status_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.subject_label}"

    @property
    def is_live(self) -> bool:
        """Whether it has not ended."""
        return self.status in self.LIVE

    @property
    def current_step(self) -> dict[str, Any] | None:
        """The first step that is not done, or None."""
        return next((step for step in self.steps if step["status"] != "done"), None)
