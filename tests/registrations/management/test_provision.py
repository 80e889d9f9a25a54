"""The command that provisions instances by host."""

import pytest
from django.core.management import CommandError

from registrations.models import Operation
from sandbox.app import Sandbox
from tests import factories
from tests.registrations.management.lines import Run

pytestmark = pytest.mark.django_db


def test_wait_runs_the_operation_if_no_worker_does(
    run: Run, sandbox: Sandbox, portal: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("registrations.tasks.enqueue", lambda operation_id: False)
    instance = factories.make_instance(sandbox)
    lines = run("provision", instance.host, "--wait")
    assert [line["step"] for line in lines if "step" in line] == [step.name for step in Operation.objects.get().steps]
    assert lines[-1]["status"] == "succeeded"


def test_wait_fails_if_the_operation_fails(run: Run, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registrations.tasks.enqueue", lambda operation_id: False)
    instance = factories.make_instance(sandbox)
    sandbox.world.ump("finebak").lacks_contract_api = True
    with pytest.raises(CommandError, match=instance.host):
        run("provision", instance.host, "--wait")


def test_an_unknown_host_is_refused_before_anything_starts(run: Run, sandbox: Sandbox) -> None:
    instance = factories.make_instance(sandbox)
    with pytest.raises(CommandError, match=r"nobody\.example"):
        run("provision", instance.host, "nobody.example")
    assert Operation.objects.count() == 0


def test_a_host_named_twice_is_provisioned_once(run: Run, sandbox: Sandbox) -> None:
    instance = factories.make_instance(sandbox)
    lines = run("provision", instance.host, instance.host.upper())
    assert [line["host"] for line in lines] == [instance.host]
