"""What the callback accepts and refuses."""

import pytest

from onboarding.models import Connection, Invitation, SignIn
from registrations.models import AuditEvent, Operation
from tests.onboarding.browser import Browser
from tests.onboarding.wizard import CARLA, last_refusal, refused, text

pytestmark = pytest.mark.django_db


def test_an_administrator_is_identified_and_gets_a_fresh_session(
    customer: Browser, invitation: Invitation, link: str
) -> None:
    answer = customer.sign_in(customer.start(link), CARLA)
    assert (answer.status_code, answer.headers["location"]) == (303, "/authenticate/registration")
    cookie = answer.cookies["__Host-session"]
    assert (cookie["samesite"], cookie["path"], cookie["domain"]) == ("Lax", "/", "")
    assert cookie["secure"]
    assert int(cookie["max-age"]) == 2 * 3600
    invitation.refresh_from_db()
    assert invitation.status == Invitation.Status.STARTED
    assert invitation.authenticated_at is not None
    connection = invitation.connection
    assert (connection.admin_name, connection.admin_username) == ("Carla", CARLA)
    sign_in = SignIn.objects.get()
    assert (sign_in.outcome, sign_in.flow_envelope) == ("succeeded", "")
    event = AuditEvent.objects.get(action="invitation.authenticated")
    assert (event.actor_kind, event.actor_label) == ("customer", f"Carla ({CARLA})")


def test_paul_with_both_lesser_roles_is_an_administrator_too(customer: Browser, link: str) -> None:
    page = customer.identify(link, "paul@contoso.example")
    assert "Name the registration" in text(page)


def test_another_organisations_administrator_is_refused(customer: Browser, invitation: Invitation, link: str) -> None:
    page = refused(customer.sign_in(customer.start(link), "fred@fabrikam.example"), "another_organisation")
    assert "Fred (fred@fabrikam.example)" in page
    assert f'href="{link}"' in page
    invitation.refresh_from_db()
    assert invitation.status == Invitation.Status.DRAFT
    assert not Connection.objects.exists()
    assert "__Host-session" not in customer.client.cookies
    sign_in = SignIn.objects.get(is_offer=False)
    assert (sign_in.outcome, sign_in.refusal, sign_in.flow_envelope) == ("refused", "another_organisation", "")
    assert last_refusal()["account"] == "Fred (fred@fabrikam.example)"


@pytest.mark.parametrize("person", ["nora", "appie", "peter"])
def test_a_person_without_the_active_roles_is_refused(customer: Browser, link: str, person: str) -> None:
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
    # The same administrator starts again from the invitation and takes over: no operation is running yet.
    assert (
        customer.authorise(customer.identify(link, "paul@contoso.example"), "paul@contoso.example").status_code == 303
    )


def test_declined_consent_is_explained_with_a_link_back(customer: Browser, link: str) -> None:
    page = refused(customer.sign_in(customer.start(link), CARLA, consent="decline"), "consent_declined")
    assert "AADSTS65004" in page
    assert "Microsoft only asked to sign you in. Nothing changed." in page
    assert "list of permissions" not in page.partition("<main")[2].partition("</main>")[0]
    assert f'<a class="button" href="{link}">Try again</a>' in page
    sign_in = SignIn.objects.get()
    assert (sign_in.microsoft_code, sign_in.refusal) == ("AADSTS65004", "consent_declined")
    assert sign_in.correlation_id
    assert sign_in.correlation_id in page
    assert customer.identify(link).status_code == 200  # and a new start is possible


def test_declining_the_second_consent_keeps_the_progress(customer: Browser, link: str) -> None:
    form = customer.identify(link)
    answer = customer.sign_in(customer.press(form, name="Finebak-sync"), CARLA, consent="decline")
    page = refused(answer, "consent_declined")
    assert 'href="/authenticate/registration"' in page
    assert "Your progress is saved" in page
    assert "Review the list of permissions" in page
    again = customer.open("/authenticate/registration")
    assert 'value="Finebak-sync"' in again.content.decode()
    assert customer.authorise(again).status_code == 303


def test_missing_scopes_are_named(customer: Browser, link: str, monkeypatch: pytest.MonkeyPatch) -> None:
    page = customer.press(customer.identify(link), name="Finebak-sync")
    # The sandbox grants all or nothing, as Microsoft does; an administrator may still have removed a part meanwhile.
    monkeypatch.setattr(
        "onboarding.requirements.SCOPES_AUTHORISE",
        ["Application.ReadWrite.All", "Mail.Read", "AppCatalog.ReadWrite.All"],
    )
    shown = refused(customer.sign_in(page, CARLA), "missing_scopes")
    assert "“Read and write to all app catalogs” (AppCatalog.ReadWrite.All), mail.read" in shown
    assert not Operation.objects.exists()


def test_a_known_microsoft_code_is_explained(customer: Browser, link: str) -> None:
    answer = customer.sign_in(customer.start(link), "mona@contoso.example", mfa="cancel")
    page = refused(answer, "microsoft_error")
    assert "must set up multi-factor authentication" in page
    assert "AADSTS50079" in page
    assert "Trace ID" not in page  # Microsoft's own text is not repeated


def test_an_unknown_microsoft_code_still_has_a_next_step(customer: Browser, link: str) -> None:
    answer = customer.visit_microsoft(customer.start(link), CARLA)
    description = (
        "AADSTS987654: The <b>odd</b> request {app} of 'carla@contoso.example' failed. More. Trace ID: 1 "
        "Correlation ID: 11111111-2222-4333-8444-555555555555 Timestamp: x"
    )
    back = customer.come_back({"state": answer["state"], "error": "odd", "error_description": description})
    openly = refused(back, "microsoft_error").partition("<details")[0]
    assert "“The &lt;b&gt;odd&lt;/b&gt; request (app) of […] failed.”" in openly
    assert "More." not in openly
    assert "AADSTS987654" in openly
    assert "11111111-2222-4333-8444-555555555555" in openly


def test_an_outage_on_start_starts_nothing(customer: Browser, link: str) -> None:
    customer.sandbox.faults.add("entra", "status", path="openid-configuration", status=503, times=10)
    refused(customer.start(link), "remote_unavailable")
    assert not SignIn.objects.exists()


def test_an_outage_on_return_allows_a_new_start(customer: Browser, link: str) -> None:
    page = customer.start(link)
    customer.sandbox.faults.add("entra", "cut", method="POST", path="/token")
    refused(customer.sign_in(page, CARLA), "remote_unavailable")
    assert customer.identify(link).status_code == 200


def test_without_roles_from_graph_the_sign_in_is_refused(customer: Browser, link: str) -> None:
    page = customer.start(link)
    customer.sandbox.faults.add("graph", "status", path="transitiveMemberOf", status=503, times=10)
    refused(customer.sign_in(page, CARLA), "remote_unavailable")
    assert not Connection.objects.exists()
