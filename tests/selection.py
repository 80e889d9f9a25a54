"""A pytest plugin: a test that is marked for one database is deselected where the run uses another one."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import connection

DATABASES = {"postgresql", "sqlite"}  # as Django calls them; each is the name of a marker
COUNT = "deselected_by_database"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests of this run's database and of none in particular."""
    others = DATABASES - {connection.vendor}
    deselected = [item for item in items if others.intersection(mark.name for mark in item.iter_markers())]
    if not deselected:
        return
    items[:] = [item for item in items if item not in set(deselected)]
    config.hook.pytest_deselected(items=deselected)
    if hasattr(config, "workeroutput"):
        config.workeroutput[COUNT] = len(deselected)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """With -n the workers select, each the same: let the summary count it once. pytest-xdist leaves it out."""
    count = getattr(node, "workeroutput", {}).get(COUNT, 0)  # a worker that crashed has none
    reporter = node.config.pluginmanager.get_plugin("terminalreporter")
    if count and reporter is not None:
        reporter.stats["deselected"] = [SimpleNamespace() for _ in range(count)]
