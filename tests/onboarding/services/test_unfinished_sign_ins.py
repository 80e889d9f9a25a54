"""Second sign-ins that nobody finished: what they granted is not forgotten."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from onboarding import tasks
from onboarding.models import Connection, SignIn
from onboarding.services import leftovers
from registrations.models import AuditEvent, Operation
from tests.onboarding.browser import Browser
from tests.onboarding.wizard import CARLA, finish, history, last_refusal

pytestmark = pytest.mark.django_db
RunWorker = Callable[[], None]
NOT_YET = {"error": "invalid_grant", "error_description": "AADSTS65001: Not yet.", "error_codes": [65001]}


def put_off(customer: Browser, link: str) -> SignIn:
    """A second sign-in whose answer Microsoft does not accept yet."""
    page = customer.press(customer.identify(link), name="Contoso-sync")
    customer.sandbox.faults.add("entra", "status", method="POST", path="/token", status=400, body=NOT_YET)
    assert "/sign-in/" in customer.sign_in(page, CARLA).headers["location"]
    return SignIn.objects.get(purpose="authorise")


def sweep(after: timedelta) -> None:
    """Let so much time pass since the sign-ins expired, then sweep twice."""
    SignIn.objects.update(expires_at=timezone.now() - after)
    tasks.forget_sign_ins()
    tasks.forget_sign_ins()


def test_a_grant_that_nobody_saw_the_end_of_is_noted(customer: Browser, link: str) -> None:
    sign_in = put_off(customer, link)
    sweep(timedelta(minutes=6))
    sign_in.refresh_from_db()
    assert (sign_in.outcome, sign_in.answer_envelope, sign_in.retry_at) == ("refused", "", None)
    refusal = last_refusal()
    assert (refusal["refusal"], refusal["step"], refusal["code"]) == ("state_lost", "authorise", "AADSTS65001")
    assert history().count("grant.left") == 1
    assert history().count("invitation.sign_in_refused") == 1
    assert Connection.objects.get().grant_removed is False
    assert leftovers.of(sign_in.invitation).has_grant


def test_a_sign_in_whose_process_died_is_noted_too(customer: Browser, link: str) -> None:
    customer.press(customer.identify(link), name="Contoso-sync")
    SignIn.objects.filter(purpose="authorise").update(redeemed_at=timezone.now())
    sweep(timedelta(minutes=6))
    assert SignIn.objects.get(purpose="authorise").outcome == "refused"
    assert Connection.objects.get().grant_removed is False


def test_a_request_that_may_still_redeem_is_left_alone(customer: Browser, link: str) -> None:
    sign_in = put_off(customer, link)
    sweep(timedelta(minutes=1))
    sign_in.refresh_from_db()
    assert (sign_in.outcome, sign_in.answer_envelope) == ("started", "")
    assert "grant.left" not in history()


@pytest.mark.parametrize("purpose", ["identify", "authorise"])
def test_a_sign_in_that_granted_nothing_is_not_noted(customer: Browser, link: str, purpose: str) -> None:
    """A first sign-in, and a second one that never came back from Microsoft."""
    if purpose == "identify":
        customer.start(link)
        SignIn.objects.update(redeemed_at=timezone.now())
    else:
        customer.press(customer.identify(link), name="Contoso-sync")
    sweep(timedelta(minutes=6))
    assert SignIn.objects.filter(outcome="refused").count() == 0
    assert "grant.left" not in history()


def test_a_setup_that_uses_the_grant_keeps_its_own_outcome(customer: Browser, link: str) -> None:
    put_off(customer, link)
    again = customer.press(customer.open("/authenticate/registration"), name="Contoso-sync")
    assert customer.sign_in(again, CARLA).headers["location"] == "/authenticate/progress"
    sweep(timedelta(minutes=6))
    assert SignIn.objects.filter(outcome="refused").count() == 1
    assert Connection.objects.get().grant_removed is None
    assert "grant.left" not in history()


def test_a_setup_that_revoked_everything_since_keeps_its_outcome(
    customer: Browser, link: str, run_worker: RunWorker
) -> None:
    put_off(customer, link)
    again = customer.press(customer.open("/authenticate/registration"), name="Contoso-sync")
    customer.sign_in(again, CARLA)
    finish(run_worker)
    assert Operation.objects.get().status == "succeeded"
    assert AuditEvent.objects.filter(action="grant.removed").exists()
    sweep(timedelta(minutes=6))
    assert Connection.objects.get().grant_removed is True
    assert "grant.left" not in history()
