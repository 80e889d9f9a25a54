"""What the customer types: the name of a new registration, or the values of an existing one."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from onboarding.validators import MAX_LENGTH, validate_registration_name
from registrations.models.fields import is_guid, validate_domain, validate_guid

DESCRIBED_BY = "name-hint rules"


class RegistrationForm(forms.Form):
    """The name of the new registration, by the documented rules."""

    name = forms.CharField(
        label="Name of the registration",
        strip=True,
        validators=[validate_registration_name],
        error_messages={"required": "Enter a name."},
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
        """Name the error in the field's description too, where there is one."""
        super().full_clean()
        if self.is_bound and self.has_error("name"):
            self.fields["name"].widget.attrs["aria-describedby"] = f"name-error {DESCRIBED_BY}"


SHORTEST_SECRET = (
    16  # https://learn.microsoft.com/graph/api/resources/passwordcredential (secretText: 16 to 64 characters)
)
ID_FOR_VALUE = (
    "This is the secret's ID, and its value is needed. Microsoft Entra shows both under Certificates & secrets: copy the "
    "column Value. It shows only until you leave the page; make a new secret if it is gone."
)


class _Typed(forms.CharField):
    """A field that never shows what was typed in it: an answer with errors comes back empty."""

    def __init__(self, label: str, required: str, **kwargs: Any) -> None:
        attrs = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false", "class": "wide"}
        kwargs.setdefault("widget", forms.TextInput(attrs=attrs))
        super().__init__(label=label, max_length=253, error_messages={"required": required}, **kwargs)

    def clean(self, value: Any) -> Any:
        """Without the spaces and braces that come along when one copies."""
        return super().clean(str(value or "").strip().strip("{}"))


class _Secret(_Typed):
    """The secret's value; it is kept as it was typed, but for spaces around it."""

    def __init__(self) -> None:
        attrs = {"autocomplete": "off", "class": "wide"}
        super().__init__(
            "Client secret (value)",
            "Enter the secret's value.",
            help_text="Under Certificates & secrets, the column Value. Make a secret for this service alone.",
            widget=forms.PasswordInput(attrs=attrs, render_value=False),
        )

    def clean(self, value: Any) -> Any:
        """Recognise a secret's ID, and what is too short to be a value."""
        cleaned = forms.CharField.clean(self, str(value or "").strip())
        if is_guid(cleaned.strip("{}")):
            raise ValidationError(ID_FOR_VALUE, code="secret_id")
        if len(cleaned) < SHORTEST_SECRET or not cleaned.isprintable() or " " in cleaned:
            raise ValidationError(
                "This is no secret's value: one has at least 16 characters and no blank.", code="secret"
            )
        return cleaned


class ExistingForm(forms.Form):
    """The three values of a registration that exists. What is typed is never shown again."""

    tenant = _Typed(
        "Tenant ID or domain",
        "Enter the tenant ID, or a domain of your organisation.",
        help_text="The directory (tenant) ID on the registration's Overview page, or a verified domain.",
    )
    client_id = _Typed(
        "Application (client) ID",
        "Enter the application (client) ID.",
        validators=[validate_guid],
        help_text="On the registration's Overview page.",
    )
    client_secret = _Secret()

    def __init__(self, *args: Any, tenant_id: str, customer: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._tenant_id, self._customer = tenant_id, customer

    def clean_tenant(self) -> str:
        """A GUID must be the invited organisation's; a domain is looked up at Microsoft later."""
        tenant = str(self.cleaned_data["tenant"]).lower()
        if is_guid(tenant):
            if tenant != self._tenant_id:
                raise ValidationError(
                    f"This is another organisation's tenant ID, and the invitation is for {self._customer}.",
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

    def clean_client_id(self) -> str:
        """Microsoft writes ids in lower case."""
        return str(self.cleaned_data["client_id"]).lower()
