"""Which look-ups an address of the admin may carry: those of declared filters and select fields, and no other.

Django lets staff filter a list by any column of its model, and by related ones that a list names somewhere: with `__regex`
such an address can hold a database for a minute, and with `__startswith` it reads columns that no page shows.
"""

import re
import uuid
from collections.abc import Callable, Iterable
from typing import Any

from django.contrib import admin
from django.contrib.admin.filters import FieldListFilter, SimpleListFilter
from django.contrib.admin.utils import get_fields_from_path
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from registrations.models.fields import as_guid

GUID = re.compile(r"(?<![0-9a-f])[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}(?![0-9a-f])", re.IGNORECASE)
GUID_WITHOUT_HYPHENS = re.compile(r"[0-9a-f]{32}", re.IGNORECASE)
OF_DATES = ("year", "month", "day")  # the parameters of date_hierarchy


def declared(model_admin: Any, request: HttpRequest) -> frozenset[str]:
    """The look-ups that the filters and the date hierarchy of this list use themselves; found once for a request."""
    known: dict[Any, frozenset[str]] = request.__dict__.setdefault("_declared_lookups", {})
    if model_admin not in known:
        found = {str(name) for item in model_admin.get_list_filter(request) for name in _of(item, model_admin, request)}
        hierarchy = model_admin.date_hierarchy
        known[model_admin] = frozenset(found | {f"{hierarchy}__{part}" for part in OF_DATES if hierarchy})
    return known[model_admin]


def guid_of(term: str) -> str:
    """The GUID that a search of one word is for, whatever is stuck to it: `api://`, a full stop, quotation marks; or ""."""
    guid, words = as_guid(term), term.split()
    if guid or len(words) != 1:
        return guid
    if GUID_WITHOUT_HYPHENS.fullmatch(words[0]):
        return str(uuid.UUID(words[0]))
    found = GUID.findall(words[0])
    return found[0].lower() if len(found) == 1 else ""


def autocomplete(request: HttpRequest) -> HttpResponse:
    """The options of a select field that a form declares. Django would search along any relation, and fail for those back."""
    return admin.site.admin_view(_autocomplete)(request)


def _autocomplete(request: HttpRequest) -> HttpResponse:
    asked = [request.GET.get(name, "") for name in ("app_label", "model_name", "field_name")]
    declared_fields = {
        (model._meta.app_label, model._meta.model_name, name)
        for model, pages in admin.site._registry.items()
        for name in pages.get_autocomplete_fields(request)
    }
    if tuple(asked) not in declared_fields:
        raise PermissionDenied
    return admin.site.autocomplete_view(request)


def _of(item: Any, model_admin: Any, request: HttpRequest) -> Iterable[str | None]:
    model = model_admin.model
    if isinstance(item, type) and issubclass(item, SimpleListFilter):
        return [item.parameter_name]
    if callable(item):
        return item(request, {}, model, model_admin).expected_parameters()  # type: ignore[no-any-return]
    name, create = item if isinstance(item, (tuple, list)) else (item, FieldListFilter.create)
    return _parameters(create, name, model_admin, request)


def _parameters(create: Callable[..., Any], path: str, model_admin: Any, request: HttpRequest) -> Iterable[str | None]:
    field = get_fields_from_path(model_admin.model, path)[-1]
    made = create(field, request, {}, model_admin.model, model_admin, field_path=path)
    return made.expected_parameters() if made else []
