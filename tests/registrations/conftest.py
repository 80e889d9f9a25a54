"""A UMP instance, and its provisioning against the sandbox."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from registrations.models import AppRegistration, ClientSecret, Operation, UmpInstance
from registrations.services import provisioning
from sandbox.app import Sandbox
from sandbox.model import Application
from tests import factories
from tests.registrations.runs import OLGA, Provision, RunWorker, application_of, provision_once


@pytest.fixture
def instance(sandbox: Sandbox) -> UmpInstance:
    """A draft in the sandbox's world."""
    return factories.make_instance(sandbox)


@pytest.fixture
def provision(instance: UmpInstance, run_worker: RunWorker, portal: None) -> Provision:
    """Request a provisioning and let workers run it; the operation as it is then."""

    def run(**request: Any) -> Operation:
        operation = provisioning.request(instance, actor=OLGA, **request)
        run_worker()
        operation.refresh_from_db()
        instance.refresh_from_db()
        return operation

    return run


@pytest.fixture
def provisioned(instance: UmpInstance, sandbox: Sandbox, run_worker: RunWorker, portal: None) -> Application:
    """The instance's application, a month after it was created."""
    operation = provision_once(instance, run_worker)
    assert operation.status == "succeeded", operation.message
    a_month_ago = timezone.now() - timedelta(days=30)
    AppRegistration.objects.update(made_at=a_month_ago)
    ClientSecret.objects.update(stored_at=a_month_ago)
    return application_of(sandbox, instance)
