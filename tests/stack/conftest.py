"""The two installations that the whole path is walked on. Each is started once, for all tests of this folder."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.stack.stack import Stack, on_embedded_defaults, on_servers

INSTALLATIONS: dict[str, Callable[[Path], AbstractContextManager[Stack]]] = {
    "sqlite": on_embedded_defaults,
    "postgresql": on_servers,
}


@pytest.fixture(scope="session", params=list(INSTALLATIONS))
def running_stack(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """SyncPortal's own processes, with the tenant connected and the instance imported, not provisioned."""
    with INSTALLATIONS[request.param](tmp_path_factory.mktemp(request.param)) as stack:
        stack.seeding.connect_tenant()
        stack.seeding.import_instance()
        yield stack


@pytest.fixture
def stack(running_stack: Stack) -> Stack:
    """The same, with no scripted fault left from another test."""
    running_stack.sandbox("faults", {}, method="DELETE")
    return running_stack
