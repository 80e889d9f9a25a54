"""The addresses of an invitation's pages, and what a browser sends to create one."""

from datetime import timedelta
from typing import Any

from django.urls import reverse
from django.utils import timezone

from onboarding.models import Invitation, Service

ADD = "admin:onboarding_invitation_add"


def page_of(invitation: Invitation, name: str = "change") -> str:
    """The address of one of the invitation's pages."""
    return reverse(f"admin:onboarding_invitation_{name}", args=[invitation.pk])


def values(service: Service, **given: Any) -> dict[str, Any]:
    """The values of a new invitation."""
    ends = timezone.now() + timedelta(days=5)
    return {
        "service": service.pk,
        "tenant_id": "",
        "it_admin_email": "it@contoso.example",
        "m365_admin_email": "ga@contoso.example",
        "expires_at_0": ends.date().isoformat(),
        "expires_at_1": "12:00:00",
        **given,
    }
