"""People and groups: for superusers, with every change in the history."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from registrations.admin.base import PortalAdmin, actor_of
from registrations.services import audit

admin.site.unregister(User)
admin.site.unregister(Group)
SECRET = {"password", "password1", "password2", "usable_password", "last_login"}


class SuperuserOnly(PortalAdmin):
    """Nobody else sees these pages, whatever permissions a group has."""

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

    def _is_superuser(self, request: HttpRequest) -> bool:
        return bool(request.user.is_active and getattr(request.user, "is_superuser", False))

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write the row; the history follows in `log_...`, when groups are written too."""
        obj.save()

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The history of a new row."""
        audit.record(f"{self.subject_word}.added", actor=actor_of(request), subject=obj, after=facts(obj))

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """The history of a change: which fields, and how the row stands now."""
        changed = (
            [field for part in message for field in part.get("changed", {}).get("fields", [])]
            if isinstance(message, list)
            else []
        )
        action = "password_changed" if changed == ["password"] else "changed"
        after = {} if action == "password_changed" else {"changed": changed, **facts(obj)}
        audit.record(f"{self.subject_word}.{action}", actor=actor_of(request), subject=obj, after=after)


@admin.register(User)
class PersonAdmin(SuperuserOnly, UserAdmin):  # type: ignore[type-arg]
    """Members of staff. They are deactivated, never deleted."""

    form = UserChangeForm
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
        return format_html('<a class="text-link" href="{}">Set another password</a>', address)

    @admin.display(description="Full name", ordering="last_name")
    def full_name(self, person: User) -> str:
        """As the history shows it."""
        return person.get_full_name() or "–"

    @transaction.atomic
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:
        """Setting a password and its history entry are one transaction."""
        return super().user_change_password(request, id, form_url)


@admin.register(Group)
class StaffGroupAdmin(SuperuserOnly, GroupAdmin):
    """Groups and what their members may do."""

    subject_word = "group"


@transaction.atomic
def _change_own_password(request: HttpRequest) -> HttpResponse:
    if not isinstance(request.user, User):
        raise PermissionDenied
    before = request.user.password
    response = admin.site.password_change(request)
    if request.user.password != before:
        audit.record("staff.password_changed", actor=actor_of(request), subject=request.user)
    return response


change_own_password = admin.site.admin_view(_change_own_password)


def facts(obj: models.Model) -> dict[str, Any]:
    """How a person or group stands, without anything about passwords."""
    values: dict[str, Any] = {
        f.name: str(getattr(obj, f.name)) for f in obj._meta.concrete_fields if f.editable and f.name not in SECRET
    }
    for field in obj._meta.many_to_many:
        values[field.name] = sorted(str(item) for item in getattr(obj, field.name).all())
    return values
