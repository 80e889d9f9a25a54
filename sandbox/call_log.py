"""A log of requests, for tests. Bodies are kept whole, with secrets: this is a sandbox."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from werkzeug import Request

# Limits the memory of a demo that runs for weeks.
MAX_CALLS = 5000


@dataclass
class Call:
    """One request that reached the sandbox. Status 0: the connection was closed before the request was processed."""

    service: str
    method: str
    path: str
    query: dict[str, str]
    body: Any
    headers: dict[str, str]
    status: int = 0


@dataclass
class CallLog:
    """The calls, oldest first."""

    _calls: list[Call] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    counts: Counter[str] = field(
        default_factory=Counter
    )  # "graph PATCH 201": for runs that make too many calls to keep

    def record(self, service: str, request: Request) -> Call:
        """Log a request as it arrives. `finish` adds its status."""
        call = Call(
            service=service,
            method=request.method,
            path=request.path,
            query=request.args.to_dict(),
            body=_body(request),
            headers=dict(request.headers.items()),
        )
        with self._lock:
            self._calls.append(call)
            del self._calls[:-MAX_CALLS]
        return call

    def finish(self, call: Call, status: int) -> None:
        """Set the status of an answered call."""
        call.status = status
        with self._lock:
            self.counts[f"{call.service} {call.method} {status}"] += 1

    def copy(self) -> list[Call]:
        with self._lock:
            return list(self._calls)

    def clear(self) -> None:
        with self._lock:
            self._calls.clear()
            self.counts.clear()


def _body(request: Request) -> Any:
    if not request.get_data(cache=True, parse_form_data=False):
        return None
    if request.is_json:
        return request.get_json(silent=True)
    return request.form.to_dict() or None
