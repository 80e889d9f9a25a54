"""Limits of request bodies, from their headers: before anything reads, parses or stores a body.

The web server's parser (`syncportal.server`) knows the same limits, so that it does not collect what is refused here.

No page takes a file: there are no upload handlers, and `DATA_UPLOAD_MAX_NUMBER_FILES` refuses a form with one. A page that
imports a file sets its own handler after its permission check (CONTRIBUTING.md says how).
"""

import codecs
from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse

MOST_OF_STRANGERS = 64 * 1024  # a sign-in's form, or Microsoft's answer, has at most 10 KiB
MULTIPART = "multipart/"
TOO_LARGE = "The form is larger than SyncPortal accepts.\n"
LENGTH_NEEDED = "The request does not say how long its body is.\n"
NO_FILES = "This page takes no files.\n"
UTF_8_ONLY = "The request states another character set than UTF-8, which every browser uses here.\n"
MALFORMED = "The form is malformed.\n"


class BodyLimitMiddleware:
    """Refuses bodies that are too long, of unknown length, made for files, or not in UTF-8."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer 400, 411, 413 or 415, or pass the request on."""
        refusal = self._refusal(request) or broken_parts(request)
        if refusal is None:
            return self.get_response(request)
        status, text = refusal
        response = HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
        response.headers["Connection"] = "close"  # the body is not read
        return response

    def _refusal(self, request: HttpRequest) -> tuple[HTTPStatus, str] | None:
        stated = request.META.get("CONTENT_LENGTH") or ""
        if not stated and request.META.get("HTTP_TRANSFER_ENCODING"):
            return HTTPStatus.LENGTH_REQUIRED, LENGTH_NEEDED
        try:
            length = int(stated or 0)
        except ValueError:
            return HTTPStatus.LENGTH_REQUIRED, LENGTH_NEEDED
        most = most_bytes(request)
        if length < 0 or length > most:
            return HTTPStatus.REQUEST_ENTITY_TOO_LARGE, TOO_LARGE
        # Browsers send our forms as application/x-www-form-urlencoded. A short one is harmless: a file in it is a 400.
        if length > MOST_OF_STRANGERS and str(request.META.get("CONTENT_TYPE", "")).lower().startswith(MULTIPART):
            return HTTPStatus.UNSUPPORTED_MEDIA_TYPE, NO_FILES
        # Django decodes forms and query strings by it, on each method: "unicode_escape" would make NUL and lone surrogates.
        if not is_utf_8(request.content_params.get("charset", "utf-8") if request.content_params else "utf-8"):
            return HTTPStatus.BAD_REQUEST, UTF_8_ONLY
        return None


def is_utf_8(charset: str) -> bool:
    """Whether the name, in one of its spellings, is that of UTF-8."""
    try:
        return codecs.lookup(charset).name == "utf-8"
    except (LookupError, ValueError):  # unknown, or with a NUL
        return False


def broken_parts(request: HttpRequest) -> tuple[HTTPStatus, str] | None:
    """The refusal of a form in parts that Django 5.2 cannot read: it lets the TypeError of `name*=a; name*1=b` through.

    Raises what Django answers with 400 by itself.
    """
    if request.content_type != "multipart/form-data" or request.method != "POST":
        return None
    try:
        request.POST.keys()
    except TypeError:
        return HTTPStatus.BAD_REQUEST, MALFORMED
    return None


def most_bytes(request: HttpRequest) -> int:
    """The limit of this page: little for customers' pages and for browsers without a session, more for staff."""
    signed_in = settings.SESSION_COOKIE_NAME in request.COOKIES and request.path_info != reverse(
        "admin:login", "syncportal.urls"
    )
    return settings.DATA_UPLOAD_MAX_MEMORY_SIZE if signed_in and not hasattr(request, "instance") else MOST_OF_STRANGERS
