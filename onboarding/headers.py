"""Security headers: the strict policy on customers' pages, the one that the admin's Alpine needs on admin pages."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

# https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Content-Security-Policy
INSTANCE_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
ADMIN_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
INSTANCE_HEADERS = {
    "Content-Security-Policy": INSTANCE_POLICY,
    # An invitation's link stands in the path, so no path may leave in a Referer. "no-referrer" would do that too, but
    # browsers then send "Origin: null" with our own forms (Fetch standard, "append a request Origin header"), which
    # Django's CSRF check refuses.
    "Referrer-Policy": "strict-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
ADMIN_HEADERS = {
    "Content-Security-Policy": ADMIN_POLICY,
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Permissions-Policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
}
HSTS = "max-age=31536000"


class SecurityHeadersMiddleware:
    """Adds what is missing; a view that set a header itself has its reason."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with the headers of the host that was asked."""
        response = self.get_response(request)
        headers = INSTANCE_HEADERS if hasattr(request, "instance") else ADMIN_HEADERS
        for name, value in {**EVERYWHERE, **headers}.items():
            response.headers.setdefault(name, value)
        if request.is_secure():
            response.headers.setdefault("Strict-Transport-Security", HSTS)
        return response
