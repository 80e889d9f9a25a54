"""Before the sign-in: forward the invitation, and download a list for the security team without the link."""

from urllib.parse import quote, urlsplit

import pytest

from onboarding import requirements
from onboarding.models import Invitation, SignIn
from onboarding.services import invitations
from registrations.models import AppRegistration, AuditEvent, UmpInstance
from tests.onboarding.browser import Browser, read
from tests.onboarding.conftest import OLGA
from tests.onboarding.wizard import refused, text

pytestmark = pytest.mark.django_db


def test_the_invitation_can_be_forwarded_by_the_customers_own_mail(customer: Browser, link: str) -> None:
    landing = customer.open(urlsplit(link).path)
    assert "Forward to a colleague" in text(landing)
    page = customer.open(urlsplit(link).path + "/forward")
    assert link in text(page)
    mails = [found["href"] for found in read(page.content.decode()).links if found["href"].startswith("mailto:?")]
    assert quote(link, safe="") in mails[0]
    assert page.headers["cache-control"] == "no-store"


def test_the_security_file_lists_everything_and_holds_no_link(
    customer: Browser, link: str, instance: UmpInstance
) -> None:
    answer = customer.open(urlsplit(link).path + "/security")
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="finebak-contoso1.txt"'
    told = answer.content.decode()
    wanted = [p.value for p in requirements.PERMISSIONS] + [s.value for s in requirements.SCOPES]
    wanted += [r.name for r in requirements.ROLES + requirements.TOKEN_ROLES] + requirements.SCOPES_TOKEN
    for name in [*wanted, "HOW TO UNDO IT", "Conditional Access", instance.app_name]:
        assert name in told
    assert link.rpartition("/")[2] not in told
    assert "&#" not in told


def test_the_security_file_names_client_publisher_storage_and_contact(
    customer: Browser, link: str, instance: UmpInstance
) -> None:
    told = customer.open(urlsplit(link).path + "/security").content.decode()
    sync_app = AppRegistration.objects.sync_app_of(instance)
    assert sync_app
    wanted = [sync_app.app_id, instance.provider.tenant.tenant_id, "onboarding@finebak.example", requirements.VERSION]
    wanted += [scope.display_name for scope in requirements.SCOPES_FIRST_SIGN_IN + requirements.SCOPES]
    wanted += ["AES-256-GCM", "IP address", "is not deleted", "making anyone a Global Administrator"]
    assert [name for name in wanted if name not in told] == []


def test_a_used_link_redirects_to_its_explanation(customer: Browser, link: str) -> None:
    Invitation.objects.update(status=Invitation.Status.COMPLETED)
    for name in ("choose", "existing", "forward", "security"):
        page = customer.open(f"{urlsplit(link).path}/{name}")
        refused(page, "used_link")
        assert f'href="{link}"' in page.content.decode()


def test_both_pages_change_nothing_and_end_with_the_link(customer: Browser, invitation: Invitation, link: str) -> None:
    before = AuditEvent.objects.count()
    paths = [f"{urlsplit(link).path}/{name}" for name in ("forward", "security")]
    for path in paths:
        assert customer.open(path).status_code == 200
    assert AuditEvent.objects.count() == before
    assert not SignIn.objects.exists()
    invitations.revoke(invitation, actor=OLGA)
    for path in paths:
        refused(customer.open(path), "revoked_link")
