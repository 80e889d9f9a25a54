"""The history of one object with all that is below it: a part of the one history, with its search and its other filters."""

from typing import Any
from urllib.parse import urlencode

from django.contrib import admin
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse

from registrations import places
from registrations.models import AuditEvent


class ObjectFilter(admin.SimpleListFilter):
    """Narrows the history to one object that this reader may see: `?about=umpinstance:<id>`. An unknown one has no entries."""

    title = "object"
    parameter_name = "about"
    found: tuple[Any, Any] | None = None  # the object's pages, and the object

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        """The chosen object alone: they are chosen on their own pages."""
        if not self.value():
            return []
        self.found = _object(request, self.value() or "")
        return [(self.value(), self.name or "Unknown object")]

    @property
    def name(self) -> str:
        """What people call the object; "" if it is unknown."""
        if self.found is None:
            return ""
        pages, found = self.found
        return str(pages.name_of(found) if hasattr(pages, "name_of") else found)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The entries about the object and about what is below it."""
        if not self.value():
            return queryset
        if self.found is None:
            return queryset.none()
        pages, found = self.found
        own = pages.history_of(found) if hasattr(pages, "history_of") else about(found)
        return queryset.filter(own)


def about(found: Model) -> Q:
    """Entries about a row: those that belong to it, or, where nothing belongs to rows of its model, those about itself."""
    column = places.own_column(type(found))
    if column:
        return Q(**{f"context__{column}": found.pk})
    return Q(subject_type=found._meta.model_name, subject_id=str(found.pk))


def address_of(model: type[Model], pk: Any) -> str:
    """The address of an object's history."""
    chosen = urlencode({ObjectFilter.parameter_name: f"{model._meta.model_name}:{pk}"})
    return f"{reverse(f'admin:{AuditEvent._meta.app_label}_{AuditEvent._meta.model_name}_changelist')}?{chosen}"


def _object(request: HttpRequest, chosen: str) -> tuple[Any, Any] | None:
    name, _, pk = chosen.partition(":")
    for model, pages in admin.site._registry.items():
        if model._meta.model_name == name and pages.has_view_permission(request):
            found = pages.get_object(request, pk) if "\0" not in pk else None
            return (pages, found) if found is not None and pages.has_view_permission(request, found) else None
    return None
