"""The points where a worker can be killed, or one of its steps hangs: before and after each remote call and each commit.

They are not listed anywhere: one run records the points that it passes, and later runs are killed at one of them each. So a
step that is added to the product is covered at once. After a requeued step the points have names of their own ("again").
"""

import contextlib
import json
import os
import re
import signal
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

from registrations import engine
from registrations.clients.discovery_cache import DiscoveryCache
from registrations.clients.http import RemoteSession
from registrations.engine import runner, transitions
from registrations.services import bulk_jobs
from tests.chaos.request_operations import AFTER_RUN

DIRECTORY = "CHAOS_DIRECTORY"
# The parts of a path that differ from one operation to the next.
VARIABLE_PARTS = (
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE), "{id}"),
    (re.compile(r"uniqueName='[^']*'|uniqueName=%27.*%27"), "uniqueName={name}"),
    (re.compile(r"^/ump/[^/]+"), "/ump/{name}"),
    (re.compile(r"/tasks?/[^/]+$"), "/task/{id}"),
    (re.compile(r"/oauth2PermissionGrants/[^/]+$"), "/oauth2PermissionGrants/{id}"),
)
AGAIN = " again"
WRITES = ("INSERT", "UPDATE", "DELETE")


class Tracer:
    """The points of one run of one operation: recorded, or one of them fatal, once."""

    def __init__(self, directory: Path, name: str) -> None:
        self._record, self._plan, self._killed, self._begun, self._hang, self._hung = (
            directory / folder / name for folder in ("record", "plan", "killed", "begun", "hang", "hung")
        )
        self.step, self._passed = name, Counter[str]()
        if name != AFTER_RUN:
            self.step = "claim" + AGAIN * self._begun.exists()
        self._fatal = json.loads(self._plan.read_text()) if self._plan.exists() and not self._killed.exists() else None

    def begin(self, step: str, again: bool) -> None:
        """Enter a step; a requeued one has points of its own."""
        self.step = step + AGAIN * again
        self._begun.touch()

    def reach(self, what: str, when: str, number: int) -> None:
        """Record the point, or kill this process at it."""
        point = f"{self.step}: {when} {what}" + (f" ({number})" if number > 1 else "")
        if point == self._fatal:
            self._killed.write_text(point)
            os.kill(os.getpid(), signal.SIGKILL)
        if self._record.exists():
            with self._record.open("a") as record:
                record.write(json.dumps(point) + "\n")

    def hang(self, method: str, when: str) -> None:
        """Hang once, before or after the first POST of this operation, where that is planned."""
        if method != "POST" or self._hung.exists() or not self._hang.exists():
            return
        planned_when, seconds = json.loads(self._hang.read_text())
        if planned_when == when:
            self._hung.touch()
            time.sleep(seconds)

    @contextlib.contextmanager
    def around(self, what: str) -> Iterator[None]:
        """The two points of one call or commit."""
        key = f"{self.step}: {what}"
        self._passed[key] += 1
        number = self._passed[key]
        self.reach(what, "before", number)
        yield
        self.reach(what, "after", number)

    def autocommit_write(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """Treat a write outside a transaction as a commit of its own."""
        if connection.in_atomic_block or not sql.lstrip().upper().startswith(WRITES):
            return execute(sql, params, many, context)
        words = sql.split()
        with self.around(f"commit of {words[0]} {words[1 if words[0] == 'UPDATE' else 2]}".replace('"', "")):
            return execute(sql, params, many, context)


_tracer: ContextVar[Tracer | None] = ContextVar("tracer", default=None)  # of the run that this thread makes


def install(directory: Path) -> None:
    """Trace every run of this process from now on."""
    _trace_runs(directory)
    attempt, close = runner._attempt, transitions.close
    send, commit = RemoteSession.send, BaseDatabaseWrapper.commit

    def traced_attempt(operation: Any, step: Any, lease: Any) -> bool:
        tracer = _tracer.get()
        if tracer:
            attempts = operation.step(step.name).attempts
            tracer.begin(step.name, again=attempts > (lease.started_step == step.name))
        return attempt(operation, step, lease)

    def traced_close(operation: Any, token: str, status: str) -> None:
        tracer = _tracer.get()
        if tracer:
            tracer.step = "close"
        close(operation, token, status)

    def traced_send(self: RemoteSession, request: Any, **kwargs: Any) -> Any:
        tracer = _tracer.get()
        if not tracer:
            return send(self, request, **kwargs)
        with tracer.around(f"{request.method} {_generic_path(request.url)}"):
            tracer.hang(request.method, "before")
            answer = send(self, request, **kwargs)
            tracer.hang(request.method, "after")
            return answer

    def traced_commit(self: BaseDatabaseWrapper) -> None:
        tracer = _tracer.get()
        if not tracer:
            return commit(self)
        with tracer.around("commit"):
            return commit(self)

    runner._attempt, transitions.close = traced_attempt, traced_close
    RemoteSession.send = traced_send  # type: ignore[method-assign]
    BaseDatabaseWrapper.commit = traced_commit  # type: ignore[method-assign]


def _trace_runs(directory: Path) -> None:
    """Trace each run by its operation's id, and what follows it in a bulk job (others start) by one shared name."""
    run, after_run, close_when_done = runner.run, bulk_jobs.after_run, bulk_jobs._close_when_done

    def traced_run(operation_id: Any) -> bool:
        # What this process has read before, another run would not ask for: its points must be those of every run.
        DiscoveryCache.forget()
        with _traced(directory, str(uuid.UUID(str(operation_id)))):
            return run(operation_id)

    def traced_after_run(operation_id: Any) -> list[Any]:
        with _traced(directory, AFTER_RUN):
            return after_run(operation_id)

    def traced_close_when_done(part: Any) -> None:
        tracer = _tracer.get()
        if tracer:
            tracer.step = f"{AFTER_RUN}, the last one"
        close_when_done(part)

    engine.run = runner.run = traced_run  # the tasks import the first
    bulk_jobs.after_run, bulk_jobs._close_when_done = traced_after_run, traced_close_when_done


@contextlib.contextmanager
def _traced(directory: Path, name: str) -> Iterator[None]:
    tracer = Tracer(directory, name)
    before = _tracer.set(tracer)
    try:
        with connection.execute_wrapper(tracer.autocommit_write):
            yield
    finally:
        _tracer.reset(before)


def _generic_path(url: str) -> str:
    path = urlsplit(url).path
    for pattern, name in VARIABLE_PARTS:
        path = pattern.sub(name, path)
    return path
