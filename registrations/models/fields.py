"""Column types and validators that several models share."""

import re
import uuid
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models

from registrations import encryption

if TYPE_CHECKING:  # Django's fields are generic to the type checker only
    Chars = models.CharField[str, str]
    Text = models.TextField[str, str]
else:
    Chars, Text = models.CharField, models.TextField

DNS_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


def is_guid(value: str) -> bool:
    """Whether it is a GUID as Microsoft writes it."""
    try:
        return str(uuid.UUID(value)) == value.lower()
    except ValueError:
        return False


def validate_guid(value: str) -> None:
    """Accept a GUID as Microsoft writes it. Raises ValidationError."""
    if not is_guid(value):
        raise ValidationError("Enter a GUID like 9d576dc4-b85d-4571-880e-4c6ed4c08c31.", code="guid")


def validate_dns_label(value: str) -> None:
    """Accept one DNS label (RFC 1123). Raises ValidationError."""
    if not DNS_LABEL.fullmatch(value):
        raise ValidationError(
            "Use letters, digits and hyphens only, in lower case, up to 63 characters, with no hyphen at either end.",
            code="dns_label",
        )


def validate_domain(value: str) -> None:
    """Accept a domain of at least two labels (RFC 1123). Raises ValidationError."""
    labels = value.split(".")
    if len(labels) < 2 or len(value) > 240 or not all(DNS_LABEL.fullmatch(label) for label in labels):
        raise ValidationError("Enter a domain like finebak.com, in lower case, without https://.", code="domain")


class GuidField(Chars):
    """A GUID stored as text in lower case, because that is how Microsoft's services write and compare it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_length"] = 36
        super().__init__(*args, **kwargs)
        self.validators = [*self.validators, validate_guid]

    def to_python(self, value: Any) -> Any:
        """Lower case, without the spaces and braces that are often copied along."""
        value = super().to_python(value)
        return value.strip().strip("{}").lower() if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> Any:
        """The same form for look-ups as for saving."""
        return super().get_prep_value(self.to_python(value))


def as_guid(text: str) -> str:
    """The text as `GuidField` stores it if it is a GUID, in capitals or braces too; otherwise ""."""
    found = str(GuidField().to_python(text))
    return found if is_guid(found) else ""


class EnvelopeField(Text):
    """Stores an envelope (an encrypted value), never a plaintext. `EncryptedModel` encrypts and decrypts it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("blank", True)
        kwargs.setdefault("default", "")
        kwargs.setdefault("editable", False)
        super().__init__(*args, **kwargs)


class EncryptedModel(models.Model):
    """A row whose secrets are encrypted and bound to table, column and row ID. The ID exists before the first save."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)

    class Meta:
        abstract = True

    def seal(self, column: str, plaintext: str) -> None:
        """Set the column to the encrypted plaintext. The caller saves the row."""
        setattr(self, column, encryption.seal(_ring(), plaintext, self._context(column)))

    def unseal(self, column: str) -> str:
        """The decrypted value of the column, or "" if it is empty. Call it only at the moment of use. Raises EnvelopeError."""
        envelope = getattr(self, column)
        return encryption.unseal(_ring(), envelope, self._context(column)) if envelope else ""

    def _context(self, column: str) -> str:
        return f"{self._meta.db_table}|{column}|{self.pk}"


def _ring() -> encryption.KeyRing:
    return encryption.ring_of(settings.PORTAL_KEYS)
