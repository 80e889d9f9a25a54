"""Connections in the admin: the result, the temporary permissions and the newest operation."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from onboarding.models import Connection, DelegatedToken, Invitation
from registrations.models import AppRegistration, AuditEvent, ClientSecret, Operation
from tests import factories
from tests.onboarding.browser import Browser
from tests.onboarding.wizard import text

pytestmark = pytest.mark.django_db
APP_ID = "c0a70500-0000-4000-8000-000000000009"
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


# --- What is stored of a completed connection ---


def stored_connection(invitation: Invitation) -> Connection:
    """A connection by an existing registration, whose secret is stored."""
    registration = AppRegistration.objects.create(
        tenant_id=invitation.tenant_id, unique_name="contoso", display_name="Contoso", app_id=APP_ID, managed=False
    )
    secret = ClientSecret(registration=registration, hint="abc", status="delivered", stored_at=timezone.now())
    secret.seal("envelope", "abc-secret")
    secret.save()
    Invitation.objects.filter(pk=invitation.pk).update(status="completed")
    return Connection.objects.create(invitation=invitation, registration=registration, status="connected")


def secret_of(connection: Connection) -> ClientSecret:
    return ClientSecret.objects.get(registration=connection.registration)


def test_operators_delete_what_is_stored_after_a_confirmation(operator_client: Client, invitation: Invitation) -> None:
    connection = stored_connection(invitation)
    page = text(operator_client.get(page_of(connection)))
    assert "Delete stored secret" in page
    assert "Client secret" in page
    act = reverse("admin:onboarding_connection_delete_stored", args=[connection.pk])
    asked = text(operator_client.get(act))
    assert "stays as it is" in asked
    assert "abc-secret" not in asked
    assert secret_of(connection).envelope  # GET changes nothing
    answer = operator_client.post(act, follow=True)
    assert "What was stored is deleted" in text(answer)
    assert "Delete stored secret" not in text(answer)
    secret = secret_of(connection)
    assert (secret.envelope, secret.status) == ("", "delivered")
    assert Connection.objects.get().status == "connected"
    entry = AuditEvent.objects.get(action="secret.value_deleted")
    assert (entry.actor_kind, entry.subject_id) == ("staff", str(secret.registration_id))
    assert "Nothing is stored" in text(operator_client.post(act, follow=True))


def test_a_stored_token_is_deleted_too(operator_client: Client, invitation: Invitation) -> None:
    Invitation.objects.filter(pk=invitation.pk).update(status="completed")
    connection = Connection.objects.create(invitation=invitation, status="connected", way="token")
    token = DelegatedToken(connection=connection, username="tilda@contoso.example", obtained_at=timezone.now())
    token.seal("cache_envelope", "{}")
    token.save()
    operator_client.post(reverse("admin:onboarding_connection_delete_stored", args=[connection.pk]))
    assert DelegatedToken.objects.get().cache_envelope == ""
    assert AuditEvent.objects.filter(action="token.forgotten", actor_kind="staff").count() == 1


def test_what_an_open_invitation_stores_is_deleted_by_revoking_it(
    operator_client: Client, invitation: Invitation
) -> None:
    connection = stored_connection(invitation)
    Invitation.objects.update(status="connecting")
    act = reverse("admin:onboarding_connection_delete_stored", args=[connection.pk])
    assert "Revoke it" in text(operator_client.post(act, follow=True))
    assert secret_of(connection).envelope


def test_auditors_delete_nothing(auditor_client: Client, invitation: Invitation) -> None:
    connection = stored_connection(invitation)
    assert "Delete stored secret" not in text(auditor_client.get(page_of(connection)))
    act = reverse("admin:onboarding_connection_delete_stored", args=[connection.pk])
    assert auditor_client.post(act).status_code == 403
    assert secret_of(connection).envelope
