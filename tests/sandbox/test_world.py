"""The world's file: written while requests hold the world, and nobody waits for somebody who waits for them."""

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox import store
from sandbox.world import World

PATIENCE_SECONDS = 5.0


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[World]:
    """A world with a file."""
    world = World(tmp_path / "world.json")
    yield world
    if world._timer:
        world._timer.cancel()


def within_time(act: Callable[[], Any]) -> bool:
    """Whether the act ends in time; where it does not, its thread is left hanging."""
    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    thread.join(PATIENCE_SECONDS)
    return not thread.is_alive()


def test_a_request_can_report_a_change_while_the_writer_waits(kept: World) -> None:
    arrived = threading.Event()

    class WatchedLock:
        """The world's lock; it tells when the writer has come to it."""

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
        assert arrived.wait(PATIENCE_SECONDS)
        # The request that holds the world says that something changed: were the timer's lock held by the writer, both
        # would wait for ever.
        assert within_time(kept.touch)
    writer.join(PATIENCE_SECONDS)
    assert not writer.is_alive()


def test_a_slow_disk_does_not_block_changes(kept: World, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slowly(path: Path, data: Any) -> None:
        begun.set()
        go_on.wait(PATIENCE_SECONDS * 2)
        store.write_json(path, data)

    monkeypatch.setattr("sandbox.world.write_json", slowly)
    writer = threading.Thread(target=kept.flush, daemon=True)
    writer.start()
    assert begun.wait(PATIENCE_SECONDS)
    assert within_time(lambda: kept.add_tenant("Contoso"))
    go_on.set()
    writer.join(PATIENCE_SECONDS)
    assert not writer.is_alive()


def test_concurrent_changes_and_writes_all_end_in_the_file(kept: World, tmp_path: Path) -> None:
    def change(name: str) -> None:
        for number in range(30):
            with kept.lock:  # as a request does: the world is held, and within it a change is told
                kept.add_tenant(f"{name}{number}")
                kept.touch()
            kept.flush()

    threads = [threading.Thread(target=change, args=(f"Tenant{each}-",), daemon=True) for each in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_SECONDS * 4)
        assert not thread.is_alive()
    kept.flush()
    assert len(json.loads((tmp_path / "world.json").read_text())["state"]["tenants"]) == 120
