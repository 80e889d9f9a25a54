"""The file of the world is written while requests change the world, without a deadlock."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import store
from sandbox.world import World

TIMEOUT_SECONDS = 5.0


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[World]:
    """A world with a file."""
    world = World(tmp_path / "world.json")
    yield world
    if world._timer:
        world._timer.cancel()


def within_time(call: Callable[[], Any]) -> bool:
    """Whether the call returns in time. If it does not, its thread keeps running in the background."""
    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(TIMEOUT_SECONDS)
    return not thread.is_alive()


def test_a_request_can_report_a_change_while_the_writer_waits(kept: World) -> None:
    arrived = threading.Event()

    class WatchedLock:
        """The world's lock. It sets `arrived` when the writer is about to acquire it."""

        def __init__(self, lock: Any) -> None:
            self.lock = lock

        def __enter__(self) -> None:
            arrived.set()
            self.lock.acquire()

        def __exit__(self, *error: object) -> None:
            self.lock.release()

    held = kept.lock
    with held:
        kept.lock = WatchedLock(held)  # type: ignore[assignment]
        writer = threading.Thread(target=kept.flush, daemon=True)
        writer.start()
        assert arrived.wait(TIMEOUT_SECONDS)
        # The request holds the world's lock and reports a change, which needs the timer's lock. If the writer held the
        # timer's lock here, both would wait forever.
        assert within_time(kept.touch)
    writer.join(TIMEOUT_SECONDS)
    assert not writer.is_alive()


def test_a_slow_disk_does_not_block_changes(kept: World, monkeypatch: pytest.MonkeyPatch) -> None:
    started, may_continue = threading.Event(), threading.Event()

    def slowly(path: Path, data: Any) -> None:
        started.set()
        may_continue.wait(TIMEOUT_SECONDS * 2)
        store.write_json(path, data)

    monkeypatch.setattr("sandbox.world.write_json", slowly)
    writer = threading.Thread(target=kept.flush, daemon=True)
    writer.start()
    assert started.wait(TIMEOUT_SECONDS)
    assert within_time(lambda: kept.add_tenant("Contoso"))
    may_continue.set()
    writer.join(TIMEOUT_SECONDS)
    assert not writer.is_alive()


def test_concurrent_changes_and_writes_all_end_in_the_file(kept: World, tmp_path: Path) -> None:
    def change(name: str) -> None:
        for number in range(30):
            with kept.lock:  # like a request: it reports the change while it holds the lock
                kept.add_tenant(f"{name}{number}")
                kept.touch()
            kept.flush()

    threads = [threading.Thread(target=change, args=(f"Tenant{each}-",), daemon=True) for each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(TIMEOUT_SECONDS * 4)
        assert not thread.is_alive()
    kept.flush()
    assert len(json.loads((tmp_path / "world.json").read_text())["state"]["tenants"]) == 120
