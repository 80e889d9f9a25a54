"""Every advice is followed to its end: who does what it says is not refused for it."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db.models import Q
from django.utils import timezone

from onboarding import requirements
from onboarding.admin.todo import INVITATIONS
from onboarding.error_catalogue import ERRORS
from onboarding.explanations import CODES, Explanation, Who, set_up
from onboarding.explanations.credentials import CREDENTIAL_CODES
from onboarding.models import Connection, Invitation, SignIn
from onboarding.services import delegated_token, invitations, new_registration
from registrations import audit
from registrations.engine import queue
from registrations.models import Operation
from sandbox import directory
from tests.onboarding import delegated
from tests.onboarding.browser import Browser, read
from tests.onboarding.conftest import OLGA
from tests.onboarding.stage import Stage, stage
from tests.onboarding.wizard import CARLA, refused, text

pytestmark = pytest.mark.django_db

__all__ = ["stage"]  # a fixture

ROLE = re.compile(r"\b[A-Z]\w+(?: \w+)* Administrator\b")
ONE_CODE_FOR_EACH_ADVICE = {
    explanation.advice: code for code, explanation in CODES.items() if code.startswith("AADSTS")
}.items()


def told_by_microsoft(stage: Stage, code: str) -> Any:
    """Microsoft's page sends the browser back with this code."""
    answer = stage.customer.visit_microsoft(stage.customer.start(stage.link), CARLA)
    return stage.customer.come_back(
        {"state": answer["state"], "error": "access_denied", "error_description": f"{code}: Refused."}
    )


@pytest.mark.parametrize(
    "said", ["[AADSTS90094] x", " AADSTS90094 : x", "aadsts90094: x", "Federation failed: AADSTS90094: x"]
)
def test_a_code_is_found_wherever_it_stands(stage: Stage, said: str) -> None:
    answer = stage.customer.visit_microsoft(stage.customer.start(stage.link), CARLA)
    given = {"state": answer["state"], "error": "access_denied", "error_description": said}
    assert "AADSTS90094" in refused(stage.customer.come_back(given), "approval_needed")


@pytest.mark.parametrize(
    ("said", "key"),
    [
        ("The user has denied access to the scope requested by the client application.", "consent_declined"),
        ("The admin canceled the request.", "consent_declined"),
        ("", "consent_declined"),
        ("A policy of the organisation does not permit the application.", "microsoft_error"),
    ],
)
def test_a_denied_access_is_a_cancel_only_where_microsoft_says_so(stage: Stage, said: str, key: str) -> None:
    answer = stage.customer.visit_microsoft(stage.customer.start(stage.link), CARLA)
    given = {"state": answer["state"], "error": "access_denied", "error_description": said}
    page = refused(stage.customer.come_back(given), key)
    assert ("Cancel was chosen" in page) == (key == "consent_declined")
    assert (f"“{said}”" in page) == (key == "microsoft_error")


def add_person(stage: Stage, name: str, roles: list[str]) -> str:
    stage.sandbox.world.add_user(stage.contoso, name, f"{name}@contoso.example", roles)
    return f"{name}@contoso.example"


def test_no_advice_names_a_role_of_its_own() -> None:
    """Roles come from what the wizard checks, by {needed_role}: a list of its own would differ one day."""
    texts = [text for page in ERRORS.values() for text in (page.sentence, page.next_step)]
    explanations: list[Explanation] = [*CODES.values(), *CREDENTIAL_CODES.values()]
    texts += [text for each in explanations for text in (each.sentence, each.next_step)]
    texts += [problem.next_step for problem in set_up.BY_CODE.values()]
    assert [text for text in texts if ROLE.search(text)] == []


def test_the_needed_roles_are_those_that_are_checked() -> None:
    names = {role.template_id: role.name for role in requirements.ADMINISTRATOR_ROLES}
    for group in requirements.SUFFICIENT_ROLES:
        assert requirements.is_sufficient(group)
        assert all(names[role] in requirements.NEEDED_ROLE_SENTENCE for role in group)
        assert not any(requirements.is_sufficient(group - {role}) for role in group)
    for role in requirements.TOKEN_ROLES:
        assert role.name in requirements.NEEDED_FOR_TOKEN_SENTENCE


@pytest.mark.parametrize(("advice", "code"), ONE_CODE_FOR_EACH_ADVICE, ids=lambda value: str(value)[:14])
def test_whoever_follows_a_codes_advice_is_accepted(stage: Stage, advice: Any, code: str) -> None:
    page = told_by_microsoft(stage, code)
    assert page.status_code in {403, 503}, text(page)
    assert code in text(page)
    if advice.who is Who.ANOTHER:  # the page's own button, with an account that has the roles it names
        assert requirements.NEEDED_ROLE_SENTENCE in text(page)
        answer = stage.customer.sign_in(page, "paul@contoso.example")
    else:
        answer = stage.customer.sign_in(stage.customer.start(stage.link), CARLA)
    assert answer.headers["location"] == "/authenticate/registration"
    listed = INVITATIONS.rows(timezone.now()).filter(_condition("for_staff"))
    assert not listed.exists()  # a later sign-in succeeded
    if advice.who is Who.PROVIDER:
        SignIn.objects.filter(outcome="succeeded").delete()
        assert listed.exists()


def _condition(key: str) -> Q:
    return next(todo for todo in INVITATIONS.todos if todo.key == key).condition


@pytest.mark.parametrize("group", requirements.SUFFICIENT_ROLES, ids=len)
@pytest.mark.parametrize("person", ["nora", "appie", "peter"])
def test_a_colleague_with_the_named_roles_completes_the_setup(stage: Stage, person: str, group: Any) -> None:
    page = stage.sign_in_as(f"{person}@contoso.example")
    refused(page, "not_an_administrator")
    colleague = add_person(stage, "quentin", sorted(group))
    assert stage.customer.sign_in(page, colleague).headers["location"] == "/authenticate/registration"
    form = stage.customer.open("/authenticate/registration")
    assert stage.customer.authorise(form, colleague).headers["location"] == "/authenticate/progress"
    assert Operation.objects.get().kind == new_registration.KIND


def test_approval_in_the_second_step_leads_another_account_to_the_first_one(stage: Stage) -> None:
    page = stage.customer.press(stage.customer.identify(stage.link), name="Contoso-sync")
    stage.contoso.user(CARLA).refused_with, stage.contoso.user(CARLA).refused_where = 90094, "sign_in"
    page = stage.customer.sign_in(page, CARLA)
    refused(page, "approval_needed")
    # In the second step Paul would be refused, because Carla began.
    assert stage.customer.sign_in(page, "paul@contoso.example").headers["location"] == "/authenticate/registration"


def test_a_different_account_in_the_second_step_goes_back_to_the_first(stage: Stage) -> None:
    page = stage.customer.press(stage.customer.identify(stage.link), name="Contoso-sync")
    page = stage.customer.sign_in(page, "paul@contoso.example")
    refused(page, "another_administrator")
    assert stage.customer.sign_in(page, CARLA).headers["location"] == "/authenticate/progress"


@pytest.mark.parametrize("consents", list(requirements.CONSENT_ROLES))
def test_an_account_with_the_roles_for_a_token_gets_it(stage: Stage, consents: str) -> None:
    token_roles = [role.template_id for role in requirements.TOKEN_ROLES]
    lacking = add_person(stage, "tina", token_roles)
    page = stage.customer.sign_in(stage.customer.start(stage.link, way="token"), lacking)
    allow = stage.customer.open(page.headers["location"], follow=True)
    page = stage.customer.sign_in(stage.customer.press(allow), lacking, consent="decline")
    assert requirements.NEEDED_FOR_TOKEN_SENTENCE in refused(page, "approval_needed")
    right = add_person(stage, "tom", [*token_roles, consents])
    answer = stage.customer.sign_in(page, right)
    allow = stage.customer.open(answer.headers["location"], follow=True)
    assert stage.customer.sign_in(stage.customer.press(allow), right).headers["location"] == "/authenticate/progress"
    assert Operation.objects.get().kind == delegated_token.KIND


def test_an_approved_request_is_enough_for_a_token(stage: Stage) -> None:
    """90095: the admin consent workflow is on. For a token, the same person continues once a request was approved."""
    tina = add_person(stage, "tina", [role.template_id for role in requirements.TOKEN_ROLES])
    allow = delegated.identify(stage.customer, stage.link, tina)
    user = stage.contoso.user(tina)
    user.refused_with, user.refused_where = 90095, "sign_in"
    page = stage.customer.sign_in(stage.customer.press(allow), tina)
    assert "ask for approval on Microsoft" in refused(page, "approval_needed")
    user.refused_with = None
    _approve(stage)
    again = stage.customer.open("/authenticate/allow")
    assert stage.customer.sign_in(stage.customer.press(again), tina).headers["location"] == "/authenticate/progress"


def _approve(stage: Stage) -> None:
    """An administrator of the organisation accepts the permissions for everybody."""
    world, tenant = stage.sandbox.world, stage.contoso
    app_id = stage.invitation.service.instance.registrations.get().app_id
    now = world.clock.now()
    client = directory.ensure_service_principal(tenant, app_id, now)
    graph = directory.ensure_service_principal(tenant, "00000003-0000-0000-c000-000000000000", now)
    teams = directory.ensure_service_principal(tenant, requirements.TEAMS_USER_SCOPE.partition("/")[0], now)
    openid = ["openid", "profile", "offline_access", "User.Read"]
    directory.consent(tenant, client, graph, [*requirements.SCOPES_TOKEN, *openid], None)
    directory.consent(tenant, client, teams, ["user_impersonation"], None)


@pytest.mark.parametrize("how", ["exclude the account", "allow secrets", "an existing registration"])
def test_each_way_out_of_a_policy_against_secrets_works(stage: Stage, how: str) -> None:
    policy = stage.contoso.secret_policy
    policy.secrets_forbidden = True
    page = stage.after_the_work()
    assert "to exclude your account, or to allow client secrets" in text(page)
    assert not [app for app in stage.contoso.applications.values() if app.display_name == "Contoso-sync"]
    if how == "an existing registration":
        [choose] = [found["href"] for found in read(page.content.decode()).links if found["href"].endswith("#connect")]
        answer = stage.customer.press(stage.customer.open(urlsplit(choose).path), way="existing")
        assert answer.headers["location"].endswith("/existing")
        assert "Tenant ID or domain" in text(stage.customer.open(answer.headers["location"]))
        assert Invitation.objects.get().status == Invitation.Status.STARTED
        return
    policy.secrets_forbidden = how != "allow secrets"
    policy.excluded_users = [stage.contoso.user(CARLA).id]
    again = stage.customer.press(page)
    assert stage.customer.sign_in(again, CARLA).headers["location"] == "/authenticate/progress"
    stage.worked()
    assert Operation.objects.get().status == "succeeded", Operation.objects.get().message


@pytest.mark.parametrize("end", ["cancelled", "refused"])
def test_a_setup_that_ends_before_anything_was_made_offers_no_choice_that_is_gone(stage: Stage, end: str) -> None:
    if end == "refused":
        body = {"error": {"code": "Request_BadRequest", "message": "No."}}
        stage.sandbox.faults.add("graph", "status", method="GET", path="/policies", status=400, times=9, body=body)
        page = stage.after_the_work()
    else:
        stage.customer.authorise(stage.customer.identify(stage.link))
        queue.cancel(Operation.objects.get(), actor=audit.SYSTEM)
        page = stage.customer.open("/authenticate/progress")
    assert "No registration was created" in text(page)
    for found in read(page.content.decode()).links:
        if found["href"].endswith("#connect"):
            assert 'id="connect"' in text(stage.customer.open(urlsplit(found["href"]).path))


def test_secrets_that_are_forbidden_late_send_nobody_to_a_method_that_is_refused(stage: Stage) -> None:
    policy = stage.contoso.secret_policy
    policy.secrets_forbidden, policy.excluded_users = True, ["somebody else"]
    page = stage.after_the_work()
    assert Connection.objects.get().registration
    assert "use that one instead" not in text(page)
    assert "ask your contact at Finebak for a new invitation, and use that one" in text(page)
    invitations.revoke(Invitation.objects.get(), actor=OLGA)
    newest = invitations.create(
        stage.invitation.service, it_admin_email="it@contoso.example", m365_admin_email=CARLA, actor=OLGA
    )
    answer = stage.customer.press(stage.customer.choose(invitations.link_of(newest)), way="existing")
    assert "Tenant ID or domain" in text(stage.customer.open(answer.headers["location"]))


def test_the_choice_tells_each_methods_roles_before_anything_is_allowed(stage: Stage) -> None:
    page = text(stage.customer.choose(stage.link))
    assert requirements.NEEDED_ROLE_SENTENCE in page
    assert requirements.NEEDED_FOR_TOKEN_SENTENCE in page
    assert not SignIn.objects.exists()


def test_a_browser_without_a_link_gets_no_offer(stage: Stage) -> None:
    stranger = Browser(stage.sandbox, stage.customer.host)
    page = stranger.come_back({"state": "x", "error": "access_denied", "error_description": "AADSTS90094: x"})
    assert "Use another account" not in refused(page, "state_lost")
    assert not SignIn.objects.exists()
