"""Which invitations need attention."""

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from onboarding.admin import todo
from onboarding.admin.start_page import SEVERITY, WATCHED
from onboarding.models import Invitation, SignIn
from onboarding.services import invitations
from registrations import admin_html
from registrations.admin.todo import TodoSource
from tests.onboarding.browser import Browser
from tests.onboarding.conftest import OLGA
from tests.onboarding.wizard import CARLA, text

pytestmark = pytest.mark.django_db
NOW = timezone.now()


@pytest.mark.parametrize(
    ("values", "days", "expected"),
    [
        ({"status": "draft"}, 20, {"unsent"}),
        ({"status": "started", "sent_at": NOW}, 20, {"unsent"}),  # its link was replaced after it had been opened
        ({"status": "sent", "email_sent": True}, 20, set()),
        ({"status": "connecting"}, 20, set()),
        ({"status": "connecting"}, 3, set()),
        ({"status": "connecting"}, -1, set()),
        ({"status": "started", "email_sent": True}, -1, {"expired"}),
        ({"status": "completed"}, -1, set()),
    ],
)
def test_an_invitation_needs_attention_by_status_and_expiry(
    invitation: Invitation, values: dict[str, object], days: int, expected: set[str]
) -> None:
    now = timezone.now()
    Invitation.objects.update(**values, expires_at=now + timedelta(days=days))
    rows = todo.INVITATIONS.rows(now)
    found = {need.key for need in todo.INVITATIONS.todos if rows.filter(need.condition).exists()}
    assert found == expected


def needs_staff() -> bool:
    [refused] = [need for need in todo.INVITATIONS.todos if need.key == "for_staff"]
    return bool(todo.INVITATIONS.rows(timezone.now()).filter(refused.condition).exists())


def refuse(customer: Browser, link: str, code: str) -> None:
    answer = customer.visit_microsoft(customer.start(link), CARLA)
    description = f"{code}: The request of carla@contoso.example is odd."
    customer.come_back({"state": answer["state"], "error": "odd", "error_description": description})


@pytest.mark.parametrize(("code", "expected"), [("AADSTS1234567", True), ("AADSTS50011", True), ("AADSTS53003", False)])
def test_a_refusal_that_the_customer_cannot_resolve_needs_attention(
    customer: Browser, invitation: Invitation, link: str, operator_client: Client, code: str, expected: bool
) -> None:
    refuse(customer, link, code)
    assert needs_staff() is expected
    start = text(operator_client.get("/admin/"))
    assert ("refused for a reason that you must resolve" in start) is expected
    page = text(operator_client.get(f"/admin/onboarding/invitation/{invitation.pk}/change/"))
    assert code in page
    assert ("Microsoft: “The request of […] is odd.”" in page) is (code == "AADSTS1234567")
    assert "carla@contoso.example is odd" not in page
    assert customer.identify(link).status_code == 200
    assert not needs_staff()


@pytest.mark.parametrize(
    ("values", "days"),
    [
        ({"status": "draft"}, 20),
        ({"status": "started", "sent_at": NOW, "email_sent": False}, 20),  # unsent again
        ({"status": "sent", "email_sent": True}, 20),
        ({"status": "started", "email_sent": True}, 3),
        ({"status": "started", "email_sent": True}, -1),
    ],
)
def test_an_invitation_stands_in_one_line_only(
    customer: Browser, invitation: Invitation, link: str, values: dict[str, object], days: int
) -> None:
    refuse(customer, link, "AADSTS1234567")
    now = timezone.now()
    Invitation.objects.update(**values, token_hash="of another link", expires_at=now + timedelta(days=days))
    rows = todo.INVITATIONS.rows(now)
    assert [need.key for need in todo.INVITATIONS.todos if rows.filter(need.condition).exists()] == ["for_staff"]


def test_a_revoked_invitation_needs_no_attention(customer: Browser, invitation: Invitation, link: str) -> None:
    refuse(customer, link, "AADSTS1234567")
    invitations.revoke(invitation, actor=OLGA)
    assert not needs_staff()


def test_the_lines_of_refusals_say_refused_and_since_when(
    customer: Browser, link: str, operator_client: Client
) -> None:
    refuse(customer, link, "AADSTS1234567")
    long_ago, refused_at = timezone.now() - timedelta(days=9), timezone.now() - timedelta(days=2)
    Invitation.objects.update(started_at=long_ago, email_sent=True, status="sent")
    SignIn.objects.update(redeemed_at=refused_at)
    for for_staff in (True, False):
        SignIn.objects.update(for_staff=for_staff)
        [line] = [each for each in operator_client.get("/admin/").context["lines"] if "refused" in each.title]
        assert ("for a reason that you must resolve" in line.title) is for_staff
        assert str(line.badge) == str(admin_html.badge("refused"))
        assert refused_at.isoformat() in str(line.since)


@pytest.mark.parametrize("source", WATCHED, ids=lambda source: source.model.__name__)
def test_every_line_of_the_start_page_has_a_known_badge_and_a_rank(source: TodoSource) -> None:
    assert {each.state for each in source.todos} <= set(SEVERITY) & set(admin_html.STATES)
