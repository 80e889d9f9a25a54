"""Invitations in the admin: create for the customer's tenant, email, copy, replace the link, revoke."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from onboarding.models import Invitation, Service
from onboarding.services import invitations
from registrations.models import AuditEvent, Operation
from sandbox.app import Sandbox
from tests import factories

pytestmark = pytest.mark.django_db
LIST = "admin:onboarding_invitation_changelist"
ADD = "admin:onboarding_invitation_add"
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


def page_of(invitation: Invitation, name: str = "change") -> str:
    return reverse(f"admin:onboarding_invitation_{name}", args=[invitation.pk])


def values(service: Service, **given: Any) -> dict[str, Any]:
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


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


def test_another_organisations_tenant_is_refused(operator_client: Client) -> None:
    service = factories.make_service()
    answer = operator_client.post(reverse(ADD), values(service, tenant_id="9d576dc4-b85d-4571-880e-4c6ed4c08c31"))
    assert f"The tenant of Contoso is {service.customer.tenant_id}" in answer.content.decode()
    assert not Invitation.objects.exists()


def test_an_expiry_in_the_past_is_refused(operator_client: Client) -> None:
    answer = operator_client.post(reverse(ADD), values(factories.make_service(), expires_at_0="2020-01-01"))
    assert "Choose a time in the future" in answer.content.decode()


def test_an_expiry_years_ahead_is_refused(operator_client: Client, invitation: Invitation) -> None:
    far = {"expires_at_0": "2099-01-01", "expires_at_1": "12:00:00"}
    added = operator_client.post(reverse(ADD), values(factories.make_service(short_name="contoso2"), **far))
    edited = operator_client.post(page_of(invitation), {**values(invitation.service), **far})
    for answer in (added, edited):
        assert "Choose a time within 365 days" in answer.content.decode()
    assert Invitation.objects.get().expires_at.year < 2099


def test_a_second_invitation_is_refused_while_one_is_open(operator_client: Client, invitation: Invitation) -> None:
    answer = operator_client.post(reverse(ADD), values(invitation.service)).content.decode()
    assert "already has an open invitation, for it@contoso.example" in answer
    assert Invitation.objects.count() == 1
    service = operator_client.get(reverse("admin:onboarding_service_change", args=[invitation.service_id]))
    assert f"{reverse(ADD)}?service=" not in service.content.decode()


def test_an_old_invitation_is_not_reopened_beside_a_new_one(operator_client: Client, invitation: Invitation) -> None:
    Invitation.objects.update(expires_at=timezone.now() - timedelta(days=1))
    operator_client.post(reverse(ADD), values(invitation.service))
    assert Invitation.objects.count() == 2
    answer = operator_client.post(page_of(invitation), values(invitation.service)).content.decode()
    assert "already has an open invitation" in answer
    invitation.refresh_from_db()
    assert invitation.is_expired


def test_a_connected_service_is_invited_again_only_if_confirmed(
    operator_client: Client, invitation: Invitation
) -> None:
    Invitation.objects.update(status=Invitation.Status.COMPLETED)
    service = invitation.service
    assert 'name="again"' in operator_client.get(reverse(ADD), {"service": str(service.pk)}).content.decode()
    assert "is already connected" in operator_client.post(reverse(ADD), values(service)).content.decode()
    assert Invitation.objects.count() == 1
    operator_client.post(reverse(ADD), values(service, again="on"))
    assert Invitation.objects.count() == 2
    assert "Connected" in operator_client.get(reverse("admin:onboarding_service_changelist")).content.decode()


def test_an_instance_without_a_ump_credential_is_named_before_inviting(
    operator_client: Client, sandbox: Sandbox
) -> None:
    bare = factories.make_instance(status="active", delivery="handover")
    answer = operator_client.post(reverse(ADD), values(factories.make_service(instance=bare)), follow=True)
    asked = operator_client.get(page_of(Invitation.objects.get(), "send"))
    for page in (answer, asked):
        assert f"{bare.host} has no UMP API credential" in page.content.decode()


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
    assert actions() == ["invitation.created"]


def test_the_form_knows_the_service_it_was_opened_for(operator_client: Client) -> None:
    service = factories.make_service()
    page = operator_client.get(reverse(ADD), {"service": str(service.pk)})
    form = page.context["adminform"].form
    assert form["tenant_id"].value() == service.customer.tenant_id
    assert "data-tenants" in page.content.decode()
    assert form["expires_at"].value() - timezone.now() > timedelta(days=29)
    assert operator_client.get(reverse(ADD), {"service": "nonsense"}).status_code == 200


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
    assert "invitation.link_copied" not in actions()
    answer = operator_client.post(page_of(invitation, "copy_link"))
    assert link in answer.content.decode()
    assert "no-store" in answer["Cache-Control"]
    assert answer["Referrer-Policy"] == "same-origin"
    assert actions()[-1] == "invitation.link_copied"
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


def test_the_expiry_of_an_invitation_names_its_time_zone(operator_client: Client) -> None:
    assert "Expires at (UTC)" in operator_client.get(reverse(ADD)).content.decode()


def test_a_sent_invitation_keeps_service_and_tenant(operator_client: Client, invitation: Invitation) -> None:
    fields = operator_client.get(page_of(invitation)).context["adminform"].form.fields
    assert set(fields) == {"it_admin_email", "m365_admin_email", "expires_at"}


def test_an_expired_invitation_is_shown_as_expired(operator_client: Client, invitation: Invitation) -> None:
    Invitation.objects.update(expires_at=timezone.now() - timedelta(minutes=1))
    assert "Expired" in operator_client.get(reverse(LIST)).content.decode()


def test_a_short_name_that_breaks_a_rule_is_refused_on_the_server(operator_client: Client) -> None:
    service = factories.make_service()
    given = {
        "customer": service.customer.pk,
        "instance": service.instance.pk,
        "service_type": "oc_pro",
        "full_name": "Two",
        "short_name": "no.dots",
        "ump_customer_guid": "",
    }
    page = operator_client.post(reverse("admin:onboarding_service_add"), given).content.decode()
    assert "The name must have" in page
    assert "data-name-rules" in page
    operator_client.post(reverse("admin:onboarding_service_add"), {**given, "short_name": "contoso2"})
    assert Service.objects.count() == 2
    assert actions() == ["service.added"]


def test_a_service_leads_to_its_invitation(operator_client: Client, invitation: Invitation) -> None:
    page = operator_client.get(reverse("admin:onboarding_service_change", args=[invitation.service_id]))
    assert page_of(invitation) in page.content.decode()
    assert "short_name" not in page.context["adminform"].form.fields
    customer = operator_client.get(reverse("admin:onboarding_customer_change", args=[invitation.service.customer_id]))
    assert "Contoso Ltd" in customer.content.decode()
    assert "tenant_id" not in customer.context["adminform"].form.fields
