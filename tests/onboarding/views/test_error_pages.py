"""Error pages: their text, their button, and what is recorded."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.sessions.models import Session
from django.test import Client, RequestFactory

from onboarding import error_catalogue, errors
from onboarding.services import invitations
from onboarding.views import error_pages
from registrations.models import AuditEvent, UmpInstance
from tests.onboarding.browser import Browser
from tests.onboarding.conftest import OLGA
from tests.onboarding.stage import Stage, stage
from tests.onboarding.wizard import history, refused

pytestmark = pytest.mark.django_db


def test_a_form_without_its_csrf_token_gets_an_error_page(customer: Browser, link: str) -> None:
    answer = customer.client.post(urlsplit(link).path + "/start", headers={"origin": f"http://{customer.host}"})
    refused(answer, "csrf")


def test_a_form_from_another_site_is_refused(customer: Browser, link: str) -> None:
    path = urlsplit(link).path
    token = customer.open(path).content.decode().split('csrfmiddlewaretoken" value="')[1].split('"')[0]
    answer = customer.client.post(
        path + "/start", {"csrfmiddlewaretoken": token}, headers={"origin": "https://evil.example"}
    )
    refused(answer, "csrf")
    assert "invitation.started" not in history()


def test_an_internal_error_is_a_page_without_a_traceback(
    customer: Browser, link: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("a secret in a traceback")

    monkeypatch.setattr("onboarding.views.landing.invitation_of", broken)
    quiet = Client(raise_request_exception=False, headers={"host": customer.host})
    answer = quiet.get(urlsplit(link).path)
    page = refused(answer, "server_error")
    assert "Traceback" not in page
    assert "a secret in a traceback" not in page
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_an_address_at_the_start_of_a_sentence_keeps_its_case(rf: RequestFactory) -> None:
    page = error_pages.render_error(
        rf.get("/"), errors.RefusedError("guest", facts="carla@contoso.example")
    ).content.decode()
    assert "carla@contoso.example is a guest in the Microsoft 365 of your organisation" in page
    unknown = error_pages.render_error(rf.get("/"), errors.RefusedError("revoked_link")).content.decode()
    assert "Your provider has withdrawn it" in unknown


__all__ = ["stage"]  # a fixture


def test_forms_without_a_session_do_not_flood_the_history(stage: Stage) -> None:
    form = stage.customer.identify(stage.link)
    Session.objects.all().delete()
    for _ in range(3):
        assert stage.customer.press(form, name="Contoso-sync").status_code == 403
    assert AuditEvent.objects.filter(action="instance.form_refused").count() == 1


def test_a_form_without_a_session_cookie_writes_nothing(stage: Stage) -> None:
    form = stage.customer.identify(stage.link)
    del stage.customer.client.cookies["__Host-session"]
    before = AuditEvent.objects.count()
    assert stage.customer.press(form, name="Contoso-sync").status_code == 403
    assert AuditEvent.objects.count() == before


def test_an_outage_at_the_start_leads_back_to_the_invitation(stage: Stage) -> None:
    page = stage.customer.choose(stage.link)
    stage.sandbox.faults.add(service="entra", kind="status", status=503, times=20)
    answer = stage.customer.press(page, way="new")
    assert answer.status_code == 503
    assert stage.link.rpartition("/")[2] in answer.content.decode()
    assert AuditEvent.objects.get(action="invitation.refused").after["refusal"] == "remote_unavailable"


def test_a_method_that_is_not_offered_is_in_the_history(stage: Stage) -> None:
    page = stage.customer.choose(stage.link)
    UmpInstance.objects.update(delivery=UmpInstance.Delivery.HANDOVER)
    answer = stage.customer.press(page, way="token")
    assert answer.status_code == 409
    assert AuditEvent.objects.get(action="invitation.refused").after == {"refusal": "way_not_offered"}


def test_a_form_of_a_revoked_invitation_is_in_the_history(stage: Stage) -> None:
    form = stage.customer.identify(stage.link)
    invitations.revoke(stage.invitation, actor=OLGA)
    assert stage.customer.press(form, name="Contoso-sync").status_code == 410
    assert AuditEvent.objects.get(action="invitation.refused").after == {"refusal": "revoked_link"}


def test_every_error_page_has_one_button() -> None:
    assert all(refusal.button for refusal in error_catalogue.ERRORS.values())
