"""Every "no" on the way, played through the sandbox: one sentence, one button, a line in the history, the state kept.

Each scene plays one refusal and leaves the browser at the page that tells of it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from onboarding import error_catalogue
from onboarding.identity import PERSONAL_ACCOUNTS
from onboarding.models import Connection, Invitation, SignIn
from onboarding.services import invitations
from registrations.models import AuditEvent, Operation, UmpInstance
from registrations.services import desired
from sandbox.app import Sandbox
from sandbox.catalogue import GLOBAL_ADMINISTRATOR
from sandbox.model import Tenant
from tests.onboarding.browser import Browser, read
from tests.onboarding.conftest import OLGA
from tests.onboarding.test_wizard import CARLA, finish, text

pytestmark = pytest.mark.django_db
FAR_AWAY = 3600  # seconds of replication lag that no test waits for


@dataclass
class Stage:
    """What a scene plays with."""

    sandbox: Sandbox
    customer: Browser
    invitation: Invitation
    link: str
    work: Callable[[], None]

    @property
    def contoso(self) -> Tenant:
        return self.sandbox.world.tenant(self.sandbox.seed.customer.tenant_id)

    def sign_in_as(self, person: str, **answers: str) -> Any:
        return self.customer.sign_in(self.customer.start(self.link), person, **answers)

    def refused_by_microsoft(self, code: int, where: str) -> Any:
        user = self.contoso.user(CARLA)
        user.refused_with, user.refused_where = code, where
        return self.sign_in_as(CARLA)

    def after_the_work(self) -> Any:
        """Connect as far as it goes; the progress page."""
        assert self.customer.authorise(self.customer.identify(self.link)).status_code == 303
        return self.worked()

    def worked(self) -> Any:
        finish(self.work)
        return self.customer.open("/authenticate/progress")


@pytest.fixture
def stage(sandbox: Sandbox, customer: Browser, invitation: Invitation, link: str, work: Callable[[], None]) -> Stage:
    return Stage(sandbox, customer, invitation, link, work)


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
    (answer_sent_twice, "state_lost", "", "/authenticate"),
    (another_administrator_in_the_second_tab, "another_administrator", "", ""),
    (revoked_while_signing_in, "revoked_link", "", "mailto:"),
    (microsoft_silent, "remote_unavailable", "", ""),
]
ELSEWHERE: list[tuple[Scene, str, str]] = [
    (session_gone, "session_missing", "/authenticate"),
    (expired, "expired_link", "mailto:"),
    (instance_not_active, "instance_not_active", "mailto:"),
]


def told(answer: Any, key: str, link: str) -> str:
    """The page, once it says this refusal in one sentence and offers one button, which leads to `link`."""
    html = answer.content.decode()
    page = text(answer)
    refusal = error_catalogue.ERRORS[key]
    assert answer.status_code == refusal.status, page
    assert f'<dd class="mono">{key}</dd>' in page
    assert page.count('<p class="lead">') == 1
    [button] = [found for found in read(html).links if "button" in found.get("class", "").split()]
    assert button["href"].startswith(link), button
    assert "Trace ID" not in page
    return page


@pytest.mark.parametrize(
    ("scene", "key", "code", "leads_to"), AT_THE_SIGN_IN, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_refusal_at_the_sign_in(stage: Stage, scene: Scene, key: str, code: str, leads_to: str) -> None:
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
    # The state is kept: with the cause mended, the same link leads on.
    stage.sandbox.faults.clear()
    stage.contoso.user(CARLA).refused_with = None
    assert stage.customer.identify(stage.link).status_code == 200


@pytest.mark.parametrize(("scene", "key", "leads_to"), ELSEWHERE, ids=lambda value: getattr(value, "__name__", ""))
def test_a_refusal_elsewhere(stage: Stage, scene: Scene, key: str, leads_to: str) -> None:
    before = set(Connection.objects.values_list("pk", "status"))
    told(scene(stage), key, leads_to)
    assert before <= set(Connection.objects.values_list("pk", "status"))
    action = (
        "instance.form_refused" if scene is session_gone else "invitation.refused"
    )  # nobody knows whose session it was
    assert AuditEvent.objects.get(action=action).after == {"refusal": key}
    assert not Operation.objects.exists()


@pytest.mark.parametrize("flag", ["blocked_by_conditional_access", "enabled"])
def test_where_microsoft_keeps_the_person_on_its_own_page_nothing_has_changed(stage: Stage, flag: str) -> None:
    setattr(stage.contoso.user(CARLA), flag, flag != "enabled")
    page = stage.customer.start(stage.link)
    with pytest.raises(AssertionError, match="Your sign-in was not successful"):
        stage.customer.visit_microsoft(page, CARLA)
    assert SignIn.objects.get().outcome == SignIn.Outcome.STARTED
    setattr(stage.contoso.user(CARLA), flag, flag == "enabled")
    assert stage.customer.identify(stage.link).status_code == 200


def test_two_tabs_set_one_work_going(stage: Stage) -> None:
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


def test_a_used_link_says_so_with_one_button(stage: Stage) -> None:
    stage.after_the_work()
    page = stage.customer.open(urlsplit(stage.link).path)
    assert "This invitation has been used" in text(page)
    assert len(read(page.content.decode()).forms) == 1
    assert AuditEvent.objects.filter(action="invitation.completed").exists()


# --- While the work is done ---


def test_a_ump_that_is_down_at_the_hand_over_is_waited_for(stage: Stage) -> None:
    stage.sandbox.world.ump("finebak").offline = "503"
    page = text(stage.after_the_work())
    assert "The phone service is processing it" in page
    operation = Operation.objects.get(kind="connect")
    assert (operation.status, operation.waits_for) == ("waiting", "")
    assert Connection.objects.get().customer_part_done_at is not None
    stage.sandbox.world.ump("finebak").offline = None
    stage.worked()
    assert Invitation.objects.get().status == "completed"


def test_a_service_that_the_ump_does_not_have_is_the_providers_work(stage: Stage) -> None:
    stage.sandbox.world.ump("finebak").customers.clear()
    assert "Your part is done" in text(stage.after_the_work())
    assert AuditEvent.objects.filter(action="connect.waiting", after__waits_for="staff").exists()


def test_a_policy_that_forbids_secrets_stops_with_its_reason(stage: Stage) -> None:
    stage.contoso.secret_policy.secrets_forbidden = True
    page = stage.after_the_work()
    assert "A policy of your organisation does not allow the secret" in text(page)
    assert len(read(page.content.decode()).forms) == 1
    history = AuditEvent.objects.get(action="connect.failed")
    assert history.after["code"] == "CredentialTypeNotAllowedAsPerAppPolicy"
    stage.contoso.secret_policy.secrets_forbidden = False
    stage.customer.sign_in(stage.customer.press(page), CARLA)
    stage.worked()
    assert Invitation.objects.get().status == "completed"


def test_a_name_that_a_deleted_application_holds_waits_for_a_decision(stage: Stage, instance: UmpInstance) -> None:
    form = stage.customer.identify(stage.link)
    name = f"{desired.unique_name(instance)}-{Connection.objects.get().pk}"
    taken = stage.sandbox.world.add_application(stage.contoso, "Somebody's", uniqueName=name)
    del stage.contoso.applications[taken.id]
    taken.deleted = stage.sandbox.world.clock.instant()
    stage.contoso.deleted_applications[taken.id] = taken
    assert stage.customer.authorise(form).status_code == 303
    page = text(stage.worked())
    assert "Waiting for Finebak" in page
    assert Operation.objects.get(kind="connect").error_code == "deleted_twin"
    assert AuditEvent.objects.filter(action="connect.waiting").exists()
    assert Connection.objects.get().registration_name == "Contoso-sync"


def test_replication_that_is_slower_than_usual_is_told_and_waited_for(stage: Stage) -> None:
    stage.sandbox.world.lag["consent"] = FAR_AWAY
    page = text(stage.after_the_work())
    assert "Microsoft is still replicating" in page
    assert "You can close this page" in page
    assert Operation.objects.get(kind="connect").status == "waiting"
    stage.sandbox.world.lag["consent"] = 0
    stage.worked()
    assert Invitation.objects.get().status == "completed"


def test_every_refusal_has_one_button() -> None:
    assert all(refusal.button for refusal in error_catalogue.ERRORS.values())


def test_forms_without_a_session_do_not_fill_the_history(stage: Stage) -> None:
    form = stage.customer.identify(stage.link)
    Session.objects.all().delete()
    for _ in range(3):
        assert stage.customer.press(form, name="Contoso-sync").status_code == 403
    assert AuditEvent.objects.filter(action="instance.form_refused").count() == 1


def test_a_stranger_without_any_session_writes_nothing(stage: Stage) -> None:
    form = stage.customer.identify(stage.link)
    del stage.customer.client.cookies["__Host-session"]
    before = AuditEvent.objects.count()
    assert stage.customer.press(form, name="Contoso-sync").status_code == 403
    assert AuditEvent.objects.count() == before


def test_microsoft_being_away_at_the_start_leads_back_to_the_invitation(stage: Stage) -> None:
    page = stage.customer.choose(stage.link)
    stage.sandbox.faults.add(service="entra", kind="status", status=503, times=20)
    answer = stage.customer.press(page, way="new")
    assert answer.status_code == 503
    assert stage.link.rpartition("/")[2] in answer.content.decode()
    assert AuditEvent.objects.get(action="invitation.refused").after["refusal"] == "remote_unavailable"


def test_a_way_that_is_not_offered_stands_in_the_history(stage: Stage) -> None:
    answer = stage.customer.press(stage.customer.choose(stage.link), way="pigeon")
    assert answer.status_code == 409
    assert AuditEvent.objects.get(action="invitation.refused").after == {"refusal": "way_not_offered"}


def test_a_form_of_a_withdrawn_invitation_stands_in_the_history(stage: Stage) -> None:
    form = stage.customer.identify(stage.link)
    invitations.revoke(stage.invitation, actor=OLGA)
    assert stage.customer.press(form, name="Contoso-sync").status_code == 410
    assert AuditEvent.objects.get(action="invitation.refused").after == {"refusal": "revoked_link"}
