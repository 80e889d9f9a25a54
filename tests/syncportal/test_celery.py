"""What a worker says when it starts."""

from types import SimpleNamespace

import pytest
from celery.concurrency import prefork, thread

from syncportal.celery import warn_of_too_few_shares


def start(concurrency: int, *, at_most: int | None = None, pool: type = prefork.TaskPool) -> None:
    warn_of_too_few_shares(SimpleNamespace(concurrency=concurrency, max_concurrency=at_most, pool_cls=pool))


def test_a_worker_of_more_processes_than_shares_says_what_to_set(
    settings: SimpleNamespace, caplog: pytest.LogCaptureFixture
) -> None:
    settings.GRAPH_RATE_LIMIT_SHARES = 8
    start(40)
    assert "This worker runs 40 processes, and GRAPH_RATE_LIMIT_SHARES is 8. Set GRAPH_RATE_LIMIT_SHARES" in caplog.text
    caplog.clear()
    start(2, at_most=9)
    assert "This worker runs 9 processes" in caplog.text


def test_a_worker_within_the_shares_says_nothing(settings: SimpleNamespace, caplog: pytest.LogCaptureFixture) -> None:
    settings.GRAPH_RATE_LIMIT_SHARES = 8
    start(8)
    start(40, pool=thread.TaskPool)  # the threads of one process count together
    assert not caplog.records
