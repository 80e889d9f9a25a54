"""Pages whose acts need the signed-in person's password again: a stolen session must not change who may sign in."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from unfold.widgets import UnfoldAdminPasswordWidget

from registrations.admin.base import PortalAdmin
from registrations.auth import sessions, throttle
from registrations.errors import WrongStateError

if TYPE_CHECKING:
    Pages = PortalAdmin
else:
    Pages = object

FIELD, OPEN = "own_password", "own_password_opens"
INTRO = ["You are about to change who may sign in, or what they may do. Your password is asked again for that."]


class OwnPasswordForm(forms.Form):
    """The signed-in person's own password."""

    own_password = forms.CharField(
        label="Your password",
        strip=False,
        max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"}, render_value=False),
    )


class ConfirmedActs(Pages):
    """Adding, changing and deleting rows of this model asks for the password first; it is valid for ten minutes."""

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Asked before the form opens: it may hold a new password, which no page shows again."""
        return self.ask(request) or super().add_view(request, *args, **kwargs)

    def change_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Asked when the form is sent: what was edited is kept meanwhile."""
        asked = self.ask(request) if request.method == "POST" else None
        return asked or super().change_view(request, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Asked before the page that names what is deleted."""
        return self.ask(request) or super().delete_view(request, *args, **kwargs)

    def ask(self, request: HttpRequest) -> HttpResponse | None:
        """None if the password was entered a few minutes ago, or is in this form; otherwise the page to answer with."""
        person = request.user
        if not isinstance(person, User) or not self.has_change_permission(request):
            raise PermissionDenied
        if sessions.is_confirmed(request):
            return None
        form = OwnPasswordForm(request.POST if FIELD in request.POST else None)
        if form.is_valid() and _is_right(form, person, request):
            sessions.confirm(request)
            return HttpResponseRedirect(request.get_full_path()) if request.POST.get(OPEN) else None
        opens = request.method != "POST" or bool(request.POST.get(OPEN)) or _holds_password(request)
        sent = [] if opens else [(name, value) for name, values in request.POST.lists() for value in values]
        kept = [(name, value) for name, value in sent if name not in {FIELD, "csrfmiddlewaretoken"}]
        return self.confirmation(
            request,
            title="Confirm your password",
            intro=INTRO,
            button="Continue",
            form=form,
            hidden=[(OPEN, "yes")] if opens else kept,
        )


def _is_right(form: OwnPasswordForm, person: User, request: HttpRequest) -> bool:
    try:
        if throttle.confirm_password(person, form.cleaned_data[FIELD], throttle.address_of(request)):
            return True
        form.add_error(FIELD, "The password is wrong. Enter the one you sign in with.")
    except WrongStateError as refusal:
        form.add_error(None, str(refusal))
    return False


def _holds_password(request: HttpRequest) -> bool:
    """Whether the form holds somebody's new password: it is never written into a page, so the form opens empty."""
    return any("password" in name for name in request.POST if name != FIELD)
