"""What the confirmation pages of invitations say."""

import pytest
from django.test import Client
from django.urls import reverse

from onboarding.admin import invitation_texts
from onboarding.models import Invitation
from onboarding.services import invitations
from registrations.models import UmpInstance
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
        assert invitations.link_of(invitation) in operator_client.post(asked).content.decode()
