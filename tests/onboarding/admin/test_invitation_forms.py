"""The form of an invitation: the customer's tenant, an expiry within bounds, one open invitation for each service."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from onboarding.models import Invitation
from registrations.models import ServiceProvider
from tests import factories
from tests.onboarding.admin.invitation_pages import ADD, page_of, values

pytestmark = pytest.mark.django_db


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


def test_the_form_knows_the_service_it_was_opened_for(operator_client: Client) -> None:
    service = factories.make_service()
    page = operator_client.get(reverse(ADD), {"service": str(service.pk)})
    form = page.context["adminform"].form
    assert form["tenant_id"].value() == service.customer.tenant_id
    assert "data-of-services" in page.content.decode()
    assert form["expires_at"].value() - timezone.now() > timedelta(days=29)
    assert operator_client.get(reverse(ADD), {"service": "nonsense"}).status_code == 200


def test_the_expiry_of_an_invitation_names_its_time_zone(operator_client: Client) -> None:
    assert "Expires at (UTC)" in operator_client.get(reverse(ADD)).content.decode()


def test_the_first_invitation_asks_for_a_contact(operator_client: Client) -> None:
    service = factories.make_service()
    provider = service.instance.provider
    ServiceProvider.objects.update(contact_email="")
    answer = operator_client.post(reverse(ADD), values(service)).content.decode()
    assert "Finebak has no contact whom customers can ask" in answer
    assert not Invitation.objects.exists()
    ServiceProvider.objects.filter(pk=provider.pk).update(contact_email="onboarding@finebak.example")
    operator_client.post(reverse(ADD), values(service))
    assert Invitation.objects.exists()


def test_a_provider_that_has_invited_before_can_go_on_without_a_contact(
    operator_client: Client, invitation: Invitation
) -> None:
    ServiceProvider.objects.update(contact_email="")
    service = factories.make_service(short_name="contoso2")
    operator_client.post(reverse(ADD), values(service))
    assert Invitation.objects.filter(service=service).exists()


@pytest.mark.parametrize(("status", "next_step"), [("active", " Send it next."), ("draft", "")])
def test_a_new_invitation_says_what_comes_next(operator_client: Client, status: str, next_step: str) -> None:
    service = factories.make_service(instance=factories.make_instance(status=status))
    saved = operator_client.post(reverse(ADD), values(service), follow=True)
    said = [str(each) for each in saved.context["messages"]]
    assert said[0] == f"Added as a draft.{next_step}"
    assert not any("is added" in each for each in said)
