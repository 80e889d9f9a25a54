"""Column types and validators that several models share."""

import re
import uuid
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models

from registrations import canonical, encryption, form_fields
from registrations.clean_text import Kind

if TYPE_CHECKING:  # Django's fields are generic to the type checker only
    Chars = models.CharField[str, str]
    Email = models.EmailField[str, str]
    Text = models.TextField[str, str]
    Url = models.URLField[str, str]
else:
    Chars, Email, Text, Url = models.CharField, models.EmailField, models.TextField, models.URLField

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
            "Use letters, digits and hyphens only, in lower case, 1 to 63 characters, with no hyphen at either end. "
            "For example: umptoken.",
            code="dns_label",
        )


def validate_domain(value: str) -> None:
    """Accept a domain of at least two labels (RFC 1123). Raises ValidationError."""
    labels = value.split(".")
    if len(labels) < 2 or len(value) > 240 or not all(DNS_LABEL.fullmatch(label) for label in labels):
        raise ValidationError("Enter a domain like finebak.com, in lower case, without https://.", code="domain")


class _Column:
    """A column of Django's own type, so that migrations know no other, whose values are cleaned when they are validated.

    What is stored already, and what is looked for, is left as it is.
    """

    what: Kind
    form_field: type[forms.Field] = form_fields.TextField

    def deconstruct(self) -> Any:
        """As Django's own field."""
        name, _, args, kwargs = super().deconstruct()  # type: ignore[misc]
        own = next(each for each in type(self).__mro__ if each.__module__.startswith("django."))
        return name, f"django.db.models.{own.__name__}", args, kwargs

    def clean(self, value: Any, model_instance: models.Model | None) -> Any:
        """Cleaned before it is checked. Raises ValidationError."""
        return super().clean(self.tidied(value), model_instance)  # type: ignore[misc]

    def tidied(self, value: Any) -> Any:
        """The value without what means nothing. Raises ValidationError for what could mislead."""
        return form_fields.cleaned(value, self.what)

    def formfield(self, **kwargs: Any) -> Any:
        """The form field that cleans in the same way, so that a form sees the value that will be stored."""
        return super().formfield(**{"form_class": self.form_field, **kwargs})  # type: ignore[misc]


class NameField(_Column, Chars):
    """What people call something."""

    what = Kind.NAME

    def formfield(self, **kwargs: Any) -> Any:
        """Of the same kind."""
        return super().formfield(**({} if self.choices else {"what": self.what}), **kwargs)


class IdentifierField(NameField):
    """One word that machines compare."""

    what = Kind.IDENTIFIER


class ScopeField(IdentifierField):
    """The scope of an API."""

    form_field = form_fields.ScopeField

    def tidied(self, value: Any) -> Any:
        """Canonical."""
        value = super().tidied(value)
        return canonical.scope(value) if isinstance(value, str) else value


class HostField(_Column, Chars):
    """A domain or one of its labels, in lower case."""

    what, form_field = Kind.IDENTIFIER, form_fields.HostField

    def tidied(self, value: Any) -> Any:
        """Canonical."""
        value = super().tidied(value)
        return canonical.host(value) if isinstance(value, str) else value


class EmailField(_Column, Email):
    """An e-mail address."""

    what, form_field = Kind.EMAIL, form_fields.EmailField


class UrlField(_Column, Url):
    """A URL."""

    what, form_field = Kind.URL, form_fields.UrlField


class GuidField(Chars):
    """A GUID stored as text in lower case, because that is how Microsoft's services write and compare it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_length"] = 36
        super().__init__(*args, **kwargs)
        self.validators = [*self.validators, validate_guid]

    def to_python(self, value: Any) -> Any:
        """Lower case, without the spaces, braces and invisible characters that are often copied along."""
        value = super().to_python(value)
        return canonical.guid(form_fields.cleaned(value, Kind.IDENTIFIER)) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> Any:
        """The same form for look-ups as for saving. What is not a GUID at all is looked for as it is, and not found."""
        try:
            return super().get_prep_value(self.to_python(value))
        except ValidationError:
            return value

    def formfield(self, **kwargs: Any) -> Any:
        """A form field that takes braces, which are longer than the column."""
        return super().formfield(**{"form_class": form_fields.GuidField, **kwargs})


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
