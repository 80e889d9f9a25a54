"""The admin's pages for "not allowed" and "not found", in its frame and with a way back, and for unexpected errors."""

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.views import defaults

from registrations import unavailable

FORBIDDEN = (
    "This is not allowed",
    "Your account may not open or do this. Ask an administrator of SyncPortal if it should.",
)
NOT_FOUND = ("There is no such page", "The address may be mistyped, or what it showed does not exist any more.")


def forbidden(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler for a permission that is missing."""
    return _answer(request, 403, *FORBIDDEN)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Django's handler for an address or an object that does not exist."""
    return _answer(request, 404, *NOT_FOUND)


def no_such_page(request: HttpRequest, rest: str) -> HttpResponse:
    """In place of a page of Django's admin that SyncPortal does not have. Raises Http404."""
    raise Http404


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler for an unexpected error: 503 while the database cannot be used, and 500 otherwise."""
    return unavailable.page() or defaults.server_error(request)


def _answer(request: HttpRequest, status: int, title: str, sentence: str) -> HttpResponse:
    user = getattr(request, "user", None)  # missing where a middleware refused
    if user is None or not user.is_staff:
        return HttpResponse(f"{title}.\n", status=status, content_type="text/plain; charset=utf-8")
    context = {**admin.site.each_context(request), "title": title, "content_title": title, "sentence": sentence}
    return TemplateResponse(request, "admin/refusal.html", context, status=status).render()
