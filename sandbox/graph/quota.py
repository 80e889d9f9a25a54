"""Enforces Microsoft's published limits with token buckets for each application and tenant.

https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.graph.calls import Answer
from sandbox.model import JsonObject

WRITES, WRITES_SECONDS = 3000.0, 150.0
UNITS, UNITS_SECONDS = 3500.0, 10.0  # a small tenant
HEADER_FROM = 0.8  # the used share from which x-ms-throttle-limit-percentage is sent
MESSAGE = "Too many requests from Identity:{app} under window {seconds:.0f}s. Please try again later."


@dataclass
class Bucket:
    """A token bucket that refills at a steady rate: `size` tokens in `seconds`."""

    size: float
    seconds: float
    left: float
    at: float

    def level(self, now: float) -> float:
        """The tokens in the bucket now."""
        self.left = min(self.size, self.left + (now - self.at) * self.size / self.seconds)
        self.at = now
        return self.left


@dataclass
class Quotas:
    """The buckets of every application in every tenant. The caller must hold the world's lock."""

    clock: Callable[[], float] = time.monotonic
    _buckets: dict[tuple[str, str, bool], Bucket] = field(default_factory=dict)

    def bucket(self, app_id: str, tenant_id: str, *, writes: bool) -> Bucket:
        """The bucket of one application in one tenant. A new bucket is full."""
        key = (app_id.lower(), tenant_id.lower(), writes)
        if key not in self._buckets:
            size, seconds = (WRITES, WRITES_SECONDS) if writes else (UNITS, UNITS_SECONDS)
            self._buckets[key] = Bucket(size, seconds, size, self.clock())
        return self._buckets[key]

    def take(self, app_id: str, tenant_id: str, method: str, path: str, query: dict[str, str]) -> Answer | None:
        """Take the cost of a call. Returns a 429 answer if the bucket holds too little."""
        writes = method != "GET"
        bucket = self.bucket(app_id, tenant_id, writes=writes)
        cost = 1.0 if writes else units_of(path, query)
        if bucket.level(self.clock()) >= cost:
            bucket.left -= cost
            return None
        wait = math.ceil((cost - bucket.left) * bucket.seconds / bucket.size)
        error = {"code": "TooManyRequests", "message": MESSAGE.format(app=app_id, seconds=bucket.seconds)}
        scope = f"Tenant_Application/{'ReadWrite' if writes else 'Read'}/{tenant_id}/{app_id}"
        return Answer(429, {"error": error}, {"Retry-After": str(max(wait, 1)), "x-ms-throttle-scope": scope})

    def headers(self, app_id: str, tenant_id: str, method: str) -> dict[str, str]:
        """The header with the used share of the quota, from 80 % on."""
        bucket = self.bucket(app_id, tenant_id, writes=method != "GET")
        used = 1 - bucket.level(self.clock()) / bucket.size
        return {"x-ms-throttle-limit-percentage": f"{used:.2f}"} if used >= HEADER_FROM else {}

    def set_left(
        self, app_id: str, tenant_id: str, *, writes: float | None = None, units: float | None = None
    ) -> JsonObject:
        """Set the tokens that are left in an application's buckets."""
        for is_writes, left in ((True, writes), (False, units)):
            if left is not None:
                bucket = self.bucket(app_id, tenant_id, writes=is_writes)
                bucket.left, bucket.at = float(left), self.clock()
        return {"writes": writes, "units": units}

    def clear(self) -> None:
        """Refill every bucket."""
        self._buckets.clear()


def units_of(path: str, query: dict[str, str]) -> float:
    """The published cost of a read: 1, or 2 for some lists. $select costs one unit less, $expand one more."""
    listed = path.strip("/") in ("applications", "oauth2PermissionGrants") or path.endswith("/appRoleAssignments")
    return float(max(1, 1 + listed - ("$select" in query) + ("$expand" in query)))
