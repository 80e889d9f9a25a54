"""Form fields that clean what people typed or pasted, by the rules of its kind, before anything else looks at it."""

from typing import Any

from django import forms
from django.contrib.auth.forms import UsernameField
from django.core.exceptions import ValidationError

from registrations import canonical
from registrations.clean_text import Kind, MisleadingTextError, clean

LONGEST_PASTE = 100  # a GUID that comes with braces, blanks and invisible characters is not cut off by the browser


def cleaned(value: Any, what: Kind) -> Any:
    """The text, cleaned; anything but text as it is. Raises ValidationError that names a misleading character."""
    try:
        return clean(value, what=what) if isinstance(value, str) else value
    except MisleadingTextError as refusal:
        raise ValidationError(str(refusal), code="misleading") from None


class TextField(forms.CharField):
    """Text of one kind."""

    def __init__(self, *, what: Kind, **kwargs: Any) -> None:
        self.what = what
        super().__init__(**kwargs)

    def to_python(self, value: Any) -> Any:
        """Cleaned first, so that no rule meets what means nothing."""
        return super().to_python(cleaned(value, self.what))


class GuidField(TextField):
    """A GUID, also in braces and in capitals; its value is canonical."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs["max_length"] = LONGEST_PASTE
        super().__init__(what=Kind.IDENTIFIER, **kwargs)

    def to_python(self, value: Any) -> Any:
        """Canonical before it is checked."""
        return canonical.guid(super().to_python(value))


class HostField(TextField):
    """A domain or one of its labels; its value is canonical."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(what=Kind.IDENTIFIER, **kwargs)

    def to_python(self, value: Any) -> Any:
        """Canonical before it is checked."""
        return canonical.host(super().to_python(value))


class ScopeField(TextField):
    """The scope of an API; its value is canonical."""

    def to_python(self, value: Any) -> Any:
        """Canonical before it is checked."""
        return canonical.scope(super().to_python(value))


class UserNameField(UsernameField):
    """Django's field for the name that staff sign in with."""

    def to_python(self, value: Any) -> Any:
        """Cleaned first: some invisible characters count as letters."""
        return super().to_python(cleaned(value, Kind.IDENTIFIER))


class EmailField(forms.EmailField):
    """An e-mail address."""

    def to_python(self, value: Any) -> Any:
        """Cleaned first."""
        return super().to_python(cleaned(value, Kind.EMAIL))


class UrlField(forms.URLField):
    """A URL."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"assume_scheme": "https", **kwargs})

    def to_python(self, value: Any) -> Any:
        """Cleaned first. A port that is no number makes no server error."""
        try:
            return super().to_python(cleaned(value, Kind.URL))
        except ValueError:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None
