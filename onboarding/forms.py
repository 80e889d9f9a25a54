"""What the customer types: the name of the registration."""

from django import forms

from onboarding.names import MAX_LENGTH, validate_registration_name


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
                "aria-describedby": "rules",
                "data-name": "",
            }
        ),
    )
