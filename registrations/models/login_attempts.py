"""Recent login attempts: what the throttle of staff sign-in counts."""

from django.db import models


class LoginAttempt(models.Model):
    """One password that was entered. A right one is deleted at once, a wrong one after the throttle's window.

    Neither the user name nor the password is kept: the name is a keyed hash.
    """

    at = models.DateTimeField(db_index=True)
    name_key = models.CharField(max_length=120)
    network = models.CharField(
        max_length=45, blank=True, help_text="The /24 of an IPv4 address, or the /64 of an IPv6 one."
    )

    class Meta:
        db_table = "registrations_passwordtry"  # its name before it had the standard one
        verbose_name = "login attempt"
        ordering = ["-at"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.network} {self.at}"
