"""What all pages of the wizard share."""

import re
from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string

from onboarding import emails, privacy, tokens
from onboarding.middleware import InstanceRequest
from onboarding.models import Invitation
from onboarding.services import invitations
from onboarding.views import assets
from registrations import audit

COOKIE = "__Host-signin"  # identifies the browser that began at a link


class SeeOther(HttpResponseRedirect):
    """303: the browser continues with a GET, so that a reload does not send a form twice (RFC 9110, section 15.4.4)."""

    status_code = 303


def page(request: InstanceRequest, template: str, context: Mapping[str, Any], *, status: int = 200) -> HttpResponse:
    """Render a page of the wizard, with the context of its frame."""
    frame = {**frame_of(request), **context}
    return HttpResponse(render_to_string(f"onboarding/{template}", frame, request), status=status)


def frame_of(request: HttpRequest) -> dict[str, Any]:
    """The context of every page's frame. It makes no queries: the middleware has read the instance."""
    instance = getattr(request, "instance", None)
    provider = instance.provider if instance else getattr(request, "provider", None)
    return {
        "instance": instance,
        "provider": provider,
        "kept_data": privacy.table(provider.name if provider else "Your provider"),
        "sender": emails.sender(),
        "stylesheet": assets.address("portal.css"),
        "script": assets.address("portal.js"),
        "icon": assets.address("favicon.svg"),
    }


def link_of_browser(request: HttpRequest) -> str:
    """The link at which this browser began, for its way back; "" for a browser without the sign-in's cookie, and on a
    provider's own domain.
    """
    invitation = invitation_of_browser(request)
    return invitations.link_of(invitation) if invitation else ""


def invitation_of_browser(request: HttpRequest) -> Invitation | None:
    """The invitation whose link `link_of_browser` returns."""
    instance = getattr(request, "instance", None)
    return invitations.of_browser(browser_of(request), instance) if instance else None


def browser_of(request: HttpRequest) -> str:
    """The value of the sign-in cookie, or "" if there is none that SyncPortal could have set."""
    value = request.COOKIES.get(COOKIE, "")
    return value if re.fullmatch(tokens.LINK_PATTERN, value) else ""


def address_of(request: HttpRequest) -> str | None:
    """The client's IP address, as the first middleware resolved it."""
    return request.META.get("REMOTE_ADDR") or None


def customer_actor(request: HttpRequest, label: str, object_id: str = "") -> audit.Actor:
    """A customer's administrator, for the history."""
    return audit.Actor.customer(label, object_id, address_of(request))
