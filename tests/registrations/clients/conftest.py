"""A real Redis for the tests of what is counted there."""

from collections.abc import Iterator

import pytest

from tests import ephemeral


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ephemeral.redis_server() as address:
        yield address
