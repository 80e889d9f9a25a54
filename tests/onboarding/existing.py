"""A registration of the customer's own in the sandbox, and entering its values."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from onboarding import requirements
from onboarding.services import existing_registration
from registrations.clients.graph.client import TEAMS_ADMIN_API_APP_ID
from registrations.models import AuditEvent, Operation
from sandbox import directory
from sandbox.app import Sandbox
from sandbox.model import Application, Tenant
from tests.onboarding.browser import Browser
from tests.onboarding.wizard import text
from tests.registrations.runs import run_until_settled

RunWorker = Callable[[], None]


GRAPH_NEEDS = [p.value for p in requirements.PERMISSIONS if p.resource_app_id != TEAMS_ADMIN_API_APP_ID]


TEAMS_NEEDS = [p.value for p in requirements.PERMISSIONS if p.resource_app_id == TEAMS_ADMIN_API_APP_ID]


@dataclass
class Own:
    """The customer's registration at Microsoft."""

    tenant: Tenant
    application: Application
    key_id: str
    values: dict[str, str]


@pytest.fixture
def contoso(sandbox: Sandbox) -> Tenant:
    return sandbox.world.tenant(sandbox.seed.customer.tenant_id)


@pytest.fixture
def bare(sandbox: Sandbox, contoso: Tenant) -> Own:
    """A registration of Contoso with a secret, and nothing granted."""
    application = sandbox.world.add_application(contoso, "Contoso telephony")
    password = sandbox.world.add_secret(application, "made by hand")
    values = {"tenant": contoso.id, "client_id": application.app_id, "client_secret": password.secret}
    return Own(contoso, application, password.key_id, values)


@pytest.fixture
def own(sandbox: Sandbox, bare: Own) -> Own:
    """A registration of Contoso with everything granted."""
    grant(sandbox, bare)
    return bare


def grant(sandbox: Sandbox, own: Own) -> None:
    world, app_id = sandbox.world, own.application.app_id
    world.grant_application_permissions(own.tenant, app_id, GRAPH_NEEDS)
    world.grant_application_permissions(own.tenant, app_id, TEAMS_NEEDS, TEAMS_ADMIN_API_APP_ID)
    principal = own.tenant.service_principal_of(app_id)
    assert principal is not None
    for role in requirements.ROLES:
        directory.assign_role(own.tenant, principal.id, role.template_id, 0.0)


def enter(customer: Browser, link: str, values: dict[str, str]) -> Any:
    """Choose the method and send the form: the response."""
    answer = customer.start(link, way="existing")
    assert answer.status_code == 303, text(answer)
    return customer.press(customer.open(answer.headers["location"]), **values)


def run_newest_check(run_worker: RunWorker) -> Operation:
    """Run workers until the check ends or waits for a person."""
    operation = Operation.objects.filter(kind=existing_registration.KIND).latest("created_at")
    return run_until_settled(operation, run_worker)


def told() -> str:
    """All text that rows and history hold in clear."""
    return str(list(Operation.objects.values())) + str(list(AuditEvent.objects.values()))
