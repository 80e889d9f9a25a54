"""A customer whose administrator has done both sign-ins for a new registration."""

from collections.abc import Callable

import pytest

from onboarding.services import new_registration
from registrations.models import Operation
from sandbox.app import Sandbox
from sandbox.model import Application, Tenant
from tests.onboarding.browser import Browser

RunWorker = Callable[[], None]


CARLA = "carla@contoso.example"


@pytest.fixture
def contoso(sandbox: Sandbox) -> Tenant:
    """The customer's tenant at Microsoft."""
    return sandbox.world.tenant(sandbox.seed.customer.tenant_id)


@pytest.fixture
def authorised(customer: Browser, link: str) -> Operation:
    """The administrator has done both sign-ins; nothing is created yet."""
    answer = customer.authorise(customer.identify(link), name="Contoso-sync")
    assert answer.status_code == 303
    return Operation.objects.get(kind=new_registration.KIND)


def made_in(contoso: Tenant) -> Application:
    (application,) = [app for app in contoso.applications.values() if app.display_name == "Contoso-sync"]
    return application
