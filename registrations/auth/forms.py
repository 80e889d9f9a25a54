"""The login form. It is outside the admin package: the admin site needs it before any page is registered."""

from typing import Any, ClassVar

from unfold.forms import AuthenticationForm

from registrations.auth import throttle
from registrations.clean_text import Kind
from registrations.form_fields import cleaned


class SignInForm(AuthenticationForm):  # type: ignore[misc]
    """Says what to do after a refusal, also after too many of them."""

    error_messages: ClassVar[dict[str, Any]] = {
        "invalid_login": "User name and password do not match an active member of staff. Check both and try again.",
        "inactive": "This account is closed.",
    }

    def clean_username(self) -> str:
        """What surrounds a pasted name, and what nobody sees in it, is no part of it."""
        return str(cleaned(self.cleaned_data["username"], Kind.IDENTIFIER))

    def get_invalid_login_error(self) -> Any:
        """Name the pause, so that nobody keeps trying."""
        error = super().get_invalid_login_error()
        if throttle.is_throttled(self.cleaned_data.get("username") or "", throttle.address_of(self.request)):
            error.message = throttle.TOO_MANY
        return error
