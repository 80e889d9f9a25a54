"""People and groups: for superusers, with every change in the history."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse, reverse_lazy
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.forms import AdminOwnPasswordChangeForm, AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget, UnfoldAdminRadioSelectWidget

from registrations import audit
from registrations.admin.base import PortalAdmin, actor_of
from registrations.admin.password_confirmation import ConfirmedActs
from registrations.auth import sessions, throttle
from registrations.clean_text import Kind
from registrations.errors import WrongStateError
from registrations.form_fields import EmailField, TextField, UserNameField

admin.site.unregister(User)
admin.site.unregister(Group)
WORDS = {
    "is_active": ("Active", "Clear it when somebody leaves: people are never deleted."),
    "is_staff": ("May sign in", "Without it the sign-in page refuses them."),
    "is_superuser": ("Administrator", "May do everything, and is the only role that manages people."),
    "groups": ("Groups", "Operators act, auditors read. An administrator needs none."),
}
ADMINISTRATOR = "administrator"  # not a group
ROLE_TEXT = "Operators act, auditors read, and an administrator also manages people. It can be changed later."
CLEANED: dict[str, dict[str, Any]] = {  # Django's columns, with our form fields
    "username": {"form_class": UserNameField},
    "first_name": {"form_class": TextField, "what": Kind.NAME},
    "last_name": {"form_class": TextField, "what": Kind.NAME},
    "name": {"form_class": TextField, "what": Kind.NAME},
    "email": {"form_class": EmailField},
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

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        """Names and addresses without what cannot be seen."""
        return super().formfield_for_dbfield(db_field, request, **{**kwargs, **CLEANED.get(db_field.name, {})})

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


class AddPersonForm(UserCreationForm):  # type: ignore[misc]
    """A person who can sign in, in one role: by default the one that can change nothing."""

    usable_password = None  # staff sign in with a password, and with nothing else
    role = forms.ChoiceField(initial="auditors", help_text=ROLE_TEXT, widget=UnfoldAdminRadioSelectWidget)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        groups = [(name, name.capitalize()) for name in Group.objects.order_by("name").values_list("name", flat=True)]
        role = self.fields["role"]
        role.choices = role.widget.choices = [*groups, (ADMINISTRATOR, "Administrator")]

    def save(self, commit: bool = True) -> User:
        """With the right to sign in."""
        self.instance.is_staff = True
        self.instance.is_superuser = self.cleaned_data["role"] == ADMINISTRATOR
        person: User = super().save(commit)
        return person

    def _save_m2m(self) -> None:
        super()._save_m2m()
        self.instance.groups.set(Group.objects.filter(name=self.cleaned_data["role"]))


@admin.register(User)
class PersonAdmin(SuperuserOnly, UserAdmin):  # type: ignore[type-arg]
    """Members of staff. They are deactivated, never deleted."""

    form = PersonForm
    add_form = AddPersonForm
    change_password_form = AdminPasswordChangeForm
    subject_word = "staff"
    list_title = "People"
    list_display = ("username", "full_name", "access", "is_active", "last_login")
    search_help_text = "Username, name or e-mail"
    list_filter = ("groups", "is_active", "is_superuser")
    readonly_fields = ("password_link",)
    fieldsets = (
        (None, {"fields": ("username", "password_link", "first_name", "last_name", "email")}),
        ("What they may do", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
    )
    add_fieldsets = ((None, {"fields": ("username", "first_name", "last_name", "role", "password1", "password2")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """With the groups, in one query more."""
        return super().get_queryset(request).prefetch_related("groups")

    def response_add(self, request: HttpRequest, obj: User, post_url_continue: str | None = None) -> HttpResponse:
        """Say what the new person may do."""
        self.message_user(request, f"{obj.username} can sign in now: {access_of(obj)}.", messages.SUCCESS)
        return super().response_add(request, obj, post_url_continue)

    def response_change(self, request: HttpRequest, obj: User) -> HttpResponse:
        """Warn of a person who cannot work: what the form says may be what somebody wanted."""
        if obj.is_active and not is_able(obj):
            self.message_user(request, f"{obj.username}: {access_of(obj)}.", messages.WARNING)
        return super().response_change(request, obj)

    @admin.display(description="Access")
    def access(self, person: User) -> str:
        """What the person may do, in words."""
        return access_of(person)

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


def is_able(person: User) -> bool:
    """Whether the person can sign in and sees something then."""
    return person.is_active and person.is_staff and (person.is_superuser or bool(person.groups.all()))


def access_of(person: User) -> str:
    """What a person may do, in words: the groups, or what is missing."""
    if not person.is_active:
        return "deactivated"
    if not person.is_staff:
        return "cannot sign in, because May sign in is off"
    if person.is_superuser:
        return "administrator"
    return ", ".join(sorted(group.name for group in person.groups.all())) or "sees nothing, because no group is chosen"


def facts(obj: models.Model) -> dict[str, Any]:
    """The values of a person or group, without anything about passwords."""
    values: dict[str, Any] = {
        f.name: str(getattr(obj, f.name)) for f in obj._meta.concrete_fields if f.editable and f.name not in SECRET
    }
    for field in obj._meta.many_to_many:
        values[field.name] = sorted(str(item) for item in getattr(obj, field.name).all())
    return values
