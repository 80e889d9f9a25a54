"""What a worker checks when it starts, and how it stops taking messages."""

from types import SimpleNamespace

import pytest
from celery.concurrency import prefork, solo, thread
from celery.worker import state

from registrations import engine
from syncportal import celery


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the watchdogs that were started got."""
    found: list[object] = []
    monkeypatch.setattr(engine, "start_watchdog", found.append)
    return found


def test_a_worker_with_another_pool_than_threads_is_refused_in_one_line(watched: list[object]) -> None:
    with pytest.raises(SystemExit, match=r"run threads: start this one without --pool\.$"):
        celery.watch_over_threads(SimpleNamespace(pool_cls=prefork.TaskPool))
    assert watched == []


@pytest.mark.parametrize("pool", [thread.TaskPool, solo.TaskPool])
def test_a_worker_of_threads_gets_a_watchdog(pool: type, watched: list[object]) -> None:
    celery.watch_over_threads(SimpleNamespace(pool_cls=pool))
    assert watched == [celery.stop_consuming]


def test_threads_are_the_pool_of_a_worker_that_does_not_say_which() -> None:
    assert celery.app.conf.worker_pool == "threads"
    assert celery.app.conf.worker_concurrency == 24


def test_a_worker_whose_thread_hangs_ends_with_the_status_that_it_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "should_stop", None)
    celery.stop_consuming(75)
    with pytest.raises(SystemExit) as stopped:
        state.maybe_shutdown()
    assert stopped.value.code == 75
