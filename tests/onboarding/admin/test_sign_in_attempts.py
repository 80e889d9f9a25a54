"""Staff see each sign-in attempt with times, outcome and codes, and a text for support without secrets."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection as database
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from onboarding.models import Connection, Invitation, SignIn
from registrations.models import Operation
from sandbox.app import Sandbox
from tests.onboarding.browser import Browser
from tests.onboarding.existing import Own, bare, contoso, enter, own
from tests.onboarding.wizard import CARLA, finish, text

pytestmark = pytest.mark.django_db

__all__ = ["bare", "contoso", "own"]  # fixtures


def page_of(client: Client, invitation: Invitation) -> Any:
    return client.get(reverse("admin:onboarding_invitation_change", args=[invitation.pk]))


def test_a_refused_sign_in_is_listed_with_code_and_correlation_id(
    operator_client: Client, customer: Browser, invitation: Invitation, link: str
) -> None:
    customer.sign_in(customer.start(link), CARLA, consent="decline")
    page = text(page_of(operator_client, invitation))
    sign_in = SignIn.objects.get()
    assert sign_in.correlation_id
    for words in (
        "First sign-in, new app registration",
        "Refused",
        "The permissions were not accepted",
        "AADSTS65004",
        sign_in.correlation_id,
        "Copy for support",
    ):
        assert words in page


def test_a_setup_is_listed_with_its_outcome(
    operator_client: Client,
    customer: Browser,
    invitation: Invitation,
    link: str,
    sandbox: Sandbox,
    run_worker: Callable[[], None],
) -> None:
    sandbox.world.tenant("Contoso").secret_policy.secrets_forbidden = True
    customer.authorise(customer.identify(link))
    finish(run_worker)
    page = text(page_of(operator_client, invitation))
    for words in (
        "Connect the organisation",
        "Consent, new app registration",
        "CredentialTypeNotAllowedAsPerAppPolicy",
    ):
        assert words in page
    told = page_of(operator_client, invitation).context["for_support"]
    assert "correlation ID" not in told.partition("Connect the organisation")[2].partition("\n")[0]  # Graph gives none
    assert page.index("Connect the organisation") < page.rindex("First sign-in")


def test_a_setup_names_the_correlation_id_and_not_the_trace_id(
    operator_client: Client,
    customer: Browser,
    invitation: Invitation,
    link: str,
    sandbox: Sandbox,
    own: Own,
    run_worker: Callable[[], None],
) -> None:
    enter(customer, link, {**own.values, "client_secret": "Xy8Q~wrong-value-of-a-secret-0123456789"})
    run_worker()
    step = Operation.objects.get().current_step
    assert step is not None
    told = page_of(operator_client, invitation).context["for_support"]
    assert f"correlation ID {step.correlation_id}" in told
    assert step.request_id not in told


def test_the_text_for_support_contains_no_link_and_no_secret(
    operator_client: Client, customer: Browser, invitation: Invitation, link: str, run_worker: Callable[[], None]
) -> None:
    customer.authorise(customer.identify(link))
    credential = Operation.objects.get(kind="connect").unseal("credential_envelope")
    finish(run_worker)
    answer = page_of(operator_client, invitation)
    told = answer.context["for_support"]
    assert f"Invitation {invitation.pk}" in told
    assert "UTC | Connect the organisation | Succeeded" in told
    secrets = [link.rpartition("/")[2], credential]
    secrets += [s.unseal("envelope") for r in [Connection.objects.get().registration] if r for s in r.secrets.all()]
    assert len(secrets) == 3
    for secret in secrets:
        assert secret not in told
        assert secret not in answer.content.decode()


def test_an_invitation_that_nobody_opened_says_so(operator_client: Client, invitation: Invitation) -> None:
    page = text(page_of(operator_client, invitation))
    assert "The customer has not started" in page
    assert "Copy for support" not in page


def test_an_auditor_sees_the_attempts_too(
    auditor_client: Client, customer: Browser, invitation: Invitation, link: str
) -> None:
    customer.start(link)
    assert "In progress" in text(page_of(auditor_client, invitation))


def test_the_page_makes_as_many_queries_for_many_attempts(
    operator_client: Client, customer: Browser, invitation: Invitation, link: str
) -> None:
    customer.identify(link)
    connection = Connection.objects.get()

    def meet(count: int, offset: int) -> None:
        for number in range(offset, offset + count):
            SignIn.objects.create(
                invitation=invitation,
                purpose="identify",
                state_hash=f"s{number}",
                browser_hash="b",
                expires_at=connection.created_at,
                outcome="refused",
                refusal="guest",
            )
            Operation.objects.create(
                kind="connect",
                subject_type="connection",
                subject_id=connection.pk,
                subject_label="x",
                status="failed",
                requested_by_label="x",
            )

    def asked() -> int:
        with CaptureQueriesContext(
            database,
        ) as queries:
            assert page_of(operator_client, invitation).status_code == 200
        return len(queries)

    meet(5, 0)
    page_of(operator_client, invitation)  # caches that the first look fills
    few = asked()
    meet(5, 5)
    assert asked() == few
