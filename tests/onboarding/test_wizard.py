"""The customer's way through the wizard, as a browser goes it, against the sandbox's Microsoft."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from onboarding.models import Connection, Invitation, SignIn
from onboarding.services import invitations, new_registration
from registrations.models import AuditEvent, Operation, UmpInstance
from sandbox.app import Sandbox
from tests.onboarding.browser import Browser, read
from tests.onboarding.conftest import OLGA

pytestmark = pytest.mark.django_db
CARLA = "carla@contoso.example"


def text(answer: Any) -> str:
    """What the page says, on one line."""
    return " ".join(answer.content.decode().split())


def history() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


# --- The landing page ---


def test_opening_the_link_changes_nothing(customer: Browser, invitation: Invitation, link: str) -> None:
    before = (history(), Invitation.objects.values().get())
    for method in (customer.client.get, customer.client.head, customer.client.options):
        method(urlsplit(link).path)
    assert (history(), Invitation.objects.values().get()) == before
    assert not SignIn.objects.exists()
    assert not Session.objects.exists()
    assert not customer.sandbox.calls


def test_the_landing_page_says_who_what_until_when_and_which_permissions(customer: Browser, link: str) -> None:
    page = text(customer.open(urlsplit(link).path))
    assert "Finebak asks to connect Contoso’s Microsoft 365 to its phone service" in page
    for expected in (
        "Contoso Ltd",
        "contoso1",
        "Direct Routing: Hosted Pro",
        "valid until",
        "Organization.Read.All",
        "application_access",
        "Teams Administrator",
        "Global Administrator",
        "How to undo it",
        "RoleManagement.ReadWrite.Directory",
    ):
        assert expected in page, expected


def test_a_get_on_start_leads_back_to_the_invitation(customer: Browser, link: str) -> None:
    path = urlsplit(link).path
    answer = customer.open(path + "/start")
    assert (answer.status_code, answer.headers["location"]) == (302, path)
    assert not SignIn.objects.exists()


def test_start_answers_with_a_page_whose_button_is_a_link_to_microsoft(
    customer: Browser, invitation: Invitation, link: str
) -> None:
    answer = customer.start(link)
    assert answer.status_code == 200
    button = next(found for found in read(answer.content.decode()).links if found.get("class") == "microsoft")
    assert button["rel"] == "noreferrer"
    way = urlsplit(button["href"])
    assert f"{way.scheme}://{way.netloc}" == customer.sandbox.people_url
    assert way.path == "/organizations/oauth2/v2.0/authorize"
    asked = {name: values[0] for name, values in parse_qs(way.query).items()}
    assert asked["response_mode"] == "form_post"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == invitation.service.instance.redirect_uri
    assert set(asked["scope"].split()) == {"User.Read", "openid", "profile"}
    assert asked["nonce"]
    assert asked["state"]
    assert link.rpartition("/")[2] not in button["href"]


def test_the_sign_in_cookie_is_host_only_secure_and_lives_15_minutes(customer: Browser, link: str) -> None:
    customer.start(link)
    cookie = customer.client.cookies["__Host-signin"]
    assert cookie["secure"]
    assert cookie["httponly"]
    assert (cookie["samesite"], cookie["path"], cookie["domain"], cookie["max-age"]) == ("None", "/", "", 900)


def test_each_start_stands_in_the_history(customer: Browser, link: str) -> None:
    customer.start(link)
    customer.start(link)
    assert history().count("invitation.started") == 2
    assert AuditEvent.objects.filter(action="invitation.started").first().ip_address == "127.0.0.1"  # type: ignore[union-attr]


def test_two_tabs_share_the_cookie_and_both_can_finish(customer: Browser, link: str) -> None:
    first = customer.start(link)
    cookie = customer.client.cookies["__Host-signin"].value
    second = customer.start(link)
    assert customer.client.cookies["__Host-signin"].value == cookie
    assert customer.sign_in(first, CARLA).status_code == 303
    assert customer.sign_in(second, CARLA).status_code == 303


def test_neither_state_nor_verifier_is_kept_in_clear(customer: Browser, link: str) -> None:
    answer = customer.start(link)
    way = next(found for found in read(answer.content.decode()).links if found.get("class") == "microsoft")["href"]
    state = parse_qs(urlsplit(way).query)["state"][0]
    row = SignIn.objects.values().get()
    assert state not in str(row)
    assert customer.client.cookies["__Host-signin"].value not in str(row)
    assert "code_verifier" not in row["flow_envelope"]


# --- The way through ---


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


def test_a_good_name_is_filled_in_and_keeps_the_rules(customer: Browser, link: str) -> None:
    page = customer.identify(link)
    assert read(page.content.decode()).forms[0].fields["name"] == "contoso1-sync"
    assert "Not kept" not in text(page)


@pytest.mark.parametrize("name", ["", "ab", "a" * 16, "has blank", "has.dot", "a/b-c", "AUDIT", 'quo"te', "pipe|d"])
def test_a_name_that_breaks_a_rule_is_refused_beside_the_field(customer: Browser, link: str, name: str) -> None:
    answer = customer.press(customer.identify(link), name=name)
    assert answer.status_code == 422
    assert "The name cannot be used" in text(answer)
    assert Connection.objects.get().registration_name == ""


def test_the_second_step_asks_the_tenants_own_authority_for_exactly_the_needed_scopes(
    customer: Browser, invitation: Invitation, link: str
) -> None:
    page = customer.press(customer.identify(link), name="Finebak-sync")
    way = next(found for found in read(page.content.decode()).links if found.get("class") == "microsoft")["href"]
    assert urlsplit(way).path == f"/{invitation.tenant_id}/oauth2/v2.0/authorize"
    asked = parse_qs(urlsplit(way).query)
    assert set(asked["scope"][0].split()) == {
        "openid",
        "profile",
        "Application.ReadWrite.All",
        "AppRoleAssignment.ReadWrite.All",
        "RoleManagement.ReadWrite.Directory",
        "DelegatedPermissionGrant.ReadWrite.All",
    }
    assert asked["login_hint"] == [CARLA]


def test_the_customer_is_connected_and_the_end_page_sums_it_up(
    customer: Browser, invitation: Invitation, link: str, work: Callable[[], None], rung: list[str]
) -> None:
    answer = customer.authorise(customer.identify(link), name="Finebak-sync")
    assert (answer.status_code, answer.headers["location"]) == (303, "/authenticate/progress")
    operation = Operation.objects.get(kind="connect")
    assert rung == [str(operation.pk)]
    assert "Create the registration" in text(customer.open("/authenticate/progress"))
    finish(work)
    operation.refresh_from_db()
    assert operation.status == "succeeded", operation.message
    assert customer.open("/authenticate/progress").headers["location"] == "/authenticate/done"
    page = text(customer.open("/authenticate/done"))
    registration = Connection.objects.get().registration
    assert registration is not None
    for expected in (
        "Contoso is connected",
        "Finebak-sync",
        registration.app_id,
        registration.object_id,
        registration.service_principal_id,
        "were revoked",
        "Global Administrator",
        "Print this page",
    ):
        assert expected in page, expected
    invitation.refresh_from_db()
    assert invitation.status == Invitation.Status.COMPLETED


def test_a_used_link_says_so_but_the_session_still_sees_the_end_page(
    customer: Browser, link: str, work: Callable[[], None]
) -> None:
    customer.authorise(customer.identify(link))
    finish(work)
    assert "This invitation has been used" in text(customer.open(urlsplit(link).path))
    assert customer.open("/authenticate/done").status_code == 200
    assert customer.open("/authenticate/registration").headers["location"] == "/authenticate/done"


def test_the_progress_page_refreshes_itself_without_a_script(customer: Browser, link: str) -> None:
    customer.authorise(customer.identify(link))
    page = customer.open("/authenticate/progress")
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in page.content.decode()
    assert 'id="said" role="status"' in page.content.decode()
    assert "You can close this page" in text(page)


def test_whoever_closed_the_page_finds_the_progress_again_by_the_link(customer: Browser, link: str) -> None:
    customer.authorise(customer.identify(link))
    other = Browser(customer.sandbox, customer.host)
    assert "Sign in to see the progress" in text(other.open(urlsplit(link).path))
    answer = other.sign_in(other.start(link), "paul@contoso.example")
    assert answer.headers["location"] == "/authenticate/progress"
    assert Connection.objects.get().admin_username == CARLA  # a worker uses Carla's permission at this moment


def test_when_the_permission_has_ended_the_customer_signs_in_again_and_it_goes_on(
    customer: Browser, link: str, work: Callable[[], None]
) -> None:
    customer.authorise(customer.identify(link))
    Operation.objects.update(credential_envelope="")
    work()
    page = customer.open("/authenticate/progress")
    assert "Sign in again to continue" in text(page)
    assert "refresh" not in {values.get("http-equiv") for _, values in read(page.content.decode()).tags}
    answer = customer.sign_in(customer.press(page), CARLA)
    assert answer.headers["location"] == "/authenticate/progress"
    finish(work)
    assert Operation.objects.get(kind="connect").status == "succeeded"


def test_a_failed_step_is_told_in_words_and_can_be_tried_again(
    customer: Browser, link: str, work: Callable[[], None]
) -> None:
    customer.sandbox.faults.add(
        "graph",
        "status",
        method="PATCH",
        path="/applications",
        status=400,
        body={"error": {"code": "Request_BadRequest", "message": "Made up."}},
    )
    customer.authorise(customer.identify(link))
    work()
    page = customer.open("/authenticate/progress")
    assert "The setup has stopped" in text(page)
    assert "Made up" not in text(page)
    customer.sign_in(customer.press(page), CARLA)
    finish(work)
    assert Operation.objects.get(kind="connect").status == "succeeded"


def test_where_the_ump_has_no_service_yet_the_customers_part_is_done(
    customer: Browser, link: str, work: Callable[[], None], sandbox: Sandbox
) -> None:
    sandbox.world.ump("finebak").customers.clear()
    customer.authorise(customer.identify(link))
    finish(work)
    page = text(customer.open("/authenticate/progress"))
    assert "Your part is done" in page
    assert "Create the service in the UMP" not in page


# --- Sessions ---


@pytest.mark.parametrize("page", ["registration", "progress", "done"])
def test_the_pages_behind_the_sign_in_need_the_session(customer: Browser, link: str, page: str) -> None:
    answer = customer.open(f"/authenticate/{page}")
    assert answer.status_code == 403
    assert "Sign in to see this page" in text(answer)


def test_a_session_of_another_instance_opens_nothing(
    customer: Browser, link: str, make_active_instance: Callable[..., UmpInstance]
) -> None:
    customer.identify(link)
    other = Browser(customer.sandbox, make_active_instance(app_name="other").host)
    other.client.cookies["__Host-session"] = customer.client.cookies["__Host-session"].value
    assert other.open("/authenticate/registration").status_code == 403


def test_a_session_ends_after_two_hours(customer: Browser, link: str) -> None:
    customer.identify(link)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert customer.open("/authenticate/registration").status_code == 403


def test_a_revoked_invitation_ends_the_session_with_the_next_click(
    customer: Browser, invitation: Invitation, link: str
) -> None:
    page = customer.identify(link)
    invitations.revoke(invitation, actor=OLGA)
    for answer in (customer.open("/authenticate/registration"), customer.press(page, name="Finebak-sync")):
        assert answer.status_code == 410
        assert "This invitation was withdrawn" in text(answer)


def test_an_invitation_that_expires_meanwhile_ends_the_session_too(
    customer: Browser, invitation: Invitation, link: str
) -> None:
    customer.identify(link)
    Invitation.objects.update(expires_at=timezone.now())
    assert customer.open("/authenticate/registration").status_code == 410


def test_what_was_begun_in_time_may_be_brought_to_its_end(
    customer: Browser, link: str, work: Callable[[], None]
) -> None:
    customer.authorise(customer.identify(link))
    Invitation.objects.update(expires_at=timezone.now())
    Operation.objects.update(credential_envelope="")
    work()
    answer = customer.sign_in(customer.press(customer.open("/authenticate/progress")), CARLA)
    assert answer.headers["location"] == "/authenticate/progress"
    finish(work)
    assert Invitation.objects.get().status == Invitation.Status.COMPLETED


def test_a_name_can_not_be_changed_once_the_registration_exists(
    customer: Browser, link: str, work: Callable[[], None]
) -> None:
    page = customer.identify(link)
    customer.authorise(page)
    assert customer.press(page, name="Another").headers["location"] == "/authenticate/progress"
    assert Connection.objects.get().registration_name == "Contoso-sync"


def test_two_instances_of_one_provider_do_not_know_each_others_links(
    customer: Browser, link: str, make_active_instance: Callable[..., UmpInstance]
) -> None:
    other = Browser(customer.sandbox, make_active_instance(app_name="other").host)
    assert other.open(urlsplit(link).path).status_code == 404


def finish(work: Callable[[], None]) -> None:
    """Let the workers work, and the time come that a waiting operation waits for."""
    for _ in range(10):
        work()
        waiting = Operation.objects.filter(kind=new_registration.KIND, status="waiting", waits_for="")
        if not waiting.update(next_attempt_at=timezone.now()):
            return


def test_back_from_microsofts_page_shows_the_button_again_and_asks_for_no_form(customer: Browser, link: str) -> None:
    page = customer.start(link)
    address = page.request["PATH_INFO"]
    assert read(customer.open(address).content.decode()).links == read(page.content.decode()).links
    another = Browser(customer.sandbox, customer.host)
    assert another.open(address).status_code == 400  # only the browser that began the trip
    customer.sign_in(page, CARLA)
    assert customer.open(address).headers["location"] == "/authenticate/progress"


def test_a_trip_whose_time_is_over_shows_no_button_to_microsoft(customer: Browser, link: str) -> None:
    page = customer.start(link)
    SignIn.objects.update(expires_at=timezone.now())
    answer = customer.open(page.request["PATH_INFO"])
    assert answer.status_code == 400
    assert "microsoft" not in [found.get("class") for found in read(answer.content.decode()).links]
    assert link.rpartition("/")[2] in answer.content.decode()  # the way back to the invitation


def test_each_tab_makes_the_registration_that_its_page_named(customer: Browser, link: str) -> None:
    form = customer.identify(link)
    first = customer.press(form, name="first-name")
    second = customer.press(form, name="second-name")
    assert "first-name" in customer.open(first.request["PATH_INFO"]).content.decode()
    assert "second-name" in second.content.decode()
    customer.sign_in(first, CARLA)
    assert Connection.objects.get().registration_name == "first-name"


def test_an_empty_name_breaks_one_rule_only(customer: Browser, link: str) -> None:
    refused = customer.press(customer.identify(link), name="")
    assert refused.status_code == 422
    assert refused.content.decode().count('class="broken"') == 1
