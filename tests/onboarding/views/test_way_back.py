"""A browser that opened an invitation finds it again from every page that would send it to the provider for a link."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from django.utils import timezone

from onboarding.models import Invitation
from onboarding.services import invitations
from registrations.models import UmpInstance
from sandbox.app import Sandbox
from tests.onboarding.browser import Browser
from tests.onboarding.conftest import OLGA
from tests.onboarding.wizard import refused, text

pytestmark = pytest.mark.django_db
UNKNOWN = "/authenticate/" + "A" * 43
CUT_OFF = "/authenticate/AAAA"


@pytest.mark.parametrize("path", [UNKNOWN, CUT_OFF, "/authenticate/nothing/here"])
def test_an_unknown_link_leads_back_to_the_invitation_of_this_browser(customer: Browser, link: str, path: str) -> None:
    customer.start(link)
    page = refused(customer.open(path), "unknown_link")
    assert f'href="{link}"' in page
    assert "mailto:" in page


def test_a_replaced_link_leads_to_the_current_one_that_this_browser_knows(
    customer: Browser, link: str, invitation: Invitation
) -> None:
    invitations.new_link(invitation, actor=OLGA)
    current = invitations.link_of(Invitation.objects.select_related("service__instance__provider").get())
    customer.start(current)
    page = text(customer.open(urlsplit(link).path))
    assert f'href="{current}"' in page


def test_another_browser_learns_no_link(customer: Browser, link: str, sandbox: Sandbox, instance: UmpInstance) -> None:
    customer.start(link)
    assert link not in refused(Browser(sandbox, instance.host).open(UNKNOWN), "unknown_link")


@pytest.mark.parametrize("ended", ["expired", "revoked"])
def test_no_way_leads_back_to_a_link_that_has_ended(
    customer: Browser, link: str, invitation: Invitation, ended: str
) -> None:
    customer.start(link)
    if ended == "revoked":
        invitations.revoke(invitation, actor=OLGA)
    else:
        Invitation.objects.update(expires_at=timezone.now() - timedelta(days=1))
    assert link not in refused(customer.open(UNKNOWN), "unknown_link")
    assert f'href="{link}"' not in refused(customer.open(urlsplit(link).path), f"{ended}_link")


def test_a_page_does_not_lead_back_to_itself(customer: Browser, link: str, instance: UmpInstance) -> None:
    customer.start(link)
    UmpInstance.objects.update(status="draft")
    assert f'href="{link}"' not in refused(customer.open(urlsplit(link).path), "instance_not_active")
