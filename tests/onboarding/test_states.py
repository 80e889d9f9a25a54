"""The state of invitations, connections and services, and what became of the sign-ins."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from onboarding import states
from onboarding.models import Connection, Invitation, Service, SignIn
from onboarding.services import invitations, lookups, sign_in_requests
from registrations import admin_html, audit, engine
from registrations.applications import secret_values
from registrations.models import ClientSecret, Operation
from tests import factories
from tests.onboarding.browser import Browser
from tests.onboarding.conftest import OLGA

pytestmark = pytest.mark.django_db
LIST = "admin:onboarding_invitation_changelist"
NORA = "nora@contoso.example"  # no administrator


def state_of(rows: Any) -> str:
    return str(rows.get().state)


def invitation_state() -> str:
    return state_of(states.invitations(Invitation.objects.all()))


def make_connection(invitation: Invitation, status: str, operation: str = "") -> Connection:
    connection = Connection.objects.create(invitation=invitation, status=status, admin_username="carla@contoso.example")
    if operation:
        engine.request(lookups.NEW_REGISTRATION, connection, actor=OLGA)
        Operation.objects.update(status=operation)
    return connection


@pytest.mark.parametrize("kind", [states.InvitationState, states.ConnectionState])
def test_every_state_has_one_badge_with_its_word(kind: Any) -> None:
    for state in kind:
        assert admin_html.STATES[state][2] == state.label
    assert all(admin_html.STATES[value][2] == word for value, word in states.SERVICE_STATES)


NOW = timezone.now()
SENT = {"status": "sent", "email_sent": True, "sent_at": NOW}


@pytest.mark.parametrize(
    ("values", "days", "outcome", "expected"),
    [
        ({"status": "draft"}, 20, "", "draft"),
        ({"status": "draft", "started_at": NOW}, 20, "", "started"),  # its link was copied by hand
        ({"status": "sent", "sent_at": NOW}, 20, "", "unsent"),
        ({"status": "started", "sent_at": NOW}, 20, "", "unsent"),
        (SENT, 20, "", "sent"),
        (SENT, 3, "", "expiring"),
        (SENT, -1, "", "expired"),
        ({**SENT, "started_at": NOW}, 20, "", "started"),
        ({**SENT, "started_at": NOW}, 20, "refused", "refused"),
        ({**SENT, "started_at": NOW}, 3, "refused", "refused"),
        ({**SENT, "started_at": NOW}, -1, "refused", "expired"),
        ({**SENT, "started_at": NOW, "status": "started"}, 20, "succeeded", "identified"),
        ({**SENT, "started_at": NOW, "status": "started"}, 20, "refused", "refused"),
        ({"status": "connecting"}, -1, "succeeded", "running"),
        ({"status": "completed"}, -1, "refused", "completed"),
        ({"status": "revoked"}, -1, "refused", "revoked"),
    ],
)
def test_an_invitations_state_is_what_happened_to_its_link(
    invitation: Invitation, values: dict[str, Any], days: int, outcome: str, expected: str
) -> None:
    Invitation.objects.update(**values, expires_at=timezone.now() + timedelta(days=days))
    if outcome:
        SignIn.objects.create(
            invitation=invitation,
            token_hash=invitation.token_hash,
            state_hash="state",
            browser_hash="browser",
            expires_at=NOW,
            redeemed_at=NOW,
            outcome=outcome,
        )
    assert invitation_state() == expected


@pytest.mark.parametrize(
    ("status", "operation", "expected"),
    [
        ("connecting", "running", "running"),
        ("connecting", "waiting", "waiting"),
        ("failed", "failed", "failed"),
        ("failed", "waiting", "waiting"),  # staff resumed it
        ("identified", "failed", "failed"),
    ],
)
def test_an_invitation_is_as_its_setup(invitation: Invitation, status: str, operation: str, expected: str) -> None:
    Invitation.objects.update(status="connecting" if status != "identified" else "sent", email_sent=True)
    make_connection(invitation, status, operation)
    assert invitation_state() == expected
    assert state_of(states.connections(Connection.objects.all())) == expected
    assert state_of(states.services(Service.objects.all())) == expected


@pytest.mark.parametrize(("days", "expected"), [(-2, "expired"), (23, "expiring"), (700, "connected")])
def test_a_connection_is_not_green_beyond_its_secrets_end(
    invitation: Invitation, operator_client: Client, days: int, expected: str
) -> None:
    connection = make_connection(invitation, "connected")
    registration = factories.make_registration(
        invitation.service.instance, secret="abc-secret", unique_name="contoso", app_id="an-id"
    )
    ClientSecret.objects.update(expires_at=timezone.now() + timedelta(days=days))
    Connection.objects.update(registration=registration)
    Invitation.objects.update(status="completed")
    of_service = {"expired": "secret_expired", "expiring": "secret_expiring"}.get(expected, expected)
    assert state_of(states.connections(Connection.objects.all())) == expected
    assert state_of(states.services(Service.objects.all())) == of_service
    for address, shown in (
        (reverse("admin:onboarding_connection_changelist"), expected),
        (reverse("admin:onboarding_connection_change", args=[connection.pk]), expected),
        (reverse("admin:onboarding_service_changelist"), of_service),
        (reverse("admin:onboarding_invitation_change", args=[invitation.pk]), expected),
    ):
        assert str(admin_html.badge(shown)) in operator_client.get(address).content.decode(), address


def test_a_resumed_setup_has_not_failed(invitation: Invitation) -> None:
    make_connection(invitation, "failed", "failed")
    engine.resume(Operation.objects.get(), actor=OLGA)
    assert Connection.objects.get().status == "connecting"


def test_a_customer_who_was_refused_is_shown_filtered_and_counted(
    invitation: Invitation, link: str, customer: Browser, operator_client: Client
) -> None:
    Invitation.objects.update(**SENT)
    for _ in range(2):
        assert customer.sign_in(customer.start(link), NORA).status_code == 403
    listed = operator_client.get(reverse(LIST)).content.decode()
    page = operator_client.get(reverse("admin:onboarding_invitation_change", args=[invitation.pk])).content.decode()
    for text in (listed, page):
        assert str(admin_html.badge("refused")) in text
        assert str(admin_html.badge("sent")) not in text
    assert "2, the last one: " in " ".join(page.split())
    for query, number in (
        ("state=refused", 1),
        ("state=sent", 0),
        ("sign_ins=refused", 1),
        ("sign_ins=started", 1),
        ("sign_ins=none", 0),
        ("sign_ins=signed_in", 0),
    ):
        assert operator_client.get(f"{reverse(LIST)}?{query}").context["cl"].result_count == number, query
    counts = {line.title: line.count for line in operator_client.get("/admin/").context["lines"]}
    assert counts["Invitations whose last sign-in was refused"] == 1


def test_the_list_names_who_signed_in(
    invitation: Invitation, link: str, customer: Browser, operator_client: Client
) -> None:
    Invitation.objects.update(**SENT)
    assert customer.sign_in(customer.start(link), NORA).status_code == 403
    customer.identify(link)
    (row,) = operator_client.get(f"{reverse(LIST)}?sign_ins=signed_in").context["cl"].result_list
    assert (row.state, row.refusals, row.signed_in_as) == ("identified", 1, "carla@contoso.example")


def test_a_new_link_leaves_the_refusals_of_the_old_one_behind(
    invitation: Invitation, link: str, customer: Browser
) -> None:
    Invitation.objects.update(**SENT)
    customer.sign_in(customer.start(link), NORA)
    customer.start(link)  # open when the link is replaced: nobody was refused
    invitations.new_link(invitation, actor=OLGA)
    Invitation.objects.update(email_sent=True)
    row = states.invitations(Invitation.objects.all()).get()
    assert (row.state, row.refusals) == ("started", 1)


@pytest.mark.parametrize("direction", ["", "-"])
def test_invitations_that_nobody_started_are_sorted_last(
    invitation: Invitation, operator_client: Client, direction: str
) -> None:
    for number in (2, 3):
        service = factories.make_service(instance=invitation.service.instance, short_name=f"contoso{number}")
        made = invitations.create(service, it_admin_email="a@b.example", m365_admin_email="a@b.example", actor=OLGA)
        Invitation.objects.filter(pk=made.pk).update(started_at=timezone.now() - timedelta(days=number))
    place = operator_client.get(reverse(LIST)).context["cl"].list_display.index("started")
    rows = list(operator_client.get(f"{reverse(LIST)}?o={direction}{place}").context["cl"].result_list)
    assert [row.started_at is None for row in rows] == [False, False, True]


def test_services_whose_link_or_whose_secret_ends_are_told_apart(
    invitation: Invitation, operator_client: Client
) -> None:
    make_connection(invitation, "connected")
    secret = factories.make_registration(
        invitation.service.instance, secret="abc-secret", unique_name="contoso", app_id="an-id"
    )
    Connection.objects.update(registration=secret)
    Invitation.objects.update(status="completed")
    ClientSecret.objects.update(expires_at=timezone.now() + timedelta(days=3))
    other = factories.make_service(instance=invitation.service.instance, short_name="contoso2")
    made = invitations.create(other, it_admin_email="a@b.example", m365_admin_email="a@b.example", actor=OLGA)
    Invitation.objects.filter(pk=made.pk).update(**SENT, expires_at=timezone.now() + timedelta(days=3))
    address = reverse("admin:onboarding_service_changelist")
    everything = operator_client.get(address).context["cl"].result_list
    assert {row.pk: row.state for row in everything} == {
        invitation.service_id: "secret_expiring",
        other.pk: "expiring",
    }
    for state, _ in states.SERVICE_STATES:
        found = operator_client.get(f"{address}?state={state}").context["cl"].result_list
        assert {row.pk for row in found} == {row.pk for row in everything if row.state == state}, state


def make_connected(invitation: Invitation, name: str, days_ago: int) -> Connection:
    """A connection of this invitation that was completed then, with a secret that has expired since."""
    registration = factories.make_registration(
        invitation.service.instance, secret="abc-secret", unique_name=name, app_id=f"id-of-{name}"
    )
    ends = timezone.now() - timedelta(days=1)
    ClientSecret.objects.filter(registration=registration).update(expires_at=ends)
    connection = make_connection(invitation, "connected")
    Connection.objects.filter(pk=connection.pk).update(
        registration=registration, connected_at=timezone.now() - timedelta(days=days_ago)
    )
    Invitation.objects.filter(pk=invitation.pk).update(status="completed")
    return connection


def test_a_replaced_connection_asks_nobody_to_act(invitation: Invitation, operator_client: Client) -> None:
    old = make_connected(invitation, "old", 300)
    again = invitations.create(
        invitation.service, it_admin_email="a@b.example", m365_admin_email="a@b.example", again=True, actor=OLGA
    )
    new = make_connected(again, "new", 2)
    ClientSecret.objects.filter(registration__connection=new).update(expires_at=timezone.now() + timedelta(days=700))
    with audit.atomic():
        secret_values.delete(ClientSecret.objects.filter(registration__connection=old), actor=audit.WORKER)
    found = {row.pk: row.state for row in states.connections(Connection.objects.all())}
    assert found == {old.pk: "replaced", new.pk: "connected"}
    assert state_of(states.services(Service.objects.all())) == "connected"
    listed = reverse("admin:onboarding_connection_changelist")
    for state, rows in (("replaced", [old]), ("expired", []), ("connected", [new])):
        assert list(operator_client.get(f"{listed}?state={state}").context["cl"].result_list) == rows
    assert not [line for line in operator_client.get("/admin/").context["lines"] if "secrets" in line.title]


@pytest.mark.parametrize(("status", "operation"), [("failed", "failed"), ("identified", ""), ("connecting", "failed")])
def test_the_connection_of_a_revoked_invitation_is_revoked(
    invitation: Invitation, operator_client: Client, status: str, operation: str
) -> None:
    make_connection(invitation, status, operation)
    invitations.revoke(invitation, actor=OLGA)
    assert state_of(states.connections(Connection.objects.all())) == "revoked"
    assert state_of(states.services(Service.objects.all())) == "revoked"
    assert not [line for line in operator_client.get("/admin/").context["lines"] if "perations" in line.title]


def test_refusals_are_counted_beyond_those_that_are_kept(
    customer: Browser, link: str, monkeypatch: pytest.MonkeyPatch, operator_client: Client
) -> None:
    monkeypatch.setattr(sign_in_requests, "KEPT", 2)
    for _ in range(4):
        assert customer.sign_in(customer.start(link), NORA).status_code == 403
    customer.identify(link)  # no refusal
    assert customer.sign_in(customer.start(link), NORA).status_code == 403
    assert SignIn.objects.exclude(outcome="started").count() == 2
    row = states.invitations(Invitation.objects.all()).get()
    assert (row.refusals, row.older_refusals, row.older_sign_ins) == (5, 4, 4)
    page = operator_client.get(reverse("admin:onboarding_invitation_change", args=[row.pk])).content.decode()
    assert "5, the last one: " in " ".join(page.split())
    assert operator_client.get(f"{reverse(LIST)}?sign_ins=refused").context["cl"].result_count == 1
