"""A pytest plugin: a test that is marked for one database is deselected where the run uses another one.

On PostgreSQL the tests that use no database are deselected too: they have run with SQLite, and could not tell the difference.
"""

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection

DATABASES = {"postgresql", "sqlite"}  # as Django calls them; each is the name of a marker
USES = {"db", "transactional_db", "django_db_serialized_rollback"}  # pytest-django's fixtures
COUNT = "deselected_by_database"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of this run's database and of none in particular."""
    deselected = {item for item in items if not _belongs_to(item, connection.vendor)}
    if not deselected:
        return
    items[:] = [item for item in items if item not in deselected]
    config.hook.pytest_deselected(items=list(deselected))
    if hasattr(config, "workeroutput"):
        config.workeroutput[COUNT] = len(deselected)


def _belongs_to(item: pytest.Item, vendor: str) -> bool:
    marks = {mark.name for mark in item.iter_markers()}
    if marks & DATABASES:
        return vendor in marks
    uses_database = "django_db" in marks or not USES.isdisjoint(getattr(item, "fixturenames", ()))
    return uses_database or vendor != "postgresql"


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """With -n the workers select, each the same: let the summary count it once. pytest-xdist leaves it out."""
    count = getattr(node, "workeroutput", {}).get(COUNT, 0)  # a worker that crashed has none
    reporter = node.config.pluginmanager.get_plugin("terminalreporter")
    if count and reporter is not None:
        reporter.stats["deselected"] = [SimpleNamespace() for _ in range(count)]
