"""People and groups: for superusers, with every change in the history."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.db import models
from django.http import HttpRequest, HttpResponse
from django.urls import reverse, reverse_lazy
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.forms import AdminOwnPasswordChangeForm, AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from registrations import audit
from registrations.admin.base import PortalAdmin, actor_of
from registrations.admin.password_confirmation import ConfirmedActs
from registrations.auth import sessions, throttle
from registrations.errors import WrongStateError

admin.site.unregister(User)
admin.site.unregister(Group)
WORDS = {
    "is_active": ("Active", "Clear it when somebody leaves: people are never deleted."),
    "is_staff": ("May sign in", "Without it the sign-in page refuses them."),
    "is_superuser": ("Administrator", "May do everything, and is the only role that manages people."),
    "groups": ("Groups", "Operators act, auditors read. An administrator needs none."),
}
ENDS_SESSIONS = {"is_active", "is_staff", "is_superuser", "groups", "username"}
SECRET = {"password", "password1", "password2", "usable_password", "last_login"}


class SuperuserOnly(ConfirmedActs, PortalAdmin):
    """Only superusers see these pages, whatever permissions a group has."""

    filter_horizontal = ()  # Django's two boxes with arrows are hard to use by keyboard, and break ARIA's naming rules

    def has_module_permission(self, request: HttpRequest) -> bool:
        """Superusers only."""
        return self._is_superuser(request)

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Superusers only."""
        return self._is_superuser(request)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Superusers only."""
        return self._is_superuser(request)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Superusers only."""
        return self._is_superuser(request)

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any) -> Any:
        """Check boxes: groups and permissions are few."""
        kwargs["widget"] = UnfoldAdminCheckboxSelectMultipleWidget()
        return super().formfield_for_manytomany(db_field, request, **kwargs)  # type: ignore[arg-type]

    def _is_superuser(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and getattr(request.user, "is_superuser", False))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write the row; the history follows in `log_...`, when groups are written too."""
        obj.save()

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The history of a new row."""
        audit.record(f"{self.subject_word}.added", actor=actor_of(request), subject=obj, after=facts(obj))

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The history of a change: which fields, and the row's values now."""
        changed = (
            [field for part in message for field in part.get("changed", {}).get("fields", [])]
            if isinstance(message, list)
            else []
        )
        action = "password_changed" if changed == ["password"] else "changed"
        after = {} if action == "password_changed" else {"changed": changed, **facts(obj)}
        audit.record(f"{self.subject_word}.{action}", actor=actor_of(request), subject=obj, after=after)


class PersonForm(UserChangeForm):  # type: ignore[misc]
    """Django's form in this product's words."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, (label, help_text) in WORDS.items():
            self.fields[name].label, self.fields[name].help_text = label, help_text


@admin.register(User)
class PersonAdmin(SuperuserOnly, UserAdmin):  # type: ignore[type-arg]
    """Members of staff. They are deactivated, never deleted."""

    form = PersonForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    subject_word = "staff"
    list_display = ("username", "full_name", "is_active", "is_superuser", "last_login")
    list_filter = ("groups", "is_active", "is_superuser")
    readonly_fields = ("password_link",)
    fieldsets = (
        (None, {"fields": ("username", "password_link", "first_name", "last_name", "email")}),
        ("What they may do", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
    )
    add_fieldsets = (
        (None, {"fields": ("username", "usable_password", "password1", "password2", "is_staff", "groups")}),
    )

    @admin.display(description="Password")
    def password_link(self, person: User) -> SafeString:
        """The way to set another one. Django would show a part of the hash here."""
        address = reverse("admin:auth_user_password_change", args=[person.pk])
        return format_html('<a class="text-link" href="{}">Set a new password</a>', address)

    @admin.display(description="Full name", ordering="last_name")
    def full_name(self, person: User) -> str:
        """As the history shows it."""
        return person.get_full_name() or "–"

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Setting a password and its history entry are one transaction. Asks for the administrator's own before."""
        asked = self.ask(request)
        if asked:
            return asked
        with audit.atomic():
            return super().user_change_password(request, id, form_url)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Who may do less, or something else, signs in again: an old session must not come back with the rights."""
        super().save_model(request, obj, form, change)
        if change and obj != request.user and ENDS_SESSIONS & set(form.changed_data):
            sessions.end_all(obj)


@admin.register(Group)
class StaffGroupAdmin(SuperuserOnly, GroupAdmin):
    """Groups and what their members may do."""

    subject_word = "group"


class OwnPasswordForm(AdminOwnPasswordChangeForm):  # type: ignore[misc]
    """Django's form; the old password is throttled and recorded as at the sign-in."""

    def __init__(self, user: User, *args: Any, actor: audit.Actor, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        self.actor = actor

    def clean_old_password(self) -> str:
        """Before any transaction: the entry of a wrong password is kept, and parallel guesses see each other."""
        typed: str = self.cleaned_data["old_password"]
        try:
            if throttle.confirm_password(self.user, typed, self.actor.ip_address, "password change"):
                return typed
        except WrongStateError as refusal:
            raise ValidationError(str(refusal)) from None
        raise ValidationError("The password is wrong. Enter the one you sign in with.")

    @audit.atomic()
    def save(self, commit: bool = True) -> User:
        """The new password and its history entry are one transaction."""
        user: User = super().save(commit)
        audit.record("staff.password_changed", actor=self.actor, subject=user)
        return user


class OwnPasswordView(PasswordChangeView):
    """Django's page in the admin's frame."""

    form_class = OwnPasswordForm
    success_url = reverse_lazy("admin:password_change_done")

    def get_form_kwargs(self) -> dict[str, Any]:
        """With who asks, and from where."""
        return {**super().get_form_kwargs(), "actor": actor_of(self.request)}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """With the admin's menu."""
        return super().get_context_data(**admin.site.each_context(self.request), **kwargs)


change_own_password = admin.site.admin_view(OwnPasswordView.as_view())


def facts(obj: models.Model) -> dict[str, Any]:
    """The values of a person or group, without anything about passwords."""
    values: dict[str, Any] = {
        f.name: str(getattr(obj, f.name)) for f in obj._meta.concrete_fields if f.editable and f.name not in SECRET
    }
    for field in obj._meta.many_to_many:
        values[field.name] = sorted(str(item) for item in getattr(obj, field.name).all())
    return values
