"""Fixtures of the UMP's tests."""

import pytest

from sandbox.app import Sandbox
from sandbox.model import UmpCustomer


@pytest.fixture
def customer(sandbox: Sandbox) -> UmpCustomer:
    """The only customer of the UMP "finebak"."""
    (found,) = sandbox.world.ump("finebak").customers.values()
    return found
