"""What shows at the start whether PORTAL_KEYS are the keys of this database, before a secret is needed or stored."""

from django.apps import apps
from django.conf import settings
from django.db import models

from registrations import encryption
from registrations.models.fields import EncryptedModel, EnvelopeField

PLAINTEXT = "canary"


class KeyCanaryQuerySet(models.QuerySet["KeyCanary"]):
    """Checks the keys, and remembers the newest one."""

    def refusal(self) -> str:
        """A sentence if a key of this database is missing or another one, else "". The first key gets its row."""
        ring = encryption.ring_of(settings.PORTAL_KEYS)
        canaries = list(self.all())
        for canary in canaries:
            if canary.key_id not in dict(ring.keys):
                return f"PORTAL_KEYS lacks the key {canary.key_id}, which this database's secrets need. Put it back."
            if not canary.opens():
                return (
                    f"the key {canary.key_id} of PORTAL_KEYS is not the one that this database's secrets are encrypted with. "
                    "Put the right one back."
                )
        if not canaries and not _an_envelope_opens():
            return "PORTAL_KEYS opens none of the secrets in this database. Put the right keys back."
        newest = ring.keys[0][0]
        if newest not in {canary.key_id for canary in canaries}:
            canary = self.model(key_id=newest)
            canary.seal("envelope", PLAINTEXT)
            self.bulk_create([canary], ignore_conflicts=True)  # another process may start at the same moment
        return ""


class KeyCanary(EncryptedModel):
    """A known text, sealed with the key of this ID when that was first in PORTAL_KEYS at a start."""

    key_id = models.CharField(max_length=120, unique=True)
    envelope = EnvelopeField()

    objects = KeyCanaryQuerySet.as_manager()

    class Meta:
        verbose_name = "key canary"
        verbose_name_plural = "key canaries"
        default_permissions = ()

    def __str__(self) -> str:
        return self.key_id

    def opens(self) -> bool:
        """Whether the key of this ID is still the same."""
        return _opens(self, "envelope")


def _an_envelope_opens() -> bool:
    """True if one of the secrets stored before the first canary opens, or if there is none."""
    columns = [
        (model, field.name)
        for model in apps.get_models()
        if issubclass(model, EncryptedModel)
        for field in model._meta.concrete_fields
        if isinstance(field, EnvelopeField)
    ]
    rows = ((model._default_manager.exclude(**{name: ""}).first(), name) for model, name in columns)
    found = [_opens(row, name) for row, name in rows if row is not None]
    return any(found) or not found


def _opens(row: EncryptedModel, column: str) -> bool:
    try:
        row.unseal(column)
    except encryption.EnvelopeError:
        return False
    return True
