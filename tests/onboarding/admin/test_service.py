"""Services in the admin: the short name's rules, what an invitation makes read only, and the state."""

import pytest
from django.test import Client
from django.urls import reverse

from onboarding.models import Invitation, Service
from onboarding.services import invitations
from registrations import admin_html
from tests import factories
from tests.onboarding.admin.invitation_pages import page_of
from tests.onboarding.conftest import OLGA
from tests.onboarding.wizard import history, text

pytestmark = pytest.mark.django_db
LIST = "admin:onboarding_service_changelist"
CHANGE = "admin:onboarding_service_change"


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
    assert page.count("Use 3 to 15 letters, digits and hyphens") == 2  # at the field, and its error
    assert page.count("for example contoso1") == 2
    assert "data-name-rules" in page
    operator_client.post(reverse("admin:onboarding_service_add"), {**given, "short_name": "contoso2"})
    assert Service.objects.count() == 2
    assert history() == ["service.added"]


def test_a_service_leads_to_its_invitation(operator_client: Client, invitation: Invitation) -> None:
    page = operator_client.get(reverse("admin:onboarding_service_change", args=[invitation.service_id]))
    assert page_of(invitation) in page.content.decode()
    assert "short_name" not in page.context["adminform"].form.fields


def test_an_invited_service_keeps_customer_and_short_name(operator_client: Client, invitation: Invitation) -> None:
    service = invitation.service
    other = factories.make_customer(name="Fabrikam", tenant_id="fab00000-0000-4000-8000-000000000001")
    given = {"customer": other.pk, "short_name": "fabrikam", "service_type": "oc_pro", "full_name": "Contoso Limited"}
    operator_client.post(reverse(CHANGE, args=[service.pk]), given)
    stored = Service.objects.get()
    assert (stored.full_name, stored.service_type) == ("Contoso Limited", "oc_pro")
    assert (stored.customer, stored.short_name) == (service.customer, service.short_name)


def test_a_service_with_an_open_invitation_offers_no_second_one(
    operator_client: Client, auditor_client: Client, invitation: Invitation
) -> None:
    page = reverse(CHANGE, args=[invitation.service_id])
    assert not operator_client.get(page).context["may_invite"]
    invitations.revoke(invitation, actor=OLGA)
    assert operator_client.get(page).context["may_invite"]
    assert not auditor_client.get(page).context["may_invite"]


def test_a_service_stays_connected_whatever_its_newest_invitation_is(
    operator_client: Client, invitation: Invitation
) -> None:
    service = invitation.service
    Invitation.objects.update(status=Invitation.Status.COMPLETED)
    renewed = invitations.create(
        service, again=True, it_admin_email="a@b.example", m365_admin_email="a@b.example", actor=OLGA
    )
    invitations.revoke(renewed, actor=OLGA)
    page = operator_client.get(reverse(LIST)).content.decode()
    assert str(admin_html.badge("connected")) in page
    assert str(admin_html.badge("not_invited")) not in page


def test_a_service_without_an_invitation_is_not_invited(operator_client: Client) -> None:
    factories.make_service()
    assert "Not invited" in text(operator_client.get(reverse(LIST)))
