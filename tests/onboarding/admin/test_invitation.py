"""Invitations in the admin: create, email, copy, replace the link, revoke."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from onboarding.models import Invitation
from onboarding.services import invitations
from registrations.models import Operation
from tests import factories
from tests.onboarding.admin.invitation_pages import ADD, page_of, values
from tests.onboarding.wizard import history

pytestmark = pytest.mark.django_db
LIST = "admin:onboarding_invitation_changelist"
COLUMNS = [
    "ID",
    "State",
    "Full Name",
    "Invitation Email",
    "M365 Admin Email",
    "Email Sent",
    "Email Invitation Sent Count",
    "Created at",
    "Expires at",
    "Device Authenticated",
    "Auth URL",
]


def test_a_new_link_that_was_not_emailed_is_shown_as_unsent(
    operator_client: Client, invitation: Invitation, run_worker: Callable[[], None]
) -> None:
    operator_client.post(page_of(invitation, "send"))
    run_worker()
    operator_client.post(page_of(invitation, "new_link"))
    assert "New link not sent" in operator_client.get(reverse(LIST)).content.decode()
    assert "Invitations that are not sent yet" in operator_client.get("/admin/").content.decode()


def test_the_service_creates_the_invitation_with_its_link(operator_client: Client) -> None:
    service = factories.make_service()
    operator_client.post(reverse(ADD), values(service))
    invitation = Invitation.objects.get()
    assert invitation.tenant_id == service.customer.tenant_id
    assert len(invitation.unseal("token_envelope")) == 43
    assert history() == ["invitation.created"]


def test_the_list_has_the_documented_columns(operator_client: Client, invitation: Invitation) -> None:
    page = operator_client.get(reverse(LIST)).content.decode()
    head = page[page.index("<thead>") : page.index("</thead>")]
    places = [head.index(column) for column in COLUMNS]
    assert places == sorted(places)
    assert "contoso1" in page


def test_a_draft_is_emailed_after_a_confirmation(
    operator_client: Client, invitation: Invitation, link: str, run_worker: Callable[[], None]
) -> None:
    assert "Send invitation" in operator_client.get(page_of(invitation, "send")).content.decode()
    assert not Operation.objects.exists()
    operator_client.post(page_of(invitation, "send"))
    run_worker()
    assert link in mail.outbox[0].body
    invitation.refresh_from_db()
    assert (invitation.email_sent, invitation.send_count, invitation.status) == (True, 1, "sent")
    assert "Resend invitation" in operator_client.get(page_of(invitation, "send")).content.decode()


def test_several_invitations_are_emailed_at_once(
    operator_client: Client, invitation: Invitation, run_worker: Callable[[], None]
) -> None:
    chosen = {"action": "send_selected", "_selected_action": [invitation.pk]}
    assert "Send 1 invitation" in operator_client.post(reverse(LIST), chosen).content.decode()
    assert not Operation.objects.exists()
    operator_client.post(reverse(LIST), {**chosen, "confirmed": "yes"})
    run_worker()
    assert len(mail.outbox) == 1


def test_the_link_is_shown_once_and_each_copy_is_in_the_history(
    operator_client: Client, invitation: Invitation, link: str
) -> None:
    assert page_of(invitation, "copy_link") in operator_client.get(reverse(LIST)).content.decode()
    assert link not in operator_client.get(page_of(invitation, "copy_link")).content.decode()
    assert "invitation.link_copied" not in history()
    answer = operator_client.post(page_of(invitation, "copy_link"))
    assert link in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert answer["Referrer-Policy"] == "same-origin"
    assert history()[-1] == "invitation.link_copied"
    for address in (reverse(LIST), page_of(invitation), "/admin/"):
        assert link.rpartition("/")[2] not in operator_client.get(address).content.decode()


def test_auditors_never_see_the_link(auditor_client: Client, invitation: Invitation) -> None:
    page = auditor_client.get(reverse(LIST)).content.decode()
    assert "Auth URL" not in page
    assert auditor_client.post(page_of(invitation, "copy_link")).status_code == 403


def test_a_new_link_replaces_the_old_one(operator_client: Client, invitation: Invitation, link: str) -> None:
    operator_client.post(page_of(invitation, "new_link"))
    invitation.refresh_from_db()
    assert invitations.link_of(invitation) != link


def test_a_revoked_invitation_offers_no_actions(operator_client: Client, invitation: Invitation) -> None:
    operator_client.post(page_of(invitation, "revoke"))
    invitation.refresh_from_db()
    assert invitation.status == "revoked"
    page = operator_client.get(page_of(invitation)).content.decode()
    assert "Revoked" in page
    assert "/copy-link/" not in page
    answer = operator_client.post(page_of(invitation, "copy_link"), follow=True).content.decode()
    assert "its link no longer works" in answer
    operator_client.post(page_of(invitation), {"it_admin_email": "evil@example.com"})
    invitation.refresh_from_db()
    assert invitation.it_admin_email == "it@contoso.example"


def test_a_completed_invitation_is_read_only_without_an_expiry(operator_client: Client, invitation: Invitation) -> None:
    assert 'name="_save"' in operator_client.get(page_of(invitation)).content.decode()
    Invitation.objects.update(status=Invitation.Status.COMPLETED)
    page = operator_client.get(page_of(invitation)).content.decode()
    assert 'name="_save"' not in page
    assert 'name="_continue"' not in page
    assert f"{invitation.expires_at:%Y-%m-%d %H:%M} UTC" in page
    service = reverse("admin:onboarding_service_change", args=[invitation.service_id])
    for address in (reverse(LIST), service):
        assert "in 29 days" not in operator_client.get(address).content.decode()


def test_a_sent_invitation_keeps_service_and_tenant(operator_client: Client, invitation: Invitation) -> None:
    fields = operator_client.get(page_of(invitation)).context["adminform"].form.fields
    assert set(fields) == {"it_admin_email", "m365_admin_email", "expires_at"}


def test_an_expired_invitation_is_shown_as_expired(operator_client: Client, invitation: Invitation) -> None:
    Invitation.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    assert "Expired" in operator_client.get(reverse(LIST)).content.decode()
