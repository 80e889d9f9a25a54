"""Fixtures of the sandbox's own tests."""

import smtplib
from collections.abc import Iterator

import pytest
import requests

from sandbox.app import Sandbox
from tests.sandbox import actors
from tests.sandbox.actors import Rest


@pytest.fixture
def web(sandbox: Sandbox) -> requests.Session:
    """An HTTP client that trusts the sandbox's certificate authority and ignores the environment."""
    return actors.session(sandbox)


@pytest.fixture
def graph(sandbox: Sandbox) -> Rest:
    """Graph, called with the portal's app-only token. It may manage the applications that it owns and read others."""
    provider = sandbox.seed.provider
    return actors.app_only(sandbox, provider.tenant_id, provider.client_id, provider.client_secret)


@pytest.fixture
def carla(sandbox: Sandbox) -> Rest:
    """Graph, called on behalf of Contoso's Global Administrator with the scopes that provisioning needs."""
    return actors.delegated(sandbox, "carla@contoso.example", actors.PROVISIONING)


@pytest.fixture
def ump(sandbox: Sandbox) -> Rest:
    """The UMP "finebak", called with the credential for its API."""
    return actors.ump_api(sandbox)


@pytest.fixture
def smtp(sandbox: Sandbox) -> Iterator[smtplib.SMTP]:
    """A connection to the sandbox's SMTP server."""
    with smtplib.SMTP("127.0.0.1", sandbox.smtp_port, timeout=10) as client:
        yield client
