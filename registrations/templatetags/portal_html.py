"""Template filters for what the staff's pages show again and again: states, instants, values to copy."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django import template
from django.contrib import admin
from django.core.exceptions import NON_FIELD_ERRORS
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import capfirst

from registrations import admin_html

register = template.Library()


@dataclass(frozen=True)
class Crumb:
    """One part of the breadcrumbs; the last one is the page itself."""

    title: str
    address: str = ""


@register.inclusion_tag("unfold/helpers/header_title.html", takes_context=True)
def breadcrumbs(context: template.RequestContext) -> dict[str, Any]:
    """The breadcrumbs of this page, with the menu's titles: section, list, row."""
    opts, request = context.get("opts"), context["request"]
    if not opts:
        return {"parts": [Crumb(str(context.get("title") or context.get("content_title") or "Start"))]}
    pages = admin.site._registry.get(opts.model)
    section, name = _in_menu(context, opts)
    listed = Crumb(name, _list_address(opts))
    section = section or str(opts.app_config.verbose_name)
    parts = [listed] if section == name else [Crumb(section), listed]  # a breadcrumb never repeats itself
    original, about = context.get("original"), context.get("about")
    if isinstance(about, models.Model):
        return {"parts": [*_of_object(context, about), Crumb("History")]}
    if isinstance(original, models.Model):
        parts.append(Crumb(getattr(pages, "name_of", str)(original), admin_html.change_url(original)))
    elif context.get("add"):
        parts.append(Crumb(f"Add {opts.verbose_name}", request.path))
    return {"parts": parts}


def _of_object(context: template.RequestContext, found: models.Model) -> list[Crumb]:
    """List and row of another model than the page's."""
    pages = admin.site._registry.get(type(found))
    _, name = _in_menu(context, found._meta)
    row = Crumb(getattr(pages, "name_of", str)(found), admin_html.change_url(found))
    return [Crumb(name, _list_address(found._meta)), row]


def _in_menu(context: template.RequestContext, opts: Any) -> tuple[str, str]:
    """The titles of the menu's section and item that lead to the model's list."""
    for section in context.get("sidebar_navigation") or []:
        for item in section["items"]:
            if str(item["link"]) == _list_address(opts):
                return str(section.get("title") or ""), str(item["title"])
    return "", str(capfirst(opts.verbose_name_plural))


def _list_address(opts: Any) -> str:
    return reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist")


@register.filter
def beside_fields(errors: Any) -> bool:
    """Whether a form has errors at its fields, not only errors of the whole form."""
    return bool(set(errors) - {NON_FIELD_ERRORS}) if isinstance(errors, dict) else bool(errors)


@register.filter
def state_badge(state: str, word: str = "") -> SafeString:
    """The state as icon, word and colour."""
    return admin_html.badge(state, word)


@register.filter
def relative_time(value: datetime | None) -> SafeString:
    """A relative time with the exact instant on hover; a dash for none."""
    return admin_html.moment(value)


@register.filter
def expiry(value: datetime | None) -> SafeString:
    """When something ends, in a sentence: "expires in 23 days", "expired 2 days ago"; a dash for none."""
    if value is None or value <= timezone.now():
        return admin_html.expiry(value)
    return format_html("expires {}", admin_html.moment(value))


@register.filter
def copy_text(value: Any) -> SafeString:
    """A value with a copy button."""
    return admin_html.copyable(str(value))
