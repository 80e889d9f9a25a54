"""Commands as a script calls them."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from tests.registrations.management.lines import Run


@pytest.fixture
def run() -> Run:
    """Run a command with --json and read its lines."""

    def command(name: str, *arguments: str) -> list[dict[str, Any]]:
        out = StringIO()
        call_command(name, *arguments, "--json", stdout=out)
        return [json.loads(line) for line in out.getvalue().splitlines()]

    return command
