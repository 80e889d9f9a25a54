"""The index page: addresses, tenants and UMPs of the sandbox."""

from __future__ import annotations

from html import escape

from werkzeug import Request, Response
from werkzeug.exceptions import NotFound

from sandbox import pages
from sandbox.entra.sign_in import describe
from sandbox.urls import Urls
from sandbox.world import World


def answer(world: World, urls: Urls, request: Request) -> Response:
    """Answer `GET /`. Raises NotFound for anything else."""
    if request.path != "/" or request.method not in ("GET", "HEAD"):
        raise NotFound
    with world.lock:
        body = (
            pages.paragraph("Simulates Entra ID, Graph, UMP-365 and a mailbox on this machine.")
            + _links(world, urls)
            + _tenants(world)
            + _umps(world, urls)
        )
    return pages.page("Sandbox", body, wide=True)


def _links(world: World, urls: Urls) -> str:
    count = len(world.messages())
    return (
        f'<p><a class="act" href="/mailbox/">Mailbox ({count})</a></p><dl>'
        f"<dt>Entra ID</dt><dd><code>{escape(urls.entra)}</code></dd>"
        f"<dt>Graph</dt><dd><code>{escape(urls.entra)}/v1.0</code></dd>"
        f"<dt>Sign-in pages</dt><dd><code>{escape(urls.people)}</code></dd></dl>"
    )


def _tenants(world: World) -> str:
    found = ""
    for tenant in world.state.tenants.values():
        people = "".join(
            f'<li class="row"><b>{escape(user.display_name)}</b><span>{escape(user.upn)}</span>'
            f"<span>{escape(describe(tenant, user))}</span></li>"
            for user in tenant.users.values()
        )
        apps = "".join(
            f'<li class="row"><b>{escape(app.display_name)}</b><span><code>{app.app_id}</code></span></li>'
            for app in tenant.applications.values()
        )
        found += f"<h2>{escape(tenant.name)}</h2><p><code>{tenant.id}</code></p>"
        found += f'<ul class="plain">{people}{apps}</ul>' if people or apps else pages.paragraph("Empty.", "soft")
    return found


def _umps(world: World, urls: Urls) -> str:
    found = ""
    for ump in world.state.umps.values():
        rows = "".join(
            f'<li class="row"><b>{escape(c.short_name)}</b><span>{escape(c.full_name)}</span>'
            f"<span>{escape(c.connection.method or 'not connected')}</span></li>"
            for c in ump.customers.values()
        )
        found += f"<h2>UMP {escape(ump.name)}</h2><p><code>{escape(urls.ump(ump.name))}</code></p>"
        found += (
            f"<dl><dt>Client id</dt><dd><code>{escape(ump.client_id or 'not set')}</code></dd>"
            f"<dt>Redirect URI</dt><dd><code>{escape(ump.redirect_uri or 'not set')}</code></dd>"
            f"<dt>Portal URL</dt><dd><code>{escape(ump.portal_url or 'not set')}</code></dd></dl>"
            f'<ul class="plain">{rows}</ul>'
        )
    return found
