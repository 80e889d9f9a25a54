"""Connections in the admin: the result, the temporary permissions and the newest operation."""

import pytest
from django.test import Client
from django.urls import reverse

from onboarding.models import Connection, Invitation
from registrations.models import Operation
from tests import factories
from tests.onboarding.browser import Browser
from tests.onboarding.wizard import text

pytestmark = pytest.mark.django_db
LIST = "admin:onboarding_connection_changelist"


def page_of(connection: Connection) -> str:
    return reverse("admin:onboarding_connection_change", args=[connection.pk])


def test_permissions_that_could_not_be_revoked_are_listed(operator_client: Client, invitation: Invitation) -> None:
    connection = Connection.objects.create(invitation=invitation, grant_removed=False)
    for address in (reverse(LIST), page_of(connection)):
        assert "Could not be revoked" in text(operator_client.get(address))
    Connection.objects.update(grant_removed=True)
    assert "Could not be revoked" not in text(operator_client.get(reverse(LIST)))


def test_a_connection_without_a_registration_or_an_operation_has_a_page(
    operator_client: Client, invitation: Invitation
) -> None:
    connection = Connection.objects.create(invitation=invitation)
    page = operator_client.get(page_of(connection))
    assert page.status_code == 200
    assert "operation" not in page.context


def test_the_page_shows_the_newest_operation_while_it_runs(
    customer: Browser, link: str, operator_client: Client
) -> None:
    customer.authorise(customer.identify(link))
    steps = reverse("admin:registrations_operation_steps", args=[Operation.objects.get().pk])
    assert steps in operator_client.get(page_of(Connection.objects.get())).content.decode()


def test_a_connection_is_found_by_service_or_administrator(operator_client: Client, invitation: Invitation) -> None:
    made = Connection.objects.create(invitation=invitation, admin_username="carla@contoso.example")
    for words, found in (("contoso1", [made]), ("carla@", [made]), ("fabrikam", [])):
        assert list(operator_client.get(reverse(LIST), {"q": words}).context["cl"].result_list) == found


def test_the_page_shows_the_registrations_application_id(operator_client: Client, invitation: Invitation) -> None:
    app_id = "9d576dc4-b85d-4571-880e-4c6ed4c08c31"
    registration = factories.make_registration(invitation.service.instance, unique_name="contoso", app_id=app_id)
    connection = Connection.objects.create(invitation=invitation, registration=registration)
    assert app_id in text(operator_client.get(page_of(connection)))
