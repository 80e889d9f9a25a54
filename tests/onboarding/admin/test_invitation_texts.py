"""What the confirmation pages of invitations say."""

import json

import pytest
from django.test import Client
from django.urls import reverse

from onboarding.admin import invitation_texts
from onboarding.models import Invitation
from onboarding.services import invitations
from registrations import admin_html
from registrations.admin.base import inner_widget
from registrations.models import Operation, UmpInstance
from sandbox.app import Sandbox
from tests import factories
from tests.onboarding.admin.invitation_pages import ADD, page_of, values
from tests.onboarding.browser import Browser
from tests.onboarding.conftest import OLGA

pytestmark = pytest.mark.django_db


def test_an_instance_without_a_ump_credential_is_named_before_inviting(
    operator_client: Client, sandbox: Sandbox
) -> None:
    bare = factories.make_instance(status="active", delivery="handover")
    answer = operator_client.post(reverse(ADD), values(factories.make_service(instance=bare)), follow=True)
    asked = operator_client.get(page_of(Invitation.objects.get(), "send"))
    for page in (answer, asked):
        assert f"{bare.host} has no UMP API credential" in page.content.decode()


def test_the_form_says_before_and_after_saving_that_an_instance_is_not_active(operator_client: Client) -> None:
    service = factories.make_service(instance=factories.make_instance())
    opened = operator_client.get(reverse(ADD), {"service": str(service.pk)})
    saved = operator_client.post(reverse(ADD), values(service), follow=True)
    for page in (opened, saved):
        assert f"{service.instance.host} is not active: a customer who opens the link" in page.content.decode()
    known = json.loads(inner_widget(opened.context["adminform"].form.fields["service"]).attrs["data-of-services"])
    assert known["warnings"] == {str(service.instance_id): invitations.not_active(service.instance)}
    assert known["instances"] == {str(service.pk): str(service.instance_id)}


def test_the_form_warns_of_no_active_instance(operator_client: Client, invitation: Invitation) -> None:
    opened = operator_client.get(reverse(ADD), {"service": str(invitation.service_id)})
    assert "is not active" not in opened.content.decode()


@pytest.mark.parametrize("status", [each for each in UmpInstance.Status if each != UmpInstance.Status.ACTIVE])
def test_an_invitation_of_an_instance_that_is_not_active_offers_no_button_to_send(
    operator_client: Client, invitation: Invitation, status: str
) -> None:
    UmpInstance.objects.update(status=status)
    asked = operator_client.get(page_of(invitation, "send")).content.decode()
    assert "umptoken.finebak.localhost is not active. Provision it, then send the invitation." in asked
    open_instance = f'href="{admin_html.change_url(invitation.service.instance)}">Open the instance</a>'
    assert open_instance in asked
    assert "Send invitation</button>" not in asked
    refused = operator_client.post(page_of(invitation, "send"), follow=True).content.decode()
    assert "is not active: provision it before you send invitations" in refused
    copied = operator_client.get(page_of(invitation, "copy_link")).content.decode()
    assert "is not active: a customer who opens the link" in copied
    assert not Operation.objects.exists()


def test_the_preview_of_a_bulk_send_skips_an_instance_that_is_not_active(
    operator_client: Client, invitation: Invitation
) -> None:
    UmpInstance.objects.update(status=UmpInstance.Status.DRAFT)
    chosen = {"action": "send_selected", "_selected_action": [invitation.pk]}
    page = operator_client.post(reverse("admin:onboarding_invitation_changelist"), chosen).content.decode()
    assert "0 will be emailed, 1 skipped" in page
    assert "is not active: provision it before you send invitations" in page


def test_an_instance_without_a_credential_is_named_once(instance: UmpInstance, invitation: Invitation) -> None:
    UmpInstance.objects.update(ump_client_secret_envelope="")
    other = invitations.create(
        factories.make_service(instance=instance, short_name="contoso2"),
        it_admin_email="it@contoso.example",
        m365_admin_email="carla@contoso.example",
        actor=OLGA,
    )
    chosen = Invitation.objects.filter(pk__in=[invitation.pk, other.pk])
    warning, *rest = invitation_texts.send_intro(chosen)
    assert f"{instance.host} has no UMP API credential" in warning
    assert rest == invitation_texts.SEND


def test_sending_without_a_missing_credential_warns_of_nothing(invitation: Invitation) -> None:
    assert invitation_texts.send_intro([invitation]) == invitation_texts.SEND


def test_leftovers_are_listed_when_revoking(customer: Browser, link: str, invitation: Invitation) -> None:
    assert invitation_texts.recipients([invitation]) == {invitation.pk: "it@contoso.example"}
    customer.identify(link)
    revoked = invitation_texts.recipients([invitation])[invitation.pk]
    assert revoked.startswith(f"it@contoso.example. {invitation_texts.REMAINS}: ")
    assert "the enterprise application umptoken" in revoked


def test_a_link_is_not_said_to_be_shown_once_because_it_can_be_copied_again(
    operator_client: Client, invitation: Invitation
) -> None:
    asked = reverse("admin:onboarding_invitation_copy_link", args=[invitation.pk])
    page = operator_client.get(asked).content.decode()
    assert "shown once" not in page
    assert "You can copy it again later" in page
    for _ in range(2):
        shown = operator_client.post(asked).content.decode()
        assert invitations.link_of(invitation) in shown
        assert "You can copy it again while it is valid. The history records each time." in shown
        assert "not shown again" not in shown
