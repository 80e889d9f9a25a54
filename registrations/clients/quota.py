"""Microsoft's published quota of Graph for identity and access, as data, and what a call costs of it.

https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits
"""

from dataclasses import dataclass

READS = frozenset({"GET", "HEAD"})
COSTS_TWO = ("/applications", "/oauth2PermissionGrants")  # lists; also .../appRoleAssignments


@dataclass(frozen=True)
class Rate:
    """A bucket: so much at once, and the whole of it again within `seconds`."""

    size: float
    seconds: float

    @property
    def per_second(self) -> float:
        """How fast it fills."""
        return self.size / self.seconds

    def share(self, parts: int) -> "Rate":
        """One of so many equal parts."""
        return Rate(self.size / parts, self.seconds)


# For one application in one tenant. Of the three sizes of tenant we take the smallest: below 50 users.
WRITES = Rate(3000, 150)
READ_UNITS = Rate(3500, 10)


@dataclass(frozen=True)
class Cost:
    """What one call takes."""

    writes: int = 0
    units: int = 0


def cost_of(method: str, path: str) -> Cost:
    """The published cost of a call; `path` is what follows /v1.0, with its query."""
    if method not in READS:
        return Cost(writes=1)
    resource, _, query = path.partition("?")
    units = 2 if resource in COSTS_TWO or resource.endswith("/appRoleAssignments") else 1
    units -= "$select=" in query
    units += "$expand=" in query
    return Cost(units=max(units, 1))
