"""Where a worker can die: before and after each call to a remote service and each commit, found while an operation runs.

Nothing lists these points: a run records those it passes, and each later run is killed at one of them. A step that is
added to the product brings its points along. What is passed after a step was put back has points of its own ("again").
"""

import contextlib
import json
import os
import re
import signal
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from registrations.clients.http import RemoteSession
from registrations.services import bulk, operations, outcomes, walking
from tests.chaos.request_operations import AFTER_RUN

DIRECTORY = "CHAOS_DIRECTORY"
# What differs from one operation to the next in the path of the same call.
OWN = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE), "{id}"),
    (re.compile(r"uniqueName='[^']*'|uniqueName=%27.*%27"), "uniqueName={name}"),
    (re.compile(r"^/ump/[^/]+"), "/ump/{name}"),
    (re.compile(r"/tasks?/[^/]+$"), "/task/{id}"),
    (re.compile(r"/oauth2PermissionGrants/[^/]+$"), "/oauth2PermissionGrants/{id}"),
)
AGAIN = " again"
WRITES = ("INSERT", "UPDATE", "DELETE")


class Watch:
    """The points of one turn with one operation: noted in the record, or deadly once."""

    def __init__(self, directory: Path, name: str) -> None:
        self._record, self._plan, self._met, self._begun = (
            directory / folder / name for folder in ("record", "plan", "met", "begun")
        )
        self.step, self._passed = name, Counter[str]()
        if name != AFTER_RUN:
            self.step = "claim" + AGAIN * self._begun.exists()
        self._fatal = json.loads(self._plan.read_text()) if self._plan.exists() and not self._met.exists() else None

    def begin(self, step: str, again: bool) -> None:
        """A step begins; one that was put back passes points of its own."""
        self.step = step + AGAIN * again
        self._begun.touch()

    def pass_by(self, what: str, when: str, number: int) -> None:
        """Note the point, or die at it."""
        point = f"{self.step}: {when} {what}" + (f" ({number})" if number > 1 else "")
        if point == self._fatal:
            self._met.write_text(point)
            os.kill(os.getpid(), signal.SIGKILL)
        if self._record.exists():
            with self._record.open("a") as record:
                record.write(json.dumps(point) + "\n")

    @contextlib.contextmanager
    def around(self, what: str) -> Iterator[None]:
        """The two points of one act."""
        key = f"{self.step}: {what}"
        self._passed[key] += 1
        number = self._passed[key]
        self.pass_by(what, "before", number)
        yield
        self.pass_by(what, "after", number)

    def write_of_its_own(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """A statement outside a transaction is a commit of its own."""
        if connection.in_atomic_block or not sql.lstrip().upper().startswith(WRITES):
            return execute(sql, params, many, context)
        words = sql.split()
        with self.around(f"commit of {words[0]} {words[1 if words[0] == 'UPDATE' else 2]}".replace('"', "")):
            return execute(sql, params, many, context)


_current: Watch | None = None


def install(directory: Path) -> None:
    """Watch every turn of this process from now on."""
    _watch_turns(directory)
    attempt, close = walking._attempt, outcomes.close
    send, commit = RemoteSession.send, BaseDatabaseWrapper.commit

    def watched_attempt(operation: Any, step: Any, lease: Any) -> bool:
        if _current:
            attempts = outcomes.state_of(operation, step.name)["attempts"]
            _current.begin(step.name, again=attempts > (lease.begun == step.name))
        return attempt(operation, step, lease)

    def watched_close(operation: Any, token: str, status: str) -> None:
        if _current:
            _current.step = "close"
        close(operation, token, status)

    def watched_send(self: RemoteSession, request: Any, **kwargs: Any) -> Any:
        if not _current:
            return send(self, request, **kwargs)
        with _current.around(f"{request.method} {_common(request.url)}"):
            return send(self, request, **kwargs)

    def watched_commit(self: BaseDatabaseWrapper) -> None:
        if not _current:
            return commit(self)
        with _current.around("commit"):
            return commit(self)

    walking._attempt, outcomes.close = watched_attempt, watched_close
    RemoteSession.send = watched_send  # type: ignore[method-assign]
    BaseDatabaseWrapper.commit = watched_commit  # type: ignore[method-assign]


def _watch_turns(directory: Path) -> None:
    """Each turn by the name of its operation; what a turn means for a bulk job (it begins others) by one name for all."""
    run, after_turn, close_when_done = walking.run, bulk.after_turn, bulk._close_when_done

    def watched_run(operation_id: Any) -> bool:
        with _watching(directory, str(uuid.UUID(str(operation_id)))):
            return run(operation_id)

    def watched_after_turn(operation_id: Any) -> list[Any]:
        with _watching(directory, AFTER_RUN):
            return after_turn(operation_id)

    def watched_close_when_done(part: Any) -> None:
        if _current:
            _current.step = f"{AFTER_RUN}, the last one"
        close_when_done(part)

    walking.run = operations.run = watched_run
    bulk.after_turn, bulk._close_when_done = watched_after_turn, watched_close_when_done


@contextlib.contextmanager
def _watching(directory: Path, name: str) -> Iterator[None]:
    global _current  # noqa: PLW0603  one turn at a time in a process
    _current = Watch(directory, name)
    try:
        with connection.execute_wrapper(_current.write_of_its_own):
            yield
    finally:
        _current = None


def _common(url: str) -> str:
    path = urlsplit(url).path
    for pattern, name in OWN:
        path = pattern.sub(name, path)
    return path
