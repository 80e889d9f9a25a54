"""Fault injection: the next matching call fails in the scripted way."""

from __future__ import annotations

import re
import threading
from dataclasses import asdict, dataclass, field
from typing import Any

KINDS = {
    "status": "answers with `status`, `headers` and `body`, and does nothing",
    "cut": "closes the connection (FIN) before anything is done",
    "reset": "resets the connection (RST) before anything is done",
    "lost_answer": "does it, and closes the connection instead of answering",
    "slow": "does it `seconds` later, and then answers at once",
    "drip": "does it and sends the headers at once, then the body byte by byte with `seconds` between two",
    "truncated": "does it, and sends the first half of the body",
}
KINDS_WITH_SECONDS = ("slow", "drip")  # those that need `seconds`
SERVICES = ("entra", "graph", "ump", "people")


@dataclass
class Fault:
    """One scripted failure (see KINDS); `path` is a regular expression that is searched in the request's path."""

    service: str
    kind: str
    method: str | None = None
    path: str = ""
    times: int = 1
    skip: int = 0
    status: int = 503
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def matches(self, service: str, method: str, path: str) -> bool:
        if self.service != service or (self.method and self.method.upper() != method):
            return False
        # A fault's path may omit Graph's version prefix.
        shorter = path.removeprefix("/v1.0")
        return bool(re.search(self.path, path) or re.search(self.path, shorter))


class Faults:
    """The queue of faults. Each match first uses up `skip`, then `times`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._queue: list[Fault] = []

    def add(self, service: str, kind: str, **details: Any) -> Fault:
        """Add a fault. Raises ValueError or TypeError if its arguments are invalid."""
        if service not in SERVICES:
            raise ValueError(f"service must be one of {', '.join(SERVICES)}")
        if kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}")
        fault = Fault(service=service, kind=kind, **details)
        try:
            re.compile(fault.path)
        except re.error as problem:
            raise ValueError(f"path is no regular expression: {problem}") from None
        if not all(isinstance(number, int) for number in (fault.times, fault.skip, fault.status)):
            raise ValueError("times, skip and status must be whole numbers")
        if kind in KINDS_WITH_SECONDS and not (isinstance(fault.seconds, (int, float)) and fault.seconds > 0):
            raise ValueError(f"{kind} needs seconds, more than 0")
        with self._lock:
            self._queue.append(fault)
        return fault

    def take(self, service: str, method: str, path: str) -> Fault | None:
        """The fault for this call, if any. Counts as one match of that fault."""
        with self._lock:
            for fault in self._queue:
                if not fault.matches(service, method, path):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                fault.times -= 1
                if fault.times <= 0:
                    self._queue.remove(fault)
                return fault
        return None

    def clear(self) -> None:
        with self._lock:
            self._queue.clear()

    def listing(self) -> list[dict[str, Any]]:
        with self._lock:
            return [asdict(fault) for fault in self._queue]
