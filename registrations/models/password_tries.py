"""Passwords typed lately: what the throttle of the sign-in counts."""

from django.db import models


class PasswordTry(models.Model):
    """One password that was typed. A right one is forgotten at once, a wrong one after the throttle's window.

    Neither the name nor the password is kept: the name is a keyed hash.
    """

    at = models.DateTimeField(db_index=True)
    name_key = models.CharField(max_length=120)
    network = models.CharField(max_length=45, blank=True, help_text="An IPv4 address, or the /64 of an IPv6 address.")

    class Meta:
        verbose_name = "typed password"
        ordering = ["-at"]
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.network} {self.at}"
