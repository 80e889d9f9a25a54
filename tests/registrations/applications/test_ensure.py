"""Application and service principal: created once, corrected, and found again after a lost answer."""

import pytest

from registrations.models import UmpInstance
from sandbox.app import Sandbox
from tests.registrations.runs import (
    Provision,
    RunWorker,
    application_of,
    run_again,
)

pytestmark = pytest.mark.django_db


def test_a_setting_changed_by_hand_is_corrected(provision: Provision, instance: UmpInstance, sandbox: Sandbox) -> None:
    provision()
    application_of(sandbox, instance).properties["isFallbackPublicClient"] = False
    assert provision().status == "succeeded"
    assert application_of(sandbox, instance).properties["isFallbackPublicClient"] is True


@pytest.mark.parametrize("path", [r"/applications\(uniqueName.*", r"/servicePrincipals", r".*/addPassword"])
def test_a_lost_answer_creates_no_duplicate(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker, path: str
) -> None:
    for method in ("PATCH", "POST"):
        sandbox.faults.add(service="graph", method=method, path=path, kind="lost_answer")
    operation = provision()
    for _ in range(4):
        operation = run_again(operation, run_worker)
    assert operation.status == "succeeded", operation.message
    tenant = sandbox.world.tenant(instance.provider.tenant.tenant_id)
    assert len([app for app in tenant.applications.values() if app.display_name == "umptoken"]) == 1
    assert (
        len([sp for sp in tenant.service_principals.values() if sp.app_id == application_of(sandbox, instance).app_id])
        == 1
    )
    assert len(application_of(sandbox, instance).passwords) == 1


def test_slow_replication_is_waited_out(provision: Provision, sandbox: Sandbox, run_worker: RunWorker) -> None:
    sandbox.world.lag["application"] = 1.5
    operation = provision()
    assert operation.status == "waiting"
    sandbox.world.lag["application"] = 0
    for _ in range(3):
        run_again(operation, run_worker)
    assert operation.status == "succeeded", operation.message


def test_a_name_conflict_without_deleted_application_is_replication_lag(
    provision: Provision, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    message = "Another object with the same value for property uniqueName already exists."
    body = {"error": {"code": "Request_BadRequest", "message": message}}
    sandbox.faults.add(service="graph", kind="status", status=400, body=body, method="PATCH", path="/applications")
    operation = provision()
    assert operation.status == "waiting"
    assert run_again(operation, run_worker).status == "succeeded"
