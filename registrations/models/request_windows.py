"""How often something happened that a stranger can cause: the counters behind the limits of `request_limits`."""

from django.db import models


class RequestWindow(models.Model):
    """What one link, browser, network or name did in one window of time, and how much of it was over the limit.

    The key is a keyed hash. A row is deleted when its window has closed; if something was over the limit, one history entry
    (`action`, about the subject) takes its place.
    """

    scope = models.CharField(max_length=40)
    key_hash = models.CharField(max_length=64)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(db_index=True)
    count = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    action = models.CharField(max_length=60)
    subject_type = models.CharField(max_length=60, blank=True)
    subject_id = models.CharField(max_length=64, blank=True)
    subject_label = models.CharField(max_length=255, blank=True)

    class Meta:
        verbose_name = "request window"
        ordering = ["starts_at"]
        default_permissions = ()
        constraints = [models.UniqueConstraint(fields=["scope", "key_hash", "starts_at"], name="one_window_per_key")]

    def __str__(self) -> str:
        return f"{self.scope} {self.starts_at}"
