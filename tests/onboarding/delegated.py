"""A customer who connects with a delegated token, step by step."""

from collections.abc import Callable
from typing import Any

import pytest

from onboarding import requirements
from onboarding.services import delegated_token
from registrations.models import Operation, UmpInstance
from sandbox.app import Sandbox
from sandbox.catalogue import APPLICATION_ADMINISTRATOR
from sandbox.model import Tenant, UmpConnection
from tests.onboarding.browser import Browser
from tests.onboarding.wizard import text

RunWorker = Callable[[], None]


TILDA = "tilda@contoso.example"


SKYPE, TEAMS = (role.template_id for role in requirements.TOKEN_ROLES)


@pytest.fixture
def contoso(sandbox: Sandbox) -> Tenant:
    return sandbox.world.tenant(sandbox.seed.customer.tenant_id)


@pytest.fixture(autouse=True)
def provisioned(sandbox: Sandbox, instance: UmpInstance, contoso: Tenant) -> None:
    """The UMP has the sync app's secret and renews delegated tokens with it; Tilda has the roles."""
    sandbox.world.add_user(contoso, "Tilda", TILDA, [APPLICATION_ADMINISTRATOR, SKYPE, TEAMS])
    registration = instance.registrations.get()
    ump = sandbox.world.ump("finebak")
    ump.client_id, ump.client_secret = registration.app_id, registration.secrets.get().unseal("envelope")


def identify(customer: Browser, link: str, person: str = TILDA) -> Any:
    """The first sign-in for a delegated token: the page that asks to allow it."""
    answer = customer.sign_in(customer.start(link, way="token"), person)
    assert answer.status_code == 303, text(answer)
    return customer.open(answer.headers["location"], follow=True)


def authorise(customer: Browser, link: str, person: str = TILDA) -> Operation:
    answer = customer.sign_in(customer.press(identify(customer, link, person)), person)
    assert answer.status_code == 303, text(answer)
    return Operation.objects.get(kind=delegated_token.KIND)


def held(sandbox: Sandbox) -> UmpConnection:
    return next(iter(sandbox.world.ump("finebak").customers.values())).connection
