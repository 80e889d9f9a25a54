"""What the customer reads while a setup waits or when it could not finish."""

from urllib.parse import urlsplit

import pytest

from onboarding.models import Connection, Invitation
from registrations.applications import desired_state
from registrations.models import AuditEvent, Operation, UmpInstance
from tests.onboarding.browser import read
from tests.onboarding.stage import FAR_AWAY, Stage, stage
from tests.onboarding.wizard import CARLA, text

pytestmark = pytest.mark.django_db


__all__ = ["stage"]  # a fixture


def test_a_used_link_says_so_with_one_button(stage: Stage) -> None:
    stage.after_the_work()
    page = stage.customer.open(urlsplit(stage.link).path)
    assert "This invitation has been used" in text(page)
    assert len(read(page.content.decode()).forms) == 1
    assert AuditEvent.objects.filter(action="invitation.completed").exists()


def test_a_ump_that_is_down_at_the_hand_over_is_retried(stage: Stage) -> None:
    stage.sandbox.world.ump("finebak").offline = "503"
    page = text(stage.after_the_work())
    assert "The phone service is processing it" in page
    operation = Operation.objects.get(kind="connect")
    assert (operation.status, operation.waits_for) == ("waiting", "")
    assert Connection.objects.get().customer_part_done_at is not None
    stage.sandbox.world.ump("finebak").offline = None
    stage.worked()
    assert Invitation.objects.get().status == "completed"


def test_a_service_missing_in_the_ump_is_the_providers_task(stage: Stage) -> None:
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


def test_a_name_that_a_deleted_application_holds_is_left_to_it(stage: Stage, instance: UmpInstance) -> None:
    form = stage.customer.identify(stage.link)
    name = f"{desired_state.unique_name(instance)}-{Connection.objects.get().pk}"
    taken = stage.sandbox.world.add_application(stage.contoso, "Somebody's", uniqueName=name)
    del stage.contoso.applications[taken.id]
    taken.deleted = stage.sandbox.world.clock.instant()
    stage.contoso.deleted_applications[taken.id] = taken
    assert stage.customer.authorise(form).status_code == 303
    stage.worked()
    assert Operation.objects.get(kind="connect").status == "succeeded"
    assert Connection.objects.get().registration.unique_name == f"{name}-new2"  # type: ignore[union-attr]
    assert taken.id in stage.contoso.deleted_applications
    assert Connection.objects.get().registration_name == "Contoso-sync"


def test_slow_replication_is_explained_and_waited_for(stage: Stage) -> None:
    stage.sandbox.world.lag["consent"] = FAR_AWAY
    page = text(stage.after_the_work())
    assert "Microsoft is still replicating" in page
    assert "You can close this page" in page
    assert Operation.objects.get(kind="connect").status == "waiting"
    stage.sandbox.world.lag["consent"] = 0
    stage.worked()
    assert Invitation.objects.get().status == "completed"
