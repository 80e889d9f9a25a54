"""What a call costs."""

import pytest

from registrations.clients.rate_limit.costs import Cost, cost_of


@pytest.mark.parametrize(
    ("method", "path", "cost"),
    [
        ("GET", "/applications/1?$select=id", Cost(units=1)),
        ("GET", "/applications?$filter=displayName eq 'a'", Cost(units=2)),
        ("GET", "/applications?$filter=displayName eq 'a'&$select=id&$top=999", Cost(units=1)),
        ("GET", "/servicePrincipals/1/appRoleAssignments", Cost(units=2)),
        ("GET", "/applications?$top=5", Cost(units=1)),
        ("GET", "/applications?$top=20", Cost(units=2)),
        ("GET", "/me/transitiveMemberOf/microsoft.graph.directoryRole?$count=true", Cost(units=2)),
        ("GET", "/me/transitiveMemberOf/microsoft.graph.directoryRole?$count=true&$select=id", Cost(units=1)),
        ("PATCH", "/applications(uniqueName='a')", Cost(writes=1, units=1)),
        ("DELETE", "/directory/deletedItems/1", Cost(writes=1, units=1)),
    ],
)
def test_a_call_costs_what_microsoft_publishes(method: str, path: str, cost: Cost) -> None:
    assert cost_of(method, path) == cost
