"""The first middleware: resolve the client's address behind trusted proxies, and route by the Host header.

An admin host gets the admin, the host of a UMP instance gets `/authenticate...`, any other a plain 404, before a
session, a cookie or a template is used.
"""

import ipaddress
import re
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import set_urlconf

from registrations.models import ServiceProvider, UmpInstance
from registrations.models.tenants import PORTAL_PATH

# The same hosts as Django's own check accepts (django.http.request.host_validation_re), so that it never refuses later.
HOST = re.compile(r"^(?P<host>[a-z0-9.-]+|\[[a-f0-9]*:[a-f0-9.:]+\])(?::[0-9]+)?$")
WRITTEN_PORTAL_PATH = re.compile(rf"\A/{{1,9}}{PORTAL_PATH[1:]}(?:(?P<below>/{{2,9}})|(?=/|\Z))", re.IGNORECASE)
# Some proxies add the port: "198.51.100.1:5678", "[2001:db8::7]:443" (Azure Application Gateway does).
WITH_PORT = re.compile(
    r"(?:\[(?P<bracketed>[0-9a-f:.]+)\]|(?P<plain>[0-9.]+))(?::[0-9]{1,5})?", re.ASCII | re.IGNORECASE
)
IGNORED_HEADERS = ("HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT", "HTTP_X_FORWARDED_SERVER", "HTTP_FORWARDED")


class InstanceRequest(HttpRequest):
    """A request to the host of a UMP instance, which the middleware has set."""

    instance: UmpInstance


class HostMiddleware:
    """Chooses by the Host header which part of SyncPortal answers."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Route an admin host to the admin, an instance's host to the wizard, and refuse every other host."""
        resolve_peer(request.META)
        host = host_of(request.META)
        if host in settings.ADMIN_HOSTS:
            return self.get_response(request)
        use_plain_path(request)
        if not is_portal_path(request.path_info):
            return not_found()
        instance = instance_of(host)
        if instance is None:
            return self._provider_page(request, host)
        request.instance = instance  # type: ignore[attr-defined]
        request.urlconf = settings.INSTANCE_URLCONF
        # The handlers of the current urlconf also answer errors in the middleware after this one.
        set_urlconf(settings.INSTANCE_URLCONF)
        return self.get_response(request)

    def _provider_page(self, request: HttpRequest, host: str) -> HttpResponseBase:
        """On a provider's own domain: a page that says whom to ask, and its style. Nothing of the wizard is there."""
        provider = ServiceProvider.objects.filter(domain=host).first() if "." in host else None
        if provider is None or not is_open_path(request.path_info):
            return not_found()
        request.provider = provider  # type: ignore[attr-defined]
        request.urlconf = settings.INSTANCE_URLCONF
        set_urlconf(settings.INSTANCE_URLCONF)
        return self.get_response(request)


def resolve_peer(meta: dict[str, Any]) -> None:
    """Set the client's address and scheme from a trusted proxy's headers, and drop the headers.

    The client is the rightmost address that is not a trusted proxy: a client can forge everything left of it.
    """
    for name in IGNORED_HEADERS:
        meta.pop(name, None)
    forwarded_for = str(meta.pop("HTTP_X_FORWARDED_FOR", ""))
    forwarded_proto = str(meta.pop("HTTP_X_FORWARDED_PROTO", ""))
    if not is_trusted(str(meta.get("REMOTE_ADDR", ""))):
        return
    scheme = forwarded_proto.rpartition(",")[2].strip().lower()
    if scheme in {"http", "https"}:
        meta["wsgi.url_scheme"] = scheme
    for address in reversed([without_port(part.strip()) for part in forwarded_for.split(",")]):
        if parsed(address) is None:
            return
        meta["REMOTE_ADDR"] = address
        if not is_trusted(address):
            return


def without_port(entry: str) -> str:
    """The address in one entry of X-Forwarded-For, without its port if it has one."""
    match = WITH_PORT.fullmatch(entry)
    return (match["bracketed"] or match["plain"]) if match else entry


def is_trusted(address: str) -> bool:
    """Whether the address belongs to a proxy named in TRUSTED_PROXIES."""
    ip = parsed(address)
    return ip is not None and any(ip in network for network in settings.TRUSTED_PROXIES)


def parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The IP address (an IPv4-mapped IPv6 address as IPv4), or None for anything else, including a zone ("%eth0")."""
    if "%" in address:
        return None
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(ip, "ipv4_mapped", None) or ip


def host_of(meta: dict[str, Any]) -> str:
    """The requested host: lower case, without port and trailing dot; empty if malformed."""
    match = HOST.match(str(meta.get("HTTP_HOST") or meta.get("SERVER_NAME") or "").lower())
    return match["host"].removesuffix(".").strip("[]") if match else ""


def instance_of(host: str) -> UmpInstance | None:
    """The UMP instance with this host, or None."""
    app_name, _, domain = host.partition(".")
    if not app_name or not domain:
        return None
    return (
        UmpInstance.objects.select_related("provider__tenant")
        .filter(app_name__iexact=app_name, provider__domain=domain)
        .first()
    )


def use_plain_path(request: HttpRequest) -> None:
    """Read `/Authenticate/...` and `//authenticate/...` as what they mean: phones and templates of mails write them."""
    for name in ("path_info", "path"):
        plain = WRITTEN_PORTAL_PATH.sub(
            lambda written: PORTAL_PATH + "/" * bool(written["below"]), getattr(request, name)
        )
        setattr(request, name, plain)


def is_portal_path(path: str) -> bool:
    """Whether the path belongs to the wizard: the host's root, `/authenticate` itself or below it."""
    return path in ("/", PORTAL_PATH) or path.startswith(PORTAL_PATH + "/")


def is_open_path(path: str) -> bool:
    """Whether the page behind the path needs no UMP instance."""
    return path in ("/", PORTAL_PATH, PORTAL_PATH + "/") or path.startswith(PORTAL_PATH + "/assets/")


def not_found() -> HttpResponse:
    """The response to unknown hosts and paths. It does not reveal what exists."""
    headers = {
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "no-store",
    }
    return HttpResponse("Not found.\n", status=404, content_type="text/plain; charset=utf-8", headers=headers)
