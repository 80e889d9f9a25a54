"""What all staff pages share: the history of edits, actions with a confirmation page, and who acts."""

import logging
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.admin.widgets import RelatedFieldWidgetWrapper
from django.core.exceptions import FieldDoesNotExist, PermissionDenied, ValidationError
from django.db import DataError, models
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from unfold.admin import ModelAdmin
from unfold.enums import ActionVariant

from registrations import admin_html, audit
from registrations.admin import lookups, object_history
from registrations.auth import throttle
from registrations.errors import PortalError, WrongStateError
from registrations.models.fields import EnvelopeField

logger = logging.getLogger(__name__)

if TYPE_CHECKING:
    StyledAdmin = admin.ModelAdmin[Any]
else:
    StyledAdmin = ModelAdmin


LONGEST_SEARCH, MOST_SEARCH_WORDS = 200, 10  # each word is looked for in every column of the search
TOO_LONG_A_SEARCH = (
    f"The search is too long. Search for at most {MOST_SEARCH_WORDS} words and {LONGEST_SEARCH} characters."
)


def actor_of(request: HttpRequest) -> audit.Actor:
    """The signed-in member of staff and the address they work from."""
    if not request.user.is_authenticated:
        raise PermissionDenied
    return audit.Actor.staff(request.user, throttle.address_of(request))


def page(
    title: str, *, permission: str, icon: str = "", path: str = "", variant: str = "default"
) -> Callable[..., Any]:
    """A page of one object with its button in the header. GET shows what will happen, only POST acts.

    `permission` names the `has_<permission>_permission` method that decides; unknown objects are 404.
    """

    def decorate(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def guarded(self: "PortalAdmin", request: HttpRequest, object_id: str) -> HttpResponse:
            subject = self.get_object(request, unquote(object_id))
            if subject is None:
                raise Http404(f"No {self.opts.verbose_name} has this id.")
            if not getattr(self, f"has_{permission}_permission")(request, subject):
                raise PermissionDenied
            return view(self, request, subject)

        attributes = {
            "short_description": title,
            "allowed_permissions": [permission],
            "icon": icon,
            "attrs": {},
            "variant": ActionVariant(variant),
            "original_function_name": view.__name__,
            "url_path": path or view.__name__.replace("_", "-"),
        }
        vars(guarded).update(attributes)
        return guarded

    return decorate


class PortalAdmin(StyledAdmin):
    """Lists and forms of one model. Edits are in the history; nothing is deleted; actions go through services."""

    list_per_page = 50
    compressed_fields = True
    empty_value_display = "–"
    says_added = False  # whether `save_model` says itself that a row was added, and what comes next
    list_title = ""  # of the browser's tab, if it is not the models' name
    subject_word = ""  # the first word of its actions in the history, if it is not the model's name

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Rows are evidence, or others refer to them: they are retired or revoked, never deleted."""
        return False

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """Only what a declared filter of this list uses itself; anything else is a 400."""
        return request is not None and lookup in lookups.declared(self, request)

    def name_of(self, obj: Any) -> str:
        """What people call a row, above its page."""
        return str(obj)

    def may(self, request: HttpRequest, codename: str) -> bool:
        """Whether the signed-in person has this permission of the model's app."""
        return request.user.has_perm(f"{self.opts.app_label}.{codename}")

    def identified_by(self, guid: str) -> Q | None:
        """The rows that a GUID finds beside those of the search fields."""
        return None

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """What `searched` finds; nothing for a search that is too long."""
        if is_too_long_a_search(search_term):
            if not is_autocomplete(request):  # its answer is no page that could show the message
                self.message_user(request, TOO_LONG_A_SEARCH, messages.WARNING)
            return queryset.none(), False
        return self.searched(request, queryset, search_term)

    def searched(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        """A GUID is found however it is written: in braces, in capitals, with something stuck to it."""
        guid = lookups.guid_of(search_term)
        found, may_repeat = super().get_search_results(request, queryset, guid or search_term)
        more = self.identified_by(guid) if guid else None
        if more is None:
            return found, may_repeat
        return queryset.filter(Q(pk__in=found.order_by().values("pk")) | more), False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Write only what was edited, and its history, in the transaction that the change form opened."""
        names = [name for name in form.changed_data if name in own_columns(obj)]
        word = self.subject_word or self.opts.model_name
        if not change:
            obj.save(force_insert=True)
            after = {name: shown(obj, name) for name in form.fields if name in own_columns(obj)}
            audit.record(f"{word}.added", actor=actor_of(request), subject=obj, after=after)
        elif names:
            stored = self.model._default_manager.get(pk=obj.pk)
            # A worker may have written other columns since the form was opened: do not overwrite them.
            obj.save(update_fields=names)
            audit.record(
                f"{word}.changed",
                actor=actor_of(request),
                subject=obj,
                before={name: shown(stored, name) for name in names},
                after={name: shown(obj, name) for name in names},
            )

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """A filter or a chosen row that cannot exist leads back to the whole list."""
        title = self.list_title or capfirst(self.opts.verbose_name_plural)
        try:
            return super().changelist_view(request, {"title": title, **(extra_context or {})})
        except (ValidationError, DataError):
            self.message_user(request, "The address or the selection was not valid.", messages.WARNING)
            return HttpResponseRedirect(self.list_address())

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Raises ValidationError also for a number or a date that no filter can have, such as the year 99999."""
        try:
            return super().get_changelist_instance(request)
        except (OverflowError, ValueError) as error:
            if not request.GET:  # then the address is not the cause
                raise
            logger.warning("A list refused its address.", exc_info=True)
            raise ValidationError("The address is not valid.") from error

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """What an address proposes for a new row, without values that its columns cannot have."""
        found: dict[str, Any] = {}
        for name, value in super().get_changeform_initial_data(request).items():
            with suppress(ValidationError):
                found[name] = proposed(self.model, name, value)
        return found

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """A service may refuse what the form allowed a moment ago: nothing is saved, and the page says why."""
        try:
            if request.method != "POST":
                return super().changeform_view(request, object_id, form_url, extra_context)
            with audit.atomic():  # around Django's own, so that all it writes comes before the history
                return super().changeform_view(request, object_id, form_url, extra_context)
        except WrongStateError as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return HttpResponseRedirect(request.get_full_path())

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Without save buttons if nothing can be edited."""
        if not context["adminform"].form.fields:
            context.update(show_save=False, show_save_and_continue=False, show_save_and_add_another=False)
        return super().render_change_form(request, context, *args, **kwargs)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """The buttons of the header that this person may press."""
        return super().get_actions_detail(request, object_id)  # type: ignore[misc]

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """Django's own history is not used: there is one history, and it is chained."""

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        """As `log_addition`."""

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """The one history, narrowed to this object and what is below it."""
        found = self.get_object(request, unquote(object_id))
        if found is None:
            raise Http404(f"No {self.opts.verbose_name} has this id.")
        if not self.has_view_permission(request, found):
            raise PermissionDenied
        return HttpResponseRedirect(object_history.address_of(self.model, found.pk))

    def history_of(self, obj: Any) -> Q:
        """Which entries of the history concern a row."""
        return object_history.about(obj)

    def message_user(self, request: HttpRequest, message: Any, *args: Any, **kwargs: Any) -> None:
        """Django's own messages in our words. They are escaped already, and stay marked as safe."""
        if self.says_added and "was added successfully" in str(message):
            return
        if isinstance(message, SafeString):
            message = mark_safe(message.replace("was added successfully", "is added"))  # noqa: S308
            message = mark_safe(message.replace("was changed successfully", "is saved"))  # noqa: S308
        super().message_user(request, message, *args, **kwargs)

    def attempt(self, request: HttpRequest, act: Callable[[], Any], done: str) -> bool:
        """Call a service and show the person the outcome; False if it was refused."""
        try:
            act()
        except PortalError as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return False
        self.message_user(request, done, messages.SUCCESS)
        return True

    def back_to(self, subject: models.Model) -> HttpResponseRedirect:
        """To the object's page."""
        return HttpResponseRedirect(admin_html.change_url(subject))

    def confirmation(self, request: HttpRequest, **what: Any) -> TemplateResponse:
        """The page that says what will happen before it does.

        Takes `title`, `button`, and optionally `subject`, `intro` (sentences), `facts` (label and value), `form`,
        `danger`, `action`, `hidden` (name and value), `back`.
        """
        subject = what.get("subject")
        back = what.get("back") or (admin_html.change_url(subject) if subject else self.list_address())
        return self.plain_page(request, "admin/act.html", **{**what, "back": back, "original": subject})

    def plain_page(self, request: HttpRequest, template: str, **context: Any) -> TemplateResponse:
        """Any page in the admin's frame."""
        frame = self.admin_site.each_context(request)
        return TemplateResponse(request, template, {**frame, "opts": self.opts, "model_admin": self, **context})

    def object_paths(self, pages: dict[str, str]) -> list[URLPattern]:
        """URL patterns of pages that have no button in the header: address below the object's to method's name."""
        opts = self.opts
        return [
            path(
                f"<path:object_id>/{address}/",
                self.admin_site.admin_view(getattr(self, name)),
                name=f"{opts.app_label}_{opts.model_name}_{name}",
            )
            for address, name in pages.items()
        ]

    def list_address(self) -> str:
        """The address of the list."""
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")


class ReadOnlyAdmin(PortalAdmin):
    """Rows that only services write."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody, superusers included."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        """Nobody, superusers included."""
        return False


class SecretForm(forms.ModelForm):  # type: ignore[type-arg]
    """A form with a secret that can be written but not read. If the form is refused, the secret must be entered again."""

    reenter_field = ""

    def full_clean(self) -> None:
        """Ask for the secret again if another field was refused."""
        super().full_clean()
        name = self.reenter_field
        if self.errors and name in self.fields and name not in self.errors and self.data.get(self.add_prefix(name)):
            self.add_error(name, "Enter the secret again: it was not saved.")


def is_too_long_a_search(term: str) -> bool:
    """Whether a search would hold the database: its query grows with each word."""
    return len(term) > LONGEST_SEARCH or len(term.split()) > MOST_SEARCH_WORDS


def is_autocomplete(request: HttpRequest) -> bool:
    """Whether a select field asks for its options."""
    return request.resolver_match is not None and request.resolver_match.url_name == "autocomplete"


def own_columns(obj: models.Model) -> set[str]:
    """The columns that a form may write: envelopes never."""
    return {
        field.name for field in obj._meta.concrete_fields if field.editable and not isinstance(field, EnvelopeField)
    }


def shown(obj: models.Model, name: str) -> str:
    """A column's value as people read it."""
    display = getattr(obj, f"get_{name}_display", None)
    value = display() if display else getattr(obj, name)
    return "" if value is None else str(value)


def proposed(model: type[models.Model], name: str, value: Any) -> Any:
    """A proposed value as its form field understands it. Raises ValidationError if its column cannot have it."""
    try:
        column = model._meta.get_field(name)
    except FieldDoesNotExist:
        return value  # of a field that is the form's own
    if isinstance(column, models.ForeignKey):
        return str(column.to_python(value))
    field = column.formfield() if isinstance(column, models.Field) and isinstance(value, str) else None
    return field.to_python(value) if field else value


def inner_widget(field: forms.Field) -> forms.Widget:
    """The select itself, without the frame of buttons that the admin puts around it."""
    return field.widget.widget if isinstance(field.widget, RelatedFieldWidgetWrapper) else field.widget
