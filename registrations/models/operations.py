"""The operation: a row that is both the queue and the record of one piece of remote work."""

from datetime import datetime, timedelta
from typing import Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Case, F, Q, When

from registrations.models.fields import EncryptedModel, EnvelopeField
from registrations.models.notes import NotesField
from registrations.models.steps import StepsField, StepState


class OperationQuerySet(models.QuerySet["Operation"]):
    """Which operations a worker may claim, and the one guarded UPDATE that claims one."""

    def due(self, now: datetime) -> Self:
        """Queued or waiting ones whose time has come, and running ones whose lease has expired."""
        return self.filter(
            Q(status__in=[Operation.Status.QUEUED, Operation.Status.WAITING], next_attempt_at__lte=now)
            | Q(status=Operation.Status.RUNNING, leased_until__lt=now)
        )

    def live(self) -> Self:
        """Those that have not ended."""
        return self.filter(status__in=Operation.LIVE)

    def of_subject(self, subject: models.Model | Any) -> Self:
        """Those about one row, the newest first. Raises ValidationError for an ID that is no UUID."""
        return self.filter(subject_id=getattr(subject, "pk", subject)).order_by("-created_at")

    def newest_of(self, subject: models.Model | Any, kind: str = "") -> "Operation | None":
        """The newest operation about one row, of any kind or of this one; or None."""
        found = self.of_subject(subject)
        return (found.filter(kind=kind) if kind else found).first()

    def claim(self, pk: Any, lease: str, now: datetime, duration: timedelta) -> bool:
        """Claim one due operation for `duration`; False if another worker was faster or it is not due.

        `next_attempt_at` is then the time from which it could be claimed: when it was due, or when the lease of a worker
        that died expired.
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
        """The operation while this lease is valid: every write of a worker goes through this guard."""
        return self.filter(pk=pk, status=Operation.Status.RUNNING, lease=lease)


class Operation(EncryptedModel):
    """One piece of work on remote systems, done step by step by the worker that holds the lease."""

    class Status(models.TextChoices):
        QUEUED = "queued", "Queued"
        RUNNING = "running", "Running"
        WAITING = "waiting", "Waiting"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"

    LIVE = [Status.QUEUED, Status.RUNNING, Status.WAITING]
    ENDED = [Status.SUCCEEDED, Status.FAILED, Status.CANCELLED]

    class Priority(models.TextChoices):
        INTERACTIVE = "interactive", "A person waits for it"
        MAIL = "mail", "Mail"
        BULK = "bulk", "Part of a bulk job"

    class WaitsFor(models.TextChoices):
        STAFF = "staff", "Staff"
        CUSTOMER = "customer", "The customer's administrator"

    kind = models.CharField(max_length=40)
    priority = models.CharField(
        max_length=20,
        choices=Priority,
        default=Priority.INTERACTIVE,
        db_column="lane",
        help_text="Its queue in Celery.",
    )
    subject_type = models.CharField(max_length=60)
    subject_id = models.UUIDField()
    subject_label = models.CharField(max_length=255)
    status = models.CharField(max_length=20, choices=Status, default=Status.QUEUED)
    steps = StepsField(default=list)
    notes = NotesField(default=dict, blank=True, help_text="What its steps remember for each other; never a secret.")
    message = models.TextField(blank=True)
    error_code = models.CharField(max_length=120, blank=True)
    waits_for = models.CharField(
        max_length=20, choices=WaitsFor, blank=True, help_text="Empty if it waits for time only."
    )
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
    def current_step(self) -> StepState | None:
        """The first step that is not done, or None."""
        return next((step for step in self.steps if not step.is_done), None)

    def step(self, name: str) -> StepState:
        """The state of the step with this name."""
        return next(step for step in self.steps if step.name == name)
