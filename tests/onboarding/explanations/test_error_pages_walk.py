"""Every error page is provoked, and its next step is followed to its end: nobody is refused for doing what a page says."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from onboarding import requirements
from onboarding.error_catalogue import ERRORS
from onboarding.models import Invitation, SignIn
from onboarding.services import existing_registration, invitations, stranger_limits
from registrations.clients.discovery_cache import DiscoveryCache
from registrations.models import Operation, RequestWindow, UmpInstance
from registrations.request_limits import Limit
from sandbox.catalogue import GLOBAL_ADMINISTRATOR
from tests.onboarding.browser import read
from tests.onboarding.conftest import OLGA
from tests.onboarding.services import test_sign_in_refusals as scenes
from tests.onboarding.stage import Stage, stage
from tests.onboarding.wizard import CARLA, refused, text

pytestmark = pytest.mark.django_db
__all__ = ["stage"]  # a fixture

SECRET = "Xy8Q~not-a-real-secret-value"
PAUL, TESSA = "paul@contoso.example", "tessa@contoso.example"
NEXT_PAGES = {"/authenticate/registration", "/authenticate/allow", "/authenticate/progress"}
CANNOT_BE_PROVOKED = {
    "forbidden": "No view of the wizard refuses with Django's 403. Its page says to open the link.",
    "server_error": "No known input leads there. Its page says to open the link.",
}


class Case(NamedTuple):
    """What leads to the page, and what its next step says to do; both get the stage."""

    provoke: Callable[[Stage], Any]
    follow: Callable[[Stage, Any], None]


# --- Following ---


def accepted(stage: Stage, answer: Any) -> None:
    """The sign-in was accepted, and the page it leads to opens."""
    assert answer.status_code == 303, text(answer)
    assert answer.headers["location"] in NEXT_PAGES
    assert stage.customer.open(answer.headers["location"], follow=True).status_code == 200


def button_of(page: Any) -> str:
    """Where the page's one button leads."""
    [href] = [
        found["href"] for found in read(page.content.decode()).links if "button" in found.get("class", "").split()
    ]
    return href


def pressed(stage: Stage, page: Any) -> Any:
    """The page behind the button."""
    parts = urlsplit(button_of(page))
    assert parts.netloc in {"", urlsplit(stage.link).netloc}
    opened = stage.customer.open(parts.path, follow=True)
    assert opened.status_code == 200, text(opened)
    return opened


def another_account(person: str) -> Callable[[Stage, Any], None]:
    return lambda stage, page: accepted(stage, stage.customer.sign_in(page, person))


def back_to_the_invitation(stage: Stage, page: Any) -> None:
    """The button leads to the invitation, which starts the sign-in again."""
    invitation = pressed(stage, page)
    assert urlsplit(button_of(page)).path == urlsplit(stage.link).path
    started = stage.customer.press(invitation, way="new")
    accepted(stage, stage.customer.sign_in(started, CARLA))


def open_the_link_again(stage: Stage, page: Any) -> None:
    """The button explains how to continue, or leads to the invitation; the link itself works."""
    pressed(stage, page)
    accepted(stage, stage.customer.sign_in(stage.customer.start(stage.link), CARLA))


def second_step_again(stage: Stage, page: Any) -> None:
    """The button leads to the page before Microsoft's."""
    again = stage.customer.press(pressed(stage, page))
    accepted(stage, stage.customer.sign_in(again, CARLA))


def other_method(stage: Stage, page: Any, way: str, person: str = CARLA) -> None:
    """The link to the choice leads to another method, which is accepted."""
    choice = [found["href"] for found in read(page.content.decode()).links if found["href"].endswith("#connect")]
    assert choice, text(page)
    answer = stage.customer.press(stage.customer.open(urlsplit(choice[0]).path), way=way)
    if way == "existing":
        assert answer.headers["location"].endswith("/existing")
        assert "Tenant ID or domain" in text(stage.customer.open(answer.headers["location"]))
        return
    accepted(stage, stage.customer.sign_in(answer, person))


def show_progress(stage: Stage, page: Any) -> None:
    assert "Setting up" in text(pressed(stage, page))


def ask_the_sender(stage: Stage, page: Any) -> None:
    """The button writes to the provider; the newest link works once staff did what the page asks for."""
    assert button_of(page).startswith("mailto:onboarding@")
    UmpInstance.objects.update(status=UmpInstance.Status.ACTIVE)
    newest = Invitation.objects.usable(timezone.now()).first() or invitations.create(
        stage.invitation.service, it_admin_email="it@contoso.example", m365_admin_email=CARLA, actor=OLGA
    )
    accepted(stage, stage.customer.sign_in(stage.customer.start(invitations.link_of(newest)), CARLA))


# --- Provoking ---


def unknown_link(stage: Stage) -> Any:
    return stage.customer.open("/authenticate/" + "A" * 43)


def revoked(stage: Stage) -> Any:
    invitations.revoke(stage.invitation, actor=OLGA)
    return stage.customer.open(urlsplit(stage.link).path)


def replaced(stage: Stage) -> Any:
    answer = stage.customer.visit_microsoft(stage.customer.start(stage.link), CARLA)
    invitations.new_link(stage.invitation, actor=OLGA)
    return stage.customer.come_back(answer)


def used(stage: Stage) -> Any:
    stage.after_the_work()
    assert Invitation.objects.get().status == Invitation.Status.COMPLETED
    return stage.customer.open(f"{urlsplit(stage.link).path}/forward")


def see_what_was_created(stage: Stage, page: Any) -> None:
    """The button leads to the used invitation, where any administrator may sign in to see the result."""
    parts = urlsplit(button_of(page))
    invitation = stage.customer.open(parts.path)
    answer = stage.customer.sign_in(stage.customer.press(invitation), PAUL)
    assert answer.headers["location"] == "/authenticate/progress"
    assert "is connected" in text(stage.customer.open("/authenticate/progress", follow=True))


def roles_missing(stage: Stage) -> Any:
    return stage.customer.sign_in(stage.customer.start(stage.link, way="token"), CARLA)


def declined_in_the_second_step(stage: Stage) -> Any:
    page = stage.customer.press(stage.customer.identify(stage.link), name="Contoso-sync")
    return stage.customer.sign_in(page, CARLA, consent="decline")


def missing_scopes(stage: Stage) -> Any:
    """An administrator removed a part of the consent meanwhile: staged, because the sandbox grants all or nothing."""
    page = stage.customer.press(stage.customer.identify(stage.link), name="Contoso-sync")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requirements, "SCOPES_AUTHORISE", ["Application.ReadWrite.All", "Mail.Read"])
        return stage.customer.sign_in(page, CARLA)


def microsoft_error(stage: Stage) -> Any:
    page = stage.refused_by_microsoft(50076, "token")
    stage.contoso.user(CARLA).refused_with = None
    return page


def busy_at_the_start(stage: Stage) -> Any:
    DiscoveryCache.forget()
    stage.sandbox.faults.add("entra", "status", path=".well-known", status=429, headers={"Retry-After": "40"})
    return stage.customer.start(stage.link)


def same_form_again(stage: Stage, page: Any) -> None:
    assert "Wait 40 seconds" in text(page)
    accepted(stage, stage.customer.sign_in(stage.customer.press(page), CARLA))


def clocks_differ(stage: Stage) -> Any:
    page = stage.customer.start(stage.link)
    stage.sandbox.world.clock.skew = 600
    return stage.customer.sign_in(page, CARLA)


def once_the_clock_is_set(stage: Stage, page: Any) -> None:
    stage.sandbox.world.clock.skew = 0
    back_to_the_invitation(stage, page)


def other_tab_started(stage: Stage) -> Any:
    """A second sign-in for a token comes back after another tab has started the setup of a new registration."""
    roles = [GLOBAL_ADMINISTRATOR, *(role.template_id for role in requirements.TOKEN_ROLES)]
    stage.sandbox.world.add_user(stage.contoso, "Tom", "tom@contoso.example", roles)
    tom = "tom@contoso.example"
    stage.customer.sign_in(stage.customer.start(stage.link, way="token"), tom)
    by_token = stage.customer.press(stage.customer.open("/authenticate/allow"))
    stage.customer.sign_in(stage.customer.start(stage.link), tom)
    by_registration = stage.customer.press(stage.customer.open("/authenticate/registration"), name="Contoso-sync")
    accepted(stage, stage.customer.sign_in(by_registration, tom))
    return stage.customer.sign_in(by_token, tom)


def entered(stage: Stage, secret: str = SECRET) -> Any:
    """The form for an existing registration, sent."""
    form = stage.customer.open(f"{urlsplit(stage.link).path}/existing")
    values = {"tenant": stage.contoso.id, "client_id": "9d576dc4-b85d-4571-880e-4c6ed4c08c31", "client_secret": secret}
    return stage.customer.press(form, **values)


def setup_is_running(stage: Stage) -> Any:
    form = stage.customer.open(f"{urlsplit(stage.link).path}/existing")
    accepted(stage, stage.customer.authorise(stage.customer.identify(stage.link)))
    values = {"tenant": stage.contoso.id, "client_id": "9d576dc4-b85d-4571-880e-4c6ed4c08c31"}
    return stage.customer.press(form, **values, client_secret=SECRET)


def many_tries(stage: Stage) -> Any:
    for number in range(existing_registration.MAX_ATTEMPTS):
        entered(stage, f"Xy8Q~wrong-value-of-a-secret-{number}")
    return entered(stage)


def after_fifteen_minutes(stage: Stage, page: Any) -> None:
    Operation.objects.update(created_at=timezone.now() - existing_registration.ATTEMPTS_WINDOW)
    assert "asks to connect" in text(pressed(stage, page))
    accepted(stage, entered(stage))


def many_forms(stage: Stage) -> Any:
    page = stage.customer.choose(stage.link)
    with pytest.MonkeyPatch.context() as patch:
        limit = stranger_limits.FORMS_BY_LINK
        patch.setattr(stranger_limits, "FORMS_BY_LINK", Limit(limit.scope, 1, limit.window))
        answers = [
            stage.customer.press(page, way="new") for _ in range(3)
        ]  # a window may close meanwhile, but not twice
    return next(answer for answer in answers if answer.status_code == 429)


def after_the_named_time(stage: Stage, page: Any) -> None:
    RequestWindow.objects.all().delete()  # as when the window has closed
    back_to_the_invitation(stage, page)


def no_csrf_token(stage: Stage) -> Any:
    return stage.customer.client.post(f"{urlsplit(stage.link).path}/start", headers={"origin": "https://evil.example"})


def form_with_a_file(stage: Stage) -> Any:
    return stage.customer.client.post(f"{urlsplit(stage.link).path}/start", {"file": ContentFile(b"x", "x.txt")})


WALKS: dict[tuple[str, str], Case] = {
    ("unknown_link", ""): Case(unknown_link, ask_the_sender),
    ("expired_link", ""): Case(scenes.expired, ask_the_sender),
    ("revoked_link", ""): Case(revoked, ask_the_sender),
    ("replaced_link", ""): Case(replaced, ask_the_sender),
    ("used_link", ""): Case(used, see_what_was_created),
    ("instance_not_active", ""): Case(scenes.instance_not_active, ask_the_sender),
    ("another_organisation", ""): Case(scenes.another_tenant, another_account(CARLA)),
    ("another_administrator", ""): Case(scenes.another_administrator_in_the_second_tab, another_account(CARLA)),
    ("personal_account", ""): Case(scenes.personal_account, another_account(CARLA)),
    ("guest", ""): Case(scenes.guest, another_account(CARLA)),
    ("not_an_administrator", ""): Case(scenes.role_not_active, another_account(PAUL)),
    ("roles_missing", "another account"): Case(roles_missing, another_account(TESSA)),
    ("roles_missing", "another method"): Case(roles_missing, lambda stage, page: other_method(stage, page, "new")),
    ("approval_needed", ""): Case(scenes.approval_needed, another_account(PAUL)),
    ("consent_declined", "accept"): Case(scenes.consent_declined, back_to_the_invitation),
    ("consent_declined", "another method"): Case(
        scenes.consent_declined, lambda stage, page: other_method(stage, page, "existing")
    ),
    ("consent_declined", "second step"): Case(declined_in_the_second_step, second_step_again),
    ("consent_declined", "second step, another method"): Case(
        declined_in_the_second_step, lambda stage, page: other_method(stage, page, "token", TESSA)
    ),
    ("missing_scopes", ""): Case(missing_scopes, second_step_again),
    ("state_lost", ""): Case(scenes.answer_sent_twice, back_to_the_invitation),
    ("session_missing", ""): Case(scenes.session_gone, open_the_link_again),
    ("microsoft_error", ""): Case(microsoft_error, back_to_the_invitation),
    ("remote_unavailable", "at the start"): Case(busy_at_the_start, same_form_again),
    ("remote_unavailable", "at the end"): Case(scenes.microsoft_silent, back_to_the_invitation),
    ("clock_skew", ""): Case(clocks_differ, once_the_clock_is_set),
    ("busy", ""): Case(other_tab_started, show_progress),
    ("under_way", ""): Case(setup_is_running, show_progress),
    ("too_many_tries", ""): Case(many_tries, after_fifteen_minutes),
    ("too_many_requests", ""): Case(many_forms, after_the_named_time),
    ("way_not_offered", ""): Case(
        lambda stage: stage.customer.press(stage.customer.choose(stage.link), way="pigeon"),
        lambda stage, page: other_method(stage, page, "new"),
    ),
    ("csrf", ""): Case(no_csrf_token, open_the_link_again),
    ("bad_request", ""): Case(form_with_a_file, open_the_link_again),
}


def test_every_error_page_is_walked() -> None:
    walked = {key for key, _ in WALKS}
    assert walked | set(CANNOT_BE_PROVOKED) == set(ERRORS)
    assert not walked & set(CANNOT_BE_PROVOKED)


@pytest.mark.parametrize(("key", "way_out"), WALKS, ids=lambda value: value.replace(" ", "-"))
def test_whoever_follows_an_error_page_is_not_refused_for_it(stage: Stage, key: str, way_out: str) -> None:
    case = WALKS[key, way_out]
    page = case.provoke(stage)
    refused(page, key)
    own = [urlsplit(found["href"]) for found in read(page.content.decode()).links]
    opened = [stage.customer.open(each.path, follow=True) for each in own if each.path.startswith("/authenticate/")]
    assert all(answer.status_code in {200, 410} for answer in opened)  # 410: the used invitation, with its button
    case.follow(stage, page)


def test_a_started_setup_offers_no_other_method(stage: Stage) -> None:
    page = stage.customer.press(stage.customer.identify(stage.link), name="Contoso-sync")
    Invitation.objects.update(status=Invitation.Status.CONNECTING)
    declined = stage.customer.sign_in(page, CARLA, consent="decline")
    assert "Choose another method" not in refused(declined, "consent_declined")


def test_a_cancel_that_comes_by_a_get_offers_the_other_methods(stage: Stage) -> None:
    stage.customer.start(stage.link)
    page = stage.customer.open("/authenticate/OAuth2Callback", query_params={"error": "access_denied"})
    refused(page, "consent_declined")
    other_method(stage, page, "existing")
    assert SignIn.objects.count() == 1
    assert timezone.now() - SignIn.objects.get().created_at < timedelta(minutes=1)
