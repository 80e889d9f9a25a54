"""A real Chromium, Debian's own, beside SyncPortal's real processes."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from onboarding.services import sign_in_exchange
from registrations import tasks
from sandbox.app import Sandbox
from tests import programs
from tests.browser import stage as stages
from tests.browser import states
from tests.stack.stack import Stack, on_embedded_defaults

FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-sandbox",  # Chromium refuses its sandbox to root, and in most containers
]


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    """The system's Chromium: nothing is downloaded."""
    return {"executable_path": str(programs.needed(programs.chromium())), "args": FLAGS, "headless": True}


@pytest.fixture(scope="session")
def stage(
    running_sandbox: Sandbox, tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Iterator[stages.Stage]:
    """Rows in every state, served by this process."""
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():
        patch.setattr(
            tasks, "enqueue", lambda *args, **kwargs: True
        )  # nobody has to hear: the stage does the work itself
        patch.setattr(sign_in_exchange, "ROLE_INDEX_PAUSE", timedelta())  # no index lags here
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright's loop runs in this thread; Django has its own
        with (
            stages.own_database(tmp_path_factory.mktemp("stage") / "stage.sqlite3"),
            stages.served(running_sandbox) as stage,
        ):
            states.fill(stage)
            yield stage


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """SyncPortal with Finebak's tenant, its instance (not provisioned), an operator and an auditor."""
    with on_embedded_defaults(tmp_path_factory.mktemp("stack")) as running:
        seeding = running.seeding
        seeding.connect_tenant()
        seeding.import_instance()
        seeding.add_staff()
        yield running
