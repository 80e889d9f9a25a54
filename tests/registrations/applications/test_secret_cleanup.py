"""Secrets of ours whose value is unknown are removed; others' are never touched."""

import pytest

from registrations.models import ClientSecret, UmpInstance
from sandbox.app import Sandbox
from tests.registrations.runs import (
    Provision,
    RunWorker,
    application_of,
)

pytestmark = pytest.mark.django_db


def test_secrets_of_others_are_never_touched(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker
) -> None:
    provision()
    sandbox.world.add_secret(application_of(sandbox, instance), "by hand")
    ClientSecret.objects.update(status=ClientSecret.Status.DISCARDED)
    assert provision().status == "succeeded"
    names = [secret.display_name for secret in application_of(sandbox, instance).passwords]
    assert "by hand" in names
    assert len(names) == 2


def test_an_orphaned_secret_is_removed_after_the_proof(
    provision: Provision, instance: UmpInstance, sandbox: Sandbox
) -> None:
    provision()
    sandbox.world.add_secret(application_of(sandbox, instance), "syncportal:provision:lost")
    sandbox.world.add_secret(application_of(sandbox, instance), "by hand")
    assert provision().status == "succeeded"
    names = [secret.display_name for secret in application_of(sandbox, instance).passwords]
    assert "syncportal:provision:lost" not in names
    assert "by hand" in names
