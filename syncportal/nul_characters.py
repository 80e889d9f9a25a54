"""The middleware that refuses requests with the character NUL, which PostgreSQL refuses to compare or store.

Nobody types it. What a form's body holds, its fields refuse; this is for everything else that reaches the database.
"""

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, HttpResponseBase

from onboarding.views import error_pages

SENTENCE = "The address or a header of this request holds a character that no browser sends.\n"


class NulCharacterMiddleware:
    """Answers 400 before a session is looked up or a view runs."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Pass on what holds no NUL: in path, query string, headers and cookies, whose quoting can hide one."""
        if not has_nul(request):
            return self.get_response(request)
        if hasattr(request, "instance"):
            return error_pages.bad_request(request, ValueError(SENTENCE))
        return HttpResponse(SENTENCE, status=HTTPStatus.BAD_REQUEST, content_type="text/plain; charset=utf-8")


def has_nul(request: HttpRequest) -> bool:
    """Whether anything but the body holds the character."""
    meta = request.META
    texts = [request.path_info, str(meta.get("QUERY_STRING", "")).replace("%00", "\0"), *request.COOKIES.values()]
    texts += [str(value) for name, value in meta.items() if name.startswith("HTTP_")]
    return any("\0" in text for text in texts)
