"""A real Chromium, Debian's own, beside SyncPortal's real processes."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests import programs
from tests.stack.stack import Stack, on_embedded_defaults

FLAGS = [
    "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
    "--no-sandbox",  # Chromium refuses its sandbox to root, and in most containers
]  # fmt: skip


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """The system's Chromium: nothing is downloaded."""
    return {"executable_path": str(programs.needed(programs.chromium())), "args": FLAGS, "headless": True}


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """SyncPortal with Finebak's tenant, its instance (not provisioned), an operator and an auditor."""
    with on_embedded_defaults(tmp_path_factory.mktemp("stack")) as running:
        seeding = running.seeding
        seeding.connect_tenant()
        seeding.import_instance()
        seeding.add_staff()
        yield running
