"""Enforces Microsoft's published limits: token buckets of an application in a tenant, of the application, and of the tenant.

https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum

from sandbox.graph.routing import Answer
from sandbox.model import JsonObject

REPORTED_FROM = 0.8  # x-ms-throttle-limit-percentage is sent from this share on
SMALL_PAGE = 20  # $top below it saves a unit
MESSAGE = "Too many requests from Identity:{app} under window {seconds:.0f}s. Please try again later."


class Limit(Enum):
    """The published limits: size of the bucket, the seconds in which it refills, and its name in x-ms-throttle-scope."""

    UNITS = (3500.0, 10.0, "Tenant_Application/ReadWrite")  # of a small tenant
    WRITES = (3000.0, 150.0, "Tenant_Application/Write")
    # The page names 35,000 in its table and 70,000 in a footnote: the lower one holds.
    WRITES_OF_APPLICATION = (35000.0, 300.0, "Application/Write")
    WRITES_IN_TENANT = (18000.0, 300.0, "Tenant/Write")

    @property
    def size(self) -> float:
        """The tokens of a full bucket."""
        return self.value[0]

    @property
    def seconds(self) -> float:
        """How long an empty bucket takes to refill."""
        return self.value[1]

    def key(self, app_id: str, tenant_id: str) -> tuple[Limit, str, str]:
        """Whose bucket it is: the application's, the tenant's, or that of both."""
        kind = self.value[2]
        return (
            self,
            app_id.lower() if "Application" in kind else "",
            tenant_id.lower() if kind.startswith("Tenant") else "",
        )


OF_READS, OF_WRITES = (Limit.UNITS,), tuple(Limit)


@dataclass
class Bucket:
    """A token bucket that refills at a steady rate."""

    size: float
    seconds: float
    left: float
    at: float

    def level(self, now: float) -> float:
        """The tokens available now."""
        self.left = min(self.size, self.left + (now - self.at) * self.size / self.seconds)
        self.at = now
        return self.left


@dataclass
class Quotas:
    """The buckets of every application and tenant. Hold the world's lock to use it."""

    clock: Callable[[], float] = time.monotonic
    _buckets: dict[tuple[Limit, str, str], Bucket] = field(default_factory=dict)

    def bucket(self, app_id: str, tenant_id: str, limit: Limit) -> Bucket:
        """One bucket; full at the first call."""
        key = limit.key(app_id, tenant_id)
        if key not in self._buckets:
            self._buckets[key] = Bucket(limit.size, limit.seconds, limit.size, self.clock())
        return self._buckets[key]

    def take(self, app_id: str, tenant_id: str, method: str, path: str, query: dict[str, str]) -> Answer | None:
        """Take the cost of a call from each bucket. Returns the 429 answer if one has too little; then nothing is taken."""
        writes = method != "GET"
        costs = dict.fromkeys(OF_WRITES if writes else OF_READS, 1.0)
        costs[Limit.UNITS] = units_of(method, path, query)
        now = self.clock()
        buckets = {limit: self.bucket(app_id, tenant_id, limit) for limit in costs}
        for limit, bucket in buckets.items():
            if bucket.level(now) < costs[limit]:
                return _refusal(limit, bucket, costs[limit], app_id, tenant_id)
        for limit, bucket in buckets.items():
            bucket.left -= costs[limit]
        return None

    def headers(self, app_id: str, tenant_id: str, method: str, path: str, query: dict[str, str]) -> dict[str, str]:
        """What the call cost, and the used share of the fullest quota once that share is high."""
        now, found = self.clock(), {"x-ms-resource-unit": f"{units_of(method, path, query):.0f}"}
        buckets = [self.bucket(app_id, tenant_id, limit) for limit in (OF_WRITES if method != "GET" else OF_READS)]
        used = max(1 - bucket.level(now) / bucket.size for bucket in buckets)
        return {**found, "x-ms-throttle-limit-percentage": f"{used:.2f}"} if used >= REPORTED_FROM else found

    def set_left(
        self, app_id: str, tenant_id: str, *, writes: float | None = None, units: float | None = None
    ) -> JsonObject:
        """Fill or empty an application's buckets in a tenant."""
        for limit, left in ((Limit.WRITES, writes), (Limit.UNITS, units)):
            if left is not None:
                bucket = self.bucket(app_id, tenant_id, limit)
                bucket.left, bucket.at = float(left), self.clock()
        return {"writes": writes, "units": units}

    def clear(self) -> None:
        """Refill every bucket."""
        self._buckets.clear()


def _refusal(limit: Limit, bucket: Bucket, cost: float, app_id: str, tenant_id: str) -> Answer:
    wait = math.ceil((cost - bucket.left) * bucket.seconds / bucket.size)
    error = {"code": "TooManyRequests", "message": MESSAGE.format(app=app_id, seconds=bucket.seconds)}
    headers = {
        "Retry-After": str(max(wait, 1)),
        "x-ms-throttle-scope": f"{limit.value[2]}/{tenant_id}/{app_id}",
        "x-ms-throttle-information": "WriteLimitExceeded" if limit is not Limit.UNITS else "ResourceUnitLimitExceeded",
    }
    return Answer(429, {"error": error}, headers)


def units_of(method: str, path: str, query: dict[str, str]) -> float:
    """The published cost of a call in resource units, never below 1: some lists cost 2; $select and a small $top save one each,
    $expand costs one. A write costs a unit besides its write.
    """
    if method != "GET":
        return 1.0
    costs_two = path.strip("/") in ("applications", "oauth2PermissionGrants") or path.endswith("/appRoleAssignments")
    costs_two = costs_two or path.strip("/").startswith("me/transitiveMemberOf")
    top = query.get("$top", "")
    is_small = top.isdecimal() and 0 < int(top) < SMALL_PAGE
    return float(max(1, 1 + costs_two - ("$select" in query) - is_small + ("$expand" in query)))
