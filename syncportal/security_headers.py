"""The middleware that adds the security headers: the customers' policy on instance hosts, the admin's elsewhere.

Django's SecurityMiddleware runs around it and adds the headers that are the same for both audiences (decision 0013).
"""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponseBase

from onboarding.headers import CUSTOMER_HEADERS

# Alpine, which the admin theme is built on, evaluates expressions: hence 'unsafe-eval'.
# https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Content-Security-Policy
ADMIN_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "font-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
ADMIN_HEADERS = {"Content-Security-Policy": ADMIN_POLICY, "Cross-Origin-Opener-Policy": "same-origin"}
PERMISSIONS_POLICY = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"
# Without includeSubDomains and preload: an instance's host belongs to its service provider, who has other hosts there.
HSTS = "max-age=31536000"


class SecurityHeadersMiddleware:
    """Adds the headers that are missing; a view that set one itself has its reason."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with the headers of the audience, which HostMiddleware has decided by the host."""
        response = self.get_response(request)
        is_for_customers = hasattr(request, "instance") or hasattr(request, "provider")
        headers = CUSTOMER_HEADERS if is_for_customers else ADMIN_HEADERS
        for name, value in {**headers, "Permissions-Policy": PERMISSIONS_POLICY}.items():
            response.headers.setdefault(name, value)
        return response


class TransportSecurityMiddleware:
    """Adds HSTS to every answer over https: it is the outermost, so refusals of the other middleware have it too.

    Not to plain http: browsers ignore it there (RFC 6797, section 8.1), and the demo's *.localhost has no https.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer with the header; HostMiddleware has resolved the scheme by then."""
        response = self.get_response(request)
        if request.is_secure():
            response.headers.setdefault("Strict-Transport-Security", HSTS)
        return response
