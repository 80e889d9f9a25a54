"""What the sandbox's own tests start from."""

import pytest
import requests

from sandbox.app import Sandbox
from tests.sandbox import actors
from tests.sandbox.actors import Rest


@pytest.fixture
def web(sandbox: Sandbox) -> requests.Session:
    """An HTTP client that trusts the sandbox's authority and nothing from the environment."""
    return actors.session(sandbox)


@pytest.fixture
def graph(sandbox: Sandbox) -> Rest:
    """Graph, called by the portal in its own name: it may manage its own applications and read some more."""
    provider = sandbox.seed.provider
    return actors.app_only(sandbox, provider.tenant_id, provider.client_id, provider.client_secret)


@pytest.fixture
def carla(sandbox: Sandbox) -> Rest:
    """Graph, called in the name of Contoso's Global Administrator with the scopes that setting up needs."""
    return actors.delegated(sandbox, "carla@contoso.example", actors.PROVISIONING)


@pytest.fixture
def ump(sandbox: Sandbox) -> Rest:
    """The UMP "finebak", called with the credential for its API."""
    return actors.ump_api(sandbox)
