"""Microsoft's published limits of Graph for identity and access, as data, and what each call costs.

https://learn.microsoft.com/graph/throttling-limits#identity-and-access-service-limits
"""

from dataclasses import dataclass
from urllib.parse import parse_qsl

SAFETY_MARGIN = 0.98  # of the published rate: two clocks never agree exactly
READS = frozenset({"GET", "HEAD"})
COSTS_TWO = ("/applications", "/oauth2PermissionGrants")  # lists; also .../appRoleAssignments and:
MEMBERSHIPS = "/me/transitiveMemberOf"
SMALL_PAGE = 20  # a list of fewer costs a unit less


@dataclass(frozen=True)
class Rate:
    """A token bucket: its size, and the seconds in which an empty one fills up."""

    size: float
    seconds: float

    @property
    def per_second(self) -> float:
        """How many tokens are added per second."""
        return self.size / self.seconds

    def share(self, shares: int) -> "Rate":
        """One of this many equal shares."""
        return Rate(self.size / shares, self.seconds)

    def with_margin(self) -> "Rate":
        """The rate that SyncPortal keeps to: a little below the published one."""
        return Rate(self.size * SAFETY_MARGIN, self.seconds)


# For one application in one tenant. Of the three tenant sizes we assume the smallest: below 50 users.
WRITES = Rate(3000, 150)
READ_UNITS = Rate(3500, 10)


@dataclass(frozen=True)
class WideLimit:
    """A limit of writes above those of one application in one tenant: all that share `scope` take from one bucket."""

    scope: str  # "app" or "tenant": which part of an application in a tenant counts, and a part of the key in Redis
    writes: Rate

    def name_in(self, key: str) -> str:
        """The bucket of an application in a tenant, "application:tenant"."""
        app, _, tenant = key.partition(":")
        return f"{self.scope}:{app if self.scope == 'app' else tenant}"


# One application in all tenants, and all applications in one tenant. Microsoft's page contradicts itself about the first: its
# table says 35,000, a footnote 70,000. We keep to the lower.
WIDE_LIMITS = (WideLimit("app", Rate(35_000, 300)), WideLimit("tenant", Rate(18_000, 300)))


@dataclass(frozen=True)
class Cost:
    """What one call takes from each bucket."""

    writes: int = 0
    units: int = 0


def cost_of(method: str, path: str) -> Cost:
    """The published cost of a call; `path` is what follows /v1.0, with its query. A write costs a unit besides its write."""
    if method not in READS:
        return Cost(writes=1, units=1)
    resource, _, query = path.partition("?")
    is_dear = resource in COSTS_TWO or resource.endswith("/appRoleAssignments") or resource.startswith(MEMBERSHIPS)
    units = 2 if is_dear else 1
    options = dict(parse_qsl(query))
    units -= "$select" in options
    units -= 0 < int(options.get("$top", SMALL_PAGE)) < SMALL_PAGE
    units += "$expand" in options
    return Cost(units=max(units, 1))
