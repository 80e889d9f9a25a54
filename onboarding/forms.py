"""The customer's forms: the name of a new registration, or the values of an existing one."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from onboarding.validators import MAX_LENGTH, NAME_RULE, validate_registration_name
from registrations import canonical
from registrations.clean_text import Kind
from registrations.form_fields import TextField
from registrations.models.fields import is_guid, validate_domain, validate_guid

DESCRIBED_BY = "name-hint rules"


class RegistrationForm(forms.Form):
    """The name of the new registration, which must follow the documented rules."""

    name = TextField(
        label="Name of the registration",
        what=Kind.IDENTIFIER,
        validators=[validate_registration_name],
        error_messages={"required": f"Enter a name. {NAME_RULE}"},
        widget=forms.TextInput(
            attrs={
                "autocomplete": "off",
                "autocapitalize": "none",
                "spellcheck": "false",
                "maxlength": MAX_LENGTH,
                "aria-describedby": DESCRIBED_BY,
                "data-name": "",
            }
        ),
    )

    def full_clean(self) -> None:
        """Add an error to the field's description, so that screen readers read it."""
        super().full_clean()
        if self.is_bound and self.has_error("name"):
            self.fields["name"].widget.attrs["aria-describedby"] = f"name-error {DESCRIBED_BY}"


SHORTEST_SECRET = (
    16  # https://learn.microsoft.com/graph/api/resources/passwordcredential (secretText: 16 to 64 characters)
)
ID_FOR_VALUE = (
    "This is the secret’s ID. Enter its value instead: in Microsoft Entra, under Certificates & secrets, copy the column "
    "Value. Entra shows it only until you leave the page. Create a new secret if it is no longer shown."
)


class _SensitiveField(TextField):
    """A field that never shows what was entered: a form with errors comes back empty."""

    def __init__(self, label: str, required: str, **kwargs: Any) -> None:
        attrs = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "class": "wide"}
        kwargs.setdefault("widget", forms.TextInput(attrs=attrs))
        kwargs.setdefault("what", Kind.IDENTIFIER)
        super().__init__(label=label, max_length=253, error_messages={"required": required}, **kwargs)


class _CanonicalField(_SensitiveField):
    """A GUID or a domain, in lower case and without the braces that are often copied too."""

    def to_python(self, value: Any) -> Any:
        """Canonical before it is checked."""
        return canonical.host(canonical.guid(super().to_python(value)))


class _SecretField(_SensitiveField):
    """The secret's value, unchanged except for what surrounds it and cannot be seen."""

    def __init__(self) -> None:
        attrs = {"autocomplete": "off", "class": "wide"}
        super().__init__(
            "Client secret (value)",
            "Enter the secret’s value.",
            what=Kind.SECRET,
            help_text="Under Certificates & secrets, column Value. Create a secret for this service only.",
            widget=forms.PasswordInput(attrs=attrs, render_value=False),
        )

    def clean(self, value: Any) -> Any:
        """Refuse a secret's ID and whatever is too short to be a value."""
        cleaned = super().clean(value)
        if is_guid(canonical.guid(cleaned)):
            raise ValidationError(ID_FOR_VALUE, code="secret_id")
        if len(cleaned) < SHORTEST_SECRET or not cleaned.isprintable() or " " in cleaned:
            raise ValidationError(
                "This is not the value of a secret: a value has at least 16 characters and no spaces.", code="secret"
            )
        return cleaned


class ExistingForm(forms.Form):
    """The three values of an existing registration. They are never shown again."""

    tenant = _CanonicalField(
        "Tenant ID or domain",
        "Enter the tenant ID, or a domain of your organisation.",
        help_text="The directory (tenant) ID on the registration’s Overview page, or a verified domain.",
    )
    client_id = _CanonicalField(
        "Application (client) ID",
        "Enter the application (client) ID.",
        validators=[validate_guid],
        help_text="On the registration’s Overview page.",
    )
    client_secret = _SecretField()

    def __init__(self, *args: Any, tenant_id: str, customer: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._tenant_id, self._customer = tenant_id, customer

    def clean_tenant(self) -> str:
        """A GUID must be the invited organisation's; the operation looks up a domain at Microsoft later."""
        tenant = str(self.cleaned_data["tenant"])
        if is_guid(tenant):
            if tenant != self._tenant_id:
                raise ValidationError(
                    f"This is another organisation’s tenant ID. The invitation is for {self._customer}.",
                    code="tenant",
                )
            return tenant
        try:
            validate_domain(tenant)
        except ValidationError:
            raise ValidationError(
                "Enter a GUID like 9d576dc4-b85d-4571-880e-4c6ed4c08c31, or a domain like contoso.com.", code="tenant"
            ) from None
        return tenant
