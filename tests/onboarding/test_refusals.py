"""Every "no" of the wizard: a page in plain words with a next step, a row, a line in the history; nothing lost."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client, RequestFactory
from django.utils import timezone

from onboarding import error_catalogue, errors
from onboarding.explanations import GENERIC, explain
from onboarding.models import Connection, Invitation, SignIn
from onboarding.services import invitations
from onboarding.views import error_pages
from registrations.models import AuditEvent, ClientSecret, Operation, UmpInstance
from tests.onboarding.browser import Browser
from tests.onboarding.conftest import OLGA
from tests.onboarding.test_wizard import CARLA, history, text

pytestmark = pytest.mark.django_db


def refused(answer: Any, key: str) -> str:
    """The page's text, once it is the expected refusal with its next step."""
    page = text(answer)
    assert answer.status_code == error_catalogue.ERRORS[key].status, page
    assert "What to do" in page
    assert f'<dd class="mono">{key}</dd>' in page
    assert answer.headers["cache-control"] == "no-store"
    return page


def last_refusal() -> dict[str, Any]:
    """What the history keeps of the last refused sign-in."""
    event = AuditEvent.objects.filter(action="invitation.sign_in_refused").latest("id")
    return dict(event.after)


# --- Links ---


@pytest.mark.parametrize("path", ["A" * 43, "A" * 42, "A" * 44, "nonsense", "OAuth2Callback/x", "A" * 43 + "/start"])
def test_an_unknown_link_says_to_copy_the_whole_one(customer: Browser, path: str) -> None:
    assert "Copy the whole link" in refused(customer.open(f"/authenticate/{path}", follow=True), "unknown_link")


def test_an_expired_link_is_refused_on_opening_and_on_start(
    customer: Browser, invitation: Invitation, link: str
) -> None:
    page = customer.choose(link)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    refused(customer.open(urlsplit(link).path), "expired_link")
    refused(customer.press(page), "expired_link")
    assert not SignIn.objects.exists()


def test_a_revoked_link_is_refused_on_opening_and_on_start(
    customer: Browser, invitation: Invitation, link: str
) -> None:
    page = customer.choose(link)
    invitations.revoke(invitation, actor=OLGA)
    refused(customer.open(urlsplit(link).path), "revoked_link")
    refused(customer.press(page), "revoked_link")


def test_a_link_that_was_replaced_is_unknown(customer: Browser, invitation: Invitation, link: str) -> None:
    invitations.new_link(invitation, actor=OLGA)
    refused(customer.open(urlsplit(link).path), "unknown_link")
    assert customer.open(urlsplit(invitations.link_of(invitation)).path).status_code == 200


@pytest.mark.parametrize("status", ["draft", "provisioning", "failed", "retired"])
def test_an_instance_that_is_not_active_says_not_ready(customer: Browser, link: str, status: str) -> None:
    UmpInstance.objects.update(status=status)
    refused(customer.open(urlsplit(link).path), "instance_not_active")
    assert customer.open("/authenticate").status_code == 200


def test_an_instance_without_a_secret_says_not_ready_on_start(customer: Browser, link: str) -> None:
    ClientSecret.objects.all().delete()
    refused(customer.start(link), "instance_not_active")


# --- Who signs in ---


def test_another_organisations_administrator_is_refused(customer: Browser, invitation: Invitation, link: str) -> None:
    page = refused(customer.sign_in(customer.start(link), "fred@fabrikam.example"), "another_organisation")
    assert "Fred (fred@fabrikam.example)" in page
    assert f'href="{link}"' in page
    invitation.refresh_from_db()
    assert invitation.status == Invitation.Status.DRAFT
    assert not Connection.objects.exists()
    assert "__Host-session" not in customer.client.cookies
    sign_in = SignIn.objects.get()
    assert (sign_in.outcome, sign_in.refusal, sign_in.flow_envelope) == ("refused", "another_organisation", "")
    assert last_refusal()["account"] == "Fred (fred@fabrikam.example)"


@pytest.mark.parametrize("person", ["nora", "appie", "peter"])
def test_who_lacks_the_active_roles_is_refused(customer: Browser, link: str, person: str) -> None:
    page = refused(customer.sign_in(customer.start(link), f"{person}@contoso.example"), "not_an_administrator")
    assert "Privileged Identity Management" in page
    assert not Connection.objects.exists()


def test_a_guest_is_refused_even_with_the_role(customer: Browser, link: str) -> None:
    refused(customer.sign_in(customer.start(link), "greta_fabrikam.example#EXT#@contoso.example"), "guest")
    assert not Connection.objects.exists()


def test_another_administrator_cannot_finish_the_second_step(customer: Browser, link: str) -> None:
    page = customer.press(customer.identify(link), name="Finebak-sync")
    refused(customer.sign_in(page, "paul@contoso.example"), "another_administrator")
    assert not Operation.objects.exists()
    # The same administrator starts again from the invitation and takes over: nobody is at work yet.
    assert (
        customer.authorise(customer.identify(link, "paul@contoso.example"), "paul@contoso.example").status_code == 303
    )


# --- What they agree to ---


def test_declined_consent_is_told_with_a_way_back(customer: Browser, link: str) -> None:
    page = refused(customer.sign_in(customer.start(link), CARLA, consent="decline"), "consent_declined")
    assert "AADSTS65004" in page
    assert f'href="{link}"' in page
    sign_in = SignIn.objects.get()
    assert (sign_in.microsoft_code, sign_in.refusal) == ("AADSTS65004", "consent_declined")
    assert sign_in.correlation_id
    assert sign_in.correlation_id in page
    assert customer.identify(link).status_code == 200  # and it can be begun again


def test_declining_the_second_consent_keeps_the_progress(customer: Browser, link: str) -> None:
    form = customer.identify(link)
    answer = customer.sign_in(customer.press(form, name="Finebak-sync"), CARLA, consent="decline")
    page = refused(answer, "consent_declined")
    assert 'href="/authenticate/registration"' in page
    assert "Your progress is saved" in page
    again = customer.open("/authenticate/registration")
    assert 'value="Finebak-sync"' in again.content.decode()
    assert customer.authorise(again).status_code == 303


def test_missing_scopes_are_named(customer: Browser, link: str, monkeypatch: pytest.MonkeyPatch) -> None:
    page = customer.press(customer.identify(link), name="Finebak-sync")
    # The sandbox grants all or nothing, as Microsoft does; an administrator may still have removed a part meanwhile.
    monkeypatch.setattr("onboarding.requirements.SCOPES_AUTHORISE", ["Application.ReadWrite.All", "Mail.Read"])
    assert "Mail.Read" in refused(customer.sign_in(page, CARLA), "missing_scopes").replace("mail.read", "Mail.Read")
    assert not Operation.objects.exists()


# --- Microsoft's own refusals ---


def test_a_known_code_of_microsoft_is_told_in_words(customer: Browser, link: str) -> None:
    answer = customer.sign_in(customer.start(link), "mona@contoso.example", mfa="cancel")
    page = refused(answer, "microsoft_error")
    assert "must set up multi-factor authentication" in page
    assert "AADSTS50079" in page
    assert "Trace ID" not in page  # Microsoft's own text is not repeated


def test_an_unknown_code_of_microsoft_still_has_a_sentence_and_a_next_step(customer: Browser, link: str) -> None:
    answer = customer.visit_microsoft(customer.start(link), CARLA)
    description = (
        "AADSTS987654: <b>Odd</b>. Trace ID: 1 Correlation ID: 11111111-2222-4333-8444-555555555555 Timestamp: x"
    )
    back = customer.come_back({"state": answer["state"], "error": "odd", "error_description": description})
    page = refused(back, "microsoft_error")
    assert "AADSTS987654" in page
    assert "11111111-2222-4333-8444-555555555555" in page
    assert "Odd" not in page


def test_every_code_has_both_sentences() -> None:
    for code in ("AADSTS53003", "AADSTS50011", "server_error", "AADSTS1"):
        found = explain(code)
        assert found.sentence
        assert found.next_step
    assert explain("AADSTS1") is GENERIC


def test_when_microsoft_does_not_answer_on_start_nothing_is_begun(customer: Browser, link: str) -> None:
    customer.sandbox.faults.add("entra", "status", path="openid-configuration", status=503, times=10)
    refused(customer.start(link), "remote_unavailable")
    assert not SignIn.objects.exists()


def test_when_microsoft_does_not_answer_on_the_way_back_one_can_start_again(customer: Browser, link: str) -> None:
    page = customer.start(link)
    customer.sandbox.faults.add("entra", "cut", method="POST", path="/token")
    refused(customer.sign_in(page, CARLA), "remote_unavailable")
    assert customer.identify(link).status_code == 200


def test_when_graph_does_not_tell_the_roles_nobody_is_let_in(customer: Browser, link: str) -> None:
    page = customer.start(link)
    customer.sandbox.faults.add("graph", "status", path="transitiveMemberOf", status=503, times=10)
    refused(customer.sign_in(page, CARLA), "remote_unavailable")
    assert not Connection.objects.exists()


# --- The way back ---


def test_a_get_on_the_callback_does_nothing(customer: Browser, link: str) -> None:
    answer = customer.visit_microsoft(customer.start(link), CARLA)
    page = customer.open("/authenticate/OAuth2Callback", query_params=answer)
    assert page.status_code == 200
    assert "Open the link in your email" in text(page)
    assert SignIn.objects.get().redeemed_at is None
    assert customer.come_back(answer).status_code == 303


def test_an_answer_is_taken_once(customer: Browser, link: str) -> None:
    answer = customer.visit_microsoft(customer.start(link), CARLA)
    assert customer.come_back(answer).status_code == 303
    refused(customer.come_back(answer), "state_lost")
    assert SignIn.objects.get().outcome == SignIn.Outcome.SUCCEEDED
    assert last_refusal()["refusal"] == "state_lost"


def test_another_browser_cannot_bring_the_answer(customer: Browser, link: str) -> None:
    answer = customer.visit_microsoft(customer.start(link), CARLA)
    thief = Browser(customer.sandbox, customer.host)
    refused(thief.come_back(answer), "state_lost")
    thief.start(link)  # a cookie of its own does not help either
    page = refused(thief.come_back(answer), "state_lost")
    assert link not in page
    assert "__Host-session" not in thief.client.cookies
    assert customer.come_back(answer).status_code == 303


@pytest.mark.parametrize("answer", [{}, {"state": ""}, {"state": "made-up", "code": "x"}, {"code": "x"}])
def test_an_answer_without_a_known_state_is_refused(customer: Browser, link: str, answer: dict[str, str]) -> None:
    customer.start(link)
    refused(customer.come_back(answer), "state_lost")
    assert SignIn.objects.get().redeemed_at is None


def test_an_answer_after_15_minutes_is_refused(customer: Browser, link: str) -> None:
    answer = customer.visit_microsoft(customer.start(link), CARLA)
    SignIn.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    refused(customer.come_back(answer), "state_lost")


def test_an_answer_on_another_instances_host_is_refused(
    customer: Browser, link: str, make_active_instance: Callable[..., UmpInstance]
) -> None:
    answer = customer.visit_microsoft(customer.start(link), CARLA)
    other = Browser(customer.sandbox, make_active_instance(app_name="other").host)
    other.client.cookies["__Host-signin"] = customer.client.cookies["__Host-signin"].value
    refused(other.come_back(answer), "state_lost")


def test_an_invitation_revoked_during_the_sign_in_lets_nobody_in(
    customer: Browser, invitation: Invitation, link: str
) -> None:
    answer = customer.visit_microsoft(customer.start(link), CARLA)
    invitations.revoke(invitation, actor=OLGA)
    page = refused(customer.come_back(answer), "revoked_link")
    assert link not in page
    assert not Connection.objects.exists()


def test_a_code_of_somebody_elses_sign_in_does_not_fit(customer: Browser, link: str) -> None:
    """Login CSRF: an attacker's code with the victim's state fails at PKCE."""
    attacker = Browser(customer.sandbox, customer.host)
    stolen = attacker.visit_microsoft(attacker.start(link), "paul@contoso.example")
    own = customer.visit_microsoft(customer.start(link), CARLA)
    refused(customer.come_back({**own, "code": stolen["code"]}), "microsoft_error")
    assert not Connection.objects.exists()


# --- Forms and mistakes ---


def test_a_form_without_its_token_is_refused_in_words(customer: Browser, link: str) -> None:
    answer = customer.client.post(urlsplit(link).path + "/start", headers={"origin": f"http://{customer.host}"})
    refused(answer, "csrf")


def test_a_form_from_another_site_is_refused(customer: Browser, link: str) -> None:
    path = urlsplit(link).path
    token = customer.open(path + "/choose").content.decode().split('csrfmiddlewaretoken" value="')[1].split('"')[0]
    answer = customer.client.post(
        path + "/start", {"csrfmiddlewaretoken": token}, headers={"origin": "https://evil.example"}
    )
    refused(answer, "csrf")
    assert "invitation.started" not in history()


def test_a_mistake_of_ours_is_a_page_without_a_traceback(
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


def test_every_refusal_fills_its_texts_and_blames_nobody() -> None:
    names = {"provider": "Finebak", "customer": "Contoso", "host": "h", "facts": "Fred"}
    for refusal in error_catalogue.ERRORS.values():
        for sentence in (refusal.title, refusal.sentence, refusal.next_step, refusal.effect):
            filled = sentence.format(**names)
            assert "{" not in filled
            for word in ("please", "oops", "successfully", "!", "something went wrong", "tenant"):
                assert word not in filled.lower()
        assert refusal.sentence
        assert refusal.next_step


def test_an_address_at_the_beginning_of_a_sentence_keeps_its_own_letters(rf: RequestFactory) -> None:
    page = error_pages.render_error(
        rf.get("/"), errors.RefusedError("guest", facts="carla@contoso.example")
    ).content.decode()
    assert "carla@contoso.example is a guest in the Microsoft 365 of your organisation" in page
    unknown = error_pages.render_error(rf.get("/"), errors.RefusedError("revoked_link")).content.decode()
    assert "Your provider has withdrawn this invitation" in unknown
