"""A warning where credentials would go to a host that is not Microsoft's."""

from typing import Any

import pytest

from registrations.checks import remote_hosts


@pytest.mark.parametrize(
    ("entra", "graph", "ids"),
    [
        ("https://login.microsoftonline.com", "https://graph.microsoft.com", []),
        ("https://login.microsoftonline.us", "https://graph.microsoft.us", []),
        ("https://localhost:8443", "https://127.0.0.1:8444", []),
        ("https://evil.example", "https://graph.microsoft.com", ["registrations.W001"]),
        ("https://login.microsoftonline.com.evil.example", "", ["registrations.W001", "registrations.W002"]),
    ],
)
def test_a_host_that_is_not_microsofts_is_warned_about(settings: Any, entra: str, graph: str, ids: list[str]) -> None:
    settings.ENTRA_URL, settings.GRAPH_URL = entra, graph
    assert [warning.id for warning in remote_hosts(None)] == ids
