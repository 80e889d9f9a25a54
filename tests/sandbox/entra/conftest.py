"""Fixtures of Entra's tests."""

import pytest

from sandbox.app import Sandbox
from tests.sandbox import actors
from tests.sandbox.actors import Browser


@pytest.fixture
def browser(sandbox: Sandbox) -> Browser:
    """A browser without a signed-in person."""
    return Browser(sandbox)


@pytest.fixture
def client_id(sandbox: Sandbox) -> str:
    """The ID of an application that people of any tenant can sign in to."""
    return actors.make_sign_in_app(sandbox)[0].app_id
