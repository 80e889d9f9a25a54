"""System checks: settings that are allowed and still deserve a warning."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register

MICROSOFT_HOSTS = {
    "ENTRA_URL": {"login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn"},
    "GRAPH_URL": {"graph.microsoft.com", "graph.microsoft.us", "microsoftgraph.chinacloudapi.cn"},
}


@register()
def remote_hosts(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warn where a remote address is not Microsoft's, unless everything runs on this machine."""
    found: list[CheckMessage] = []
    for number, (name, hosts) in enumerate(MICROSOFT_HOSTS.items(), start=1):
        host = urlsplit(getattr(settings, name)).hostname or ""
        if host not in hosts and host not in {"localhost", "127.0.0.1"}:
            found.append(
                Warning(
                    f"{name} points to {host}, which is not Microsoft's.",
                    hint="Credentials and tokens go there. Leave it unset to use Microsoft.",
                    id=f"registrations.W00{number}",
                )
            )
    return found
