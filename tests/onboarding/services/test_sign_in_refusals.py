"""Each refusal of a sign-in, provoked at the sandbox: page, button, history and what remains."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from onboarding.identity import PERSONAL_ACCOUNTS
from onboarding.models import Connection, Invitation, SignIn
from onboarding.services import invitations
from registrations.models import AuditEvent, Operation, UmpInstance
from sandbox.catalogue import GLOBAL_ADMINISTRATOR
from tests.onboarding.conftest import OLGA
from tests.onboarding.stage import Stage, stage, told
from tests.onboarding.wizard import CARLA, text

pytestmark = pytest.mark.django_db


__all__ = ["stage"]  # a fixture


Scene = Callable[[Stage], Any]


def guest(stage: Stage) -> Any:
    return stage.sign_in_as("greta_fabrikam.example#EXT#@contoso.example")


def personal_account(stage: Stage) -> Any:
    # Microsoft stops these accounts itself at "organizations"; here the portal's own look is tried.
    tenant = stage.sandbox.world.add_tenant("Personal accounts", PERSONAL_ACCOUNTS, "outlook.example")
    stage.sandbox.world.add_user(tenant, "Pia", "pia@outlook.example", [GLOBAL_ADMINISTRATOR])
    return stage.sign_in_as("pia@outlook.example")


def another_tenant(stage: Stage) -> Any:
    return stage.sign_in_as("fred@fabrikam.example")


def role_not_active(stage: Stage) -> Any:
    return stage.sign_in_as("peter@contoso.example")


def consent_declined(stage: Stage) -> Any:
    return stage.sign_in_as(CARLA, consent="decline")


def approval_needed(stage: Stage) -> Any:
    return stage.refused_by_microsoft(90094, "sign_in")


def approval_requested(stage: Stage) -> Any:
    return stage.refused_by_microsoft(90095, "sign_in")


def conditional_access(stage: Stage) -> Any:
    return stage.refused_by_microsoft(53003, "token")


def unmanaged_device(stage: Stage) -> Any:
    return stage.refused_by_microsoft(53000, "sign_in")


def mfa_set_up(stage: Stage) -> Any:
    return stage.sign_in_as("mona@contoso.example", mfa="cancel")


def mfa_not_finished(stage: Stage) -> Any:
    return stage.refused_by_microsoft(50076, "token")


def disabled_account(stage: Stage) -> Any:
    return stage.refused_by_microsoft(50057, "token")


def code_replayed(stage: Stage) -> Any:
    used = stage.customer.visit_microsoft(stage.customer.start(stage.link), CARLA)
    assert stage.customer.come_back(used).status_code == 303
    again = stage.customer.visit_microsoft(stage.customer.start(stage.link), CARLA)
    return stage.customer.come_back({**again, "code": used["code"]})


def answer_sent_twice(stage: Stage) -> Any:
    answer = stage.customer.visit_microsoft(stage.customer.start(stage.link), CARLA)
    assert stage.customer.come_back(answer).status_code == 303
    return stage.customer.come_back(answer)


def another_administrator_in_the_second_tab(stage: Stage) -> Any:
    first_tab = stage.customer.press(stage.customer.identify(stage.link), name="Contoso-sync")
    return stage.customer.sign_in(first_tab, "paul@contoso.example")


def session_gone(stage: Stage) -> Any:
    form = stage.customer.identify(stage.link)
    Session.objects.all().delete()
    return stage.customer.press(form, name="Contoso-sync")


def revoked_while_signing_in(stage: Stage) -> Any:
    answer = stage.customer.visit_microsoft(stage.customer.start(stage.link), CARLA)
    invitations.revoke(stage.invitation, actor=OLGA)
    return stage.customer.come_back(answer)


def expired(stage: Stage) -> Any:
    page = stage.customer.choose(stage.link)
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    return stage.customer.press(page, way="new")


def instance_not_active(stage: Stage) -> Any:
    page = stage.customer.choose(stage.link)
    UmpInstance.objects.update(status=UmpInstance.Status.FAILED)
    return stage.customer.press(page, way="new")


def microsoft_silent(stage: Stage) -> Any:
    page = stage.customer.start(stage.link)
    stage.sandbox.faults.add("entra", "cut", method="POST", path="/token")
    return stage.customer.sign_in(page, CARLA)


# Scene, the refusal's key, Microsoft's code, where the button leads ("" stands for the invitation's link).
AT_THE_SIGN_IN: list[tuple[Scene, str, str, str]] = [
    (guest, "guest", "", ""),
    (personal_account, "personal_account", "", ""),
    (another_tenant, "another_organisation", "", ""),
    (role_not_active, "not_an_administrator", "", ""),
    (consent_declined, "consent_declined", "AADSTS65004", ""),
    (approval_needed, "approval_needed", "AADSTS90094", ""),
    (approval_requested, "approval_needed", "AADSTS90095", ""),
    (conditional_access, "microsoft_error", "AADSTS53003", ""),
    (unmanaged_device, "microsoft_error", "AADSTS53000", ""),
    (mfa_set_up, "microsoft_error", "AADSTS50079", ""),
    (mfa_not_finished, "microsoft_error", "AADSTS50076", ""),
    (disabled_account, "microsoft_error", "AADSTS50057", ""),
    (code_replayed, "microsoft_error", "AADSTS54005", ""),
    (answer_sent_twice, "state_lost", "", ""),
    (another_administrator_in_the_second_tab, "another_administrator", "", ""),
    (revoked_while_signing_in, "revoked_link", "", "mailto:"),
    (microsoft_silent, "remote_unavailable", "", ""),
]


ELSEWHERE: list[tuple[Scene, str, str]] = [
    (session_gone, "session_missing", ""),
    (expired, "expired_link", "mailto:"),
    (instance_not_active, "instance_not_active", "mailto:"),
]


@pytest.mark.parametrize(
    ("scene", "key", "code", "leads_to"), AT_THE_SIGN_IN, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_refused_sign_in_shows_page_button_and_history(
    stage: Stage, scene: Scene, key: str, code: str, leads_to: str
) -> None:
    page = told(scene(stage), key, leads_to or stage.link)
    history = AuditEvent.objects.filter(action="invitation.sign_in_refused").latest("id")
    assert history.after["refusal"] == key
    assert history.subject_id == str(stage.invitation.pk)
    if code:
        assert code in page
        assert history.after["code"] == code
        assert SignIn.objects.filter(microsoft_code=code).exclude(correlation_id="").exists()
    assert not Operation.objects.exists()  # nothing was set to work
    if key == "revoked_link":
        return
    # The state is kept: once the cause is fixed, the same link continues.
    stage.sandbox.faults.clear()
    stage.contoso.user(CARLA).refused_with = None
    assert stage.customer.identify(stage.link).status_code == 200


@pytest.mark.parametrize(("scene", "key", "leads_to"), ELSEWHERE, ids=lambda value: getattr(value, "__name__", ""))
def test_a_refusal_outside_the_sign_in_shows_page_and_button(
    stage: Stage, scene: Scene, key: str, leads_to: str
) -> None:
    before = set(Connection.objects.values_list("pk", "status"))
    told(scene(stage), key, leads_to or stage.link)
    assert before <= set(Connection.objects.values_list("pk", "status"))
    action = (
        "instance.form_refused" if scene is session_gone else "invitation.refused"
    )  # nobody knows whose session it was
    assert AuditEvent.objects.get(action=action).after == {"refusal": key}
    assert not Operation.objects.exists()


@pytest.mark.parametrize("flag", ["blocked_by_conditional_access", "enabled"])
def test_a_person_kept_on_microsofts_page_changes_nothing(stage: Stage, flag: str) -> None:
    setattr(stage.contoso.user(CARLA), flag, flag != "enabled")
    page = stage.customer.start(stage.link)
    with pytest.raises(AssertionError, match="Your sign-in was not successful"):
        stage.customer.visit_microsoft(page, CARLA)
    assert SignIn.objects.get().outcome == SignIn.Outcome.STARTED
    setattr(stage.contoso.user(CARLA), flag, flag == "enabled")
    assert stage.customer.identify(stage.link).status_code == 200


def test_two_tabs_start_one_operation(stage: Stage) -> None:
    first, second = stage.customer.start(stage.link), stage.customer.start(stage.link)
    answers = [stage.customer.visit_microsoft(page, CARLA) for page in (first, second)]
    for answer in answers:
        assert stage.customer.come_back(answer).status_code == 303
    form = stage.customer.open("/authenticate/registration")
    pages = [stage.customer.press(form, name="Contoso-sync") for _ in range(2)]
    for page in pages:
        assert stage.customer.sign_in(page, CARLA).headers["location"] == "/authenticate/progress"
    assert Operation.objects.filter(kind="connect").count() == 1
    assert "Setting up" in text(stage.worked()) or Invitation.objects.get().status == "completed"
